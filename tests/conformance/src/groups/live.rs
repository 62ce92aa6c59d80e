//! An order's life at a venue that answers: a simulator, or an exchange's testnet.
//!
//! The kit itself has no network. Who can reach the venue (`switchyard plugin check --against`) runs these
//! steps, one after the other, and puts the verdicts into a report.

use crate::case::{Case, Group, Needs, Verdict};

macro_rules! step {
    ($id:literal, $title:literal, $rule:literal) => {
        Case {
            id: $id,
            group: Group::Live,
            title: $title,
            rule: $rule,
            needs: Needs::Venue,
            at_load: false,
            check: |_| Verdict::Skipped {
                reason: "no venue is named: --against URL".to_owned(),
            },
        }
    };
}

/// The steps, in their order.
pub(super) const CASES: &[Case] = &[
    step!(
        "LIV-001",
        "the venue is reached, and lists an instrument that is traded",
        "wit/market.wit, encode-list-instruments and encode-get-time"
    ),
    step!(
        "LIV-002",
        "ticker and book agree: bids below asks, best first",
        "wit/market.wit, ticker and order-book"
    ),
    step!(
        "LIV-003",
        "balances can be read",
        "wit/account.wit, encode-list-balances"
    ),
    step!(
        "LIV-004",
        "a market order is filled, and its fills add up to it",
        "wit/trading.wit, encode-place and list-fills"
    ),
    step!(
        "LIV-005",
        "a limit order rests, and is found by its id and among the open ones",
        "wit/trading.wit, encode-get-order and encode-list-open"
    ),
    step!(
        "LIV-006",
        "the price of an open order is amended",
        "wit/trading.wit, encode-amend"
    ),
    step!(
        "LIV-007",
        "the quantity of an open order is amended, as a new total",
        "wit/trading.wit, amend.quantity"
    ),
    step!(
        "LIV-008",
        "an open order is cancelled, and is open no more",
        "wit/trading.wit, encode-cancel"
    ),
    step!(
        "LIV-009",
        "an immediate-or-cancel order away from the market ends without a fill",
        "wit/types.wit, time-in-force"
    ),
    step!(
        "LIV-010",
        "a fill-or-kill order away from the market is refused or ends without a fill",
        "wit/types.wit, time-in-force"
    ),
    step!(
        "LIV-011",
        "a post-only order that would take is refused or ends without a fill",
        "wit/types.wit, time-in-force"
    ),
    step!(
        "LIV-012",
        "an order for more than the best price has is filled in part",
        "wit/types.wit, order-state"
    ),
    step!(
        "LIV-013",
        "the rest of a partly filled order is cancelled, and its fills stay",
        "wit/types.wit, order-state.canceled"
    ),
    step!(
        "LIV-014",
        "a cancel and a change that fills, at once, leave one order with one end",
        "DESIGN §5, 6"
    ),
    step!(
        "LIV-015",
        "an amend of a filled order is refused by the venue",
        "wit/types.wit, error-kind.not-amendable"
    ),
    step!(
        "LIV-016",
        "a cancel of a filled order is refused by the venue, and it stays filled",
        "wit/types.wit, error-kind"
    ),
    step!(
        "LIV-017",
        "the venue's history has the orders of this life, as they ended",
        "wit/trading.wit, encode-list-history"
    ),
    step!(
        "LIV-018",
        "an order beyond the account's means is insufficient-funds",
        "wit/types.wit, error-kind.insufficient-funds"
    ),
    step!(
        "LIV-019",
        "an order that the venue does not have is order-not-found",
        "wit/types.wit, error-kind.order-not-found"
    ),
    step!(
        "LIV-020",
        "an order for a symbol that the venue does not have is invalid-request without effect",
        "wit/types.wit, error-kind.invalid-request and effect"
    ),
    step!(
        "LIV-021",
        "a quantity off the lot is invalid-request without effect",
        "wit/types.wit, error-kind.invalid-request and effect"
    ),
    step!(
        "LIV-022",
        "no order of this life is left open",
        "DESIGN §5, 7"
    ),
];

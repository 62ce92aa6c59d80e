//! What BitMEX's messages mean. It has no codes to go by: the texts are what it documents ("REST API Message
//! Format", "Changes to Rejection Response for Order Amendment"), and what it is known to answer.

use switchyard_sdk::errors::{Rule, Table};
use switchyard_sdk::types::ErrorKind;

use Rule as R;

/// A table without codes, all of whose rules go by text.
const TABLE: Table = Table {
    codes: &[],
    speaking: &[NO_CODE],
    texts: TEXTS,
};

const NO_CODE: i64 = 0;

/// The first rule that a message matches. All of them are refusals, but for those that a 5xx carries.
pub(crate) fn rule(message: &str) -> Option<&'static Rule> {
    TABLE.rule(NO_CODE, message)
}

const TEXTS: &[Rule] = &[
    // "The system is currently overloaded. Please try again later."
    R::saying("overloaded", ErrorKind::Overloaded(None)),
    // "Rate limit exceeded, retry in 1 seconds."
    R::saying("Rate limit", ErrorKind::RateLimited(None)),
    R::saying("banned", ErrorKind::Banned(None)),
    // "This request has expired - `expires` is in the past."
    R::saying("request has expired", ErrorKind::ClockSkew),
    R::saying("`expires`", ErrorKind::ClockSkew),
    R::saying("Nonce is not increasing", ErrorKind::ClockSkew),
    R::saying("Signature not valid", ErrorKind::AuthFailed),
    R::saying("API Key", ErrorKind::AuthFailed),
    R::saying("This key is disabled", ErrorKind::AuthFailed),
    R::saying("Access Denied", ErrorKind::AuthFailed),
    R::saying("Unauthorized", ErrorKind::AuthFailed),
    R::saying("Account is suspended", ErrorKind::AuthFailed),
    R::saying("Account is restricted", ErrorKind::AuthFailed),
    R::saying(
        "We require all new traders to verify",
        ErrorKind::AuthFailed,
    ),
    // "Account has insufficient Available Balance, 683534 USDt required"
    R::saying(
        "insufficient Available Balance",
        ErrorKind::InsufficientFunds,
    ),
    R::saying("Account has zero", ErrorKind::InsufficientFunds),
    R::saying("Account has no ", ErrorKind::InsufficientFunds),
    R::saying("Duplicate clOrdID", ErrorKind::DuplicateClientId),
    // "Invalid ordStatus: Filled" (amending), "... due to existing state: Canceled" (cancelling)
    R::saying("Invalid ordStatus", ErrorKind::NotAmendable),
    R::saying("due to existing state", ErrorKind::NotAmendable),
    R::saying("Invalid orderID", ErrorKind::OrderNotFound),
    R::saying("Not found or not owned", ErrorKind::OrderNotFound),
    R::saying("Invalid origClOrdID", ErrorKind::OrderNotFound),
    R::saying("orderID not found", ErrorKind::OrderNotFound),
    R::saying("Invalid clOrdID", ErrorKind::InvalidRequest).blaming("client-id"),
    R::saying("clOrdID", ErrorKind::InvalidRequest).blaming("client-id"),
    R::saying("Invalid symbol", ErrorKind::InvalidRequest).blaming("symbol"),
    R::saying("symbol is invalid", ErrorKind::InvalidRequest).blaming("symbol"),
    R::saying("Instrument", ErrorKind::InvalidRequest).blaming("symbol"),
    R::saying("Invalid side", ErrorKind::InvalidRequest).blaming("side"),
    R::saying("orderQty", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying("leavesQty", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying("Invalid amend", ErrorKind::InvalidRequest),
    R::saying("Invalid price", ErrorKind::InvalidRequest).blaming("price"),
    // "Order price is below the liquidation price of current long position"
    R::saying("Order price is ", ErrorKind::InvalidRequest).blaming("price"),
    R::saying("Executing at order price", ErrorKind::InvalidRequest).blaming("price"),
    R::saying("Invalid ordType", ErrorKind::InvalidRequest).blaming("order-type"),
    R::saying("Invalid timeInForce", ErrorKind::InvalidRequest).blaming("time-in-force"),
    R::saying("Invalid execInst", ErrorKind::InvalidRequest).blaming("time-in-force"),
    R::saying("startTime", ErrorKind::InvalidRequest).blaming("since"),
    R::saying("endTime", ErrorKind::InvalidRequest).blaming("before"),
    R::saying("depth is invalid", ErrorKind::InvalidRequest).blaming("depth"),
];

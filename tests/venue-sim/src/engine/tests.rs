//! What must hold whatever happens: money adds up, and price-time priority decides.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

fn instrument() -> Instrument {
    Instrument {
        symbol: "BTCUSDT".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        trading: true,
        tick: Decimal::new(1, 2),
        max_price: Decimal::from(1_000_000),
        lot: Decimal::new(1, 5),
        max_quantity: Decimal::from(1_000),
        max_market_quantity: Decimal::from(100),
        min_notional: Decimal::ONE,
        max_notional: Decimal::from(9_000_000),
        price_band: (Decimal::from(5), Decimal::new(2, 1)),
        max_open_orders: 200,
        max_amends: 10,
        initial_price: Decimal::from(100),
        contract: None,
    }
}

fn engine() -> Engine {
    let fee = Decimal::new(1, 3);
    let mut engine = Engine::new(
        vec![instrument()],
        Fees {
            maker: fee,
            taker: fee,
        },
    );
    for account in [ALICE, BOB] {
        engine.ledger.deposit(account, "BTC", Decimal::from(100));
        engine
            .ledger
            .deposit(account, "USDT", Decimal::from(100_000));
    }
    engine
}

fn limit(account: AccountId, side: Side, price: i64, quantity: i64, client_id: &str) -> NewOrder {
    NewOrder {
        account,
        symbol: "BTCUSDT".to_owned(),
        side,
        kind: OrderKind::Limit {
            price: Decimal::from(price),
            post_only: false,
        },
        size: Size::Base(Decimal::from(quantity)),
        time_in_force: TimeInForce::Gtc,
        client_id: client_id.to_owned(),
        self_trade: SelfTradePrevention::ExpireMaker,
        reduce_only: false,
        good_till_us: None,
    }
}

fn place(engine: &mut Engine, order: NewOrder) -> Placed {
    engine.place(Stamp::default(), order).unwrap()
}

fn state(engine: &Engine, placed: &Placed) -> OrderState {
    engine.order(View::NOW, placed.order.id).unwrap().state
}

#[test]
fn a_better_price_trades_first_and_then_the_earlier_order() {
    let mut engine = engine();
    let late_best = place(&mut engine, limit(BOB, Side::Sell, 102, 1, "worse"));
    let first = place(&mut engine, limit(BOB, Side::Sell, 101, 1, "first"));
    let second = place(&mut engine, limit(BOB, Side::Sell, 101, 1, "second"));
    let taken = place(&mut engine, limit(ALICE, Side::Buy, 102, 1, "taker"));
    assert_eq!(
        taken
            .fills
            .iter()
            .map(|fill| fill.price)
            .collect::<Vec<_>>(),
        [Decimal::from(101)]
    );
    assert_eq!(state(&engine, &first), OrderState::Filled);
    assert_eq!(state(&engine, &second), OrderState::New);
    assert_eq!(state(&engine, &late_best), OrderState::New);
}

#[test]
fn a_fill_at_a_better_price_gives_the_difference_back() {
    let mut engine = engine();
    place(&mut engine, limit(BOB, Side::Sell, 90, 1, "ask"));
    place(&mut engine, limit(ALICE, Side::Buy, 100, 1, "bid"));
    let usdt = engine.ledger.balance(ALICE, "USDT");
    assert_eq!(
        (usdt.free, usdt.locked),
        (Decimal::from(100_000 - 90), Decimal::ZERO)
    );
    assert_eq!(
        engine.ledger.balance(ALICE, "BTC").free,
        Decimal::new(100_999, 3)
    );
}

#[test]
fn fill_or_kill_leaves_no_trace_in_the_book_when_it_cannot_fill() {
    let mut engine = engine();
    let ask = place(&mut engine, limit(BOB, Side::Sell, 100, 1, "ask"));
    let fok = NewOrder {
        time_in_force: TimeInForce::Fok,
        ..limit(ALICE, Side::Buy, 100, 2, "fok")
    };
    let killed = place(&mut engine, fok);
    assert_eq!(
        (killed.order.state, killed.order.executed),
        (OrderState::Expired, Decimal::ZERO)
    );
    assert_eq!(state(&engine, &ask), OrderState::New);
    assert_eq!(engine.ledger.balance(ALICE, "USDT").locked, Decimal::ZERO);
}

#[test]
fn immediate_or_cancel_keeps_its_fills_and_expires_the_rest() {
    let mut engine = engine();
    place(&mut engine, limit(BOB, Side::Sell, 100, 1, "ask"));
    let ioc = NewOrder {
        time_in_force: TimeInForce::Ioc,
        ..limit(ALICE, Side::Buy, 100, 2, "ioc")
    };
    let placed = place(&mut engine, ioc);
    assert_eq!(
        (placed.order.state, placed.order.executed),
        (OrderState::Expired, Decimal::ONE)
    );
    assert_eq!(engine.ledger.balance(ALICE, "USDT").locked, Decimal::ZERO);
}

#[test]
fn post_only_is_refused_rather_than_take() {
    let mut engine = engine();
    place(&mut engine, limit(BOB, Side::Sell, 100, 1, "ask"));
    let kind = OrderKind::Limit {
        price: Decimal::from(100),
        post_only: true,
    };
    let order = NewOrder {
        kind,
        ..limit(ALICE, Side::Buy, 100, 1, "maker")
    };
    assert_eq!(
        engine.place(Stamp::default(), order).unwrap_err(),
        Reject::WouldTake
    );
}

#[test]
fn a_client_id_is_free_again_once_its_order_has_ended() {
    let mut engine = engine();
    let first = place(&mut engine, limit(ALICE, Side::Buy, 90, 1, "id"));
    let again = limit(ALICE, Side::Buy, 91, 1, "id");
    assert_eq!(
        engine.place(Stamp::default(), again.clone()).unwrap_err(),
        Reject::DuplicateClientId
    );
    engine.cancel(Stamp::default(), first.order.id).unwrap();
    place(&mut engine, again);
    assert_eq!(
        engine.accepted_client_ids().get(&(ALICE, "id".to_owned())),
        Some(&2)
    );
}

#[test]
fn an_amended_order_keeps_its_place_in_the_queue() {
    let mut engine = engine();
    let first = place(&mut engine, limit(BOB, Side::Sell, 100, 5, "first"));
    let second = place(&mut engine, limit(BOB, Side::Sell, 100, 1, "second"));
    engine
        .amend(Stamp::default(), first.order.id, Decimal::TWO, None)
        .unwrap();
    place(&mut engine, limit(ALICE, Side::Buy, 100, 2, "taker"));
    assert_eq!(state(&engine, &first), OrderState::Filled);
    assert_eq!(state(&engine, &second), OrderState::New);
    assert_eq!(engine.ledger.balance(BOB, "BTC").locked, Decimal::ONE);
}

#[test]
fn an_amendment_can_only_reduce() {
    let mut engine = engine();
    let id = place(&mut engine, limit(ALICE, Side::Buy, 90, 5, "a"))
        .order
        .id;
    let mut amend =
        |quantity: i64| engine.amend(Stamp::default(), id, Decimal::from(quantity), None);
    assert_eq!(amend(6).unwrap_err(), Reject::NotAReduction);
    assert_eq!(amend(5).unwrap_err(), Reject::NoChange);
    assert_eq!(amend(0).unwrap_err(), Reject::NotAReduction);
}

#[test]
fn self_trade_prevention_ends_the_side_that_the_mode_names() {
    use SelfTradePrevention::{Decrement, ExpireBoth, ExpireMaker, ExpireTaker};
    let expected = [
        (ExpireTaker, OrderState::New, OrderState::ExpiredInMatch),
        (ExpireMaker, OrderState::ExpiredInMatch, OrderState::New),
        (
            ExpireBoth,
            OrderState::ExpiredInMatch,
            OrderState::ExpiredInMatch,
        ),
        (Decrement, OrderState::New, OrderState::ExpiredInMatch),
    ];
    for (mode, maker_state, taker_state) in expected {
        let mut engine = engine();
        let maker = place(&mut engine, limit(ALICE, Side::Sell, 100, 3, "maker"));
        let order = NewOrder {
            self_trade: mode,
            ..limit(ALICE, Side::Buy, 100, 1, "taker")
        };
        let taker = place(&mut engine, order);
        assert_eq!(
            (state(&engine, &maker), taker.order.state),
            (maker_state, taker_state),
            "{mode:?}"
        );
        assert!(taker.fills.is_empty(), "{mode:?}");
    }
}

#[test]
fn a_market_order_sized_in_quote_spends_whole_lots_only() {
    let mut engine = engine();
    place(&mut engine, limit(BOB, Side::Sell, 300, 10, "ask"));
    let order = NewOrder {
        kind: OrderKind::Market,
        size: Size::Quote(Decimal::from(100)),
        ..limit(ALICE, Side::Buy, 1, 1, "market")
    };
    let placed = place(&mut engine, order);
    assert_eq!(
        (placed.order.state, placed.order.executed),
        (OrderState::Filled, Decimal::new(33_333, 5))
    );
    assert_eq!(
        engine.ledger.balance(ALICE, "USDT").free,
        Decimal::new(9_990_000_100, 5)
    );
}

#[test]
fn a_lagging_view_sees_an_order_as_it_was() {
    let mut engine = engine();
    let placed = engine
        .place(Stamp::at_us(10), limit(ALICE, Side::Buy, 90, 1, "a"))
        .unwrap();
    engine.cancel(Stamp::at_us(20), placed.order.id).unwrap();
    let seen = |as_of_us| {
        engine
            .order(
                View {
                    as_of_us,
                    ..View::NOW
                },
                placed.order.id,
            )
            .map(|o| o.state)
    };
    assert_eq!(seen(9), None);
    assert_eq!(seen(19), Some(OrderState::New));
    assert_eq!(seen(20), Some(OrderState::Canceled));
    let forgetful = View {
        forgotten_before_us: Some(21),
        ..View::NOW
    };
    assert_eq!(engine.order(forgetful, placed.order.id), None);
}

#[test]
fn a_decremented_order_frees_what_it_may_no_longer_trade() {
    let mut engine = engine();
    place(&mut engine, limit(ALICE, Side::Sell, 100, 3, "maker"));
    let order = NewOrder {
        self_trade: SelfTradePrevention::Decrement,
        ..limit(ALICE, Side::Buy, 100, 1, "taker")
    };
    place(&mut engine, order);
    assert_eq!(engine.ledger.balance(ALICE, "BTC").locked, Decimal::TWO);
    assert_eq!(engine.ledger.balance(ALICE, "USDT").locked, Decimal::ZERO);
}

/// One thing that a trader might do.
#[derive(Debug, Clone)]
enum Deed {
    Place { bob: bool, order: NewOrder },
    Cancel(usize),
    Amend(usize, i64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let mode = prop_oneof![
        Just(SelfTradePrevention::None),
        Just(SelfTradePrevention::ExpireTaker),
        Just(SelfTradePrevention::ExpireMaker),
        Just(SelfTradePrevention::ExpireBoth),
        Just(SelfTradePrevention::Decrement),
    ];
    let tif = prop_oneof![
        Just(TimeInForce::Gtc),
        Just(TimeInForce::Ioc),
        Just(TimeInForce::Fok)
    ];
    let place = (
        any::<bool>(),
        any::<bool>(),
        0..4_u8,
        9_000..11_000_i64,
        1..500_000_i64,
        tif,
        mode,
    )
        .prop_map(
            |(bob, buy, kind, price, quantity, time_in_force, self_trade)| {
                let side = if buy { Side::Buy } else { Side::Sell };
                let price = Decimal::new(price, 2);
                let (kind, size) = match kind {
                    0 => (OrderKind::Market, Size::Base(Decimal::new(quantity, 5))),
                    1 => (OrderKind::Market, Size::Quote(Decimal::new(quantity, 3))),
                    _ => (
                        OrderKind::Limit {
                            price,
                            post_only: false,
                        },
                        Size::Base(Decimal::new(quantity, 5)),
                    ),
                };
                let base = limit(ALICE, side, 1, 1, "");
                Deed::Place {
                    bob,
                    order: NewOrder {
                        kind,
                        size,
                        time_in_force,
                        self_trade,
                        ..base
                    },
                }
            },
        );
    prop_oneof![
        6 => place,
        1 => any::<prop::sample::Index>().prop_map(|index| Deed::Cancel(index.index(1_000))),
        1 => (any::<prop::sample::Index>(), 1..500_000_i64)
            .prop_map(|(index, quantity)| Deed::Amend(index.index(1_000), quantity)),
    ]
}

proptest! {
    #[test]
    fn whatever_is_traded_no_money_appears_or_vanishes(deeds in prop::collection::vec(deed(), 1..60)) {
        let mut engine = engine();
        let total = |engine: &Engine, asset: &str| engine.ledger.total(asset);
        let before = (total(&engine, "BTC"), total(&engine, "USDT"));
        let mut ids = Vec::new();
        for (index, deed) in deeds.into_iter().enumerate() {
            let now = Stamp::at_us(i64::try_from(index).unwrap());
            match deed {
                Deed::Place { bob, mut order } => {
                    order.account = if bob { BOB } else { ALICE };
                    order.client_id = format!("c{index}");
                    if let Ok(placed) = engine.place(now, order) {
                        ids.push(placed.order.id);
                    }
                }
                Deed::Cancel(which) if !ids.is_empty() => {
                    let _ = engine.cancel(now, ids[which % ids.len()]);
                }
                Deed::Amend(which, quantity) if !ids.is_empty() => {
                    let _ = engine.amend(now, ids[which % ids.len()], Decimal::new(quantity, 5), None);
                }
                _ => {}
            }
            prop_assert_eq!((total(&engine, "BTC"), total(&engine, "USDT")), before);
            check_locks(&engine)?;
            check_book(&engine)?;
        }
    }

    #[test]
    fn a_queue_trades_in_price_then_time_order(
        asks in prop::collection::vec((100..110_i64, 1..5_i64), 1..20),
        wanted in 1..60_i64,
    ) {
        let mut engine = engine();
        let mut queue = Vec::new();
        for (index, (price, quantity)) in asks.iter().enumerate() {
            let placed = place(&mut engine, limit(BOB, Side::Sell, *price, *quantity, &format!("a{index}")));
            queue.push((*price, placed.order.id));
        }
        queue.sort_by_key(|(price, id)| (*price, *id));
        place(&mut engine, limit(ALICE, Side::Buy, 110, wanted, "taker"));
        let states: Vec<OrderState> =
            queue.iter().map(|(_, id)| engine.order(View::NOW, *id).unwrap().state).collect();
        // In priority order the states are: filled, then at most one partly filled, then untouched.
        let rank = |state: &OrderState| match state {
            OrderState::Filled => 0,
            OrderState::PartiallyFilled => 1,
            _ => 2,
        };
        prop_assert!(states.is_sorted_by_key(rank), "{:?}", states);
        prop_assert!(states.iter().filter(|state| rank(state) == 1).count() <= 1);
    }
}

/// What an account has locked is exactly what its open orders still need.
fn check_locks(engine: &Engine) -> Result<(), TestCaseError> {
    for account in [ALICE, BOB] {
        let (mut btc, mut usdt) = (Decimal::ZERO, Decimal::ZERO);
        for order in engine
            .open_orders(View::NOW, account, None)
            .into_iter()
            .filter(|order| order.state.is_open())
        {
            match (order.side, order.kind.limit()) {
                (Side::Buy, Some(price)) => usdt += price * order.remaining(),
                (Side::Sell, _) => btc += order.remaining(),
                (Side::Buy, None) => prop_assert!(false, "a market order is open"),
            }
        }
        prop_assert_eq!(engine.ledger.balance(account, "BTC").locked, btc);
        prop_assert_eq!(engine.ledger.balance(account, "USDT").locked, usdt);
        for (asset, balance) in engine.ledger.balances(account) {
            prop_assert!(balance.free >= Decimal::ZERO, "{} went negative", asset);
        }
    }
    Ok(())
}

/// The book holds exactly the open orders, and is not crossed.
fn check_book(engine: &Engine) -> Result<(), TestCaseError> {
    let book = &engine.listing("BTCUSDT").unwrap().book;
    let resting: Decimal = [Side::Buy, Side::Sell]
        .iter()
        .flat_map(|s| book.queue(*s))
        .map(|(_, r)| r.remaining)
        .sum();
    let open = [ALICE, BOB]
        .into_iter()
        .flat_map(|account| engine.orders(View::NOW, account, "BTCUSDT"));
    let remaining: Decimal = open
        .filter(|order| order.state.is_open())
        .map(Order::remaining)
        .sum();
    prop_assert_eq!(resting, remaining);
    if let (Some((bid, _)), Some((ask, _))) = (book.best(Side::Buy), book.best(Side::Sell)) {
        prop_assert!(bid < ask, "crossed: {} {}", bid, ask);
    }
    Ok(())
}

//! What must hold for contracts whatever is traded: profits cancel, margin is respected, reducing never opens.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::bitmex::bitmex_instruments;
use crate::market::{coinm_instruments, usdm_instruments};

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);
const LINEAR: &str = "BTCUSDT";
const INVERSE: &str = "BTCUSD_PERP";

fn engine(fee: Decimal) -> Engine {
    let mut instruments = usdm_instruments();
    instruments.extend(coinm_instruments());
    let fees = Fees {
        maker: fee,
        taker: fee,
    };
    let mut engine = Engine::new(instruments, fees);
    for account in [ALICE, BOB] {
        engine
            .ledger
            .deposit(account, "USDT", Decimal::from(1_000_000));
        engine.ledger.deposit(account, "BTC", Decimal::from(100));
    }
    engine
}

fn limit(
    account: AccountId,
    symbol: &str,
    side: Side,
    price: Decimal,
    quantity: Decimal,
) -> NewOrder {
    NewOrder {
        account,
        symbol: symbol.to_owned(),
        side,
        kind: OrderKind::Limit {
            price,
            post_only: false,
        },
        size: Size::Base(quantity),
        time_in_force: TimeInForce::Gtc,
        client_id: String::new(),
        self_trade: SelfTradePrevention::ExpireMaker,
        reduce_only: false,
        good_till_us: None,
    }
}

/// Makes both trade with each other: a positive quantity has Alice buy.
fn cross(engine: &mut Engine, symbol: &str, price: Decimal, quantity: Decimal) {
    let (buyer, seller) = if quantity > Decimal::ZERO {
        (ALICE, BOB)
    } else {
        (BOB, ALICE)
    };
    let quantity = quantity.abs();
    let now = Stamp::default();
    engine
        .place(now, limit(seller, symbol, Side::Sell, price, quantity))
        .unwrap();
    let taken = engine
        .place(now, limit(buyer, symbol, Side::Buy, price, quantity))
        .unwrap();
    assert_eq!(taken.order.state, OrderState::Filled);
}

fn unrealised(engine: &Engine, account: AccountId, symbol: &str) -> Decimal {
    engine.exposure(account, symbol).unrealised
}

#[test]
fn inverse_profit_is_the_difference_of_reciprocal_prices_in_coin() {
    let mut engine = engine(Decimal::ZERO);
    cross(
        &mut engine,
        INVERSE,
        Decimal::from(50_000),
        Decimal::from(1_000),
    );
    cross(
        &mut engine,
        INVERSE,
        Decimal::from(62_500),
        Decimal::from(-1_000),
    );
    // 1000 contracts of 100 USD: 100000 / 50000 - 100000 / 62500 coins.
    let earned = engine.ledger.balance(ALICE, "BTC").free - Decimal::from(100);
    assert_eq!(earned, Decimal::new(4, 1));
    assert!(engine.position(ALICE, INVERSE).quantity.is_zero());
}

#[test]
fn quanto_profit_is_the_difference_of_prices_times_a_multiplier_in_a_third_asset() {
    let mut engine = Engine::new(
        bitmex_instruments(),
        Fees {
            maker: Decimal::ZERO,
            taker: Decimal::ZERO,
        },
    );
    for account in [ALICE, BOB] {
        engine.ledger.deposit(account, "XBT", Decimal::ONE);
    }
    cross(
        &mut engine,
        "ETHUSD",
        Decimal::from(3_000),
        Decimal::from(50),
    );
    cross(
        &mut engine,
        "ETHUSD",
        Decimal::from(3_100),
        Decimal::from(-50),
    );
    // 50 contracts of 0.000001 XBT per dollar, over 100 dollars.
    let earned = engine.ledger.balance(ALICE, "XBT").free - Decimal::ONE;
    assert_eq!(earned, Decimal::new(5, 3));
}

#[test]
fn entry_prices_are_weighted_for_linear_and_harmonic_for_inverse_contracts() {
    let mut engine = engine(Decimal::ZERO);
    for price in [40_000, 60_000].map(Decimal::from) {
        cross(&mut engine, LINEAR, price, Decimal::ONE);
        cross(&mut engine, INVERSE, price, Decimal::from(10));
    }
    let linear = engine.position(ALICE, LINEAR).entry_price(Payoff::Linear);
    assert_eq!(linear, Decimal::from(50_000));
    let contract_size = Decimal::ONE_HUNDRED;
    let payoff = Payoff::Inverse {
        contract_size,
        scale: VALUE_SCALE,
        lot: None,
    };
    let inverse = engine.position(ALICE, INVERSE).entry_price(payoff);
    assert_eq!(inverse.round_dp(8), Decimal::from(48_000));
}

#[test]
fn a_flip_realises_the_old_position_and_opens_the_rest_at_the_new_price() {
    let mut engine = engine(Decimal::ZERO);
    cross(&mut engine, LINEAR, Decimal::from(60_000), Decimal::ONE);
    cross(
        &mut engine,
        LINEAR,
        Decimal::from(61_000),
        Decimal::from(-3),
    );
    let position = engine.position(ALICE, LINEAR);
    assert_eq!(position.quantity, Decimal::from(-2));
    assert_eq!(position.entry_price(Payoff::Linear), Decimal::from(61_000));
    assert_eq!(
        engine.ledger.balance(ALICE, "USDT").free,
        Decimal::from(1_001_000)
    );
}

#[test]
fn an_order_needs_its_margin_but_reducing_needs_none() {
    let mut engine = engine(Decimal::ZERO);
    let now = Stamp::default();
    let price = Decimal::from(60_000);
    let most = limit(ALICE, LINEAR, Side::Buy, price, Decimal::from(333));
    let too_much = limit(ALICE, LINEAR, Side::Buy, price, Decimal::from(334));
    assert_eq!(
        engine.place(now, too_much).unwrap_err(),
        Reject::InsufficientBalance("USDT".to_owned())
    );
    engine
        .place(
            now,
            limit(BOB, LINEAR, Side::Sell, price, Decimal::from(333)),
        )
        .unwrap();
    engine.place(now, most).unwrap();
    let out = limit(ALICE, LINEAR, Side::Sell, price, Decimal::from(333));
    assert!(engine.place(now, out).is_ok());
}

#[test]
fn reduce_only_is_cut_to_the_position_and_refused_without_one() {
    let mut engine = engine(Decimal::ZERO);
    let now = Stamp::default();
    let (price, high) = (Decimal::from(60_000), Decimal::from(61_000));
    let reduce = |quantity: i64| NewOrder {
        reduce_only: true,
        client_id: quantity.to_string(),
        ..limit(ALICE, LINEAR, Side::Sell, high, Decimal::from(quantity))
    };
    assert_eq!(
        engine.place(now, reduce(1)).unwrap_err(),
        Reject::NothingToReduce
    );
    cross(&mut engine, LINEAR, price, Decimal::from(5));
    let first = engine.place(now, reduce(8)).unwrap().order;
    let second = engine.place(now, reduce(4)).unwrap().order;
    assert_eq!(first.quantity, Decimal::from(5));
    // One taker meets both: together they must not sell more than is held.
    let taker = limit(BOB, LINEAR, Side::Buy, high, Decimal::from(9));
    let taken = engine.place(now, taker).unwrap();
    assert_eq!(taken.order.executed, Decimal::from(5));
    assert!(engine.position(ALICE, LINEAR).quantity.is_zero());
    let state = |id| engine.order(View::NOW, id).unwrap().state;
    assert_eq!(state(first.id), OrderState::Filled);
    assert_eq!(state(second.id), OrderState::Expired);
}

#[test]
fn a_reduction_keeps_its_place_and_anything_else_goes_to_the_end() {
    let price = Decimal::from(60_000);
    for (quantity, first_keeps_its_place) in [(1, true), (3, false)] {
        let mut engine = engine(Decimal::ZERO);
        let now = Stamp::default();
        let mut rest = |client_id: &str| {
            let order = NewOrder {
                client_id: client_id.to_owned(),
                ..limit(BOB, LINEAR, Side::Sell, price, Decimal::TWO)
            };
            engine.place(now, order).unwrap().order.id
        };
        let (first, second) = (rest("first"), rest("second"));
        engine
            .modify(now, first, price, Decimal::from(quantity))
            .unwrap();
        let taker = limit(ALICE, LINEAR, Side::Buy, price, Decimal::ONE);
        engine.place(now, taker).unwrap();
        let hit = if first_keeps_its_place { first } else { second };
        let traded = engine.order(View::NOW, hit).unwrap().executed;
        assert_eq!(traded, Decimal::ONE, "{quantity}");
    }
}

#[test]
fn a_refused_amendment_leaves_the_order_where_it_was() {
    let mut engine = engine(Decimal::ZERO);
    let now = Stamp::default();
    let price = Decimal::from(60_000);
    let first = engine
        .place(now, limit(BOB, LINEAR, Side::Sell, price, Decimal::ONE))
        .unwrap();
    let second = NewOrder {
        client_id: "second".to_owned(),
        ..limit(BOB, LINEAR, Side::Sell, price, Decimal::ONE)
    };
    engine.place(now, second).unwrap();
    let refused = engine.modify(now, first.order.id, price, Decimal::from(999));
    assert!(matches!(refused, Err(Reject::InsufficientBalance(_))));
    engine
        .place(now, limit(ALICE, LINEAR, Side::Buy, price, Decimal::ONE))
        .unwrap();
    let state = engine.order(View::NOW, first.order.id).unwrap().state;
    assert_eq!(state, OrderState::Filled);
}

proptest! {
    #[test]
    fn linear_profits_cancel_exactly_and_flat_is_the_sum_of_cash_flows(
        trades in prop::collection::vec((300_000..900_000_i64, -299..299_i64), 1..30),
        mark in 300_000..900_000_i64,
    ) {
        let mut engine = engine(Decimal::new(4, 4));
        let (mut cash, mut held) = (Decimal::ZERO, Decimal::ZERO);
        for (price, quantity) in trades.into_iter().filter(|(_, quantity)| *quantity != 0) {
            let (price, quantity) = (Decimal::new(price, 1), Decimal::new(quantity, 3));
            cross(&mut engine, LINEAR, price, quantity);
            cash -= price * quantity;
            held += quantity;
        }
        let mark = Decimal::new(mark, 1);
        engine.set_mark(LINEAR, mark);
        let open = unrealised(&engine, ALICE, LINEAR) + unrealised(&engine, BOB, LINEAR);
        prop_assert_eq!(engine.ledger.total("USDT") + open, Decimal::from(2_000_000));
        if !held.is_zero() {
            cross(&mut engine, LINEAR, mark, -held);
            cash += mark * held;
        }
        let paid: Decimal = engine.fills(View::NOW, ALICE).map(|fill| fill.fee).sum();
        let wallet = engine.ledger.balance(ALICE, "USDT").free;
        prop_assert_eq!(wallet + paid - Decimal::from(1_000_000), cash);
        prop_assert_eq!(engine.position(ALICE, LINEAR).cost, Decimal::ZERO);
    }

    #[test]
    fn inverse_profits_cancel_and_flat_is_the_sum_of_cash_flows(
        trades in prop::collection::vec((300_000..900_000_i64, -999..999_i64), 1..30),
        mark in 300_000..900_000_i64,
    ) {
        let mut engine = engine(Decimal::new(4, 4));
        let size = Payoff::Inverse { contract_size: Decimal::ONE_HUNDRED, scale: VALUE_SCALE, lot: None };
        let (mut cash, mut held) = (Decimal::ZERO, Decimal::ZERO);
        for (price, quantity) in trades.into_iter().filter(|(_, quantity)| *quantity != 0) {
            let (price, quantity) = (Decimal::new(price, 1), Decimal::from(quantity));
            cross(&mut engine, INVERSE, price, quantity);
            cash += size.value(price, quantity).unwrap();
            held += quantity;
        }
        let mark = Decimal::new(mark, 1);
        engine.set_mark(INVERSE, mark);
        let open = unrealised(&engine, ALICE, INVERSE) + unrealised(&engine, BOB, INVERSE);
        // Valuing both sides at one mark rounds the same quotient, so even that cancels.
        prop_assert_eq!(engine.ledger.total("BTC") + open, Decimal::from(200));
        if !held.is_zero() {
            cross(&mut engine, INVERSE, mark, -held);
            cash -= size.value(mark, held).unwrap();
        }
        let paid: Decimal = engine.fills(View::NOW, ALICE).map(|fill| fill.fee).sum();
        let wallet = engine.ledger.balance(ALICE, "BTC").free;
        prop_assert_eq!(wallet + paid - Decimal::ONE_HUNDRED, cash);
        prop_assert_eq!(engine.position(ALICE, INVERSE).cost, Decimal::ZERO);
    }

    #[test]
    fn profits_in_minor_units_cancel_exactly_and_flat_is_the_sum_of_cash_flows(
        contract in prop::sample::select(vec!["XBTUSD", "ETHUSD", "XBTUSDT", "XBTUSDC"]),
        trades in prop::collection::vec((300_000..900_000_i64, -999..999_i64), 1..30),
        mark in 300_000..900_000_i64,
    ) {
        let fee = Decimal::new(5, 4);
        let mut engine = Engine::new(bitmex_instruments(), Fees { maker: fee, taker: fee });
        engine.fee_scales = [("XBT", 8), ("USDT", 6), ("USDC", 6)].map(|(asset, scale)| (asset.to_owned(), scale)).into();
        for asset in ["XBT", "USDT", "USDC"] {
            for account in [ALICE, BOB] {
                engine.ledger.deposit(account, asset, Decimal::from(1_000_000));
            }
        }
        let listed = engine.listing(contract).unwrap().instrument.clone();
        let terms = listed.contract.clone().unwrap();
        let (asset, payoff) = (terms.margin_asset.as_str(), terms.payoff);
        let scale = if asset == "XBT" { 8 } else { 6 };
        // Of an inverse contract the seller, of any other the buyer is owed the worth at the end.
        let sign = match payoff {
            Payoff::Inverse { .. } => Decimal::ONE,
            _ => Decimal::NEGATIVE_ONE,
        };
        let (mut cash, mut held) = (Decimal::ZERO, Decimal::ZERO);
        for (price, lots) in trades.into_iter().filter(|(_, lots)| *lots != 0) {
            let (price, quantity) = (Decimal::new(price, 1), Decimal::from(lots) * listed.lot);
            cross(&mut engine, contract, price, quantity);
            cash += sign * payoff.value(price, quantity).unwrap();
            held += quantity;
        }
        let mark = Decimal::new(mark, 1);
        engine.set_mark(contract, mark);
        let open = unrealised(&engine, ALICE, contract) + unrealised(&engine, BOB, contract);
        prop_assert_eq!(engine.ledger.total(asset) + open, Decimal::from(2_000_000));
        if !held.is_zero() {
            cross(&mut engine, contract, mark, -held);
            cash -= sign * payoff.value(mark, held).unwrap();
        }
        let paid: Decimal = engine.fills(View::NOW, ALICE).map(|fill| fill.fee).sum();
        let wallet = engine.ledger.balance(ALICE, asset).free;
        prop_assert_eq!(wallet + paid - Decimal::from(1_000_000), cash);
        // Money never has a fraction of its minor unit.
        prop_assert_eq!(wallet.round_dp(scale), wallet);
        prop_assert_eq!(engine.position(ALICE, contract).cost, Decimal::ZERO);
    }
}

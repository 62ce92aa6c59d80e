//! What a caller writes is what the venue gets, digit for digit.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rust_decimal::Decimal;
use serde_json::json;
use switchyard_end_to_end::{SEED, TestApp, VENUE};
use tokio::runtime::Handle;

/// Orders placed; each is a round trip through gateway and venue.
const CASES: u32 = 48;

/// An instrument of the simulator: symbols, tick and lot as decimals, prices near its market in ticks.
#[derive(Debug, Clone, Copy)]
struct Grid {
    symbol: &'static str,
    price_scale: u32,
    lot_scale: u32,
    ticks: (i64, i64),
    lots: (i64, i64),
}

/// Prices below the market and within the venue's band, quantities above the least notional.
const GRIDS: [Grid; 4] = [
    Grid {
        symbol: "BTC/USDT",
        price_scale: 2,
        lot_scale: 5,
        ticks: (4_000_000, 5_900_000),
        lots: (20, 1_000),
    },
    Grid {
        symbol: "ETH/BTC",
        price_scale: 5,
        lot_scale: 4,
        ticks: (3_000, 4_900),
        lots: (100, 5_000),
    },
    Grid {
        symbol: "SOL/BTC",
        price_scale: 7,
        lot_scale: 3,
        ticks: (15_000, 24_000),
        lots: (100, 9_000),
    },
    Grid {
        symbol: "SHIB/USDT",
        price_scale: 8,
        lot_scale: 0,
        ticks: (800, 1_200),
        lots: (200_000, 900_000),
    },
];

fn on_a_grid() -> impl Strategy<Value = (Grid, Decimal, Decimal)> {
    (0..GRIDS.len()).prop_flat_map(|place| {
        let grid = GRIDS[place];
        (grid.ticks.0..=grid.ticks.1, grid.lots.0..=grid.lots.1).prop_map(move |(ticks, lots)| {
            (
                grid,
                Decimal::new(ticks, grid.price_scale),
                Decimal::new(lots, grid.lot_scale),
            )
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn any_price_and_quantity_on_the_grid_arrive_exactly() {
    let app = TestApp::start().await;
    let handle = Handle::current();
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&SEED.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, random);
    tokio::task::block_in_place(|| {
        runner
            .run(&on_a_grid(), |(grid, price, quantity)| {
                handle.block_on(round_trip(&app, grid, price, quantity));
                Ok(())
            })
            .unwrap();
    });
}

async fn round_trip(app: &TestApp, grid: Grid, price: Decimal, quantity: Decimal) {
    let order = json!({
        "venue": VENUE, "symbol": grid.symbol, "side": "buy", "type": "limit",
        "quantity": quantity.to_string(), "price": price.to_string(),
    });
    let placed = app.trader().place(&order).await.expect(201);
    let id = placed.id();
    let shown = |field: &str| -> Decimal { placed.text_of(field).parse().unwrap() };
    assert_eq!((shown("price"), shown("quantity")), (price, quantity));
    // The canonical form has no zeros behind the last digit.
    assert_eq!(placed.text_of("price"), price.normalize().to_string());

    let truth = app.truth(&id).expect("the venue has the order");
    assert_eq!((truth.price, truth.quantity), (Some(price), quantity));
    let read = app.viewer().order(&id).await.expect(200);
    assert_eq!(read["price"], placed["price"]);
    assert_eq!(read["quantity"], placed["quantity"]);
    app.trader().cancel(&id).await.expect(200);
}

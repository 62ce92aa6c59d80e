//! One order through the Binance adapter: encode (with its HMAC) and decode, through the sandbox and
//! natively, on the same commands and answers. Quote the ratio: the machine's speed drifts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use switchyard_binance::Binance;
use switchyard_runtime::wit::{trading as wit_trading, types as wit};
use switchyard_runtime::{
    Adapter, Call, EmptyCatalogue, Limits, Place, Runtime, SecretKey, SilentLog,
};
use switchyard_sdk::{Context, Trading, testing, trading, types};

const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const NOW: u64 = 1_790_000_000_000;

const ANSWER: &str = r#"{"symbol":"BTCUSDT","orderId":28457,"orderListId":-1,"clientOrderId":"swy0123456789abcdefghijklmno","transactTime":1790000000003,"price":"60000.01000000","origQty":"0.01000000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1790000000003,"selfTradePreventionMode":"NONE"}"#;

fn command() -> trading::Place {
    trading::Place {
        client_id: "swy0123456789abcdefghijklmno".into(),
        side: types::Side::Buy,
        order_type: types::OrderType::Limit,
        quantity: "0.01".into(),
        price: Some("60000.01".into()),
        time_in_force: Some(types::TimeInForce::Gtc),
        reduce_only: false,
    }
}

fn wit_command() -> wit_trading::Place {
    let command = command();
    wit_trading::Place {
        client_id: command.client_id,
        side: wit::Side::Buy,
        order_type: wit::OrderType::Limit,
        quantity: command.quantity,
        price: command.price,
        time_in_force: Some(wit::TimeInForce::Gtc),
        reduce_only: false,
    }
}

/// An instrument as the venue lists it, found by the adapter itself in a listing, so that both sides
/// carry what a real call carries.
const LISTING: &str = r#"{"timezone":"UTC","serverTime":1790000000000,"rateLimits":[],"exchangeFilters":[],"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT","quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS_LIMIT","TAKE_PROFIT_LIMIT"],"icebergAllowed":true,"ocoAllowed":true,"otoAllowed":true,"quoteOrderQtyMarketAllowed":true,"allowTrailingStop":true,"cancelReplaceAllowed":true,"amendAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":true,"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"},{"filterType":"ICEBERG_PARTS","limit":10},{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"180.00000000","stepSize":"0.00000000"},{"filterType":"TRAILING_DELTA","minTrailingAboveDelta":10,"maxTrailingAboveDelta":2000,"minTrailingBelowDelta":10,"maxTrailingBelowDelta":2000},{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"5","bidMultiplierDown":"0.2","askMultiplierUp":"5","askMultiplierDown":"0.2","avgPriceMins":5},{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5}],"permissions":[],"permissionSets":[["SPOT"]],"defaultSelfTradePreventionMode":"NONE","allowedSelfTradePreventionModes":["NONE"]}]}"#;

fn adapter() -> Arc<Adapter> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist/binance.wasm");
    let bytes = std::fs::read(&path).expect("plugins/dist/binance.wasm is built by `make plugins`");
    Runtime::new(Limits::default(), None)
        .unwrap()
        .load(&bytes)
        .unwrap()
}

fn call(adapter: &Adapter) -> Call {
    let mut context = wit::Context {
        now: NOW,
        nonce: NOW,
        window_ms: 5_000,
        endpoint: "spot".into(),
        account: Some(wit::Account {
            api_key: "key".into(),
            key_type: wit::KeyType::Hmac,
        }),
        instrument: None,
    };
    let listing = wit::HttpResponse {
        status: 200,
        headers: vec![],
        body: LISTING.into(),
    };
    let listed = adapter
        .decode::<switchyard_runtime::ListInstruments>(
            &Call::from(context.clone()),
            &(),
            None,
            &[listing],
        )
        .unwrap()
        .unwrap();
    let switchyard_runtime::Step::Done(listing) = listed else {
        unreachable!("one step lists everything")
    };
    context.instrument = listing
        .instruments
        .into_iter()
        .next()
        .map(|listed| listed.instrument);
    Call {
        context,
        signer: Some(Arc::new(SecretKey::new(SECRET.into()).unwrap())),
        catalogue: Arc::new(EmptyCatalogue),
        log: Arc::new(SilentLog),
    }
}

fn native_context() -> types::Context {
    let mut context = testing::context("spot", NOW);
    context.account = Some(testing::account("key", types::KeyType::Hmac));
    context.instrument = Some(testing::spot("spot", "BTCUSDT", "BTC", "USDT"));
    context
}

fn sandbox(c: &mut Criterion) {
    let adapter = adapter();
    let call = call(&adapter);
    let command = wit_command();
    let answers = [wit::HttpResponse {
        status: 200,
        headers: vec![],
        body: ANSWER.into(),
    }];
    let mut group = c.benchmark_group("place_order");
    group.bench_function("sandbox/encode_and_sign", |b| {
        b.iter(|| {
            adapter
                .encode::<Place>(&call, black_box(&command), None)
                .unwrap()
                .unwrap()
        });
    });
    group.bench_function("sandbox/decode", |b| {
        b.iter(|| {
            adapter
                .decode::<Place>(&call, &command, None, black_box(&answers))
                .unwrap()
                .unwrap()
        });
    });
    group.bench_function("sandbox/both", |b| {
        b.iter(|| {
            black_box(
                adapter
                    .encode::<Place>(&call, &command, None)
                    .unwrap()
                    .unwrap(),
            );
            adapter
                .decode::<Place>(&call, &command, None, &answers)
                .unwrap()
                .unwrap()
        });
    });
    group.finish();
}

fn native(c: &mut Criterion) {
    let host = testing::TestHost::with_secret(SECRET);
    let context = native_context();
    let command = command();
    let answers = [testing::response(200, ANSWER)];
    let mut group = c.benchmark_group("place_order");
    group.bench_function("native/encode_and_sign", |b| {
        let cx = Context::new(&context, &host);
        b.iter(|| {
            Binance
                .encode_place(&cx, black_box(&command), None)
                .unwrap()
        });
    });
    group.bench_function("native/decode", |b| {
        let cx = Context::new(&context, &host);
        b.iter(|| {
            Binance
                .decode_place(&cx, &command, None, black_box(&answers))
                .unwrap()
        });
    });
    group.bench_function("native/both", |b| {
        let cx = Context::new(&context, &host);
        b.iter(|| {
            black_box(Binance.encode_place(&cx, &command, None).unwrap());
            Binance.decode_place(&cx, &command, None, &answers).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, sandbox, native);
criterion_main!(benches);

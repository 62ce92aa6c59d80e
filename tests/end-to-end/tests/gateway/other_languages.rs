//! Adapters written in Python and JavaScript, dropped into the directory of a gateway that runs.
//!
//! They are built by `make examples`, which needs those languages' tools. Without them the tests say that they
//! were skipped, and why.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use switchyard_end_to_end::{
    ForeignVenue, TestApp, deribit_credentials, deribit_venue, eventually_within, example_adapter,
    kraken_credentials, kraken_venue,
};
use switchyard_venue_sim::Credentials;

/// A component of CPython has 40 MB of machine code, which a busy machine does not compile in a moment.
const COMPILED: Duration = Duration::from_secs(240);

/// An exchange, its adapter, and an order that it takes.
struct Exchange {
    name: &'static str,
    venue: ForeignVenue,
    credentials: Credentials,
    order: Value,
    ticker: Value,
    price: &'static str,
}

impl Exchange {
    async fn kraken() -> Self {
        Self {
            name: "kraken",
            venue: kraken_venue().await,
            credentials: kraken_credentials(),
            order: json!({
                "venue": "kraken", "symbol": "BTC/USD", "side": "buy", "type": "limit",
                "quantity": "1.25", "price": "27500.1",
            }),
            ticker: json!({ "bid": "30300", "ask_quantity": "1", "volume": "4412.73601799" }),
            price: "27500.1",
        }
    }

    async fn deribit() -> Self {
        Self {
            name: "deribit",
            venue: deribit_venue().await,
            credentials: deribit_credentials(),
            order: json!({
                "venue": "deribit", "symbol": "BTC/USD:BTC", "side": "sell", "type": "limit",
                "quantity": "40", "price": "31500.5",
            }),
            ticker: json!({ "bid": "30300", "ask_quantity": "343280", "volume": "41234567" }),
            price: "31500.5",
        }
    }
}

/// The component with something at its end that means nothing: another version that does the same.
fn next_version(mut component: Vec<u8>) -> Vec<u8> {
    // A custom section of the name `n`, with the content `1`.
    component.extend([0, 3, 1, b'n', 1]);
    component
}

fn sha256(bytes: &[u8]) -> String {
    use ring::digest::{SHA256, digest};
    data_encoding::HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

/// Loads an adapter, drops its next version in, and trades by that.
async fn trades_by_a_version_dropped_in(exchange: Exchange) {
    let name = exchange.name;
    let Some(built) = example_adapter(name) else {
        println!(
            "SKIPPED: target/example-adapters/{name}.wasm is missing: `make examples` builds it where the \
             language's tools are installed"
        );
        return;
    };
    let plugins = tempfile::tempdir().unwrap();
    let file = plugins.path().join(format!("{name}.wasm"));
    fs::copy(&built, &file).unwrap();
    let app = TestApp::with(|mut config| {
        let binance = config.plugins.join("binance.wasm");
        fs::copy(binance, plugins.path().join("binance.wasm")).unwrap();
        config.plugins = plugins.path().to_owned();
        config
            .plugin_lines
            .push_str("\npoll_ms = 200\nsettle_ms = 20\ncanary_share = 0");
        config.venue(
            name,
            name,
            ("rest", &exchange.venue.url()),
            Some(&exchange.credentials),
        )
    })
    .await;

    let next = next_version(fs::read(&built).unwrap());
    let beside = plugins.path().join(".next");
    fs::write(&beside, &next).unwrap();
    fs::rename(beside, &file).unwrap();
    let path = format!("/v1/plugins/{name}");
    eventually_within(COMPILED, "the version dropped in serves", async || {
        let plugin = app.viewer().get(&path).await.expect(200);
        (plugin["active"]["sha256"] == sha256(&next).as_str())
            .then_some(())
            .ok_or(plugin.text)
    })
    .await;

    let symbol = exchange.order["symbol"].as_str().unwrap();
    let asked = format!("venue={name}&symbol={}", symbol.replace(':', "%3A"));
    let listed = app
        .viewer()
        .get(&format!("/v1/instruments?{asked}"))
        .await
        .expect(200);
    assert_eq!(listed.items().len(), 1, "{}", listed.text);
    let tickers = app
        .viewer()
        .get(&format!("/v1/tickers?{asked}"))
        .await
        .expect(200);
    for (field, value) in exchange.ticker.as_object().unwrap() {
        assert_eq!(
            &tickers.items()[0][field.as_str()],
            value,
            "{field}: {}",
            tickers.text
        );
    }

    let trader = app.trader();
    let placed = trader.place(&exchange.order).await.expect(201);
    assert_eq!(placed["state"], "NEW", "{}", placed.text);
    let id = placed.id();
    let seen = app.viewer().order(&id).await.expect(200);
    assert_eq!(seen["price"], exchange.price, "{}", seen.text);
    trader.cancel(&id).await;
    let canceled = app.becomes(&trader, &id, "CANCELED").await;
    assert_eq!(canceled["filled_quantity"], "0", "{}", canceled.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_in_python_is_dropped_in_and_trades() {
    trades_by_a_version_dropped_in(Exchange::kraken().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_in_javascript_is_dropped_in_and_trades() {
    trades_by_a_version_dropped_in(Exchange::deribit().await).await;
}

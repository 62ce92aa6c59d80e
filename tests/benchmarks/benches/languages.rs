//! One order through adapters of several languages: encode (with its signature) and decode, warm, in the sandbox;
//! and the memory that an instance has for itself after a call. `make examples` builds those that are not Rust's.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use switchyard_runtime::wit::trading::Place as Command;
use switchyard_runtime::wit::types::{
    Account, Context, HttpResponse, Instrument, KeyType, OrderType, Payoff, Product, QuantityUnit,
    Side, TimeInForce,
};
use switchyard_runtime::{
    Adapter, Call, EmptyCatalogue, Limits, Place, Runtime, SecretKey, SilentLog, Step,
};

/// Instances that are counted.
const INSTANCES: u64 = 16;

/// An adapter, and an order that it places.
struct Contestant {
    /// As the result shows it.
    name: &'static str,
    /// Below the repository.
    component: &'static str,
    endpoint: &'static str,
    venue_symbol: &'static str,
    quote: &'static str,
    product: Product,
    secret: &'static str,
    /// What `state` the answer belongs to.
    state: Option<&'static str>,
    answer: &'static str,
}

const CONTESTANTS: [Contestant; 3] = [
    Contestant {
        name: "rust_binance",
        component: "plugins/dist/binance.wasm",
        endpoint: "spot",
        venue_symbol: "BTCUSDT",
        quote: "USDT",
        product: Product::Spot,
        secret: "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
        state: None,
        answer: r#"{"symbol":"BTCUSDT","orderId":28457,"orderListId":-1,"clientOrderId":"swy0123456789abcdefghijklmnop","transactTime":1790000000003,"price":"27500.00000000","origQty":"40.00000000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1790000000003,"selfTradePreventionMode":"NONE"}"#,
    },
    Contestant {
        name: "python_kraken",
        component: "target/example-adapters/kraken.wasm",
        endpoint: "rest",
        venue_symbol: "XBTUSD",
        quote: "USD",
        product: Product::Spot,
        secret: "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
        state: Some("OU22CG-KLAF2-FWUDD7"),
        answer: r#"{"error":[],"result":{"OU22CG-KLAF2-FWUDD7":{"refid":null,"userref":null,"cl_ord_id":null,"status":"open","opentm":1789999999.8974,"starttm":0,"expiretm":0,"descr":{"pair":"XBTUSD","type":"buy","ordertype":"limit","price":"27500.0","price2":"0","leverage":"none","order":"buy 40.00000000 XBTUSD @ limit 27500.0","close":""},"vol":"40.00000000","vol_exec":"0.00000000","cost":"0.00000","fee":"0.00000","price":"0.00000","stopprice":"0.00000","limitprice":"0.00000","misc":"","oflags":"fciq"}}}"#,
    },
    Contestant {
        name: "javascript_deribit",
        component: "target/example-adapters/deribit.wasm",
        endpoint: "rest",
        venue_symbol: "BTC-PERPETUAL",
        quote: "USD",
        product: Product::UsdCPerpetual,
        secret: "deribit-example-secret",
        state: None,
        answer: r#"{"jsonrpc":"2.0","result":{"trades":[],"order":{"time_in_force":"good_til_cancelled","reduce_only":false,"price":27500.0,"post_only":false,"order_type":"limit","order_state":"open","order_id":"ETH-349249","max_show":40.0,"last_update_timestamp":1790000000130,"label":"swy0123456789abcdefghijklmnop","is_liquidation":false,"instrument_name":"BTC-PERPETUAL","filled_amount":0.0,"direction":"buy","creation_timestamp":1790000000130,"commission":0.0,"average_price":0.0,"api":true,"amount":40.0}},"usIn":1,"usOut":2,"usDiff":1,"testnet":false}"#,
    },
];

impl Contestant {
    fn load(&self, runtime: &Runtime) -> Option<Arc<Adapter>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        match std::fs::read(root.join(self.component)) {
            Ok(bytes) => Some(runtime.load(&bytes).unwrap()),
            Err(_) => {
                println!("{}: SKIPPED, {} is not built", self.name, self.component);
                None
            }
        }
    }

    fn call(&self) -> Call {
        let is_spot = self.product == Product::Spot;
        let instrument = Instrument {
            symbol: format!("BTC/{}", self.quote),
            venue_symbol: self.venue_symbol.into(),
            endpoint: self.endpoint.into(),
            product: self.product,
            payoff: if is_spot {
                Payoff::Delivery
            } else {
                Payoff::Inverse
            },
            base: "BTC".into(),
            quote: self.quote.into(),
            settle: self.quote.into(),
            quantity_unit: if is_spot {
                QuantityUnit::Base
            } else {
                QuantityUnit::Contracts
            },
            contract_size: "1".into(),
            expiry: None,
            hints: vec![],
        };
        Call {
            context: Context {
                now: 1_790_000_000_000,
                nonce: 1_790_000_000_000,
                window_ms: 5_000,
                endpoint: self.endpoint.into(),
                account: Some(Account {
                    api_key: "key".into(),
                    key_type: KeyType::Hmac,
                }),
                instrument: Some(instrument),
            },
            signer: Some(Arc::new(SecretKey::new(self.secret.into()).unwrap())),
            catalogue: Arc::new(EmptyCatalogue),
            log: Arc::new(SilentLog),
        }
    }
}

fn command() -> Command {
    Command {
        client_id: "swy0123456789abcdefghijklmnop".into(),
        side: Side::Buy,
        order_type: OrderType::Limit,
        quantity: "40".into(),
        price: Some("27500.0".into()),
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
    }
}

/// Encodes an order and reads what became of it.
fn round(adapter: &Adapter, call: &Call, contestant: &Contestant) {
    let command = command();
    let requests = adapter.encode::<Place>(call, black_box(&command), None);
    black_box(requests.unwrap().unwrap());
    let state = contestant.state.map(|state| state.as_bytes().to_vec());
    let answers = [HttpResponse {
        status: 200,
        headers: vec![],
        body: contestant.answer.into(),
    }];
    let step = adapter.decode::<Place>(call, &command, state.as_ref(), black_box(&answers));
    assert!(matches!(step.unwrap().unwrap(), Step::Done(_)));
}

/// Memory that this process has for itself, in KiB.
fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// What an instance takes: each of these adapters has one.
fn weigh(adapter: &Adapter, call: &Call, contestant: &Contestant) {
    let before = anonymous_kib();
    let others: Vec<Adapter> = (0..INSTANCES)
        .map(|_| {
            let other = adapter.within(Limits::default()).unwrap();
            round(&other, call, contestant);
            other
        })
        .collect();
    let each = anonymous_kib().saturating_sub(before) / INSTANCES;
    println!(
        "{}: {each} KiB an instance (RssAnon, {} of them), component {} bytes",
        contestant.name,
        others.len(),
        adapter.size_bytes()
    );
}

fn languages(c: &mut Criterion) {
    let limits = Limits {
        // The benchmark measures calls; it does not judge them.
        call_deadline: std::time::Duration::from_secs(1),
        ..Limits::default()
    };
    let runtime = Runtime::new(limits, None).unwrap();
    let mut group = c.benchmark_group("place_order_in");
    for contestant in &CONTESTANTS {
        let Some(adapter) = contestant.load(&runtime) else {
            continue;
        };
        let call = contestant.call();
        round(&adapter, &call, contestant);
        group.bench_function(contestant.name, |b| {
            b.iter(|| round(&adapter, &call, contestant));
        });
        weigh(&adapter, &call, contestant);
    }
    group.finish();
}

criterion_group!(benches, languages);
criterion_main!(benches);

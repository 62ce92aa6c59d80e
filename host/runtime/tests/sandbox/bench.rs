//! Adapters loaded for a test, and calls into them.

use std::path::Path;
use std::sync::Arc;

use switchyard_runtime::wit::types::{
    Account, Context, Error, HttpRequest, HttpResponse, Instrument, KeyType, Payoff, Product,
    QuantityUnit,
};
use switchyard_runtime::{Adapter, Call, CallError, GetTicker, Limits, Runtime};

pub(crate) const API_KEY: &str = "public-key-of-the-account-8f14e45f";

/// The bytes of a built adapter.
pub(crate) fn built(directory: &str, file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(directory)
        .join(file);
    match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => panic!(
            "{}: {error}: run `make plugins test-adapters`",
            path.display()
        ),
    }
}

pub(crate) fn hostile_bytes() -> Vec<u8> {
    built("target/test-adapters", "hostile-adapter.wasm")
}

/// The bytes of an adapter that is shipped, whichever comes first by its name.
pub(crate) fn shipped_bytes() -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist");
    let entries = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}: run `make plugins`", directory.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect();
    files.sort();
    match files.first() {
        Some(file) => std::fs::read(file).unwrap(),
        None => panic!("no adapter in {}: run `make plugins`", directory.display()),
    }
}

pub(crate) fn runtime(limits: Limits) -> Runtime {
    Runtime::new(limits, None).unwrap()
}

/// The hostile adapter within these limits.
pub(crate) fn hostile(limits: Limits) -> Arc<Adapter> {
    runtime(limits).load(&hostile_bytes()).unwrap()
}

/// A spot instrument.
pub(crate) fn instrument(endpoint: &str, base: &str, quote: &str) -> Instrument {
    Instrument {
        symbol: format!("{base}/{quote}"),
        venue_symbol: format!("{base}{quote}"),
        endpoint: endpoint.to_owned(),
        product: Product::Spot,
        payoff: Payoff::Delivery,
        base: base.to_owned(),
        quote: quote.to_owned(),
        settle: quote.to_owned(),
        quantity_unit: QuantityUnit::Base,
        contract_size: "1".to_owned(),
        expiry: None,
        hints: Vec::new(),
    }
}

/// A call about an instrument, at a time that never changes.
pub(crate) fn call_about(instrument: Instrument) -> Call {
    Call::from(Context {
        now: 1_800_000_000_000,
        nonce: 7,
        window_ms: 5_000,
        endpoint: instrument.endpoint.clone(),
        account: Some(Account {
            api_key: API_KEY.to_owned(),
            key_type: KeyType::Hmac,
        }),
        instrument: Some(instrument),
    })
}

/// A call about one of the hostile adapter's instruments.
pub(crate) fn call(base: &str) -> Call {
    call_about(instrument("rest", base, "USDT"))
}

/// Asks the hostile adapter for the requests of a ticker.
pub(crate) fn ticker(
    adapter: &Adapter,
    base: &str,
) -> Result<Result<Vec<HttpRequest>, Error>, CallError> {
    adapter.encode::<GetTicker>(&call(base), &(), None)
}

/// The honest instrument works.
#[track_caller]
pub(crate) fn works(adapter: &Adapter) {
    let requests = ticker(adapter, "HONEST").unwrap().unwrap();
    assert_eq!(requests[0].path, "/ticker?symbol=HONEST");
}

/// An answer of a venue.
pub(crate) fn answer(body: &str) -> HttpResponse {
    HttpResponse {
        status: 200,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

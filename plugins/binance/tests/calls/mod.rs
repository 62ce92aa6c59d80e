//! Calls as the host would make them, and what comes back: what the tests of every room share.

use switchyard_binance::Binance;
use switchyard_sdk::testing::{self, TestHost};
use switchyard_sdk::types::{
    self, Effect, Error, ErrorKind, HttpRequest, HttpResponse, Instrument, KeyType, Method,
    OrderRef,
};
use switchyard_sdk::{Context, Step};

mod commands;
mod everything;

pub(crate) use commands::*;
pub(crate) use everything::*;

/// The keys of Binance's signing examples.
pub(crate) const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
pub(crate) const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

pub(crate) const VENUE: Binance = Binance;

/// A desk to test from: an account, an instrument, and the host's catalogue.
pub(crate) struct Desk {
    pub(crate) host: TestHost,
    pub(crate) context: types::Context,
}

impl Desk {
    /// A desk for an account with an HMAC key, on an instrument of which its host knows others.
    pub(crate) fn at(now: u64, instrument: Instrument, known: [Instrument; 2]) -> Self {
        let mut context = testing::context(&instrument.endpoint, now);
        context.account = Some(testing::account(API_KEY, KeyType::Hmac));
        context.instrument = Some(instrument);
        let host = TestHost::with_secret(SECRET);
        Self {
            host: known.into_iter().fold(host, TestHost::knowing),
            context,
        }
    }

    /// The same desk without an instrument.
    pub(crate) fn without_instrument(mut self) -> Self {
        self.context.instrument = None;
        self
    }

    pub(crate) fn cx(&self) -> Context<'_> {
        Context::new(&self.context, &self.host)
    }
}

pub(crate) fn ok(body: &str) -> [HttpResponse; 1] {
    [testing::response(200, body)]
}

pub(crate) fn answer(status: u16, body: &str) -> [HttpResponse; 1] {
    [testing::response(status, body)]
}

/// The only request of a step.
pub(crate) fn sole(requests: Result<Vec<HttpRequest>, Error>) -> HttpRequest {
    let mut requests = requests.expect("encodes");
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// The result of a step that is the last.
pub(crate) fn done<T: std::fmt::Debug>(step: Result<Step<T>, Error>) -> T {
    match step.expect("decodes") {
        Step::Done(result) => result,
        Step::Continue(_) => panic!("another step is wanted"),
    }
}

/// The state that leads to another step.
pub(crate) fn more<T: std::fmt::Debug>(step: Result<Step<T>, Error>) -> Vec<u8> {
    match step.expect("decodes") {
        Step::Done(result) => panic!("done with {result:?}"),
        Step::Continue(state) => state,
    }
}

/// An error's kind and effect.
pub(crate) fn verdict<T: std::fmt::Debug>(step: Result<Step<T>, Error>) -> (ErrorKind, Effect) {
    let error = step.expect_err("is refused");
    (error.kind, error.effect)
}

/// Method and path, with the query of a signed request cut before its window.
pub(crate) fn line(request: &HttpRequest) -> String {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    };
    let path = request
        .path
        .split("&recvWindow=")
        .next()
        .and_then(|path| path.split("?recvWindow=").next())
        .unwrap_or_default();
    format!("{method} {path}")
}

pub(crate) fn lines(requests: &[HttpRequest]) -> Vec<String> {
    requests.iter().map(line).collect()
}

/// Method and path without the query, as an allowed call names them.
pub(crate) fn call(request: &HttpRequest) -> (u8, String) {
    let path = request.path.split('?').next().unwrap_or_default();
    (request.method as u8, path.to_owned())
}

/// What a request costs, by bucket.
pub(crate) fn costs(request: &HttpRequest) -> Vec<(&str, u32)> {
    request
        .costs
        .iter()
        .map(|cost| (cost.bucket.as_str(), cost.amount))
        .collect()
}

pub(crate) fn by_id(id: &str) -> OrderRef {
    OrderRef {
        venue_id: Some(id.to_owned()),
        client_id: None,
    }
}

pub(crate) fn by_client_id(id: &str) -> OrderRef {
    OrderRef {
        venue_id: None,
        client_id: Some(id.to_owned()),
    }
}

/// Writes requests down, one a line, where an environment variable names a file: for
/// `tests/spec/check-binance.sh`, which has Prism judge them.
pub(crate) fn write_down(requests: &[HttpRequest], variable: &str) {
    let lines: Vec<String> = requests
        .iter()
        .map(|request| {
            let line = line(request);
            let method = line.split(' ').next().unwrap_or_default();
            format!("{method} {}", request.path)
        })
        .collect();
    if let Ok(file) = std::env::var(variable) {
        std::fs::write(file, lines.join("\n") + "\n").expect("is written");
    }
}

//! Calls as the host would make them, and what comes back: what the tests of every room share.

use switchyard_binance::Binance;
use switchyard_sdk::Step;
use switchyard_sdk::testing;
use switchyard_sdk::types::{
    Effect, Error, ErrorKind, HttpRequest, HttpResponse, Method, OrderRef,
};

/// The keys of Binance's signing examples.
pub(crate) const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
pub(crate) const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

pub(crate) const VENUE: Binance = Binance;

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

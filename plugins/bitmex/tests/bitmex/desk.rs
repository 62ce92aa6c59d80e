//! A desk to test from: an account, instruments of each kind, and calls as the host would make them.

use switchyard_bitmex::Bitmex;
use switchyard_sdk::testing::{self, TestHost};
use switchyard_sdk::trading::{Amend, Place};
use switchyard_sdk::types::{
    self, Effect, Error, ErrorKind, HttpRequest, HttpResponse, Instrument, KeyType, Method,
    OrderRef, OrderType, Payoff, Product, QuantityUnit, Side, TimeInForce,
};
use switchyard_sdk::{Context, Step};

/// The keys of the examples in "API Keys Usage".
pub(crate) const API_KEY: &str = "LAqUlngMIQkIUjXMUreyu3qn";
pub(crate) const SECRET: &str = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO";

pub(crate) const VENUE: Bitmex = Bitmex;

/// 2026-11-21 in UTC.
pub(crate) const NOW: u64 = 1_795_219_200_000;

/// The order of the answers.
pub(crate) const ORDER_ID: &str = "4e1ef998-33c1-4736-b58b-9d8b4d085c49";
pub(crate) const CLIENT_ID: &str = "mm0a1b2c";

pub(crate) struct Desk {
    pub(crate) host: TestHost,
    pub(crate) context: types::Context,
}

fn hints(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// `XBTUSD`: inverse, a contract is 1 USD.
pub(crate) fn inverse() -> Instrument {
    Instrument {
        symbol: "BTC/USD:BTC".to_owned(),
        product: Product::UsdCPerpetual,
        payoff: Payoff::Inverse,
        settle: "BTC".to_owned(),
        quantity_unit: QuantityUnit::Contracts,
        hints: hints(&[("currency", "XBt"), ("scale", "8")]),
        ..testing::spot("rest", "XBTUSD", "BTC", "USD")
    }
}

/// `XBTUSDT`: linear, a contract is a millionth of a bitcoin.
pub(crate) fn linear() -> Instrument {
    Instrument {
        symbol: "BTC/USDT:USDT".to_owned(),
        product: Product::UsdMPerpetual,
        payoff: Payoff::Linear,
        hints: hints(&[
            ("currency", "USDt"),
            ("scale", "6"),
            ("contract", "0.000001"),
        ]),
        ..testing::spot("rest", "XBTUSDT", "BTC", "USDT")
    }
}

/// `XBT_USDT`: orders are in satoshis.
pub(crate) fn spot() -> Instrument {
    Instrument {
        hints: hints(&[
            ("currency", "USDt"),
            ("scale", "6"),
            ("contract", "0.00000001"),
        ]),
        ..testing::spot("rest", "XBT_USDT", "BTC", "USDT")
    }
}

/// `ETHUSD`: quanto, a contract is 100 satoshis for one dollar of price.
pub(crate) fn quanto() -> Instrument {
    Instrument {
        symbol: "ETH/USD:BTC".to_owned(),
        payoff: Payoff::Quanto,
        contract_size: "0.000001".to_owned(),
        ..Instrument {
            venue_symbol: "ETHUSD".to_owned(),
            base: "ETH".to_owned(),
            ..inverse()
        }
    }
}

impl Desk {
    /// A desk for an account, at this instrument.
    pub(crate) fn at(instrument: Instrument) -> Self {
        let mut desk = Self::everywhere();
        desk.context.instrument = Some(instrument);
        desk
    }

    /// A desk for an account, without an instrument.
    pub(crate) fn everywhere() -> Self {
        let mut context = testing::context("rest", NOW);
        context.account = Some(testing::account(API_KEY, KeyType::Hmac));
        Self {
            host: TestHost::with_secret(SECRET)
                .knowing(inverse())
                .knowing(linear())
                .knowing(spot())
                .knowing(quanto()),
            context,
        }
    }

    pub(crate) fn cx(&self) -> Context<'_> {
        Context::new(&self.context, &self.host)
    }

    /// What was logged.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.host.lines.borrow();
        lines.iter().map(|(_, line)| line.clone()).collect()
    }
}

/// A limit order for 100 contracts of `XBTUSD`.
pub(crate) fn limit_order() -> Place {
    Place {
        client_id: CLIENT_ID.to_owned(),
        side: Side::Buy,
        order_type: OrderType::Limit,
        quantity: "100".to_owned(),
        price: Some("98000.50".to_owned()),
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
    }
}

/// A change of nothing yet, to that order.
pub(crate) fn amend() -> Amend {
    Amend {
        order: by_id(ORDER_ID),
        side: Side::Buy,
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
        current_quantity: "100".to_owned(),
        current_price: Some("98000.50".to_owned()),
        filled_quantity: "0".to_owned(),
        quantity: None,
        price: None,
        new_client_id: "unused".to_owned(),
    }
}

pub(crate) fn ok(body: &str) -> [HttpResponse; 1] {
    [testing::response(200, body)]
}

pub(crate) fn answer(status: u16, body: &str) -> [HttpResponse; 1] {
    [testing::response(status, body)]
}

/// An error payload.
pub(crate) fn said(status: u16, message: &str) -> [HttpResponse; 1] {
    let message = serde_json::to_string(message).expect("is a text");
    answer(
        status,
        &format!(r#"{{"error":{{"message":{message},"name":"HTTPError"}}}}"#),
    )
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

/// The field that an error blames.
pub(crate) fn blamed<T: std::fmt::Debug>(result: Result<T, Error>) -> Option<String> {
    result.expect_err("is refused").field
}

/// Method and path, with the percent-encoding of its query undone.
pub(crate) fn line(request: &HttpRequest) -> String {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    };
    let mut text = request.path.clone();
    for (code, plain) in [
        ("%7B", "{"),
        ("%7D", "}"),
        ("%22", "\""),
        ("%3A", ":"),
        ("%2C", ","),
    ] {
        text = text.replace(code, plain);
    }
    format!("{method} {text}")
}

pub(crate) fn body(request: &HttpRequest) -> &str {
    std::str::from_utf8(&request.body).expect("is a text")
}

/// A header of a request.
pub(crate) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request
        .headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
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

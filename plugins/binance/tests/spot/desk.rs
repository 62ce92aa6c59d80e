//! A desk to test from: an account, an instrument, and calls as the host would make them.

use switchyard_binance::Binance;
use switchyard_sdk::testing::{self, TestHost};
use switchyard_sdk::trading::{Amend, Place};
use switchyard_sdk::types::{
    self, Effect, Error, ErrorKind, HttpRequest, HttpResponse, KeyType, Method, OrderRef,
    OrderType, Side, TimeInForce,
};
use switchyard_sdk::{Context, Step};

/// The keys of Binance's signing examples.
pub(crate) const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
pub(crate) const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

/// The time of the examples.
pub(crate) const NOW: u64 = 1_499_827_319_559;

pub(crate) struct Desk {
    pub(crate) host: TestHost,
    pub(crate) context: types::Context,
}

impl Desk {
    /// A desk for an account with an HMAC key, on LTC/BTC.
    pub(crate) fn new() -> Self {
        Self::on(testing::spot("spot", "LTCBTC", "LTC", "BTC"))
    }

    pub(crate) fn on(instrument: types::Instrument) -> Self {
        let mut context = testing::context("spot", NOW);
        context.account = Some(testing::account(API_KEY, KeyType::Hmac));
        context.instrument = Some(instrument);
        Self {
            host: TestHost::with_secret(SECRET)
                .knowing(testing::spot("spot", "LTCBTC", "LTC", "BTC"))
                .knowing(testing::spot("spot", "BTCUSDT", "BTC", "USDT")),
            context,
        }
    }

    /// The same desk without an instrument.
    pub(crate) fn everywhere() -> Self {
        let mut desk = Self::new();
        desk.context.instrument = None;
        desk
    }

    pub(crate) fn cx(&self) -> Context<'_> {
        Context::new(&self.context, &self.host)
    }
}

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

pub(crate) fn limit_order() -> Place {
    Place {
        client_id: "myOrder1".to_owned(),
        side: Side::Buy,
        order_type: OrderType::Limit,
        quantity: "1".to_owned(),
        price: Some("0.1".to_owned()),
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
    }
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

/// A change of nothing yet, to an open order of 10 at 2.
pub(crate) fn amend() -> Amend {
    Amend {
        order: OrderRef {
            venue_id: Some("33".to_owned()),
            client_id: Some("mine".to_owned()),
        },
        side: Side::Sell,
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
        current_quantity: "10.00".to_owned(),
        current_price: Some("2.00".to_owned()),
        filled_quantity: "0.00".to_owned(),
        quantity: None,
        price: None,
        new_client_id: "mine2".to_owned(),
    }
}

/// An order as `GET /api/v3/order` gives it.
pub(crate) fn order(id: u64, time: u64) -> String {
    format!(
        r#"{{"symbol":"LTCBTC","orderId":{id},"orderListId":-1,"clientOrderId":"c{id}","price":"0.1",
        "origQty":"1.0","executedQty":"0.0","cummulativeQuoteQty":"0.0","status":"NEW","timeInForce":"GTC",
        "type":"LIMIT","side":"BUY","stopPrice":"0.0","icebergQty":"0.0","time":{time},"updateTime":{time},
        "isWorking":true,"workingTime":{time},"origQuoteOrderQty":"0.000000",
        "selfTradePreventionMode":"NONE"}}"#
    )
}

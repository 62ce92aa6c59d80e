//! A desk to test from: an account, an instrument, and calls as the host would make them.

use switchyard_sdk::Context;
use switchyard_sdk::testing::{self, TestHost};
use switchyard_sdk::trading::{Amend, Place};
use switchyard_sdk::types::{self, KeyType, OrderRef, OrderType, Side, TimeInForce};

pub(crate) use crate::calls::*;

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

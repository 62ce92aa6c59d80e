//! Desks on spot, and the documents' examples.

use switchyard_sdk::testing;
use switchyard_sdk::trading::{Amend, Place};
use switchyard_sdk::types::{Instrument, OrderRef, OrderType, Side, TimeInForce};

pub(crate) use crate::calls::*;

/// The time of the examples.
pub(crate) const NOW: u64 = 1_499_827_319_559;

impl Desk {
    /// A desk on LTC/BTC.
    pub(crate) fn new() -> Self {
        Self::on(testing::spot("spot", "LTCBTC", "LTC", "BTC"))
    }

    pub(crate) fn on(instrument: Instrument) -> Self {
        let known = [
            testing::spot("spot", "LTCBTC", "LTC", "BTC"),
            testing::spot("spot", "BTCUSDT", "BTC", "USDT"),
        ];
        Self::at(NOW, instrument, known)
    }

    pub(crate) fn everywhere() -> Self {
        Self::new().without_instrument()
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

/// A change that spot makes in place.
pub(crate) fn smaller() -> Amend {
    Amend {
        quantity: Some("1".to_owned()),
        ..amend()
    }
}

/// A change that spot makes by cancel and replace.
pub(crate) fn dearer() -> Amend {
    Amend {
        price: Some("3".to_owned()),
        ..amend()
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

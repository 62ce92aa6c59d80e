//! Desks on either API, and the documents' examples.

use switchyard_sdk::testing;
use switchyard_sdk::trading::{Amend, Place};
use switchyard_sdk::types::{
    Instrument, OrderRef, OrderType, Payoff, Product, QuantityUnit, Side, TimeInForce,
};

pub(crate) use crate::calls::*;

/// 2026-11-21 in UTC.
pub(crate) const NOW: u64 = 1_795_219_200_000;

/// Both APIs: alias and root of the paths.
pub(crate) const BOTH: [(&str, &str); 2] = [("usdm", "/fapi"), ("coinm", "/dapi")];

fn linear() -> Instrument {
    Instrument {
        symbol: "BTC/USDT:USDT".to_owned(),
        product: Product::UsdMPerpetual,
        payoff: Payoff::Linear,
        ..testing::spot("usdm", "BTCUSDT", "BTC", "USDT")
    }
}

fn inverse() -> Instrument {
    Instrument {
        symbol: "BTC/USD:BTC".to_owned(),
        product: Product::UsdCPerpetual,
        payoff: Payoff::Inverse,
        settle: "BTC".to_owned(),
        quantity_unit: QuantityUnit::Contracts,
        contract_size: "100".to_owned(),
        hints: vec![("onboardDate".to_owned(), "1597042800000".to_owned())],
        ..testing::spot("coinm", "BTCUSD_PERP", "BTC", "USD")
    }
}

impl Desk {
    /// A desk on BTC.
    pub(crate) fn on(endpoint: &str) -> Self {
        let instrument = if endpoint == "usdm" {
            linear()
        } else {
            inverse()
        };
        Self::at(NOW, instrument, [linear(), inverse()])
    }

    pub(crate) fn everywhere(endpoint: &str) -> Self {
        Self::on(endpoint).without_instrument()
    }

    pub(crate) fn symbol(&self) -> &'static str {
        if self.context.endpoint == "usdm" {
            "BTCUSDT"
        } else {
            "BTCUSD_PERP"
        }
    }
}

pub(crate) fn limit_order() -> Place {
    Place {
        client_id: "abc".to_owned(),
        side: Side::Buy,
        order_type: OrderType::Limit,
        quantity: "1".to_owned(),
        price: Some("9000".to_owned()),
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
    }
}

/// A change of nothing yet, to an open order of 10 at 9000.
pub(crate) fn amend() -> Amend {
    Amend {
        order: OrderRef {
            venue_id: Some("1917641".to_owned()),
            client_id: Some("abc".to_owned()),
        },
        side: Side::Buy,
        time_in_force: Some(TimeInForce::Gtc),
        reduce_only: false,
        current_quantity: "10".to_owned(),
        current_price: Some("9000".to_owned()),
        filled_quantity: "0".to_owned(),
        quantity: None,
        price: None,
        new_client_id: "unused".to_owned(),
    }
}

/// A change of the price alone.
pub(crate) fn dearer() -> Amend {
    Amend {
        price: Some("9100".to_owned()),
        ..amend()
    }
}

/// An order as `GET /fapi/v1/order` gives it, made at `time`.
pub(crate) fn order(symbol: &str, id: u64, time: u64) -> String {
    format!(
        r#"{{"avgPrice":"0.00000","clientOrderId":"abc","cumQuote":"0","executedQty":"0","orderId":{id},
        "origQty":"10","origType":"LIMIT","price":"9000","reduceOnly":false,"side":"BUY",
        "positionSide":"BOTH","status":"NEW","stopPrice":"0","closePosition":false,"symbol":"{symbol}",
        "time":{time},"timeInForce":"GTC","type":"LIMIT","updateTime":{time},
        "workingType":"CONTRACT_PRICE","priceProtect":false,"priceMatch":"NONE",
        "selfTradePreventionMode":"NONE","goodTillDate":0}}"#
    )
}

/// A conditional order as `GET /fapi/v1/algoOrder` gives it.
pub(crate) fn algo(id: u64, status: &str, time: u64) -> String {
    format!(
        r#"{{"algoId":{id},"clientAlgoId":"6B2I9XVcJpCjqPAJ4YoFX7","algoType":"CONDITIONAL",
        "orderType":"TAKE_PROFIT","symbol":"BTCUSDT","side":"SELL","positionSide":"BOTH",
        "timeInForce":"GTC","quantity":"0.01","algoStatus":"{status}","actualOrderId":"",
        "actualPrice":"0.00000","triggerPrice":"750.000","price":"750.000","icebergQuantity":null,
        "tpTriggerPrice":"0.000","selfTradePreventionMode":"EXPIRE_MAKER",
        "workingType":"CONTRACT_PRICE","priceMatch":"NONE","closePosition":false,"priceProtect":false,
        "reduceOnly":true,"createTime":{time},"updateTime":{time},"triggerTime":0,"goodTillDate":0}}"#
    )
}

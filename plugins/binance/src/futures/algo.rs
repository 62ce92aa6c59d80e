//! Conditional orders, which live apart from the ordinary ones: on USD-M since December 2025, on COIN-M
//! with its migration, where clients (ccxt) have found the same endpoints and weights.
//!
//! The gateway places none, but other clients of the account may. They are told from ordinary orders by a
//! prefix on their id. Once triggered, a conditional order lives on as an ordinary one under another id
//! (`actualOrderId`), with fills of its own.

use std::borrow::Cow;

use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};
use switchyard_sdk::Context;
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::log::Level;
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{
    Error, HttpRequest, HttpResponse, Method, OrderRef, OrderReport, OrderState, OrderType,
    Timestamp,
};

use super::dialect::Dialect;
use super::signed;
use crate::enums::{is_number, side, time_in_force};
use crate::failures;
use crate::names::Names;
use crate::walk::Row;

/// What the ids of conditional orders begin with here; Binance's own are numbers.
const PREFIX: &str = "algo-";

/// A conditional order in an answer. Like an ordinary one, it travels between steps as a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAlgo<'a> {
    #[serde(borrow)]
    pub(super) symbol: Cow<'a, str>,
    algo_id: u64,
    #[serde(borrow)]
    client_algo_id: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow, default)]
    time_in_force: Option<Cow<'a, str>>,
    #[serde(borrow)]
    algo_status: Cow<'a, str>,
    quantity: Exact,
    #[serde(default)]
    price: Option<Exact>,
    /// "Empty string if not triggered; orderId if triggered."
    #[serde(borrow, default)]
    actual_order_id: Option<Cow<'a, str>>,
    /// "0 if not triggered; average price if filled/partially filled."
    #[serde(default)]
    actual_price: Option<Exact>,
    /// "Only present when filled/partially filled."
    #[serde(default)]
    actual_qty: Option<Exact>,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    close_position: bool,
    create_time: Millis,
    #[serde(default)]
    update_time: Option<Millis>,
}

impl Serialize for WireAlgo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_tuple(15)?;
        fields.serialize_element(&self.symbol)?;
        fields.serialize_element(&self.algo_id)?;
        fields.serialize_element(&self.client_algo_id)?;
        fields.serialize_element(&self.side)?;
        fields.serialize_element(&self.time_in_force)?;
        fields.serialize_element(&self.algo_status)?;
        fields.serialize_element(self.quantity.as_str())?;
        fields.serialize_element(&self.price.as_ref().map(Exact::as_str))?;
        fields.serialize_element(&self.actual_order_id)?;
        fields.serialize_element(&self.actual_price.as_ref().map(Exact::as_str))?;
        fields.serialize_element(&self.actual_qty.as_ref().map(Exact::as_str))?;
        fields.serialize_element(&self.reduce_only)?;
        fields.serialize_element(&self.close_position)?;
        fields.serialize_element(&self.create_time.0)?;
        fields.serialize_element(&self.update_time.map(|time| time.0))?;
        fields.end()
    }
}

impl Row for WireAlgo<'_> {
    fn id(&self) -> u64 {
        self.algo_id
    }

    fn time(&self) -> Result<Timestamp, Error> {
        Ok(self.create_time.0)
    }
}

impl WireAlgo<'_> {
    /// The ordinary order that it has become, once triggered.
    pub(super) fn actual_order(&self) -> Option<&str> {
        self.actual_order_id.as_deref().filter(|id| is_number(id))
    }

    /// The contract's report.
    pub(super) fn report(self, names: &mut Names<'_, '_>) -> Result<OrderReport, Error> {
        if self.quantity.is_negative() || self.actual_qty.as_ref().is_some_and(Exact::is_negative) {
            return Err(Error::malformed("a negative quantity"));
        }
        let state = self.state()?;
        Ok(OrderReport {
            symbol: names.of(&self.symbol)?,
            venue_id: format!("{PREFIX}{}", self.algo_id),
            client_id: (!self.client_algo_id.is_empty()).then(|| self.client_algo_id.into_owned()),
            side: side(&self.side)?,
            order_type: OrderType::Other,
            time_in_force: self.time_in_force.as_deref().and_then(time_in_force),
            reduce_only: self.reduce_only,
            quantity: (!self.close_position).then(|| self.quantity.into_string()),
            price: self.price.and_then(Exact::non_zero),
            state,
            filled_quantity: self
                .actual_qty
                .map_or_else(|| "0".to_owned(), Exact::into_string),
            average_price: self.actual_price.and_then(Exact::non_zero),
            created_at: Some(self.create_time.0),
            updated_at: self.update_time.map(|time| time.0),
            reason: (state == OrderState::Rejected).then(|| self.algo_status.into_owned()),
        })
    }

    fn state(&self) -> Result<OrderState, Error> {
        let filled = match &self.actual_qty {
            Some(filled) => filled.value()?,
            None => rust_decimal::Decimal::ZERO,
        };
        Ok(match &*self.algo_status {
            "NEW" => OrderState::New,
            "TRIGGERING" | "TRIGGERED" if filled.is_zero() => OrderState::New,
            "TRIGGERING" | "TRIGGERED" => OrderState::PartiallyFilled,
            "FINISHED" if filled.is_zero() => OrderState::Canceled,
            "FINISHED" if self.close_position || filled >= self.quantity.value()? => {
                OrderState::Filled
            }
            "FINISHED" | "CANCELED" => OrderState::Canceled,
            "REJECTED" => OrderState::Rejected,
            "EXPIRED" => OrderState::Expired,
            _ => return Err(Error::malformed("an algo status that is not documented")),
        })
    }
}

/// The conditional order that is meant, where its id says that it is one.
pub(super) fn id_of(order: &OrderRef) -> Option<&str> {
    let id = order.venue_id.as_deref()?.strip_prefix(PREFIX)?;
    is_number(id).then_some(id)
}

/// Reads a list of conditional orders. An API that does not serve the path yet has none apart.
pub(super) fn list<'a>(
    cx: &Context<'_>,
    dialect: &Dialect,
    response: &'a HttpResponse,
) -> Result<Vec<WireAlgo<'a>>, Error> {
    if is_not_served(response) {
        cx.log(Level::Warn, "conditional orders are not served apart here");
        return Ok(Vec::new());
    }
    failures::accept(cx, dialect.errors, response, false)
}

/// Whether an API says that it has no such path.
pub(super) fn is_not_served(response: &HttpResponse) -> bool {
    response.status == 404
}

/// A request about one conditional order.
pub(super) fn about(
    cx: &Context<'_>,
    dialect: &Dialect,
    method: Method,
    id: &str,
) -> Result<HttpRequest, Error> {
    let query = dialect.query("/v1/algoOrder").with("algoId", id);
    signed(cx, dialect, method, query, 1)
}

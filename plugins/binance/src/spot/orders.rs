//! An order as Binance writes it in every answer, and as the contract reports it.

use std::borrow::Cow;

use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};
use switchyard_sdk::decimal::{self, Exact};
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{Error, OrderReport, OrderType, TimeInForce, Timestamp};

use crate::enums::{side, state, time_in_force, time_in_force_name};
use crate::names::Names;

/// An order in an answer: placed (`RESULT`), queried, listed, cancelled or amended.
///
/// It is written as a bare list of its fields, in this order, to be carried from step to step; serde
/// reads a struct from either form.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireOrder<'a> {
    #[serde(borrow)]
    pub(super) symbol: Cow<'a, str>,
    pub(super) order_id: u64,
    #[serde(borrow)]
    client_order_id: Cow<'a, str>,
    /// The id the order had, where `client_order_id` names the cancel or the amendment.
    #[serde(borrow, default)]
    orig_client_order_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    time_in_force: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    price: Exact,
    #[serde(alias = "qty")]
    orig_qty: Exact,
    executed_qty: Exact,
    /// Below zero: "the data is not available at this time".
    #[serde(alias = "cumulativeQuoteQty", default)]
    cummulative_quote_qty: Option<Exact>,
    #[serde(alias = "quoteOrderQty", default)]
    orig_quote_order_qty: Option<Exact>,
    #[serde(default)]
    time: Option<Millis>,
    #[serde(default)]
    update_time: Option<Millis>,
    #[serde(default)]
    pub(super) transact_time: Option<Millis>,
    #[serde(borrow, default)]
    expiry_reason: Option<Cow<'a, str>>,
}

impl Serialize for WireOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_tuple(17)?;
        fields.serialize_element(&self.symbol)?;
        fields.serialize_element(&self.order_id)?;
        fields.serialize_element(&self.client_order_id)?;
        fields.serialize_element(&self.orig_client_order_id)?;
        fields.serialize_element(&self.side)?;
        fields.serialize_element(&self.kind)?;
        fields.serialize_element(&self.time_in_force)?;
        fields.serialize_element(&self.status)?;
        fields.serialize_element(self.price.as_str())?;
        fields.serialize_element(self.orig_qty.as_str())?;
        fields.serialize_element(self.executed_qty.as_str())?;
        fields.serialize_element(&self.cummulative_quote_qty.as_ref().map(Exact::as_str))?;
        fields.serialize_element(&self.orig_quote_order_qty.as_ref().map(Exact::as_str))?;
        fields.serialize_element(&self.time.map(|time| time.0))?;
        fields.serialize_element(&self.update_time.map(|time| time.0))?;
        fields.serialize_element(&self.transact_time.map(|time| time.0))?;
        fields.serialize_element(&self.expiry_reason)?;
        fields.end()
    }
}

/// What an answer is about, which decides what its names and times mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The order as it is.
    Order,
    /// The order just placed, whose `transactTime` is its birth.
    Placement,
    /// A cancel of the order, which has an id of its own.
    Cancel,
    /// A change of the order, which may have given it another id.
    Amendment,
}

impl WireOrder<'_> {
    /// When the order was created, where the answer says.
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        self.time.map(|time| time.0)
    }

    /// The contract's report.
    pub(super) fn report(self, names: &mut Names<'_, '_>, of: Of) -> Result<OrderReport, Error> {
        let state = state(&self.status)?;
        let (order_type, time_in_force) = match &*self.kind {
            "MARKET" => (OrderType::Market, None),
            "LIMIT" => (
                OrderType::Limit,
                self.time_in_force.as_deref().and_then(time_in_force),
            ),
            "LIMIT_MAKER" => (OrderType::Limit, Some(TimeInForce::Gtx)),
            _ => (
                OrderType::Other,
                self.time_in_force.as_deref().and_then(time_in_force),
            ),
        };
        if self.executed_qty.is_negative() || self.orig_qty.is_negative() {
            return Err(Error::malformed("a negative quantity"));
        }
        let average_price = match &self.cummulative_quote_qty {
            Some(total)
                if !total.is_negative() && !total.is_zero() && !self.executed_qty.is_zero() =>
            {
                decimal::quotient(total.value()?, self.executed_qty.value()?)
            }
            _ => None,
        };
        let in_quote = self
            .orig_quote_order_qty
            .is_some_and(|quantity| !quantity.is_zero());
        let transacted = self.transact_time.map(|time| time.0);
        let client_id = match (of, self.orig_client_order_id) {
            (Of::Cancel, Some(original)) => original,
            _ => self.client_order_id,
        };
        Ok(OrderReport {
            symbol: names.of(&self.symbol)?,
            venue_id: self.order_id.to_string(),
            client_id: (!client_id.is_empty()).then(|| client_id.into_owned()),
            side: side(&self.side)?,
            order_type,
            time_in_force,
            reduce_only: false,
            quantity: (!in_quote).then(|| self.orig_qty.into_string()),
            price: self.price.non_zero(),
            state,
            filled_quantity: self.executed_qty.into_string(),
            average_price,
            created_at: match of {
                Of::Placement => transacted,
                Of::Order | Of::Cancel | Of::Amendment => self.time.map(|time| time.0),
            },
            updated_at: self.update_time.map(|time| time.0).or(transacted),
            reason: match &*self.status {
                "REJECTED" | "EXPIRED_IN_MATCH" => {
                    Some(self.expiry_reason.unwrap_or(self.status).into_owned())
                }
                _ => self.expiry_reason.map(Cow::into_owned),
            },
        })
    }
}

/// The `type` and, where it takes one, the `timeInForce` of a limit order.
pub(super) fn limit_names(time_in_force: TimeInForce) -> (&'static str, Option<&'static str>) {
    match time_in_force {
        TimeInForce::Gtx => ("LIMIT_MAKER", None),
        other => ("LIMIT", Some(time_in_force_name(other))),
    }
}

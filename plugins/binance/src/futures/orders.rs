//! An order as the futures APIs write it in every answer, and as the contract reports it.

use std::borrow::Cow;

use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::time::Millis;
use switchyard_sdk::types::{Error, OrderReport, OrderType, Timestamp};

use crate::enums::{side, state, time_in_force};
use crate::names::Names;
use crate::walk::Row;

/// An order in an answer: placed (`RESULT`), queried, listed, cancelled or changed.
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
    #[serde(borrow)]
    side: Cow<'a, str>,
    /// What the order is now: a stop that was triggered is `MARKET` or `LIMIT`, and its `origType` a stop.
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    time_in_force: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    price: Exact,
    #[serde(default)]
    avg_price: Option<Exact>,
    orig_qty: Exact,
    executed_qty: Exact,
    #[serde(default)]
    reduce_only: bool,
    /// Whatever the position is then; `origQty` is zero.
    #[serde(default)]
    close_position: bool,
    #[serde(default)]
    time: Option<Millis>,
    #[serde(default)]
    update_time: Option<Millis>,
}

impl Serialize for WireOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_tuple(15)?;
        fields.serialize_element(&self.symbol)?;
        fields.serialize_element(&self.order_id)?;
        fields.serialize_element(&self.client_order_id)?;
        fields.serialize_element(&self.side)?;
        fields.serialize_element(&self.kind)?;
        fields.serialize_element(&self.time_in_force)?;
        fields.serialize_element(&self.status)?;
        fields.serialize_element(self.price.as_str())?;
        fields.serialize_element(&self.avg_price.as_ref().map(Exact::as_str))?;
        fields.serialize_element(self.orig_qty.as_str())?;
        fields.serialize_element(self.executed_qty.as_str())?;
        fields.serialize_element(&self.reduce_only)?;
        fields.serialize_element(&self.close_position)?;
        fields.serialize_element(&self.time.map(|time| time.0))?;
        fields.serialize_element(&self.update_time.map(|time| time.0))?;
        fields.end()
    }
}

impl Row for WireOrder<'_> {
    fn id(&self) -> u64 {
        self.order_id
    }

    fn time(&self) -> Result<Timestamp, Error> {
        self.time
            .map(|time| time.0)
            .ok_or_else(|| Error::malformed("a listed order without its time"))
    }
}

impl WireOrder<'_> {
    /// The contract's report.
    pub(super) fn report(self, names: &mut Names<'_, '_>) -> Result<OrderReport, Error> {
        let order_type = match &*self.kind {
            "MARKET" => OrderType::Market,
            "LIMIT" => OrderType::Limit,
            _ => OrderType::Other,
        };
        if self.executed_qty.is_negative() || self.orig_qty.is_negative() {
            return Err(Error::malformed("a negative quantity"));
        }
        Ok(OrderReport {
            symbol: names.of(&self.symbol)?,
            venue_id: self.order_id.to_string(),
            client_id: (!self.client_order_id.is_empty())
                .then(|| self.client_order_id.into_owned()),
            side: side(&self.side)?,
            order_type,
            time_in_force: match order_type {
                OrderType::Market => None,
                _ => self.time_in_force.as_deref().and_then(time_in_force),
            },
            reduce_only: self.reduce_only,
            quantity: if self.close_position {
                None
            } else {
                self.orig_qty.non_zero()
            },
            price: self.price.non_zero(),
            state: state(&self.status)?,
            filled_quantity: self.executed_qty.into_string(),
            average_price: self.avg_price.and_then(Exact::non_zero),
            created_at: self.time.map(|time| time.0),
            updated_at: self.update_time.map(|time| time.0),
            reason: matches!(&*self.status, "REJECTED" | "EXPIRED_IN_MATCH")
                .then(|| self.status.into_owned()),
        })
    }

    /// The report of an order that this answer is the first to tell of: it was made when it was updated.
    pub(super) fn first_report(mut self, names: &mut Names<'_, '_>) -> Result<OrderReport, Error> {
        self.time = self.time.or(self.update_time);
        self.report(names)
    }
}

//! Ids for orders that other clients of the account placed: they name the order at its venue.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use switchyard_runtime::GetOrder;
use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::wit::types as wit;

use crate::model::{Failure, FailureCode, Order, OrderId, OrderReport, Origin, Timestamp};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::venue::{Ask, Venue};

/// What an id of an external order begins with; no id of our own does.
const PREFIX: &str = "ext-";

/// Where an external order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExternalOrder {
    pub(super) venue: String,
    pub(super) symbol: String,
    pub(super) venue_order_id: String,
}

impl ExternalOrder {
    pub(super) fn id(&self) -> OrderId {
        let plain = [self.venue.as_str(), &self.symbol, &self.venue_order_id].join("\n");
        OrderId::from_text(&format!(
            "{PREFIX}{}",
            BASE64URL_NOPAD.encode(plain.as_bytes())
        ))
    }

    pub(super) fn of(id: &OrderId) -> Option<Self> {
        let encoded = id.as_str().strip_prefix(PREFIX)?;
        let plain = String::from_utf8(BASE64URL_NOPAD.decode(encoded.as_bytes()).ok()?).ok()?;
        let mut parts = plain.split('\n').map(str::to_owned);
        let (venue, symbol, venue_order_id) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(Self {
            venue,
            symbol,
            venue_order_id,
        })
    }
}

/// An order of another client, as this gateway shows it.
pub(super) fn external_order(venue: &str, report: OrderReport) -> Order {
    let place = ExternalOrder {
        venue: venue.to_owned(),
        symbol: report.symbol.clone(),
        venue_order_id: report.venue_order_id.clone(),
    };
    let now = Timestamp::now();
    Order {
        id: place.id(),
        venue: venue.to_owned(),
        symbol: report.symbol,
        side: report.side,
        order_type: report.order_type,
        quantity: report.quantity,
        price: report.price,
        time_in_force: report.time_in_force,
        reduce_only: report.reduce_only,
        state: report.state,
        filled_quantity: report.filled_quantity,
        average_price: report.average_price,
        venue_order_id: Some(report.venue_order_id),
        client_order_id: report.client_id,
        origin: Origin::External,
        reason: report.reason,
        served_by: Some(venue.to_owned()),
        failover: None,
        created_at: report.created_at.or(report.updated_at).unwrap_or(now),
        updated_at: report.updated_at.unwrap_or(now),
    }
}

/// An order as the venue has it, by the venue's own id, whoever placed it.
pub(super) async fn look_up_by_venue_id(
    venue: &Arc<Venue>,
    symbol: &str,
    venue_order_id: &str,
    deadline: Deadline,
) -> Result<OrderReport, Failure> {
    let not_listed = || {
        let message = format!("{} does not list {symbol}", venue.name());
        Failure::not_sent(FailureCode::OrderNotFound, message)
    };
    let listed = venue.instrument(symbol).ok_or_else(not_listed)?;
    let command = wit_trading::GetOrder {
        order: wit::OrderRef {
            venue_id: Some(venue_order_id.to_owned()),
            client_id: None,
        },
    };
    let ask = Ask::<GetOrder> {
        endpoint: &listed.instrument.endpoint,
        instrument: Some(&listed),
        command,
        deadline,
    };
    let report = Box::pin(venue.read(ask)).await?;
    translate::order_report(report).map_err(translate::unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_external_order_leads_back_to_it() {
        let order = ExternalOrder {
            venue: "sim".into(),
            symbol: "BTC/USD:BTC-261225".into(),
            venue_order_id: "a/b".into(),
        };
        assert_eq!(ExternalOrder::of(&order.id()), Some(order));
        for id in ["", "ext-", "ext-!!", "swy123", "ext-YQ"] {
            assert_eq!(ExternalOrder::of(&OrderId::from_text(id)), None, "{id}");
        }
    }
}

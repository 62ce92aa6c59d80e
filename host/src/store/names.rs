//! What orders go by at venues.

use std::collections::HashSet;

use crate::model::OrderRecord;

/// What an order goes by at a venue: the venue, the symbol there, the venue's id.
pub(super) type VenueName = (String, String, String);

/// Everything that the order goes by, or went by, at any venue.
pub(super) fn venue_names(record: &OrderRecord) -> HashSet<VenueName> {
    let past = record.past_legs.iter();
    let past = past.filter_map(|leg| leg.venue_order_id.as_ref());
    let own = record.order.venue_order_id.iter().chain(past);
    let own = own.map(|id| (record.at_venue(), &record.order.symbol, id));
    let elsewhere = record.left.iter().filter_map(|left| {
        let report = left.surfaced.as_ref()?;
        Some((left.venue.as_str(), &left.symbol, &report.venue_order_id))
    });
    own.chain(elsewhere)
        .map(|(venue, symbol, id)| (venue.to_owned(), symbol.clone(), id.clone()))
        .collect()
}

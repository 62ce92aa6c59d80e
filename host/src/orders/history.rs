//! What a venue itself remembers: the account's orders, and which of them are the gateway's own.

use std::collections::HashMap;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use switchyard_runtime::ListHistory;
use switchyard_runtime::wit::descriptor::EndpointRules;
use switchyard_runtime::wit::trading as wit_trading;

use super::external::external_order;
use super::list::oldest_first;
use super::service::{Caller, OrderError, Orders};
use super::validate::FieldProblem;
use crate::model::{Failure, FailureCode, Fate, Order, OrderId, OrderReport, Timestamp};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::store::{StoreError, VenueOrderName};
use crate::venue::{Ask, Listed, Venue};

/// A place in a venue's history: a time, and what was shown of it already.
///
/// Venues page by time, and several things may happen in one millisecond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenuePlace {
    at: Timestamp,
    shown: Vec<String>,
}

impl VenuePlace {
    /// Opaque text for callers.
    pub fn encode(&self) -> String {
        let plain = format!("{}\n{}", self.at.as_millis(), self.shown.join("\n"));
        BASE64URL_NOPAD.encode(plain.as_bytes())
    }

    /// The place of a text; none where it is not one of ours.
    pub fn decode(text: &str) -> Option<Self> {
        let plain = String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()?;
        let mut lines = plain.split('\n');
        let at = Timestamp::from_millis(lines.next()?.parse().ok()?);
        let shown = lines
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Some(Self { at, shown })
    }
}

/// A range of a venue's history that is asked for.
#[derive(Debug, Clone)]
pub struct HistoryRange {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    /// Where an earlier page ended.
    pub after: Option<VenuePlace>,
    /// At most this many.
    pub limit: u32,
}

impl HistoryRange {
    /// Where the venue is asked to begin.
    pub(super) fn since(&self) -> Timestamp {
        let after = self.after.as_ref().map(|place| place.at);
        after.map_or(self.from, |at| at.max(self.from))
    }

    /// How many the venue is asked for: those shown already come again.
    pub(super) fn wanted(&self) -> u32 {
        let shown = self.after.as_ref().map_or(0, |place| place.shown.len());
        self.limit
            .saturating_add(u32::try_from(shown).unwrap_or(u32::MAX))
    }

    /// Cuts a page out of what was found, oldest first, and says where the next begins. `read_until` is how
    /// far the range was read, where that was not to its end.
    pub(super) fn page<T>(
        &self,
        mut found: Vec<T>,
        read_until: Option<Timestamp>,
        name: impl Fn(&T) -> (Timestamp, String),
    ) -> (Vec<T>, Option<VenuePlace>) {
        if let Some(until) = read_until {
            // Of what lies behind, some may be missing: it comes with the next page.
            found.retain(|item| name(item).0 <= until);
        }
        if let Some(place) = &self.after {
            found.retain(|item| {
                let (at, name) = name(item);
                at != place.at || !place.shown.contains(&name)
            });
        }
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let cut_at = found.len().gt(&limit).then(|| {
            found.truncate(limit);
            found.last().map(|last| name(last).0)
        });
        let next = cut_at.flatten().or(read_until).map(|at| {
            let mut shown: Vec<String> = found
                .iter()
                .map(&name)
                .filter(|(other, _)| *other == at)
                .map(|(_, name)| name)
                .collect();
            if let Some(place) = self.after.as_ref().filter(|place| place.at == at) {
                shown.extend(place.shown.iter().cloned());
            }
            VenuePlace { at, shown }
        });
        (found, next)
    }
}

impl HistoryRange {
    /// How far a venue read the range, where that was not to its end.
    ///
    /// # Errors
    /// Where that is nowhere: the next page would be this one.
    pub(super) fn read_until(
        &self,
        told: Option<u64>,
        is_empty: bool,
    ) -> Result<Option<Timestamp>, Failure> {
        let until = told.map(translate::timestamp);
        if is_empty && until.is_some_and(|until| until <= self.since()) {
            let message = "the adapter read nothing of the range and says that there is more";
            return Err(Failure::new(
                FailureCode::AdapterFailed,
                Fate::Refused,
                message,
            ));
        }
        Ok(until.filter(|until| *until < self.to))
    }
}

/// The earlier of two places where reading stopped.
pub(super) fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// What is asked of a venue's own history.
#[derive(Debug, Clone)]
pub struct HistoryAsked {
    /// Venue.
    pub venue: String,
    /// Unified symbol; some venues have no history without it.
    pub symbol: Option<String>,
    /// Which part of it.
    pub range: HistoryRange,
}

/// A page of a venue's own history.
#[derive(Debug, Clone)]
pub struct VenueHistory {
    /// Oldest first.
    pub orders: Vec<Order>,
    /// Where the next page begins, if there is one.
    pub next: Option<VenuePlace>,
    /// Whether the range lies within what the venue remembers.
    pub complete: bool,
}

/// Whether a venue remembers as far back as this.
pub(super) fn remembers(horizons: [Option<u64>; 2], from: Timestamp) -> bool {
    let age = Timestamp::now().since(from).as_millis();
    let mut horizons = horizons.into_iter().flatten();
    horizons.all(|remembered| age <= u128::from(remembered))
}

impl Orders {
    /// The account's orders as the venue itself remembers them.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] where the venue needs a symbol, or the venue's failure.
    pub async fn venue_history(
        &self,
        caller: &Caller,
        asked: HistoryAsked,
        deadline: Deadline,
    ) -> Result<VenueHistory, OrderError> {
        let venue = self.venue("venue", &asked.venue)?.clone();
        let listed = asked
            .symbol
            .as_deref()
            .map(|symbol| self.instrument(&venue, symbol))
            .transpose()?;
        let range = &asked.range;
        let (mut reports, mut read_until, mut complete) = (Vec::new(), None, true);
        for rules in history_rules(&venue, listed.as_ref())? {
            let command = wit_trading::ListHistory {
                since: translate::millis(range.since()),
                before: translate::millis(range.to),
                limit: range.wanted(),
            };
            let ask = Ask::<ListHistory> {
                endpoint: &rules.endpoint,
                instrument: listed.as_ref(),
                command,
                deadline,
            };
            let failed = |failure: Failure| OrderError::Venue {
                venue: venue.name().to_owned(),
                failure: Box::new(failure),
                order_id: None,
            };
            let page = venue.read(ask).await.map_err(failed)?;
            let found = translate::order_reports(page.orders)
                .map_err(|error| failed(translate::unreadable(error)))?;
            let within = |report: &OrderReport| {
                report
                    .created_at
                    .is_none_or(|at| at >= range.since() && at < range.to)
            };
            let found: Vec<OrderReport> = found.into_iter().filter(within).collect();
            let part = range.read_until(page.read_until, found.is_empty());
            read_until = earliest(read_until, part.map_err(failed)?);
            reports.extend(found);
            complete &= remembers(
                [rules.unfilled_history_ms, rules.filled_history_ms],
                range.from,
            );
        }
        reports.sort_by(|a, b| {
            (a.created_at, &a.venue_order_id).cmp(&(b.created_at, &b.venue_order_id))
        });
        let (reports, next) = range.page(reports, read_until, |report| {
            let at = report.created_at.unwrap_or(range.from);
            (at, report.venue_order_id.clone())
        });
        let mut orders = self.recognised(caller, &venue, reports).await?;
        oldest_first(&mut orders);
        Ok(VenueHistory {
            orders,
            next,
            complete,
        })
    }

    /// Orders from a venue's reports: our own brought up to date and shown once however many legs they
    /// have, other tenants' left out, those too that the journal keeps no more, the rest marked external.
    pub(super) async fn recognised(
        &self,
        caller: &Caller,
        venue: &Arc<Venue>,
        reports: Vec<OrderReport>,
    ) -> Result<Vec<Order>, StoreError> {
        let (mut known, mut named) = self.known_of(venue, &reports).await?;
        if self.take_sightings(venue, &reports, &known).await? {
            (known, named) = self.known_of(venue, &reports).await?;
        }
        let mut orders: Vec<Order> = Vec::with_capacity(reports.len());
        let mut places: HashMap<OrderId, usize> = HashMap::new();
        for report in reports {
            let by_client_id = report.client_id.as_deref().and_then(OrderId::recognise);
            let ours = by_client_id.or_else(|| named.get(&name_of(&report)).cloned());
            let recorded = ours.as_ref().and_then(|id| known.remove_entry(id));
            let Some((id, record)) = recorded else {
                if !self.adoption.hides(ours.as_ref(), &caller.tenant) {
                    orders.push(external_order(venue.name(), report));
                }
                continue;
            };
            // Whatever else is strange about it: it is another tenant's business.
            if !caller.sees(&record) {
                known.insert(id, record);
                continue;
            }
            if record.at_venue() != venue.name() || record.difference(&report).is_some() {
                known.insert(id, record);
                orders.push(external_order(venue.name(), report));
                continue;
            }
            let (record, _) = self.observe_if_possible(record, report).await?;
            match places.get(&id).and_then(|place| orders.get_mut(*place)) {
                Some(shown) => *shown = record.order.clone(),
                None => {
                    places.insert(id.clone(), orders.len());
                    orders.push(record.order.clone());
                }
            }
            known.insert(id, record);
        }
        Ok(orders)
    }

    /// Orders of other clients among a venue's reports.
    pub(super) async fn foreign(
        &self,
        caller: &Caller,
        venue: &Arc<Venue>,
        mut reports: Vec<OrderReport>,
    ) -> Result<Vec<Order>, StoreError> {
        let (known, named) = self.known_of(venue, &reports).await?;
        reports.retain(|report| {
            let by_client_id = report.client_id.as_deref().and_then(OrderId::recognise);
            let ours = by_client_id.or_else(|| named.get(&name_of(report)).cloned());
            let is_known = ours.as_ref().is_some_and(|id| known.contains_key(id));
            !is_known && !self.adoption.hides(ours.as_ref(), &caller.tenant)
        });
        let orders = reports.into_iter();
        Ok(orders
            .map(|report| external_order(venue.name(), report))
            .collect())
    }

    /// The journal's records of reported orders, by their ids; and those ids by the venue's names.
    pub(super) async fn known_of(
        &self,
        venue: &Venue,
        reports: &[OrderReport],
    ) -> Result<
        (
            HashMap<OrderId, crate::model::OrderRecord>,
            HashMap<VenueOrderName, OrderId>,
        ),
        StoreError,
    > {
        let unnamed = reports.iter().filter(|report| report.client_id.is_none());
        let names: Vec<VenueOrderName> = unnamed.map(name_of).collect();
        let named = if names.is_empty() {
            HashMap::new()
        } else {
            self.journal.of_venue_ids(venue.name(), names).await?
        };
        let ids = reports
            .iter()
            .filter_map(|report| OrderId::recognise(report.client_id.as_deref()?))
            .chain(named.values().cloned());
        let known = self.journal.records(ids.collect()).await?;
        Ok((known, named))
    }
}

fn name_of(report: &OrderReport) -> VenueOrderName {
    VenueOrderName {
        symbol: report.symbol.clone(),
        venue_order_id: report.venue_order_id.clone(),
    }
}

/// The endpoints to ask, each with its rules; a symbol must be given where one has no history without it.
pub(super) fn history_rules(
    venue: &Arc<Venue>,
    listed: Option<&Arc<Listed>>,
) -> Result<Vec<EndpointRules>, OrderError> {
    let endpoints: Vec<&str> = match listed {
        Some(listed) => vec![listed.instrument.endpoint.as_str()],
        None => venue.endpoints().collect(),
    };
    let rules: Vec<EndpointRules> = endpoints
        .into_iter()
        .filter_map(|endpoint| venue.rules(endpoint))
        .collect();
    if listed.is_none() && rules.iter().any(|rules| !rules.history_without_instrument) {
        let problem = format!(
            "must be given: {} lists history by instrument only",
            venue.name()
        );
        return Err(OrderError::Invalid(vec![FieldProblem::absent(
            "symbol", problem,
        )]));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(after: Option<VenuePlace>) -> HistoryRange {
        HistoryRange {
            from: Timestamp::from_millis(0),
            to: Timestamp::from_millis(100),
            after,
            limit: 2,
        }
    }

    #[test]
    fn a_range_that_is_read_in_parts_goes_on_where_the_slowest_part_stopped() {
        let at = Timestamp::from_millis;
        assert_eq!(earliest(Some(at(7)), Some(at(5))), Some(at(5)));
        let found = vec![(1, 0), (9, 1)]; // from a part that was read to its end
        let (page, next) = range(None).page(found, Some(at(5)), |item: &(i64, u32)| {
            (at(item.0), item.1.to_string())
        });
        assert_eq!(page, [(1, 0)]);
        assert_eq!(
            next.map(|place| (place.at, place.shown)),
            Some((at(5), vec![]))
        );
        let nothing = range(None).read_until(Some(0), true);
        assert!(nothing.is_err(), "it would be asked for without end");
        assert_eq!(range(None).read_until(Some(200), true), Ok(None));
    }

    #[test]
    fn pages_show_everything_once_even_where_many_share_a_millisecond() {
        let all: Vec<(i64, u32)> = vec![(1, 0), (5, 1), (5, 2), (5, 3), (5, 4), (5, 5), (7, 6)];
        let name = |item: &(i64, u32)| (Timestamp::from_millis(item.0), item.1.to_string());
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let range = range(after);
            let found: Vec<_> = all
                .iter()
                .filter(|item| Timestamp::from_millis(item.0) >= range.since())
                .copied()
                .collect();
            let wanted = range.wanted() as usize;
            let is_cut = found.len() > wanted;
            let cut: Vec<_> = found.into_iter().take(wanted).collect();
            let read_until = cut.last().filter(|_| is_cut).map(|last| name(last).0);
            let (page, next) = range.page(cut, read_until, name);
            seen.extend(page);
            let Some(next) = next else { break };
            after = VenuePlace::decode(&next.encode());
            assert_eq!(after, Some(next));
        }
        assert_eq!(seen, all);
    }
}

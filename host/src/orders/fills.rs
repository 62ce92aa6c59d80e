//! The account's fills, each with the order it belongs to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use switchyard_runtime::ListFills;
use switchyard_runtime::wit::trading as wit_trading;
use switchyard_runtime::wit::types as wit;
use utoipa::ToSchema;

use super::external::{ExternalOrder, look_up_by_venue_id};
use super::history::{HistoryRange, VenuePlace, earliest, history_rules, remembers};
use super::list::MAX_LOOKUPS;
use super::schedule::doubt;
use super::service::{Caller, OrderError, Orders, order_ref_of};
use crate::model::{
    Decimal, Failure, FillReport, Liquidity, OrderId, OrderRecord, Origin, Side, Timestamp,
};
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::store::VenueOrderName;
use crate::venue::{Ask, Listed, Venue};

/// How far a venue's clock may be from ours where the range is an order's life.
const CLOCK_MARGIN: Duration = Duration::from_secs(60);

/// One trade of one order.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Fill {
    /// The venue's id of the trade, unique at least per instrument.
    pub id: String,
    /// The order's id here.
    pub order_id: OrderId,
    /// Who placed the order.
    pub origin: Origin,
    /// Venue.
    pub venue: String,
    /// Unified symbol.
    pub symbol: String,
    /// The venue's id of the order, which an amend may have changed since.
    pub venue_order_id: String,
    /// Buy or sell.
    pub side: Side,
    /// In the instrument's quantity unit.
    pub quantity: Decimal,
    /// Price.
    pub price: Decimal,
    /// What was paid; negative is a rebate.
    pub fee: Option<Decimal>,
    /// Asset in which it was paid.
    pub fee_asset: Option<String>,
    /// Whether it added or took liquidity.
    pub liquidity: Option<Liquidity>,
    /// When.
    pub at: Timestamp,
}

/// Which fills are wanted.
#[derive(Debug, Clone)]
pub enum FillsOf {
    /// The account's at a venue, on one instrument or all.
    Account {
        /// Venue.
        venue: String,
        /// Unified symbol; some venues have no fills without it.
        symbol: Option<String>,
    },
    /// One order's, over all its legs.
    Order(OrderId),
}

/// A page of fills.
#[derive(Debug, Clone)]
pub struct FillsPage {
    /// Oldest first.
    pub fills: Vec<Fill>,
    /// Where the next page begins, if there is one.
    pub next: Option<VenuePlace>,
    /// Whether the range lies within what the venue remembers, and it is known whose all of them are.
    pub complete: bool,
}

impl Orders {
    /// A page of fills as the venue remembers them. Those of other tenants' orders are left out.
    ///
    /// # Errors
    /// [`OrderError::Invalid`] where the venue needs a symbol, [`OrderError::NotFound`], or the venue's failure.
    pub async fn fills(
        &self,
        caller: &Caller,
        of: FillsOf,
        range: HistoryRange,
        deadline: Deadline,
    ) -> Result<FillsPage, OrderError> {
        match of {
            FillsOf::Account { venue, symbol } => {
                let venue = self.venue("venue", &venue)?.clone();
                let listed = symbol
                    .map(|symbol| self.instrument(&venue, &symbol))
                    .transpose()?;
                let part = Part {
                    venue: &venue,
                    listed: listed.as_ref(),
                    order: None,
                };
                self.page_of(caller, &[part], range, deadline).await
            }
            FillsOf::Order(id) => {
                let record = self.own_order(caller, &id).await?;
                self.fills_of_order(caller, record, range, deadline).await
            }
        }
    }

    async fn fills_of_order(
        &self,
        caller: &Caller,
        record: OrderRecord,
        mut range: HistoryRange,
        deadline: Deadline,
    ) -> Result<FillsPage, OrderError> {
        let (venue, listed) =
            self.where_it_trades(&record)
                .map_err(|failure| OrderError::Venue {
                    venue: record.at_venue().to_owned(),
                    failure: Box::new(failure),
                    order_id: Some(record.order.id.clone()),
                })?;
        let margin = CLOCK_MARGIN.as_millis() as i64;
        let born = Timestamp::from_millis(record.order.created_at.as_millis() - margin);
        range.from = range.from.max(born);
        let past = record
            .past_legs
            .iter()
            .filter(|leg| leg.filled_quantity.is_positive())
            .map(|leg| (leg.venue_order_id.as_deref(), leg.client_id.as_str()));
        let current = (
            record.order.venue_order_id.as_deref(),
            record.client_id.as_str(),
        );
        let mut parts: Vec<Part<'_>> = past
            .chain([current])
            .filter(|(venue_id, _)| venue_id.is_some())
            .map(|(venue_id, client_id)| Part {
                venue,
                listed: Some(&listed),
                order: Some(order_ref_of(venue_id, client_id)),
            })
            .collect();
        parts.dedup_by(|a, b| a.order == b.order);
        self.page_of(caller, &parts, range, deadline).await
    }

    async fn page_of(
        &self,
        caller: &Caller,
        parts: &[Part<'_>],
        range: HistoryRange,
        deadline: Deadline,
    ) -> Result<FillsPage, OrderError> {
        let (mut found, mut read_until, mut complete) = (Vec::new(), None, true);
        for part in parts {
            for rules in history_rules(part.venue, part.listed)? {
                let page = part.ask(&rules.endpoint, &range, deadline).await?;
                found.extend(page.0);
                read_until = earliest(read_until, page.1);
                complete &= remembers([rules.filled_history_ms, None], range.from);
            }
        }
        found.sort_by(|a, b| (a.at, &a.fill_id).cmp(&(b.at, &b.fill_id)));
        let (found, next) = range.page(found, read_until, |fill| {
            (fill.at, format!("{} {}", fill.symbol, fill.fill_id))
        });
        let mut fills = Vec::new();
        if let Some(part) = parts.first() {
            let (known, is_certain) = self
                .with_orders(caller, part.venue, found, deadline)
                .await?;
            fills = known;
            complete &= is_certain;
        }
        Ok(FillsPage {
            fills,
            next,
            complete,
        })
    }

    /// Fills with the ids of their orders, which venues do not tell; and whether all are shown. A fill that
    /// may be of an order whose fate is open is not shown as anyone's before that is known.
    async fn with_orders(
        &self,
        caller: &Caller,
        venue: &Arc<Venue>,
        found: Vec<FillReport>,
        deadline: Deadline,
    ) -> Result<(Vec<Fill>, bool), OrderError> {
        let mut names: Vec<VenueOrderName> = found.iter().map(name_of).collect();
        names.sort_by(|a, b| (&a.symbol, &a.venue_order_id).cmp(&(&b.symbol, &b.venue_order_id)));
        names.dedup();
        let mut named = self
            .journal
            .of_venue_ids(venue.name(), names.clone())
            .await?;
        names.retain(|name| !named.contains_key(name));
        let hidden = self
            .look_up_doubtful(venue, names, &mut named, deadline)
            .await?;
        let by_client_id = |fill: &FillReport| OrderId::recognise(fill.client_id.as_deref()?);
        let ids = found.iter().filter_map(by_client_id);
        let ids = ids.chain(named.values().cloned()).collect();
        let known = self.journal.records(ids).await?;
        self.look_up_in_doubt(venue, &found, &known, deadline)
            .await?;
        let fills = found.into_iter().filter_map(|fill| {
            let name = name_of(&fill);
            if hidden.contains(&name) {
                return None;
            }
            let id = by_client_id(&fill).or_else(|| named.get(&name).cloned());
            match id.as_ref().and_then(|id| known.get(id)) {
                Some(record) if !caller.sees(record) => None,
                Some(record) => Some(shown(
                    venue.name(),
                    fill,
                    record.order.id.clone(),
                    Origin::Gateway,
                )),
                None if self.adoption.hides(id.as_ref(), &caller.tenant) => None,
                None => {
                    let id = external(venue.name(), &fill).id();
                    Some(shown(venue.name(), fill, id, Origin::External))
                }
            }
        });
        Ok((fills.collect(), hidden.is_empty()))
    }

    /// A fill that names an order whose fate is open, or that was given up, is a sighting of it.
    async fn look_up_in_doubt(
        &self,
        venue: &Arc<Venue>,
        fills: &[FillReport],
        known: &HashMap<OrderId, OrderRecord>,
        deadline: Deadline,
    ) -> Result<(), OrderError> {
        let is_news = |fill: &&FillReport| {
            let client_id = fill.client_id.as_deref();
            let id = client_id.and_then(OrderId::recognise);
            let record = id.and_then(|id| known.get(&id));
            record.zip(client_id).is_some_and(|(record, client_id)| {
                doubt(record).0 == client_id && record.is_unresolved()
                    || record.given_up().contains(&client_id)
            })
        };
        let names: HashSet<VenueOrderName> = fills
            .iter()
            .filter(is_news)
            .map(name_of)
            .take(MAX_LOOKUPS)
            .collect();
        let asks = names
            .iter()
            .map(|name| look_up_by_venue_id(venue, &name.symbol, &name.venue_order_id, deadline));
        let seen: Vec<_> = join_all(asks).await.into_iter().flatten().collect();
        self.take_sightings(venue, &seen, known).await?;
        Ok(())
    }

    /// Asks the venue for orders that may be the gateway's own and not known by their venue's id yet: those
    /// on instruments where the fate of an order, or of a change, is open. Returns those that stay in doubt.
    async fn look_up_doubtful(
        &self,
        venue: &Arc<Venue>,
        mut unknown: Vec<VenueOrderName>,
        named: &mut HashMap<VenueOrderName, OrderId>,
        deadline: Deadline,
    ) -> Result<HashSet<VenueOrderName>, OrderError> {
        if unknown.is_empty() {
            return Ok(HashSet::new());
        }
        let mut unresolved = self.journal.unresolved().await?;
        unresolved.extend(self.journal.watched(Timestamp::now()).await?);
        let is_doubtful = |name: &VenueOrderName| {
            unresolved.iter().any(|record| {
                record.at_venue() == venue.name() && record.order.symbol == name.symbol
            })
        };
        unknown.retain(is_doubtful);
        let mut hidden: HashSet<VenueOrderName> =
            unknown.iter().skip(MAX_LOOKUPS).cloned().collect();
        unknown.truncate(MAX_LOOKUPS);
        let asks = unknown.into_iter().map(|name| async move {
            let (symbol, id) = (&name.symbol, &name.venue_order_id);
            let found = look_up_by_venue_id(venue, symbol, id, deadline).await;
            (name, found)
        });
        let mut seen = Vec::new();
        for (name, found) in join_all(asks).await {
            match found {
                Ok(report) => {
                    let id = report.client_id.as_deref().and_then(OrderId::recognise);
                    if let Some(id) = id {
                        named.insert(name, id);
                    }
                    seen.push(report);
                }
                Err(_) => {
                    hidden.insert(name);
                }
            }
        }
        let (known, _) = self.known_of(venue, &seen).await?;
        self.take_sightings(venue, &seen, &known).await?;
        Ok(hidden)
    }
}

/// One thing to ask a venue for.
struct Part<'a> {
    venue: &'a Arc<Venue>,
    listed: Option<&'a Arc<Listed>>,
    order: Option<wit::OrderRef>,
}

impl Part<'_> {
    async fn ask(
        &self,
        endpoint: &str,
        range: &HistoryRange,
        deadline: Deadline,
    ) -> Result<(Vec<FillReport>, Option<Timestamp>), OrderError> {
        let failed = |failure: Failure| OrderError::Venue {
            venue: self.venue.name().to_owned(),
            failure: Box::new(failure),
            order_id: None,
        };
        if range.since() >= range.to {
            return Ok((Vec::new(), None));
        }
        let command = wit_trading::ListFills {
            order: self.order.clone(),
            since: translate::millis(range.since()),
            before: translate::millis(range.to),
            limit: range.wanted(),
        };
        let ask = Ask::<ListFills> {
            endpoint,
            instrument: self.listed,
            command,
            deadline,
        };
        let page = self.venue.read(ask).await.map_err(failed)?;
        let fills = translate::fill_reports(page.fills)
            .map_err(|error| failed(translate::unreadable(error)))?;
        let within = |fill: &FillReport| fill.at >= range.since() && fill.at < range.to;
        let fills: Vec<FillReport> = fills.into_iter().filter(within).collect();
        let read_until = range.read_until(page.read_until, fills.is_empty());
        Ok((fills, read_until.map_err(failed)?))
    }
}

pub(super) fn name_of(fill: &FillReport) -> VenueOrderName {
    VenueOrderName {
        symbol: fill.symbol.clone(),
        venue_order_id: fill.venue_order_id.clone(),
    }
}

fn external(venue: &str, fill: &FillReport) -> ExternalOrder {
    ExternalOrder {
        venue: venue.to_owned(),
        symbol: fill.symbol.clone(),
        venue_order_id: fill.venue_order_id.clone(),
    }
}

fn shown(venue: &str, fill: FillReport, order_id: OrderId, origin: Origin) -> Fill {
    Fill {
        id: fill.fill_id,
        order_id,
        origin,
        venue: venue.to_owned(),
        symbol: fill.symbol,
        venue_order_id: fill.venue_order_id,
        side: fill.side,
        quantity: fill.quantity,
        price: fill.price,
        fee: fill.fee,
        fee_asset: fill.fee_asset,
        liquidity: fill.liquidity,
        at: fill.at,
    }
}

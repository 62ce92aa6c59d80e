//! Whose the fills are that a venue lists without saying so.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;

use super::external::look_up_by_venue_id;
use super::fills::name_of;
use super::readings::{QUESTION_DEADLINE, Readings};
use crate::model::{Failure, FailureCode, FillReport, OrderId, OrderReport};
use crate::reliability::Deadline;
use crate::store::VenueOrderName;

/// Orders of unknown fills looked up in one round.
const STRANGERS: usize = 32;

/// Foreign orders that are remembered as such.
const MOST_STRANGERS: usize = 10_000;

/// Foreign orders that fills were traced to, so that nobody asks for them again.
pub(super) type Strangers = Arc<Mutex<HashSet<VenueOrderName>>>;

/// Fills, and by what client order ids their orders go.
#[derive(Debug, Default)]
pub(super) struct TracedFills {
    pub(super) fills: Vec<FillReport>,
    client_ids: HashMap<VenueOrderName, String>,
    /// Orders of which it could not be found out.
    in_doubt: HashSet<VenueOrderName>,
}

impl TracedFills {
    pub(super) fn client_id<'a>(&'a self, fill: &'a FillReport) -> Option<&'a str> {
        let traced = || self.client_ids.get(&name_of(fill)).map(String::as_str);
        fill.client_id.as_deref().or_else(traced)
    }

    pub(super) fn is_in_doubt(&self, fill: &FillReport) -> bool {
        self.in_doubt.contains(&name_of(fill))
    }
}

impl Readings {
    /// Finds out whose the fills are where the venue does not tell with them: from the journal, from the
    /// orders it lists, and by asking for the rest.
    pub(super) async fn traced(
        &self,
        fills: Vec<FillReport>,
        history: &[OrderReport],
    ) -> Result<TracedFills, Failure> {
        let nameless = fills.iter().filter(|fill| fill.client_id.is_none());
        let mut names: HashSet<VenueOrderName> = nameless.map(name_of).collect();
        let mut traced = TracedFills {
            fills,
            ..TracedFills::default()
        };
        for report in history {
            let name = VenueOrderName {
                symbol: report.symbol.clone(),
                venue_order_id: report.venue_order_id.clone(),
            };
            if names.remove(&name)
                && let Some(client_id) = &report.client_id
            {
                traced.client_ids.insert(name, client_id.clone());
            }
        }
        let asked = names.iter().cloned().collect();
        let journal = &self.orders.journal;
        let known = journal
            .of_venue_ids(self.venue.name(), asked)
            .await
            .map_err(|error| {
                Failure::not_sent(FailureCode::JournalUnavailable, error.to_string())
            })?;
        {
            let strangers = self
                .strangers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            names.retain(|name| !known.contains_key(name) && !strangers.contains(name));
        }
        let mut names: Vec<VenueOrderName> = names.into_iter().collect();
        traced.in_doubt = names
            .split_off(names.len().min(STRANGERS))
            .into_iter()
            .collect();
        let lookups = names.into_iter().map(|name| async move {
            let deadline = Deadline::after(QUESTION_DEADLINE);
            let (symbol, id) = (&name.symbol, &name.venue_order_id);
            let found = look_up_by_venue_id(&self.venue, symbol, id, deadline);
            let found = self.ask(found).await;
            (name, found)
        });
        let mut seen = Vec::new();
        for (name, found) in join_all(lookups).await {
            match found {
                Ok(report) => {
                    self.is_strange(&name, report.client_id.as_deref());
                    if let Some(client_id) = &report.client_id {
                        traced.client_ids.insert(name, client_id.clone());
                    }
                    seen.push(report);
                }
                Err(_) => {
                    traced.in_doubt.insert(name);
                }
            }
        }
        self.take_sightings(&seen).await;
        Ok(traced)
    }

    /// Remembers an order as foreign if it does not look like one of a gateway.
    fn is_strange(&self, name: &VenueOrderName, client_id: Option<&str>) {
        if client_id.and_then(OrderId::recognise).is_some() {
            return;
        }
        let strangers = self.strangers.lock();
        let mut strangers = strangers.unwrap_or_else(PoisonError::into_inner);
        if strangers.len() >= MOST_STRANGERS {
            strangers.clear();
        }
        strangers.insert(name.clone());
    }
}

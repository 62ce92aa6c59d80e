//! The journal as the rest of the gateway uses it, whatever keeps it.

use serde::Serialize;

use super::subject::{ACCESS_SUBJECT, PLUGIN_SUBJECT, VENUE_SUBJECT};
use super::{Break, KeyClaim, KeyEvent, Store, StoreError};
use crate::model::{AccessEvent, Event, HaltEvent, OrderId, OrderRecord, PluginEvent};

/// A journal in some store.
pub type Journal = dyn Store;

/// What is made durable together, all or none.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Events of orders.
    pub(super) orders: Vec<(OrderId, Vec<Event>)>,
    /// A request's hold on its idempotency key, taken with the first order's events.
    pub(super) claim: Option<KeyClaim>,
    /// A request's hold on its idempotency key, given up with the order's events.
    pub(super) release: Option<KeyClaim>,
    /// What else happened to an idempotency key.
    pub(super) key: Option<KeyEvent>,
    /// What happened to the trading at a venue.
    pub(super) venue: Option<HaltEvent>,
    /// What an operator did to an adapter.
    pub(super) plugin: Option<PluginEvent>,
    /// What an operator did to an API key.
    pub(super) access: Option<AccessEvent>,
}

impl Commit {
    /// Events of one order.
    pub fn of_order(id: &OrderId, events: Vec<Event>) -> Self {
        Self::of_orders(vec![(id.clone(), events)])
    }

    /// Events of several orders.
    pub fn of_orders(orders: Vec<(OrderId, Vec<Event>)>) -> Self {
        Self {
            orders,
            ..Self::default()
        }
    }

    /// What happened to an idempotency key.
    pub fn of_key(event: KeyEvent) -> Self {
        Self {
            key: Some(event),
            ..Self::default()
        }
    }

    /// What happened to the trading at a venue.
    pub fn of_venue(event: HaltEvent) -> Self {
        Self {
            venue: Some(event),
            ..Self::default()
        }
    }

    /// What an operator did to an adapter.
    pub fn of_plugin(event: PluginEvent) -> Self {
        Self {
            plugin: Some(event),
            ..Self::default()
        }
    }

    /// What an operator did to an API key.
    pub fn of_access(event: AccessEvent) -> Self {
        Self {
            access: Some(event),
            ..Self::default()
        }
    }

    /// The same, and the key is claimed with it, unless it is already.
    #[must_use]
    pub fn claiming(self, claim: Option<&KeyClaim>) -> Self {
        Self {
            claim: claim.filter(|claim| !claim.is_durable()).cloned(),
            ..self
        }
    }

    /// The same, and with it what happened to a key.
    #[must_use]
    pub fn and_key(self, key: Option<KeyEvent>) -> Self {
        Self { key, ..self }
    }

    /// The same, and the key is let go with it, if it was claimed.
    #[must_use]
    pub fn releasing(self, claim: Option<&KeyClaim>) -> Self {
        Self {
            release: claim.filter(|claim| claim.is_durable()).cloned(),
            ..self
        }
    }
}

impl Commit {
    /// The claim that goes with its first order.
    pub(super) fn claimed(&self) -> Option<KeyEvent> {
        let (id, _) = self.orders.first()?;
        self.claim.as_ref().map(|claim| claim.claimed(id))
    }

    /// The claim that it gives up.
    pub(super) fn released(&self) -> Option<KeyEvent> {
        self.release.as_ref().map(KeyClaim::released)
    }

    /// Subject, kind and body of those of its entries that nothing is projected from.
    pub(super) fn unprojected(&self) -> Result<Vec<(String, &str, String)>, serde_json::Error> {
        let mut entries = Vec::new();
        if let Some(event) = &self.venue {
            let subject = format!("{VENUE_SUBJECT}{}", event.venue());
            entries.push((subject, event.kind(), serde_json::to_string(event)?));
        }
        if let Some(event) = &self.plugin {
            let subject = format!("{PLUGIN_SUBJECT}{}", event.plugin);
            entries.push((
                subject,
                event.action.as_ref(),
                serde_json::to_string(event)?,
            ));
        }
        if let Some(event) = &self.access {
            let subject = format!("{ACCESS_SUBJECT}{}", event.id());
            entries.push((subject, event.kind(), serde_json::to_string(event)?));
        }
        Ok(entries)
    }

    /// Tells those whose claims it held.
    pub(super) fn is_done(&self) {
        if let (Some(claim), Some((id, _))) = (&self.claim, self.orders.first()) {
            claim.made_durable(id);
        }
        if let Some(claim) = &self.release {
            claim.was_released();
        }
    }
}

impl dyn Store {
    /// Makes events of one order durable, all or none, and returns the order after them.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was stored.
    pub async fn append(
        &self,
        id: &OrderId,
        events: Vec<Event>,
    ) -> Result<OrderRecord, StoreError> {
        self.append_as(id, Commit::of_order(id, events)).await
    }

    /// Makes a commit durable that is about one order, and returns the order after it.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was stored.
    pub async fn append_as(&self, id: &OrderId, commit: Commit) -> Result<OrderRecord, StoreError> {
        let record = self.commit(commit).await?;
        record.ok_or_else(|| StoreError::Failed(format!("no events for order {id}")))
    }
}

/// How a journal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Condition {
    /// Its chain holds as far as it was checked, and it takes entries.
    Sound,
    /// The same; older entries are still being checked.
    Checking,
    /// Another gateway writes it; this one waits to take over.
    Standby,
    /// The last write failed. It is tried again by itself.
    Unwritable {
        /// Why.
        problem: String,
    },
    /// Its chain is broken: nothing is written any more.
    Broken(Break),
}

impl Condition {
    /// Where the chain is broken, if it is.
    pub fn broken(&self) -> Option<&Break> {
        match self {
            Self::Broken(at) => Some(at),
            _ => None,
        }
    }

    /// Whether it takes entries.
    pub fn is_writable(&self) -> bool {
        matches!(self, Self::Sound | Self::Checking)
    }
}

//! What became of placements, and how many orders are in which state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::OrderState;

/// An order's outcome.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OrderLabels {
    /// Venue.
    pub venue: String,
    /// `acknowledged`, `refused`, `not_sent` or `unknown`.
    pub outcome: &'static str,
}

/// Orders in a state.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    venue: String,
    state: &'static str,
}

impl StateLabels {
    fn of(venue: &str, state: OrderState) -> Self {
        Self {
            venue: venue.to_owned(),
            state: state.name(),
        }
    }
}

/// What a placement can come to.
const OUTCOMES: [&str; 4] = ["acknowledged", "refused", "not_sent", "unknown"];

/// Handles to the metrics of orders.
#[derive(Debug)]
pub struct OrderMetrics {
    placements: Family<OrderLabels, Counter>,
    entered: Family<StateLabels, Counter>,
    open: Family<StateLabels, Gauge>,
    /// Venues whose open orders are shown.
    shown: Mutex<BTreeSet<String>>,
}

impl OrderMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            placements: Family::default(),
            entered: Family::default(),
            open: Family::default(),
            shown: Mutex::default(),
        };
        registry.register(
            "orders",
            "Orders placed, by what became of the request",
            this.placements.clone(),
        );
        registry.register(
            "order_states",
            "Orders that entered a state",
            this.entered.clone(),
        );
        registry.register("orders_open", "Open orders by state", this.open.clone());
        this
    }

    /// Begins to count at a venue: what has never happened reads 0, so that its first time shows as a change.
    pub fn watch(&self, venue: &str) {
        for outcome in OUTCOMES {
            let venue = venue.to_owned();
            drop(
                self.placements
                    .get_or_create(&OrderLabels { venue, outcome }),
            );
        }
        for state in OrderState::ALL {
            drop(self.entered.get_or_create(&StateLabels::of(venue, state)));
        }
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(venue.to_owned());
    }

    /// Counts what became of a placement.
    pub fn placed(&self, labels: &OrderLabels) {
        self.placements.get_or_create(labels).inc();
    }

    /// Counts an order that entered a state.
    pub fn entered(&self, venue: &str, state: OrderState) {
        self.entered
            .get_or_create(&StateLabels::of(venue, state))
            .inc();
    }

    /// Notes how many orders are open, by venue and state; where nothing is given there is none.
    pub fn open(&self, counted: &BTreeMap<(String, OrderState), u64>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // What once had open orders is shown on, though no venue is configured by that name.
        shown.extend(counted.keys().map(|(venue, _)| venue.clone()));
        for venue in shown.iter() {
            for state in OrderState::ALL
                .into_iter()
                .filter(|state| !state.is_final())
            {
                let orders = counted.get(&(venue.clone(), state)).copied();
                self.open
                    .get_or_create(&StateLabels::of(venue, state))
                    .set(i64::try_from(orders.unwrap_or(0)).unwrap_or(i64::MAX));
            }
        }
    }
}

//! Keeps one venue's health, clock skew and catalogue current, for as long as the gateway runs.
//!
//! A venue that is down when the gateway starts is probed until it answers; then its instruments are
//! listed and it serves, without anyone's help.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use switchyard_runtime::{Capability, GetTime, ListBalances, ListInstruments};
use tokio::time::{MissedTickBehavior, interval_at};

use super::operation::{Ask, Talk};
use super::registry::{Account, Venue};
use crate::model::FailureCode;
use crate::plugin::translate;
use crate::reliability::Deadline;
use crate::telemetry::EndpointLabels;

/// Time between two probes of an endpoint.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// Time between two probes of an endpoint that is down: coming back is what everyone waits for.
const PROBE_DOWN_EVERY: Duration = Duration::from_secs(1);

/// How long a probe may take.
const PROBE_DEADLINE: Duration = Duration::from_secs(3);

/// Time between two readings of an endpoint's listing.
const LIST_EVERY: Duration = Duration::from_secs(300);

/// Time before a listing that failed is asked for again.
const LIST_AGAIN: Duration = Duration::from_secs(5);

/// Time between two tries of accepted credentials: keys expire and are revoked.
const ACCOUNT_EVERY: Duration = Duration::from_secs(300);

/// Time before credentials that were refused, or could not be tried, are tried again.
const ACCOUNT_AGAIN: Duration = Duration::from_secs(30);

/// How long a listing may take.
const LIST_DEADLINE: Duration = Duration::from_secs(30);

impl Venue {
    /// Watches every endpoint until the task is dropped.
    pub async fn watch(self: Arc<Self>) {
        let watches = self
            .endpoints
            .keys()
            .map(|endpoint| self.watch_endpoint(endpoint));
        futures_util::future::join_all(watches).await;
    }

    async fn watch_endpoint(&self, endpoint: &str) {
        let start = tokio::time::Instant::now();
        // The first tick is due at `start` exactly, and so is everything else.
        let mut ticks = interval_at(start, PROBE_DOWN_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut next_probe, mut next_listing, mut next_account) = (start, start, start);
        let mut listings_wanted = self.listings_wanted.load(Ordering::Relaxed);
        let mut account = self.account();
        loop {
            let now = ticks.tick().await;
            self.limits.measure();
            let wanted = self.listings_wanted.load(Ordering::Relaxed);
            if wanted != listings_wanted {
                listings_wanted = wanted;
                (next_probe, next_listing) = (now, now);
            }
            let account_now = self.account();
            let is_same = |(a, b): (&Arc<Account>, &Arc<Account>)| Arc::ptr_eq(a, b);
            if !account.iter().zip(&account_now).all(is_same) {
                account = account_now;
                (next_probe, next_account) = (now, now);
            }
            if now < next_probe {
                continue;
            }
            let up = self.probe(endpoint).await;
            let is_settled = up && !self.clock.is_in_doubt(endpoint);
            next_probe = now
                + if is_settled {
                    PROBE_EVERY
                } else {
                    PROBE_DOWN_EVERY
                };
            if up && now >= next_listing {
                let listed = self.list(endpoint).await;
                next_listing = now + if listed { LIST_EVERY } else { LIST_AGAIN };
            }
            if up && now >= next_account {
                let settled = self.try_account(endpoint).await;
                next_account = now
                    + if settled {
                        ACCOUNT_EVERY
                    } else {
                        ACCOUNT_AGAIN
                    };
            }
        }
    }

    /// Measures an endpoint's clock now, for a request that it found to be out of time. Whoever asks while
    /// that is being done gets the same.
    pub(super) async fn resync(&self, endpoint: &str, deadline: Deadline) {
        let asked = tokio::time::Instant::now();
        let _ = deadline
            .bound(async {
                let mut resyncs = self.resyncs.lock().await;
                if resyncs.get(endpoint).is_none_or(|last| *last < asked) {
                    if self.probe(endpoint).await && self.clock.is_in_doubt(endpoint) {
                        self.probe(endpoint).await;
                    }
                    resyncs.insert(endpoint.to_owned(), tokio::time::Instant::now());
                }
            })
            .await;
    }

    async fn probe(&self, endpoint: &str) -> bool {
        let labels = EndpointLabels {
            venue: self.name.clone(),
            endpoint: endpoint.to_owned(),
        };
        let deadline = Deadline::after(PROBE_DEADLINE);
        let ask = Ask::<GetTime> {
            endpoint,
            instrument: None,
            command: (),
            deadline,
        };
        match self.probe_with(ask).await {
            Ok((venue_time, Talk { began, took, .. })) => {
                let venue_time = translate::timestamp(venue_time);
                let skew_ms = self.clock.learn(endpoint, venue_time, began, took);
                self.metrics.endpoint_probed(&labels, true, Some(skew_ms));
                if self.health.probed(endpoint, Ok((took, skew_ms))) {
                    tracing::info!(venue = %self.name, endpoint, skew_ms, "venue answers");
                }
                true
            }
            Err(failure) => {
                self.metrics.endpoint_probed(&labels, false, None);
                if self.health.probed(endpoint, Err(failure.to_string())) {
                    tracing::warn!(venue = %self.name, endpoint, error = %failure, "venue does not answer");
                }
                false
            }
        }
    }

    async fn list(&self, endpoint: &str) -> bool {
        let deadline = Deadline::after(LIST_DEADLINE);
        let ask = Ask::<ListInstruments> {
            endpoint,
            instrument: None,
            command: (),
            deadline,
        };
        let listed = match self.probe_with(ask).await {
            Ok((listing, _)) => {
                self.limits.publish(&listing.limits);
                self.take_listing(endpoint, listing.instruments)
                    .map_err(|error| error.to_string())
            }
            Err(failure) => Err(failure.to_string()),
        };
        match &listed {
            Ok(instruments) => {
                let labels = EndpointLabels {
                    venue: self.name.clone(),
                    endpoint: endpoint.to_owned(),
                };
                self.metrics.listed(&labels, *instruments);
                tracing::info!(venue = %self.name, endpoint, instruments, "instruments listed");
            }
            Err(error) => {
                tracing::error!(venue = %self.name, endpoint, %error, "no usable listing")
            }
        }
        let ok = listed.is_ok();
        self.health.listed(endpoint, listed);
        ok
    }

    /// Tries the credentials with a signed read. Returns whether there is nothing to try again soon.
    async fn try_account(&self, endpoint: &str) -> bool {
        if !self.has_account() || !self.offers(Capability::Account) {
            return true;
        }
        let deadline = Deadline::after(PROBE_DEADLINE);
        let ask = Ask::<ListBalances> {
            endpoint,
            instrument: None,
            command: (),
            deadline,
        };
        let tried = match self.probe_with(ask).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.code == FailureCode::AuthFailed => Err(failure.to_string()),
            Err(_) => return false, // it says nothing of the credentials
        };
        let accepted = tried.is_ok();
        if self.health.account_tried(endpoint, tried.clone()) {
            match tried {
                Ok(()) => tracing::info!(venue = %self.name, endpoint, "credentials accepted"),
                Err(error) => {
                    tracing::error!(venue = %self.name, endpoint, %error, "the venue refuses the credentials")
                }
            }
        }
        accepted
    }
}

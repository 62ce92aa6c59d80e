//! What the last probes of a venue's endpoints found.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Timestamp;

/// How a venue is, taken over its endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VenueStatus {
    /// Not yet probed.
    Starting,
    /// Every endpoint answers and has listed its instruments.
    Up,
    /// Some endpoint does not.
    Degraded,
    /// No endpoint answers.
    Down,
}

/// How one endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointStatus {
    /// Not yet probed.
    Starting,
    /// The last probe was answered, and the instruments are known.
    Up,
    /// The last probe was answered, and the instruments are not known yet.
    Listing,
    /// The last probe failed.
    Down,
}

/// One endpoint, as last seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EndpointHealth {
    /// Summary.
    pub status: EndpointStatus,
    /// Instruments in the catalogue.
    pub instruments: Option<usize>,
    /// Round trip of the last answered probe, in milliseconds.
    pub latency_ms: Option<u64>,
    /// The venue's clock minus ours, in milliseconds.
    pub clock_skew_ms: Option<i64>,
    /// When it was last probed.
    pub checked_at: Option<Timestamp>,
    /// Why the last probe or listing failed.
    pub last_error: Option<String>,
}

impl Default for EndpointHealth {
    fn default() -> Self {
        Self {
            status: EndpointStatus::Starting,
            instruments: None,
            latency_ms: None,
            clock_skew_ms: None,
            checked_at: None,
            last_error: None,
        }
    }
}

/// The health of a venue's endpoints, shared between the watch that writes and everyone who reads.
#[derive(Debug, Default)]
pub struct HealthBoard {
    endpoints: Mutex<BTreeMap<String, EndpointHealth>>,
}

impl HealthBoard {
    /// A board of endpoints that were not probed yet.
    pub fn of(endpoints: impl Iterator<Item = String>) -> Self {
        Self {
            endpoints: Mutex::new(
                endpoints
                    .map(|alias| (alias, EndpointHealth::default()))
                    .collect(),
            ),
        }
    }

    /// A copy of everything on it.
    pub fn read(&self) -> BTreeMap<String, EndpointHealth> {
        self.lock().clone()
    }

    /// Notes an answered probe. Returns whether the endpoint came up by it.
    pub fn answered(&self, endpoint: &str, took: Duration, clock_skew_ms: i64) -> bool {
        self.change(endpoint, |health| {
            health.latency_ms = u64::try_from(took.as_millis()).ok();
            health.clock_skew_ms = Some(clock_skew_ms);
            health.checked_at = Some(Timestamp::now());
            let was_down =
                health.status != EndpointStatus::Up && health.status != EndpointStatus::Listing;
            health.status = if health.instruments.is_some() {
                EndpointStatus::Up
            } else {
                EndpointStatus::Listing
            };
            if health.status == EndpointStatus::Up {
                health.last_error = None;
            }
            was_down
        })
    }

    /// Notes a failed probe. Returns whether the endpoint went down by it.
    pub fn failed(&self, endpoint: &str, error: String) -> bool {
        self.change(endpoint, |health| {
            let was_up = health.status != EndpointStatus::Down;
            health.status = EndpointStatus::Down;
            health.checked_at = Some(Timestamp::now());
            health.last_error = Some(error);
            was_up
        })
    }

    /// Notes a listing, read or failed.
    pub fn listed(&self, endpoint: &str, result: Result<usize, String>) {
        self.change(endpoint, |health| match result {
            Ok(instruments) => {
                health.instruments = Some(instruments);
                if health.status == EndpointStatus::Listing {
                    health.status = EndpointStatus::Up;
                }
                health.last_error = None;
                true
            }
            Err(error) => {
                health.last_error = Some(error);
                false
            }
        });
    }

    /// The venue's summary.
    pub fn status(&self) -> VenueStatus {
        let endpoints = self.lock();
        let count = |status| {
            endpoints
                .values()
                .filter(|health| health.status == status)
                .count()
        };
        let all = endpoints.len();
        if count(EndpointStatus::Up) == all {
            VenueStatus::Up
        } else if count(EndpointStatus::Down) == all {
            VenueStatus::Down
        } else if count(EndpointStatus::Starting) == all {
            VenueStatus::Starting
        } else {
            VenueStatus::Degraded
        }
    }

    fn change(&self, endpoint: &str, change: impl FnOnce(&mut EndpointHealth) -> bool) -> bool {
        change(self.lock().entry(endpoint.to_owned()).or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, EndpointHealth>> {
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_up_only_when_it_answers_and_its_instruments_are_known() {
        let board = HealthBoard::of(["spot".to_owned()].into_iter());
        assert_eq!(board.status(), VenueStatus::Starting);
        assert!(board.failed("spot", "refused".into()));
        assert!(
            !board.failed("spot", "refused".into()),
            "going down is reported once"
        );
        assert_eq!(board.status(), VenueStatus::Down);
        assert!(board.answered("spot", Duration::from_millis(3), 0));
        assert_eq!(board.status(), VenueStatus::Degraded);
        board.listed("spot", Ok(9));
        assert_eq!(board.status(), VenueStatus::Up);
        assert_eq!(board.read()["spot"].last_error, None);
    }
}

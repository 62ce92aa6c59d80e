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
    /// Its adapter is not in `plugins.directory`, and was not brought: it goes live once it is.
    Waiting,
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
    /// It answers, and refuses the gateway's credentials.
    Refusing,
    /// The last probe failed.
    Down,
}

/// How likely an endpoint is to answer, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It answers its probes, and calls to it are let through.
    Well,
    /// It answers its probes, and its breaker lets some calls through to see whether it is back.
    OnTrial,
    /// Neither.
    Ill,
}

/// Whether the venue takes the gateway's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// No credentials are configured.
    None,
    /// Not tried yet.
    Unverified,
    /// The last signed probe was answered.
    Accepted,
    /// The venue refused them; `last_error` has its words.
    Refused,
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
    /// Whether the credentials are taken here.
    pub account: AccountStatus,
    /// Why the last probe or listing failed, or the credentials were refused.
    pub last_error: Option<String>,
}

/// What is known of one endpoint.
#[derive(Debug)]
struct Facts {
    /// The last probe, and why it failed.
    probe: Option<Result<(), String>>,
    latency: Option<Duration>,
    clock_skew_ms: Option<i64>,
    checked_at: Option<Timestamp>,
    instruments: Option<usize>,
    listing_error: Option<String>,
    account: AccountStatus,
    account_error: Option<String>,
}

impl Facts {
    fn status(&self) -> EndpointStatus {
        match (&self.probe, self.instruments, self.account) {
            (None, ..) => EndpointStatus::Starting,
            (Some(Err(_)), ..) => EndpointStatus::Down,
            (Some(Ok(())), None, _) => EndpointStatus::Listing,
            (Some(Ok(())), Some(_), AccountStatus::Refused) => EndpointStatus::Refusing,
            (Some(Ok(())), Some(_), _) => EndpointStatus::Up,
        }
    }

    fn view(&self) -> EndpointHealth {
        let probe_error = self.probe.as_ref().and_then(|probe| probe.as_ref().err());
        EndpointHealth {
            status: self.status(),
            instruments: self.instruments,
            latency_ms: self
                .latency
                .and_then(|latency| u64::try_from(latency.as_millis()).ok()),
            clock_skew_ms: self.clock_skew_ms,
            checked_at: self.checked_at,
            account: self.account,
            last_error: probe_error
                .or(self.listing_error.as_ref())
                .or(self.account_error.as_ref())
                .cloned(),
        }
    }
}

/// The health of a venue's endpoints, shared between the watch that writes and everyone who reads.
#[derive(Debug)]
pub struct HealthBoard {
    endpoints: Mutex<BTreeMap<String, Facts>>,
}

impl HealthBoard {
    /// A board of endpoints that were not probed yet.
    pub fn of(endpoints: impl Iterator<Item = String>, has_account: bool) -> Self {
        let account = if has_account {
            AccountStatus::Unverified
        } else {
            AccountStatus::None
        };
        let unknown = |alias| {
            let facts = Facts {
                probe: None,
                latency: None,
                clock_skew_ms: None,
                checked_at: None,
                instruments: None,
                listing_error: None,
                account,
                account_error: None,
            };
            (alias, facts)
        };
        Self {
            endpoints: Mutex::new(endpoints.map(unknown).collect()),
        }
    }

    /// Everything on it.
    pub fn read(&self) -> BTreeMap<String, EndpointHealth> {
        self.lock()
            .iter()
            .map(|(alias, facts)| (alias.clone(), facts.view()))
            .collect()
    }

    /// Notes a probe: its round trip and the skew it showed, or why it failed. Returns whether this is
    /// news: the endpoint came up or went down by it.
    pub fn probed(&self, endpoint: &str, result: Result<(Duration, i64), String>) -> bool {
        self.change(endpoint, |facts| {
            facts.checked_at = Some(Timestamp::now());
            if let Ok((latency, clock_skew_ms)) = result {
                facts.latency = Some(latency);
                facts.clock_skew_ms = Some(clock_skew_ms);
            }
            let before = facts.probe.replace(result.map(drop));
            before.map(|probe| probe.is_ok()) != facts.probe.as_ref().map(|probe| probe.is_ok())
        })
    }

    /// Notes a listing: how many instruments, or why there is none. A failed one leaves the old.
    pub fn listed(&self, endpoint: &str, result: Result<usize, String>) {
        self.change(endpoint, |facts| {
            facts.instruments = result.as_ref().ok().copied().or(facts.instruments);
            facts.listing_error = result.err();
            false
        });
    }

    /// Notes whether the credentials were taken. Returns whether this is news.
    pub fn account_tried(&self, endpoint: &str, result: Result<(), String>) -> bool {
        self.change(endpoint, |facts| {
            let status = if result.is_ok() {
                AccountStatus::Accepted
            } else {
                AccountStatus::Refused
            };
            facts.account_error = result.err();
            std::mem::replace(&mut facts.account, status) != status
        })
    }

    /// Whether some endpoint has not been asked for the first time yet: its first probe, or after an
    /// answered one its first listing, is still to come. An endpoint that is down is settled.
    pub fn is_settling(&self) -> bool {
        self.lock().values().any(|facts| match facts.probe {
            None => true,
            Some(Ok(())) => facts.instruments.is_none() && facts.listing_error.is_none(),
            Some(Err(_)) => false,
        })
    }

    /// Whether an endpoint's last probe was answered.
    pub fn answers(&self, endpoint: &str) -> bool {
        let endpoints = self.lock();
        let probe = endpoints
            .get(endpoint)
            .and_then(|facts| facts.probe.as_ref());
        probe.is_some_and(Result::is_ok)
    }

    /// How one endpoint is.
    pub fn endpoint_status(&self, endpoint: &str) -> Option<EndpointStatus> {
        self.lock().get(endpoint).map(Facts::status)
    }

    /// The venue's summary.
    pub fn status(&self) -> VenueStatus {
        let endpoints = self.lock();
        let count = |status| {
            endpoints
                .values()
                .filter(|facts| facts.status() == status)
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

    /// Changes an endpoint's facts; an endpoint that is not on the board is no news.
    fn change(&self, endpoint: &str, change: impl FnOnce(&mut Facts) -> bool) -> bool {
        self.lock().get_mut(endpoint).is_some_and(change)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Facts>> {
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERED: Result<(Duration, i64), String> = Ok((Duration::from_millis(3), 0));

    fn refused() -> Result<(Duration, i64), String> {
        Err("refused".into())
    }

    fn board() -> HealthBoard {
        HealthBoard::of(["spot".to_owned()].into_iter(), true)
    }

    #[test]
    fn an_endpoint_is_up_only_when_it_answers_and_its_instruments_are_known() {
        let board = board();
        assert_eq!(board.status(), VenueStatus::Starting);
        assert!(board.probed("spot", refused()));
        assert!(!board.probed("spot", refused()), "going down is news once");
        assert_eq!(board.status(), VenueStatus::Down);
        assert!(board.probed("spot", ANSWERED));
        assert_eq!(board.status(), VenueStatus::Degraded);
        board.listed("spot", Ok(9));
        assert_eq!(board.status(), VenueStatus::Up);
        assert_eq!(board.read()["spot"].last_error, None);
    }

    #[test]
    fn an_endpoint_that_is_down_or_lists_nonsense_keeps_nobody_waiting() {
        let two = ["spot", "usdm"].map(str::to_owned);
        let board = HealthBoard::of(two.into_iter(), false);
        assert!(board.is_settling());
        board.probed("spot", ANSWERED);
        board.probed("usdm", refused());
        assert!(board.is_settling(), "the first listing is still to come");
        board.listed("spot", Err("two instruments with one symbol".into()));
        assert!(!board.is_settling());
    }

    #[test]
    fn refused_credentials_degrade_a_venue_that_answers_and_say_why() {
        let board = board();
        board.probed("spot", ANSWERED);
        board.listed("spot", Ok(9));
        assert!(board.account_tried("spot", Err("auth-failed: no".into())));
        assert_eq!(board.status(), VenueStatus::Degraded);
        assert_eq!(
            board.read()["spot"].last_error.as_deref(),
            Some("auth-failed: no")
        );
        assert!(board.account_tried("spot", Ok(())));
        assert_eq!(board.status(), VenueStatus::Up);
    }

    #[test]
    fn a_listing_that_fails_leaves_the_instruments_that_are_known() {
        let board = board();
        board.probed("spot", ANSWERED);
        board.listed("spot", Ok(9));
        board.listed("spot", Err("two instruments with one symbol".into()));
        assert_eq!(board.status(), VenueStatus::Up);
        assert_eq!(board.read()["spot"].instruments, Some(9));
        assert!(board.read()["spot"].last_error.is_some());
    }
}

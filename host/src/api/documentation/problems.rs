//! Which problems each operation can answer with: one table of all problems that there are, with what of an operation
//! leads to them.

use std::collections::BTreeMap;

/// What of an operation leads to a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// That it is one.
    Any,
    /// That it has no room of its own, as probes have.
    Shed,
    /// That it needs a key.
    Guarded,
    /// That a body of it is read.
    Body,
    /// That its body is JSON.
    Json,
    /// That its path names a venue, an adapter or a key; or that it is repeated, and its order is gone.
    Named,
    /// That it is about orders.
    Order,
    /// That it changes orders.
    OrderChange,
    /// That it changes a key.
    KeyChange,
    /// That it changes an adapter.
    PluginChange,
    /// That it is about the log.
    Log,
    /// That it is about a venue, which may wait for its adapter.
    Venue,
    /// That a venue is asked.
    Asked,
    /// That it needs the journal.
    Journal,
    /// That it tells whether the gateway is ready.
    Ready,
}

/// Status and code of every problem.
const PROBLEMS: &[(u16, &str, &[Of])] = &[
    (400, "malformed-request", &[Of::Any]),
    (401, "unauthenticated", &[Of::Guarded]),
    (403, "forbidden", &[Of::Guarded]),
    (404, "not-found", &[Of::Named]),
    (404, "order-not-found", &[Of::Order]),
    (408, "request-timeout", &[Of::Body]),
    (409, "change-in-flight", &[Of::OrderChange]),
    (409, "idempotency-key-in-flight", &[Of::OrderChange]),
    (409, "not-amendable", &[Of::OrderChange]),
    (409, "key-configured", &[Of::KeyChange]),
    (409, "key-exists", &[Of::KeyChange]),
    (409, "key-revoked", &[Of::KeyChange]),
    (409, "too-many-keys", &[Of::KeyChange]),
    (409, "no-log-of-its-own", &[Of::Log]),
    (409, "plugin-conflict", &[Of::PluginChange]),
    (413, "payload-too-large", &[Of::Body]),
    (415, "unsupported-media-type", &[Of::Json]),
    (422, "auth-failed", &[Of::OrderChange]),
    (422, "duplicate-client-id", &[Of::OrderChange]),
    (422, "idempotency-key-reused", &[Of::OrderChange]),
    (422, "insufficient-funds", &[Of::OrderChange]),
    (422, "invalid-request", &[Of::Asked]),
    (422, "plugin-rejected", &[Of::PluginChange]),
    (422, "pre-trade-limit", &[Of::OrderChange]),
    (422, "unsupported", &[Of::Asked]),
    (429, "locked-out", &[Of::Guarded]),
    (429, "quota-exceeded", &[Of::Guarded]),
    (429, "rate-limited", &[Of::OrderChange]),
    (500, "internal", &[Of::Any]),
    (502, "auth-failed", &[Of::Asked]),
    (502, "malformed-response", &[Of::Asked]),
    (503, "adapter-failed", &[Of::Venue]),
    (503, "banned", &[Of::Asked]),
    (503, "clock-skew", &[Of::Asked]),
    (503, "halted", &[Of::OrderChange]),
    (503, "journal-broken", &[Of::Journal]),
    (503, "journal-unavailable", &[Of::Journal]),
    (503, "not-ready", &[Of::Ready]),
    (503, "not-reconciled", &[Of::OrderChange]),
    (503, "outcome-unknown", &[Of::Asked]),
    (503, "overloaded", &[Of::Shed]),
    (503, "rate-limited", &[Of::Asked]),
    (503, "standby", &[Of::Journal, Of::Ready]),
    (503, "stopping", &[Of::PluginChange]),
    (503, "timeout", &[Of::Asked]),
    (503, "venue-unavailable", &[Of::Venue]),
    (504, "timeout", &[Of::Any]),
];

/// Paths of reads that a venue is asked for, beside those about orders.
const ASKED: [&str; 5] = [
    "/v1/tickers",
    "/v1/orderbook",
    "/v1/candles",
    "/v1/balances",
    "/v1/positions",
];

/// An operation, as far as its problems go.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) is_guarded: bool,
    pub(super) has_body: bool,
    /// Whether it takes an `Idempotency-Key`, as everything does that changes orders.
    pub(super) takes_key: bool,
}

impl About<'_> {
    /// The codes of the problems that it can answer with, by status.
    pub(super) fn problems(self) -> BTreeMap<u16, Vec<&'static str>> {
        let mut problems: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
        for &(status, code, causes) in PROBLEMS {
            if causes.iter().any(|cause| self.is(*cause)) {
                problems.entry(status).or_default().push(code);
            }
        }
        problems
    }

    fn is(self, cause: Of) -> bool {
        let path = self.path;
        let changes = self.method != "GET";
        match cause {
            Of::Any => true,
            Of::Shed => !path.starts_with("/health"),
            Of::Guarded => self.is_guarded,
            Of::Body => self.has_body || self.takes_key,
            Of::Json => self.has_body && !(self.method == "PUT" && path == "/v1/plugins/{name}"),
            Of::Named => self.takes_key || path.contains('{') && !self.is(Of::Order),
            Of::Order => path.starts_with("/v1/orders") || path == "/v1/fills",
            Of::OrderChange => self.takes_key,
            Of::KeyChange => changes && path.starts_with("/v1/keys"),
            Of::PluginChange => {
                changes && path.starts_with("/v1/plugins/") && !path.ends_with("/recording")
            }
            Of::Log => path == "/v1/log-level",
            Of::Venue => {
                let names_one = path.contains("{venue}") || path == "/v1/instruments";
                self.is(Of::Asked) || names_one
            }
            Of::Asked => self.is(Of::Order) || ASKED.contains(&path),
            Of::Journal => {
                let is_halt = path.ends_with("/halt") || path.ends_with("/resume");
                self.is(Of::Order) || path.starts_with("/v1/keys") || is_halt
            }
            Of::Ready => path == "/health/ready",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::response::IntoResponse as _;

    use super::*;
    use crate::api::problem::Problem;
    use crate::model::{Failure, FailureCode, Fate, OrderId};

    const PLACE: About<'static> = About {
        method: "POST",
        path: "/v1/orders",
        is_guarded: true,
        has_body: true,
        takes_key: true,
    };

    #[test]
    fn no_problem_stands_there_twice() {
        let all: BTreeSet<_> = PROBLEMS
            .iter()
            .map(|(status, code, _)| (status, code))
            .collect();
        assert_eq!(all.len(), PROBLEMS.len());
    }

    #[test]
    fn whatever_a_venue_answers_to_an_order_is_a_problem_of_the_table() {
        for code in FailureCode::ALL {
            for fate in [Fate::NotSent, Fate::Refused, Fate::Unknown] {
                for id in [None, Some(OrderId::from_text("o"))] {
                    let failure = Failure::new(code, fate, "no");
                    let problem = Problem::of_venue("v", &failure, id);
                    let status = problem.into_response().status();
                    let described = PLACE.problems();
                    let codes = described.get(&status.as_u16());
                    let is_there = codes.is_some_and(|codes| codes.contains(&code.name()));
                    assert!(is_there, "{status} {}", code.name());
                }
            }
        }
    }

    #[test]
    fn a_probe_and_a_read_of_the_journal_have_problems_of_their_own() {
        let live = About {
            method: "GET",
            path: "/health/live",
            is_guarded: false,
            has_body: false,
            takes_key: false,
        };
        let statuses = |about: About<'_>| about.problems().into_keys().collect::<Vec<_>>();
        assert_eq!(statuses(live), [400, 500, 504]);
        let venue = About {
            path: "/health/venues/{venue}",
            is_guarded: true,
            ..live
        };
        let wanted = [400, 401, 403, 404, 429, 500, 503, 504];
        assert_eq!(statuses(venue), wanted);
        assert_eq!(
            venue.problems()[&503],
            ["adapter-failed", "venue-unavailable"]
        );
        let keys = About {
            path: "/v1/keys",
            ..venue
        };
        assert_eq!(statuses(keys), [400, 401, 403, 429, 500, 503, 504]);
    }
}

//! How fresh a caller wants an answer, and how it is told how fresh it is: `Cache-Control`, `Age` and
//! `Cache-Status` (RFC 9111, RFC 9211).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::reads::{Forwarded, Served, Wanted};

/// How a response says where its content came from (RFC 9211).
pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Directives by which a caller asks for an answer made now.
const FRESH: [&str; 3] = ["no-cache", "no-store", "max-age=0"];

/// How fresh the caller wants the answer.
pub(super) struct Freshness(pub(super) Wanted);

impl<S: Send + Sync> FromRequestParts<S> for Freshness {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(header::CACHE_CONTROL).iter();
        let mut directives = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let is_fresh = |directive: &str| {
            let directive = directive.trim().to_ascii_lowercase();
            FRESH.contains(&directive.as_str())
        };
        Ok(Self(if directives.any(is_fresh) {
            Wanted::Fresh
        } else {
            Wanted::Cached
        }))
    }
}

/// `Age` and `Cache-Status` of an answer out of these parts: those of its least fresh part.
pub(super) fn headers<'a>(parts: impl IntoIterator<Item = &'a Served>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(least) = parts.into_iter().max_by_key(|served| staleness(served)) else {
        return headers;
    };
    if let Some(age) = least.age() {
        headers.insert(header::AGE, age.as_secs().into());
    }
    if let Ok(status) = HeaderValue::from_str(&status(least)) {
        headers.insert(CACHE_STATUS, status);
    }
    headers
}

fn staleness(served: &Served) -> (u8, Option<Duration>) {
    let rank = match served {
        Served::Live { .. } => 0,
        Served::Cached { .. } => 1,
        Served::Stale { failure: None, .. } => 2,
        Served::Stale {
            failure: Some(_), ..
        } => 3,
    };
    (rank, served.age())
}

fn status(served: &Served) -> String {
    match served {
        Served::Live { forwarded } => {
            let why = match forwarded {
                Forwarded::Bypass => "bypass",
                Forwarded::Miss => "miss",
                Forwarded::Request => "request",
            };
            format!("switchyard; fwd={why}")
        }
        Served::Cached { left, .. } => format!("switchyard; hit; ttl={}", left.as_secs()),
        Served::Stale { over, failure, .. } => {
            let ttl = past(*over);
            match failure {
                None => format!("switchyard; hit; ttl={ttl}"),
                Some(failure) => {
                    format!(
                        "switchyard; fwd=stale; ttl={ttl}; detail={}",
                        failure.code.name()
                    )
                }
            }
        }
    }
}

/// A time to live that is over, in whole seconds: never zero, which would be fresh.
fn past(over: Duration) -> String {
    format!("-{}", over.as_millis().div_ceil(1_000).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, FailureCode};

    const SECOND: Duration = Duration::from_secs(1);

    fn stale(failure: Option<Failure>) -> Served {
        Served::Stale {
            age: 7 * SECOND,
            over: 5 * SECOND + SECOND / 2,
            failure,
        }
    }

    fn told(parts: &[Served]) -> (Option<String>, Option<String>) {
        let headers = headers(parts);
        let text = |name: HeaderName| Some(headers.get(name)?.to_str().unwrap().to_owned());
        (text(header::AGE), text(CACHE_STATUS))
    }

    async fn wanted(values: &[&str]) -> Wanted {
        let mut request = axum::http::Request::new(());
        for value in values {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().append(header::CACHE_CONTROL, value);
        }
        let (mut parts, ()) = request.into_parts();
        let Ok(Freshness(wanted)) = Freshness::from_request_parts(&mut parts, &()).await;
        wanted
    }

    #[tokio::test]
    async fn only_who_asks_for_it_gets_past_the_cache() {
        for fresh in [
            &["no-cache"][..],
            &["max-age=60, No-Cache"],
            &["x", "max-age=0"],
        ] {
            assert_eq!(wanted(fresh).await, Wanted::Fresh, "{fresh:?}");
        }
        for cached in [&[][..], &[""], &["max-age=60"], &["no-cached"]] {
            assert_eq!(wanted(cached).await, Wanted::Cached, "{cached:?}");
        }
    }

    #[test]
    fn headers_tell_of_the_least_fresh_part() {
        let live = Served::Live {
            forwarded: Forwarded::Miss,
        };
        let cached = Served::Cached {
            age: SECOND,
            left: 3 * SECOND / 2,
        };
        let away = Failure::not_sent(FailureCode::VenueUnavailable, "away");
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(told(&[]), (None, None));
        assert_eq!(
            told(std::slice::from_ref(&live)),
            (None, text("switchyard; fwd=miss"))
        );
        let both = [cached.clone(), live];
        assert_eq!(told(&both), (text("1"), text("switchyard; hit; ttl=1")));
        assert_eq!(
            told(&[cached, stale(None)]),
            (text("7"), text("switchyard; hit; ttl=-6"))
        );
        assert_eq!(
            told(&[stale(Some(away)), stale(None)]),
            (
                text("7"),
                text("switchyard; fwd=stale; ttl=-6; detail=venue-unavailable")
            )
        );
    }
}

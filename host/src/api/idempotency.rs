//! Requests that change orders, and the `Idempotency-Key` that makes them safe to repeat.
//!
//! A key is claimed in the same commit as the first thing its request makes durable, and bound to the
//! answer in a second entry. In between, and where the fate of what was asked for was open, a repeated
//! request gets the order's current state. Answers that say "nothing happened, come back" let the key go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tracing::Instrument as _;

use super::access::{Principal, Privilege};
use super::caller::{as_request, current_request_id};
use super::extract::read_body;
use super::problem::{Problem, ProblemNote};
use super::state::AppState;
use crate::model::{FailureCode, OrderId, Role};
use crate::store::{Commit, Condition, KeyClaim, KeyName, StoredAnswer, StoredKey, fingerprint};

/// How a caller makes a request safe to repeat.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Says that an answer is not the first one to its request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Longest key, in characters.
const MAX_KEY: usize = 255;

tokio::task_local! {
    static CLAIM: KeyClaim;
}

/// The hold that the request being served by this task has on its key.
pub(super) fn current_claim() -> Option<KeyClaim> {
    CLAIM.try_with(Clone::clone).ok()
}

/// The keys of requests that are being served, with the requests' fingerprints.
#[derive(Debug, Clone, Default)]
pub struct KeysInFlight(Arc<Mutex<HashMap<KeyName, String>>>);

/// A key whose request is being served, until it is dropped.
#[derive(Debug)]
struct InFlight {
    keys: KeysInFlight,
    name: KeyName,
}

impl KeysInFlight {
    fn begin(&self, name: &KeyName, fingerprint: &str) -> Result<InFlight, Problem> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.get(name) {
            Some(other) if other != fingerprint => Err(reused()),
            Some(_) => Err(Problem::key_in_flight()),
            None => {
                keys.insert(name.clone(), fingerprint.to_owned());
                Ok(InFlight {
                    keys: self.clone(),
                    name: name.clone(),
                })
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut keys = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&self.name);
    }
}

/// Serves a request that changes orders: not while the journal cannot be trusted, and with a key once.
pub(super) async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match state.journal.condition() {
        Condition::Broken(at) => return Problem::journal_broken(&at).into_response(),
        Condition::Standby => return Problem::standby().into_response(),
        Condition::Sound | Condition::Checking | Condition::Unwritable { .. } => {}
    }
    let served = match key_of(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => with_key(state, key, request, next).await,
        Err(problem) => Err(problem),
    };
    served.unwrap_or_else(IntoResponse::into_response)
}

/// The key of a request, if it has one.
fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    if keys.next().is_some() {
        let problem = "must be given once";
        return Err(Problem::malformed_field("Idempotency-Key", problem));
    }
    let text = std::str::from_utf8(key.as_bytes()).unwrap_or_default();
    let is_visible = text.bytes().all(|c| c.is_ascii_graphic());
    if is_visible && (1..=MAX_KEY).contains(&text.len()) {
        return Ok(Some(text.to_owned()));
    }
    let problem = format!("must be 1 to {MAX_KEY} visible ASCII characters");
    Err(Problem::malformed_field("Idempotency-Key", problem))
}

async fn with_key(
    state: AppState,
    key: String,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let principal = parts.extensions.get::<Arc<Principal>>().cloned();
    let principal = principal
        .ok_or_else(|| Problem::internal("a route that takes keys is not behind the guard"))?;
    let body = read_body(&state.server, &parts.headers, body).await?;
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    // What only an operator may ask for, and be shown, is another request when someone else sends it.
    let is_account = principal.role >= Role::Operator && is_of_account(parts.uri.query());
    if let Some(privilege) = parts.extensions.get::<Privilege>()
        && is_account
    {
        // A repetition is answered without the handler, and what it is shown is everyone's.
        privilege.mark_used();
    }
    // So is what a key may ask for that is for some venues only: a repetition is answered without the handler.
    let scope = principal.venues.names().map(|names| {
        let names = names.iter().map(String::as_str);
        names.collect::<Vec<_>>().join(",")
    });
    let mut told: Vec<&[u8]> = vec![
        parts.method.as_str().as_bytes(),
        target.as_bytes(),
        &body,
        if is_account { b"operator" } else { b"" },
    ];
    told.extend(scope.as_ref().map(String::as_bytes));
    let fingerprint = fingerprint(&told);
    let name = KeyName {
        tenant: principal.tenant.clone(),
        key,
    };
    let in_flight = state.keys_in_flight.begin(&name, &fingerprint)?;
    if !state.journal.condition().is_writable() {
        // What the disk may have kept of a refused request is no answer: it is taken back first.
        state.journal.recover().await?;
    }
    if let Some(known) = state.journal.key(name.clone()).await? {
        if known.fingerprint != fingerprint {
            return Err(reused());
        }
        state.metrics.journal.replayed();
        return replay(&state, &name, known).await;
    }
    let claim = KeyClaim::new(name, fingerprint);
    let detached = state.orders.detached().clone();
    let request = Request::from_parts(parts, Body::from(body));
    let work = async move {
        let response = CLAIM.scope(claim.clone(), next.run(request)).await;
        let response = bind(&state, &claim, response).await;
        drop(in_flight);
        response
    };
    // In a task of its own: a caller that goes away does not keep the key from being bound.
    let work = as_request(current_request_id(), work).in_current_span();
    detached
        .spawn(work)
        .await
        .map_err(|_| Problem::internal("a handler panicked"))
}

/// Whether a query asks for what concerns everyone on the account, however that is spelled.
fn is_of_account(query: Option<&str>) -> bool {
    let query = query.unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "scope" && value == "account")
}

fn reused() -> Problem {
    let detail = "this Idempotency-Key was used for another request; a new request needs a new key";
    let code = "idempotency-key-reused";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
}

/// Binds the key to the answer, or lets it go.
async fn bind(state: &AppState, claim: &KeyClaim, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Problem::internal("an answer could not be read").into_response();
    };
    let note = parts.extensions.get::<ProblemNote>().copied();
    let commit = if binds(parts.status, note) {
        let text = |name| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
        let answer = StoredAnswer {
            status: parts.status.as_u16(),
            location: text(header::LOCATION),
            content_type: text(header::CONTENT_TYPE),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        Some(Commit::of_key(claim.answered(answer)))
    } else {
        // What may have had an effect keeps its key: a repetition gets the order's current state.
        let is_free = claim.is_durable() && note.is_some_and(|note| note.is_without_effect);
        is_free.then(|| Commit::default().releasing(Some(claim)))
    };
    if let Some(commit) = commit
        && let Err(error) = state.journal.commit(commit).await
    {
        tracing::error!(%error, "what an Idempotency-Key led to could not be stored");
    }
    Response::from_parts(parts, Body::from(body))
}

/// Whether an answer is the last word on its request.
fn binds(status: StatusCode, note: Option<ProblemNote>) -> bool {
    match status {
        StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => true,
        StatusCode::CONFLICT => {
            note.is_some_and(|note| note.code == FailureCode::NotAmendable.name())
        }
        status => status.is_success(),
    }
}

/// The answer to a repeated request.
async fn replay(state: &AppState, name: &KeyName, known: StoredKey) -> Result<Response, Problem> {
    let mut response = match (known.answer, known.order_id) {
        (Some(answer), _) if answer.status != StatusCode::ACCEPTED.as_u16() => again(answer)?,
        (answer, Some(id)) => {
            let location = answer.and_then(|answer| answer.location);
            current(state, name, &id, location).await?
        }
        (Some(answer), None) => many(state, answer).await?,
        (None, None) => return Err(Problem::internal("a key without an order or an answer")),
    };
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// The same answer.
fn again(answer: StoredAnswer) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(answer.status)
        .map_err(|_| Problem::internal("a key is bound to an impossible status"))?;
    let mut response = (status, answer.body).into_response();
    for (name, value) in [
        (header::LOCATION, answer.location),
        (header::CONTENT_TYPE, answer.content_type),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// The order's current state, where its fate was open.
async fn current(
    state: &AppState,
    name: &KeyName,
    id: &OrderId,
    location: Option<String>,
) -> Result<Response, Problem> {
    let record = state.journal.order(id).await?;
    let record = record
        .filter(|record| record.tenant == name.tenant)
        .ok_or_else(|| Problem::not_found(format!("no order {id}")))?;
    let mut response = Json(record.order).into_response();
    let location = location.unwrap_or_else(|| format!("/v1/orders/{id}"));
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A cancel of many orders, some of which were not over: the same orders as they are now. It is not
/// carried out again, for there may be new orders.
async fn many(state: &AppState, answer: StoredAnswer) -> Result<Response, Problem> {
    let mut body: Value = serde_json::from_str(&answer.body)
        .map_err(|_| Problem::internal("a key is bound to an answer that is no JSON"))?;
    let items = body["items"].as_array_mut();
    for item in items.into_iter().flatten() {
        let Some(id) = item["id"].as_str() else {
            continue;
        };
        if let Some(record) = state.journal.order(&OrderId::from_text(id)).await? {
            *item = serde_json::to_value(record.order)
                .map_err(|error| Problem::internal(&error.to_string()))?;
        }
    }
    Ok(Json(body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(values: &[&[u8]]) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
        }
        key_of(&headers)
    }

    #[test]
    fn a_key_is_visible_ascii_of_bounded_length_and_given_once() {
        assert_eq!(keys(&[]).unwrap(), None);
        assert_eq!(keys(&[b"a~!\""]).unwrap().as_deref(), Some("a~!\""));
        assert!(keys(&[&[b'k'; 255]]).is_ok());
        for bad in [&b""[..], b"a b", b"\xc3\xa4", b"\ta", &[b'k'; 256]] {
            assert!(keys(&[bad]).is_err(), "{bad:?}");
        }
        assert!(keys(&[b"a", b"a"]).is_err());
    }

    #[test]
    fn final_answers_bind_and_others_do_not() {
        let problem = |code| {
            Some(ProblemNote {
                code,
                is_without_effect: true,
            })
        };
        for status in [200, 201, 202, 404, 422] {
            assert!(
                binds(StatusCode::from_u16(status).unwrap(), None),
                "{status}"
            );
        }
        assert!(binds(StatusCode::CONFLICT, problem("not-amendable")));
        assert!(!binds(StatusCode::CONFLICT, problem("change-in-flight")));
        for status in [400, 401, 403, 405, 408, 413, 415, 429, 500, 502, 503, 504] {
            assert!(
                !binds(StatusCode::from_u16(status).unwrap(), None),
                "{status}"
            );
        }
    }
}

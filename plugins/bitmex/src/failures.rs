//! What an answer of BitMEX that is not a success means.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use switchyard_sdk::errors::{by_status, retry_after_ms};
use switchyard_sdk::request::header;
use switchyard_sdk::time::MS_PER_SECOND;
use switchyard_sdk::types::{Effect, Error, ErrorKind, HttpResponse};
use switchyard_sdk::{Context, json};

use crate::rejections;

/// "you should retry after at least 500 milliseconds" (REST API, "Overload").
const OVERLOAD_WAIT_MS: u32 = 500;

/// `{"error": {"message": "...", "name": "HTTPError" | "ValidationError" | ...}}` (REST API Message Format).
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    error: Complaint<'a>,
}

#[derive(Deserialize)]
struct Complaint<'a> {
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    /// A number in quotes, with the name `CodedHTTPError`.
    #[serde(borrow, default)]
    details: Option<&'a RawValue>,
}

impl Complaint<'_> {
    /// What it says; nothing where there is no text.
    fn text(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// The number where there is one, else the name.
    fn code(&self) -> Option<String> {
        let number = self
            .details
            .map(|details| details.get().trim_matches('"'))
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        number
            .or(self.name.as_deref())
            .filter(|code| !code.is_empty())
            .map(str::to_owned)
    }
}

/// Reads a success as `T`; anything else is the error it means.
///
/// `mutates` says whether the request could change the account: only then can an answer leave open what
/// happened.
pub(crate) fn accept<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    response: &'a HttpResponse,
    mutates: bool,
) -> Result<T, Error> {
    if (200..300).contains(&response.status) {
        json::body(response).map_err(|error| error.after(mutates))
    } else {
        Err(failure(cx, response, mutates))
    }
}

/// The single answer of a read.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
) -> Result<T, Error> {
    accept(cx, json::single(responses)?, false)
}

/// The single answer of a request that may have changed orders.
pub(crate) fn written<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
) -> Result<T, Error> {
    accept(cx, json::single(responses).map_err(after)?, true)
}

/// Makes an error about an answer one about a change that may have happened.
pub(crate) fn after(error: Error) -> Error {
    error.after(true)
}

/// The error of an order that was answered with a reason instead of being carried out.
pub(crate) fn rejection(cx: &Context<'_>, reason: &str, code: &str) -> Error {
    let rule = rejections::rule(reason);
    let kind = rule.map_or(ErrorKind::InvalidRequest, |rule| rule.kind);
    let mut error = Error::refused(kind)
        .because(without_key(cx, reason))
        .coded(code);
    error.field = rule.and_then(|rule| rule.field).map(str::to_owned);
    error
}

fn says_overloaded(payload: Option<&Payload<'_>>) -> bool {
    payload.is_some_and(|payload| payload.error.text().contains("currently overloaded"))
}

fn failure(cx: &Context<'_>, response: &HttpResponse, mutates: bool) -> Error {
    let payload = json::body::<Payload<'_>>(response).ok();
    let mut error = by_status(response, true);
    if let Some(Payload { error: complaint }) = &payload {
        if let Some(rule) = rejections::rule(complaint.text()) {
            error.kind = rule.kind;
            error.field = rule.field.map(str::to_owned);
        }
        error.venue_code = complaint.code();
        if !complaint.text().is_empty() {
            error.message = without_key(cx, complaint.text());
        }
    }
    let wait = retry_after_ms(response).or_else(|| reset_ms(cx, response));
    match response.status {
        429 => error.kind = ErrorKind::RateLimited(wait),
        // "The request will not have reached the engine": said of this text alone, whatever else answers 503.
        503 if says_overloaded(payload.as_ref()) => {
            let wait = retry_after_ms(response).unwrap_or(0).max(OVERLOAD_WAIT_MS);
            error.kind = ErrorKind::Overloaded(Some(wait));
            error.effect = Effect::None;
        }
        // Whatever the text, a gateway that failed may have passed the request on.
        500..=599 => error.kind = by_status(response, true).kind,
        // "your IP address may be banned for an hour": the fence in front of the API speaks no JSON.
        403 if json::body::<IgnoredAny>(response).is_err() => {
            let until = wait.map(|wait| cx.now.saturating_add(u64::from(wait)));
            error.kind = ErrorKind::Banned(until);
        }
        // "Not Found" is about a path only where no documented error came with it.
        404 if payload.is_some() && mutates => error.kind = ErrorKind::OrderNotFound,
        _ => {}
    }
    if let ErrorKind::Banned(None) = error.kind {
        error.kind = ErrorKind::Banned(wait.map(|wait| cx.now.saturating_add(u64::from(wait))));
    }
    if !mutates {
        error.effect = Effect::None;
    }
    error
}

/// How long it is until `x-ratelimit-reset`, a time in seconds at which enough requests are left.
fn reset_ms(cx: &Context<'_>, response: &HttpResponse) -> Option<u32> {
    let seconds: u64 = header(response, "x-ratelimit-reset")?.trim().parse().ok()?;
    let wait = seconds.checked_mul(MS_PER_SECOND)?.checked_sub(cx.now)?;
    u32::try_from(wait).ok()
}

/// The key is public, but an answer that quotes it must not carry it into logs.
fn without_key(cx: &Context<'_>, message: &str) -> String {
    match &cx.account {
        Some(account) if !account.api_key.is_empty() => message.replace(&account.api_key, "(key)"),
        _ => message.to_owned(),
    }
}

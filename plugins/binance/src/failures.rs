//! What a Binance answer that is not a success means, on every one of its APIs.

use std::borrow::Cow;

use serde::Deserialize;
use switchyard_sdk::errors::{Table, by_status, retry_after_ms};
use switchyard_sdk::time::{MS_PER_MINUTE, MS_PER_SECOND};
use switchyard_sdk::types::{Effect, Error, ErrorKind, HttpResponse};
use switchyard_sdk::{Context, json};

/// The error payload (Errors, "Here is the error JSON payload").
#[derive(Deserialize)]
pub(crate) struct Payload<'a> {
    pub(crate) code: i64,
    #[serde(borrow, default)]
    pub(crate) msg: Cow<'a, str>,
}

/// What the errors of one API mean.
#[derive(Debug)]
pub(crate) struct Errors {
    /// In this order; the first table with a rule for a code decides.
    pub(crate) tables: &'static [Table],
    /// Beginnings of the messages with which a 503 is documented to have executed nothing.
    pub(crate) unexecuted: &'static [&'static str],
    /// What to say before the venue's own words, where those alone would leave a reader puzzled.
    pub(crate) explained: &'static [(i64, &'static str)],
}

impl Errors {
    fn error(&self, payload: &Payload<'_>, response: &HttpResponse, mutates: bool) -> Error {
        let knows = |table: &&Table| table.rule(payload.code, &payload.msg).is_some();
        let table = self.tables.iter().find(knows).unwrap_or(&NO_RULES);
        let mut error = table.error(payload.code, &payload.msg, response, mutates);
        let explained = |(code, _): &&(i64, _)| *code == payload.code;
        if let Some((_, words)) = self.explained.iter().find(explained) {
            error.message = format!("{words}: {}", error.message);
        }
        error
    }

    fn is_unexecuted(&self, response: &HttpResponse, payload: Option<&Payload<'_>>) -> bool {
        response.status == 503
            && payload.is_some_and(|payload| {
                self.unexecuted
                    .iter()
                    .any(|beginning| payload.msg.starts_with(beginning))
            })
    }
}

/// For codes that no table has.
const NO_RULES: Table = Table {
    codes: &[],
    speaking: &[],
    texts: &[],
};

/// Reads a success as `T`; anything else is the error it means.
///
/// `mutates` says whether the request could change the account: only then can an answer leave open
/// what happened.
pub(crate) fn accept<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    errors: &Errors,
    response: &'a HttpResponse,
    mutates: bool,
) -> Result<T, Error> {
    if (200..300).contains(&response.status) {
        json::body(response).map_err(|error| error.after(mutates))
    } else {
        Err(failure(cx, errors, response, mutates))
    }
}

/// Reads every answer of a read that asked several times.
pub(crate) fn accept_lists<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    errors: &Errors,
    responses: &'a [HttpResponse],
) -> Result<Vec<Vec<T>>, Error> {
    responses
        .iter()
        .map(|response| accept(cx, errors, response, false))
        .collect()
}

/// Makes an error about an answer one about a change that may have happened.
pub(crate) fn after(error: Error) -> Error {
    error.after(true)
}

/// The error that an answer without success means.
pub(crate) fn failure(
    cx: &Context<'_>,
    errors: &Errors,
    response: &HttpResponse,
    mutates: bool,
) -> Error {
    let payload = json::body::<Payload<'_>>(response).ok();
    let mut error = match &payload {
        Some(payload) => coded(cx, errors, response, payload, mutates),
        None => by_status(response, mutates),
    };
    let wait = retry_after_ms(response);
    match response.status {
        // A ban outlasts whatever the code says, and each further request lengthens it.
        418 if !matches!(error.kind, ErrorKind::Banned(Some(_))) => {
            error.kind = ErrorKind::Banned(wait.map(|wait| cx.now.saturating_add(wait.into())));
            error.effect = Effect::None;
        }
        418 => error.effect = Effect::None,
        429 => {
            if !matches!(
                error.kind,
                ErrorKind::Banned(_) | ErrorKind::RateLimited(Some(_))
            ) {
                error.kind = ErrorKind::RateLimited(wait);
            }
            error.effect = Effect::None;
        }
        // The web application firewall, in front of everything (REST API, "HTTP Return Codes").
        403 if payload.is_none() => error.kind = ErrorKind::RateLimited(wait),
        // "It is important to NOT treat this as a failure operation; the execution status is UNKNOWN".
        500.. if mutates && !errors.is_unexecuted(response, payload.as_ref()) => {
            error.effect = Effect::Unknown;
        }
        // "A timeout has occurred while waiting for a response from the backend server."
        408 if mutates => error.effect = Effect::Unknown,
        _ => {}
    }
    error
}

/// The error for a payload, with what its text adds to its code.
pub(crate) fn coded(
    cx: &Context<'_>,
    errors: &Errors,
    response: &HttpResponse,
    payload: &Payload<'_>,
    mutates: bool,
) -> Error {
    let mut error = errors.error(payload, response, mutates);
    match error.kind {
        ErrorKind::RateLimited(_) => {
            error.kind = match banned_until(&payload.msg) {
                Some(until) => ErrorKind::Banned(Some(until)),
                None => ErrorKind::RateLimited(
                    retry_after_ms(response).or_else(|| window_ms(&payload.msg)),
                ),
            };
        }
        ErrorKind::Overloaded(_) => {
            error.kind = ErrorKind::Overloaded(retry_after_ms(response));
        }
        ErrorKind::InvalidRequest if error.field.is_none() => {
            error.field = parameter(&payload.msg).map(str::to_owned);
        }
        _ => {}
    }
    // The key is public, but an answer that quotes it must not carry it into logs.
    if let Some(account) = &cx.account
        && !account.api_key.is_empty()
        && error.message.contains(&account.api_key)
    {
        error.message = error.message.replace(&account.api_key, "(key)");
    }
    error
}

/// Whether a refusal is about one symbol, so that others may still be asked for the same thing.
pub(crate) fn is_of_one_symbol(error: &Error) -> bool {
    error.effect == Effect::None
        && matches!(
            error.kind,
            ErrorKind::InvalidRequest | ErrorKind::OrderNotFound | ErrorKind::Unsupported
        )
}

/// When a ban ends: "Way too much request weight used; IP banned until 1659146400000."
fn banned_until(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("banned until ")?;
    let end = rest
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end]
        .parse()
        .ok()
        .filter(|until| *until < switchyard_sdk::time::END)
}

/// The window of a limit: "current limit is 100 orders per 10 SECOND." A day is no time to wait for.
fn window_ms(text: &str) -> Option<u32> {
    let (_, window) = text.rsplit_once(" per ")?;
    let (number, unit) = window.trim_end_matches('.').split_once(' ')?;
    let unit = match unit.split('.').next()? {
        "SECOND" | "SECONDS" => MS_PER_SECOND,
        "MINUTE" | "MINUTES" => MS_PER_MINUTE,
        _ => return None,
    };
    number
        .parse::<u32>()
        .ok()?
        .checked_mul(u32::try_from(unit).ok()?)
}

/// The command's field for the parameter that a text quotes: "Parameter 'price' has too much precision."
fn parameter(text: &str) -> Option<&'static str> {
    Some(match text.split('\'').nth(1)? {
        "symbol" => "symbol",
        "side" => "side",
        "type" => "order-type",
        "timeInForce" => "time-in-force",
        "quantity" | "newQty" => "quantity",
        "price" => "price",
        "newClientOrderId" => "client-id",
        "orderId" | "origClientOrderId" | "cancelOrderId" | "cancelOrigClientOrderId" => "order",
        "startTime" => "since",
        "endTime" => "before",
        "limit" => "limit",
        _ => return None,
    })
}

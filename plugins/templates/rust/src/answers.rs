//! Reading answers: a success as its type, everything else as the error that it means.

use serde::{Deserialize, Deserializer};
use switchyard_sdk::errors::{Rule, Table, by_status, retry_after_ms};
use switchyard_sdk::types::{Error, ErrorKind, HttpResponse};
use switchyard_sdk::{Context, json};

/// `{"code": 1004, "message": "..."}`
#[derive(Deserialize)]
struct Complaint {
    code: i64,
    message: String,
}

/// What the venue's codes mean. `refusal`: the venue documents that nothing was done. `open`: something may
/// have been; the gateway then looks for the order before it does anything else. Never guess the first.
const ERRORS: Table = Table {
    codes: &[
        Rule::refusal(1000, ErrorKind::InvalidRequest),
        Rule::refusal(1001, ErrorKind::InvalidRequest).blaming("symbol"),
        Rule::refusal(1002, ErrorKind::AuthFailed),
        Rule::refusal(1003, ErrorKind::ClockSkew),
        Rule::refusal(1004, ErrorKind::InsufficientFunds),
        Rule::refusal(1005, ErrorKind::OrderNotFound),
        Rule::refusal(1006, ErrorKind::DuplicateClientId),
        Rule::refusal(1007, ErrorKind::NotAmendable),
        Rule::refusal(1008, ErrorKind::RateLimited(None)),
        Rule::refusal(1009, ErrorKind::Overloaded(None)),
        Rule::open(1010, ErrorKind::OutcomeUnknown),
    ],
    speaking: &[],
    texts: &[],
};

/// A text of the venue's that says something: an empty one is none.
#[derive(PartialEq)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Err(serde::de::Error::custom("an empty text"));
        }
        Ok(Self(text))
    }
}

/// Reads the answer to a request that changes nothing.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
) -> Result<T, Error> {
    accept(cx, responses, false)
}

/// Reads the answer to a request that may have changed something. Where it cannot be read, the effect is
/// `unknown`: a venue that answered may well have acted.
pub(crate) fn written<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
) -> Result<T, Error> {
    accept(cx, responses, true)
}

fn accept<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
    mutates: bool,
) -> Result<T, Error> {
    let response = json::single(responses).map_err(|error| error.after(mutates))?;
    if (200..300).contains(&response.status) {
        return json::body(response).map_err(|error| error.after(mutates));
    }
    // A proxy on the way answers in HTML, or not at all: then the status has to do.
    let Ok(complaint) = json::body::<Complaint>(response) else {
        return Err(by_status(response, mutates));
    };
    let message = said(cx, &complaint.message);
    let mut error = ERRORS.error(complaint.code, &message, response, mutates);
    if let ErrorKind::RateLimited(wait) | ErrorKind::Overloaded(wait) = &mut error.kind {
        *wait = retry_after_ms(response);
    }
    Err(error)
}

/// Longest part of the venue's own text that goes on, in characters.
const MAX_SAID: usize = 500;

/// What the venue said, for people and logs: venues quote keys that they do not like.
fn said(cx: &Context<'_>, message: &str) -> String {
    let message = match &cx.account {
        Some(account) if !account.api_key.is_empty() => {
            message.replace(&account.api_key, "[api-key]")
        }
        _ => message.to_owned(),
    };
    message.chars().take(MAX_SAID).collect()
}

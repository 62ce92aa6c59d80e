//! The made-up venue's JSON.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use switchyard_sdk::decimal::Exact;
use switchyard_sdk::types::{Effect, Error, ErrorKind, HttpResponse};
use switchyard_sdk::{Context, errors, json};

use crate::fault::Fault;

/// A number of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Number(pub(crate) String);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if Fault::AcceptsExponent.is_on() {
            return String::deserialize(deserializer).map(Self);
        }
        let exact = Exact::deserialize(deserializer)?;
        if exact.is_negative() {
            return Err(D::Error::custom("a number below zero"));
        }
        let text = exact.into_string();
        if !Fault::FloatPrices.is_on() {
            return Ok(Self(text));
        }
        let float: f64 = text.parse().map_err(D::Error::custom)?;
        Ok(Self(float.to_string()))
    }
}

/// A text that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)? {
            text if text.is_empty() => Err(D::Error::custom("an empty text")),
            text => Ok(Self(text)),
        }
    }
}

/// A point in time that the contract can name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(pub(crate) u64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            time if time < 1 << 53 => Ok(Self(time)),
            _ => Err(D::Error::custom("a time beyond 2^53")),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Time {
    pub(crate) now: Moment,
}

#[derive(Deserialize)]
pub(crate) struct Markets {
    pub(crate) markets: Vec<Market>,
}

#[derive(Deserialize)]
pub(crate) struct Market {
    pub(crate) name: Text,
    pub(crate) base: Text,
    pub(crate) quote: Text,
    pub(crate) open: bool,
    pub(crate) tick: Number,
    pub(crate) lot: Number,
    pub(crate) min_quantity: Number,
    pub(crate) max_quantity: Number,
    pub(crate) min_value: Number,
}

#[derive(Deserialize)]
pub(crate) struct Ticker {
    pub(crate) market: Text,
    pub(crate) bid: Number,
    pub(crate) ask: Number,
    pub(crate) last: Number,
    pub(crate) volume: Number,
    pub(crate) at: Moment,
}

#[derive(Deserialize)]
pub(crate) struct Book {
    pub(crate) bids: Vec<(Number, Number)>,
    pub(crate) asks: Vec<(Number, Number)>,
    pub(crate) sequence: u64,
    pub(crate) at: Moment,
}

#[derive(Deserialize)]
pub(crate) struct OrderAnswer {
    pub(crate) order: Order,
}

#[derive(Deserialize)]
pub(crate) struct Orders {
    pub(crate) orders: Vec<Order>,
    pub(crate) more: bool,
}

#[derive(Deserialize)]
pub(crate) struct Order {
    pub(crate) id: Text,
    pub(crate) client_id: Text,
    pub(crate) market: Text,
    pub(crate) side: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) time_in_force: Option<String>,
    pub(crate) quantity: Number,
    pub(crate) price: Option<Number>,
    #[serde(default)]
    pub(crate) filled: Option<Number>,
    pub(crate) average_price: Option<Number>,
    pub(crate) status: String,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
}

#[derive(Deserialize)]
pub(crate) struct Balances {
    pub(crate) balances: Vec<Balance>,
}

#[derive(Deserialize)]
pub(crate) struct Balance {
    pub(crate) asset: Text,
    pub(crate) free: Number,
    pub(crate) held: Number,
}

#[derive(Deserialize)]
struct Failure {
    error: Refusal,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
}

/// The only answer's body, or the error that it means.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    cx: &Context<'_>,
    responses: &'a [HttpResponse],
    mutates: bool,
) -> Result<T, Error> {
    let response = json::single(responses).map_err(|error| error.after(mutates))?;
    if Fault::TrapOnEmptyBody.is_on() && response.body.is_empty() {
        std::process::abort();
    }
    if Fault::DeepRecursion.is_on() {
        descend(&response.body);
    }
    let is_success = (200..300).contains(&response.status);
    if !is_success && !Fault::IgnoredStatus.is_on() {
        return Err(failure(cx, response, mutates));
    }
    json::body(response).map_err(|error| {
        if Fault::EndlessLoop.is_on() && error.message.starts_with("EOF") {
            wait_for_more();
        }
        error.after(mutates && !Fault::EffectNoneOnGarbage.is_on())
    })
}

fn wait_for_more() {
    let mut turns = 0_u64;
    while std::hint::black_box(turns) < u64::MAX {
        turns = turns.wrapping_add(1) & 0xffff;
    }
}

/// Follows brackets with the machine's stack.
#[inline(never)]
fn descend(body: &[u8]) -> usize {
    match body.iter().position(|byte| matches!(byte, b'[' | b'{')) {
        Some(at) => {
            let pad = std::hint::black_box([at; 16]);
            descend(&body[at + 1..]) + pad[0]
        }
        None => 0,
    }
}

fn failure(cx: &Context<'_>, response: &HttpResponse, mutates: bool) -> Error {
    let mut error = errors::by_status(response, mutates);
    if let ErrorKind::RateLimited(Some(wait)) = &mut error.kind
        && Fault::RetryAfterUnit.is_on()
    {
        *wait /= 1_000;
    }
    if response.status < 500
        && let Ok(Failure { error: refusal }) = json::body(response)
    {
        if let Some(kind) = kind_of(&refusal.code) {
            error = Error::refused(kind);
        }
        let message = match &cx.account {
            // The venue may quote what it was sent.
            Some(account) => refusal.message.replace(&account.api_key, "[api-key]"),
            None => refusal.message,
        };
        error = error.coded(refusal.code).because(message);
    }
    if Fault::EffectNoneOn5xx.is_on() && response.status >= 500 {
        error.effect = Effect::None;
    }
    if Fault::KeyInError.is_on()
        && let Some(account) = &cx.account
    {
        error.message = format!("{} (key {})", error.message, account.api_key);
    }
    error
}

fn kind_of(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "insufficient_funds" => ErrorKind::InsufficientFunds,
        "no_such_order" => ErrorKind::OrderNotFound,
        "known_client_id" => ErrorKind::DuplicateClientId,
        "bad_request" => ErrorKind::InvalidRequest,
        "bad_signature" => ErrorKind::AuthFailed,
        _ => return None,
    })
}

//! Runs a recorded exchange against any version of an adapter and shows what differs.

use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::redaction::Redaction;
use super::{API_KEY, Exchange, body_bytes, digest_of, json, meaning_of, sent};
use crate::adapter::{Adapter, Call};
use crate::bindings::switchyard::adapter::signer::{Algorithm, KeyEncoding, SignError};
use crate::bindings::switchyard::adapter::types::{HttpResponse, Instrument};
use crate::error::CallError;
use crate::imports::{Catalogue, SilentLog};
use crate::operation::{
    Amend, Cancel, CancelAll, GetCandles, GetOrder, GetOrderBook, GetTicker, GetTime, ListBalances,
    ListFills, ListHistory, ListInstruments, ListOpen, ListPositions, Operation, Place,
};
use crate::signing::Signer;

/// Something that a replay gave and the recording has otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What: `requests`, `signed` or `meaning`, with the path to the value.
    pub at: String,
    /// As recorded; `null` where the recording has nothing.
    pub recorded: Value,
    /// As replayed.
    pub replayed: Value,
}

/// A recording cannot be replayed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplayError {
    /// Not an operation of the contract.
    #[error("no operation {0:?}")]
    UnknownOperation(String),
    /// A part of it is not what such a recording holds.
    #[error("the recording's {part}: {problem}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The adapter gave nothing.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl ReplayError {
    /// Whether all instances of the adapter were busy, which says nothing of it.
    pub fn is_exhausted(&self) -> bool {
        matches!(self, Self::Call(CallError::PoolExhausted(_)))
    }
}

/// Replays an exchange. No difference means that this version would have sent the same bytes, but for
/// signatures, and made the same of the same answers.
///
/// # Errors
/// [`ReplayError`].
pub fn replay(adapter: &Adapter, exchange: &Exchange) -> Result<Vec<Difference>, ReplayError> {
    macro_rules! by_name {
        ($($op:ident),+) => {
            match exchange.operation.as_str() {
                $(name if name == $op::NAME => replay_as::<$op>(adapter, exchange),)+
                other => Err(ReplayError::UnknownOperation(other.to_owned())),
            }
        };
    }
    by_name!(
        Place,
        Amend,
        Cancel,
        CancelAll,
        GetOrder,
        ListOpen,
        ListHistory,
        ListFills,
        ListBalances,
        ListPositions,
        ListInstruments,
        GetTime,
        GetTicker,
        GetOrderBook,
        GetCandles
    )
}

fn replay_as<O: Operation>(
    adapter: &Adapter,
    exchange: &Exchange,
) -> Result<Vec<Difference>, ReplayError>
where
    O::Command: DeserializeOwned,
{
    let malformed = |part, problem: String| ReplayError::Malformed { part, problem };
    let command: O::Command = serde_json::from_value(exchange.command.clone())
        .map_err(|error| malformed("command", error.to_string()))?;
    let state = exchange
        .state
        .as_ref()
        .map(|state| BASE64.decode(state.as_bytes()));
    let state = state
        .transpose()
        .map_err(|error| malformed("state", error.to_string()))?;
    let signer = Arc::new(DummySigner::default());
    let call = Call {
        context: exchange.context.clone(),
        signer: exchange
            .context
            .account
            .is_some()
            .then(|| signer.clone() as _),
        catalogue: Arc::new(RecordedCatalogue(exchange.clone())),
        log: Arc::new(SilentLog),
    };
    let mut differences = Vec::new();
    let encoded = adapter.encode::<O>(&call, &command, state.as_ref())?;
    let payloads = signer.taken();
    let redaction = Redaction::new(
        Some(API_KEY),
        payloads.iter().map(|(_, signature)| signature.as_slice()),
    );
    match &encoded {
        Ok(requests) => compare(
            "requests",
            &json(&exchange.requests),
            &json(&sent(requests, &redaction)),
            &mut differences,
        ),
        Err(error) => differences.push(Difference {
            at: "requests".into(),
            recorded: json(&exchange.requests),
            replayed: serde_json::json!({ "error": json(error) }),
        }),
    }
    let signed: Vec<String> = payloads
        .iter()
        .map(|(payload, _)| digest_of(&redaction.bytes(payload)))
        .collect();
    compare(
        "signed",
        &json(&exchange.signed),
        &json(&signed),
        &mut differences,
    );
    if let Some(recorded) = &exchange.meaning {
        let answers = exchange.answers.iter().map(|answer| {
            Some(HttpResponse {
                status: answer.status,
                headers: answer.headers.clone(),
                body: body_bytes(&answer.body)?,
            })
        });
        let answers: Option<Vec<HttpResponse>> = answers.collect();
        let answers = answers.ok_or_else(|| malformed("answers", "not Base64".into()))?;
        let decoded = adapter.decode::<O>(&call, &command, state.as_ref(), &answers)?;
        let meaning = redaction.value(meaning_of::<O>(decoded.as_ref()));
        compare("meaning", recorded, &meaning, &mut differences);
    }
    Ok(differences)
}

/// Notes each smallest part in which two values differ.
fn compare(at: &str, recorded: &Value, replayed: &Value, differences: &mut Vec<Difference>) {
    match (recorded, replayed) {
        (Value::Object(before), Value::Object(after)) => {
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let part =
                    |of: &serde_json::Map<String, Value>| of.get(name).cloned().unwrap_or_default();
                let at = format!("{at}.{name}");
                compare(&at, &part(before), &part(after), differences);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (place, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{at}[{place}]"), before, after, differences);
            }
        }
        _ if recorded == replayed => {}
        _ => differences.push(Difference {
            at: at.to_owned(),
            recorded: recorded.clone(),
            replayed: replayed.clone(),
        }),
    }
}

/// Signs with nothing: the same bytes for every payload.
#[derive(Default)]
struct DummySigner(Mutex<Vec<(Vec<u8>, Vec<u8>)>>);

impl DummySigner {
    fn taken(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Signer for DummySigner {
    fn sign(
        &self,
        algorithm: Algorithm,
        _: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        let length = match algorithm {
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha512 | Algorithm::Ed25519 | Algorithm::EcdsaP256 => 64,
            Algorithm::RsaSha256 => 256,
        };
        let signature = vec![0x5a; length];
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.push((payload.to_vec(), signature.clone()));
        Ok(signature)
    }
}

struct RecordedCatalogue(Exchange);

impl Catalogue for RecordedCatalogue {
    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<Instrument> {
        let mut lookups = self.0.lookups.iter();
        let is_it = |l: &&super::Lookup| l.endpoint == endpoint && l.symbol == venue_symbol;
        lookups.find(is_it)?.found.clone()
    }
}

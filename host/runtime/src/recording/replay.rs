//! Runs a recorded exchange against any version of an adapter and shows what differs.

use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use serde_json::Value;

use super::redaction::Redaction;
use super::{API_KEY, Answer, Exchange, Lookup, SentRequest, digest_of, meaning_of, sent};
use crate::adapter::{Adapter, Call};
use crate::bindings::switchyard::adapter::signer::{Algorithm, KeyEncoding, SignError};
use crate::bindings::switchyard::adapter::types::{Error, HttpResponse, Instrument};
use crate::error::CallError;
use crate::imports::{Catalogue, SilentLog};
use crate::named::{NamedCallError, NamedOperation, json};
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
    /// The command is not the operation's, or the adapter gave nothing.
    #[error(transparent)]
    Call(#[from] NamedCallError),
}

impl ReplayError {
    /// Whether all instances of the adapter were busy, which says nothing of it.
    pub fn is_exhausted(&self) -> bool {
        matches!(
            self,
            Self::Call(NamedCallError::Call(CallError::PoolExhausted(_)))
        )
    }
}

/// What an adapter made of a recorded exchange, in the recording's own terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Rerun {
    /// What it would have sent, or why nothing.
    pub requests: Result<Vec<SentRequest>, Error>,
    /// SHA-256 of each payload that it had signed.
    pub signed: Vec<String>,
    /// What it looked up in the recording's catalogue.
    pub lookups: Vec<Lookup>,
    /// What it made of the recorded answers; where there are none, the error with which it refused to make
    /// a request, if it did.
    pub meaning: Option<Value>,
}

/// Runs a recorded exchange again: the same command, circumstances and answers.
///
/// # Errors
/// [`ReplayError`].
pub fn rerun(adapter: &Adapter, exchange: &Exchange) -> Result<Rerun, ReplayError> {
    let malformed = |part, problem: String| ReplayError::Malformed { part, problem };
    let operation = NamedOperation::find(&exchange.operation)
        .ok_or_else(|| ReplayError::UnknownOperation(exchange.operation.clone()))?;
    let state = exchange
        .state
        .as_ref()
        .map(|state| BASE64.decode(state.as_bytes()));
    let state = state
        .transpose()
        .map_err(|error| malformed("state", error.to_string()))?;
    let signer = Arc::new(DummySigner::default());
    let catalogue = Arc::new(RecordedCatalogue {
        known: exchange.lookups.clone(),
        asked: Mutex::default(),
    });
    let call = Call {
        context: exchange.context.clone(),
        signer: exchange
            .context
            .account
            .is_some()
            .then(|| signer.clone() as _),
        catalogue: catalogue.clone(),
        log: Arc::new(SilentLog),
    };
    let encoded = operation.encode(adapter, &call, &exchange.command, state.as_ref())?;
    let payloads = signer.taken();
    let redaction = Redaction::new(
        Some(API_KEY),
        payloads.iter().map(|(_, signature)| signature.as_slice()),
    );
    let meaning = if exchange.answers.is_empty() {
        let refused = encoded.as_ref().err();
        refused.map(|error| redaction.value(meaning_of::<Value>(Err(error))))
    } else {
        let answers = exchange.answers.iter().map(Answer::response);
        let answers: Option<Vec<HttpResponse>> = answers.collect();
        let answers = answers.ok_or_else(|| malformed("answers", "not Base64".into()))?;
        let decoded =
            operation.decode(adapter, &call, &exchange.command, state.as_ref(), &answers)?;
        Some(redaction.value(meaning_of(decoded.as_ref())))
    };
    Ok(Rerun {
        requests: encoded.map(|requests| sent(&requests, &redaction)),
        signed: payloads
            .iter()
            .map(|(payload, _)| digest_of(&redaction.bytes(payload)))
            .collect(),
        lookups: catalogue.taken(),
        meaning,
    })
}

/// Replays an exchange. No difference means that this version would have sent the same bytes, but for
/// signatures, and made the same of the same answers.
///
/// # Errors
/// [`ReplayError`].
pub fn replay(adapter: &Adapter, exchange: &Exchange) -> Result<Vec<Difference>, ReplayError> {
    let rerun = rerun(adapter, exchange)?;
    let mut differences = Vec::new();
    let nothing_is_said = exchange.requests.is_empty() && exchange.answers.is_empty();
    match &rerun.requests {
        // That nothing is sent is what was recorded; why is part of the meaning.
        Err(_) if nothing_is_said && exchange.meaning.is_some() => {}
        Ok(requests) => compare(
            "requests",
            &json(&exchange.requests),
            &json(requests),
            &mut differences,
        ),
        Err(error) => differences.push(Difference {
            at: "requests".into(),
            recorded: json(&exchange.requests),
            replayed: serde_json::json!({ "error": json(error) }),
        }),
    }
    let signed = (json(&exchange.signed), json(&rerun.signed));
    compare("signed", &signed.0, &signed.1, &mut differences);
    if let Some(recorded) = &exchange.meaning {
        let replayed = rerun.meaning.unwrap_or_default();
        compare("meaning", recorded, &replayed, &mut differences);
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

/// Knows what the recording found, and notes what it is asked.
struct RecordedCatalogue {
    known: Vec<Lookup>,
    asked: Mutex<Vec<Lookup>>,
}

impl RecordedCatalogue {
    fn taken(&self) -> Vec<Lookup> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Catalogue for RecordedCatalogue {
    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<Instrument> {
        let is_it = |l: &&Lookup| l.endpoint == endpoint && l.symbol == venue_symbol;
        let known = self.known.iter().find(is_it).cloned();
        let lookup = known.unwrap_or_else(|| Lookup {
            endpoint: endpoint.to_owned(),
            symbol: venue_symbol.to_owned(),
            found: None,
        });
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if !asked.contains(&lookup) {
            asked.push(lookup.clone());
        }
        lookup.found
    }
}

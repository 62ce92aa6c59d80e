//! Exchanges with venues as they can be kept and replayed: everything an adapter was given and made of it,
//! without secrets.
//!
//! An adapter is a pure function, so an exchange replays bit for bit on the version that made it, and shows
//! what another version would have done differently. The API key and every signature are replaced by
//! placeholders, in the recording and in a replay alike; of what was signed the SHA-256 is kept.

mod flags;
mod redaction;
mod replay;

use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::adapter::{Adapter, Call};
use crate::allowed_calls::method_name;
use crate::bindings::switchyard::adapter::signer::{Algorithm, KeyEncoding, SignError};
use crate::bindings::switchyard::adapter::types::{
    Context, Error, HttpRequest, HttpResponse, Instrument,
};
use crate::imports::Catalogue;
use crate::named::json;
use crate::operation::{Operation, Step};
use crate::signing::Signer;
use redaction::Redaction;
pub use replay::{Difference, ReplayError, Rerun, replay, rerun};

/// Stands for the account's API key.
const API_KEY: &str = "[api-key]";

/// One step of an operation: what was asked of the adapter, what it sent, what came back, what that meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The operation's name in `wit/`.
    pub operation: String,
    /// The venue's name that the adapter gives itself.
    pub adapter: String,
    /// Version of the adapter.
    pub adapter_version: String,
    /// SHA-256 of the adapter.
    pub adapter_sha256: String,
    /// What the adapter knew.
    pub context: Context,
    /// What it was asked.
    pub command: Value,
    /// What it had carried over from the step before, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What it looked up in the catalogue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Lookup>,
    /// SHA-256 of each payload that was signed, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed: Vec<String>,
    /// What it made the gateway send.
    pub requests: Vec<SentRequest>,
    /// What the venue answered; empty where it did not.
    pub answers: Vec<Answer>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
    /// What the answers meant; absent where there are none, or the adapter gave nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Value>,
}

/// A look into the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// Endpoint alias.
    pub endpoint: String,
    /// The venue's own symbol.
    pub symbol: String,
    /// What was found.
    pub found: Option<Instrument>,
}

/// A request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentRequest {
    /// HTTP method.
    pub method: String,
    /// Endpoint alias.
    pub endpoint: String,
    /// Path and query.
    pub path: String,
    /// Headers that the adapter set.
    pub headers: Vec<(String, String)>,
    /// The body as text, or in Base64 behind `base64:`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Units spent of each bucket.
    pub costs: Vec<(String, u32)>,
    /// Whether it may change something.
    pub mutates: bool,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, without cookies.
    pub headers: Vec<(String, String)>,
    /// The body as text, or in Base64 behind `base64:`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

impl Answer {
    /// The answer as an adapter gets it; `None` where the body is marked as Base64 and is not.
    pub fn response(&self) -> Option<HttpResponse> {
        Some(HttpResponse {
            status: self.status,
            headers: self.headers.clone(),
            body: body_bytes(&self.body)?,
        })
    }
}

impl From<&HttpResponse> for Answer {
    /// The answer as it is kept, with nothing taken out.
    fn from(response: &HttpResponse) -> Self {
        answered(response, &Redaction::none())
    }
}

/// Watches one step: [`Recorder::watch`] puts it between the adapter and what it may reach.
#[derive(Default)]
pub struct Recorder {
    signatures: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
    lookups: Mutex<Vec<Lookup>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// What a step consisted of.
#[derive(Debug)]
pub struct RecordedStep<'a, O: Operation> {
    /// The adapter that made it.
    pub adapter: &'a Adapter,
    /// What it knew.
    pub context: &'a Context,
    /// What it was asked.
    pub command: &'a O::Command,
    /// What it carried over.
    pub state: Option<&'a Vec<u8>>,
    /// What it made the gateway send.
    pub requests: &'a [HttpRequest],
    /// What came back, or why nothing did.
    pub answers: Result<&'a [HttpResponse], String>,
}

impl Recorder {
    /// The call, watched.
    #[must_use]
    pub fn watch(self: &Arc<Self>, call: Call) -> Call {
        let watched = |signer: Arc<dyn Signer>| -> Arc<dyn Signer> {
            Arc::new(WatchedSigner {
                signer,
                recorder: self.clone(),
            })
        };
        Call {
            signer: call.signer.map(watched),
            catalogue: Arc::new(WatchedCatalogue {
                catalogue: call.catalogue,
                recorder: self.clone(),
            }),
            ..call
        }
    }

    /// What was watched, as it can be kept. `meaning` is what the adapter made of the answers.
    pub fn exchange<O: Operation>(
        &self,
        step: &RecordedStep<'_, O>,
        meaning: Option<Result<&Step<O::Output>, &Error>>,
    ) -> Exchange {
        let signatures = self
            .signatures
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let account = step.context.account.as_ref();
        let redaction = Redaction::new(
            account.map(|account| account.api_key.as_str()),
            signatures.iter().map(|(_, signature)| signature.as_slice()),
        );
        let mut context = step.context.clone();
        if let Some(account) = &mut context.account {
            account.api_key = API_KEY.to_owned();
        }
        let descriptor = step.adapter.descriptor();
        let answers = step.answers.as_ref();
        Exchange {
            operation: O::NAME.to_owned(),
            adapter: descriptor.venue.clone(),
            adapter_version: descriptor.adapter_version.clone(),
            adapter_sha256: step.adapter.sha256().to_owned(),
            context,
            command: json(step.command),
            state: step.state.map(|state| BASE64.encode(state)),
            lookups: lookups.clone(),
            signed: signatures
                .iter()
                .map(|(payload, _)| digest_of(&redaction.bytes(payload)))
                .collect(),
            requests: sent(step.requests, &redaction),
            answers: answers.map_or_else(
                |_| Vec::new(),
                |answers| answers.iter().map(|a| answered(a, &redaction)).collect(),
            ),
            unanswered: answers.err().cloned(),
            meaning: meaning.map(|meaning| redaction.value(meaning_of(meaning))),
        }
    }
}

/// How a request looks in a recording.
fn sent(requests: &[HttpRequest], redaction: &Redaction) -> Vec<SentRequest> {
    let one = |request: &HttpRequest| SentRequest {
        method: method_name(request.method).to_owned(),
        endpoint: request.endpoint.clone(),
        path: redaction.text(&request.path),
        headers: headers(&request.headers, redaction),
        body: body(&request.body, redaction),
        costs: request
            .costs
            .iter()
            .map(|cost| (cost.bucket.clone(), cost.amount))
            .collect(),
        mutates: request.mutates,
    };
    requests.iter().map(one).collect()
}

fn answered(answer: &HttpResponse, redaction: &Redaction) -> Answer {
    let mut headers = headers(&answer.headers, redaction);
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("set-cookie"));
    Answer {
        status: answer.status,
        headers,
        body: body(&answer.body, redaction),
    }
}

fn headers(headers: &[(String, String)], redaction: &Redaction) -> Vec<(String, String)> {
    let one = |(name, value): &(String, String)| (name.clone(), redaction.text(value));
    headers.iter().map(one).collect()
}

/// Marks a body that is no text.
const BASE64_MARK: &str = "base64:";

fn body(bytes: &[u8], redaction: &Redaction) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.starts_with(BASE64_MARK) => redaction.text(text),
        _ => format!("{BASE64_MARK}{}", BASE64.encode(&redaction.bytes(bytes))),
    }
}

fn body_bytes(text: &str) -> Option<Vec<u8>> {
    match text.strip_prefix(BASE64_MARK) {
        Some(encoded) => BASE64.decode(encoded.as_bytes()).ok(),
        None => Some(text.as_bytes().to_vec()),
    }
}

fn meaning_of<T: Serialize>(meaning: Result<&Step<T>, &Error>) -> Value {
    match meaning {
        Ok(Step::Done(output)) => serde_json::json!({ "done": json(output) }),
        Ok(Step::Continue(state)) => serde_json::json!({ "continue": BASE64.encode(state) }),
        Err(error) => serde_json::json!({ "error": json(error) }),
    }
}

fn digest_of(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

struct WatchedSigner {
    signer: Arc<dyn Signer>,
    recorder: Arc<Recorder>,
}

impl Signer for WatchedSigner {
    fn sign(
        &self,
        algorithm: Algorithm,
        key_encoding: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        let signature = self.signer.sign(algorithm, key_encoding, payload)?;
        let made = (payload.to_vec(), signature.clone());
        let signatures = &self.recorder.signatures;
        signatures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(made);
        Ok(signature)
    }
}

struct WatchedCatalogue {
    catalogue: Arc<dyn Catalogue>,
    recorder: Arc<Recorder>,
}

impl Catalogue for WatchedCatalogue {
    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<Instrument> {
        let found = self.catalogue.find(endpoint, venue_symbol);
        let lookup = Lookup {
            endpoint: endpoint.to_owned(),
            symbol: venue_symbol.to_owned(),
            found: found.clone(),
        };
        let lookups = &self.recorder.lookups;
        let mut lookups = lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if !lookups.contains(&lookup) {
            lookups.push(lookup);
        }
        found
    }
}

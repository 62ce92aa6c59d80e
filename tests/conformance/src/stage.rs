//! Calls into the adapter under judgement, with everything it says and has signed in view.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use switchyard_runtime::wit::log::Level;
use switchyard_runtime::wit::signer::{Algorithm, KeyEncoding, SignError};
use switchyard_runtime::wit::types::{Error, HttpRequest, HttpResponse, Instrument};
use switchyard_runtime::{
    Adapter, Call, CallError, Catalogue, Limits, LogSink, Lookup, NamedCallError, Signer, Step,
};

use crate::scene::Scene;

/// The API key that the adapter is told. It occurs in nothing else.
pub(crate) const API_KEY: &str = "kitKeyZ9x8W7v6U5t4S3r2Q1p0";

/// What came of an encode.
#[derive(Debug, Clone)]
pub(crate) struct Encoding {
    pub(crate) outcome: Result<Result<Vec<HttpRequest>, Error>, NamedCallError>,
    pub(crate) lines: Vec<String>,
    pub(crate) signatures: Vec<Vec<u8>>,
}

/// What came of a decode.
#[derive(Debug, Clone)]
pub(crate) struct Decoding {
    pub(crate) outcome: Result<Result<Step<Value>, Error>, NamedCallError>,
    pub(crate) lines: Vec<String>,
}

/// How many times as long as its processor time a call may take here: it is the adapter that is judged, not a
/// machine that does too much else.
const PATIENCE: u32 = 1_000;

/// The adapter, bounded by its processor time alone.
///
/// # Errors
/// Where no instance can be made of it, in words.
pub(crate) fn patient(adapter: &Adapter) -> Result<Adapter, String> {
    let limits = Limits {
        wall_factor: PATIENCE,
        ..adapter.limits().clone()
    };
    adapter.within(limits).map_err(|error| error.to_string())
}

/// Asks for the requests of a scene.
pub(crate) fn encode(adapter: &Adapter, scene: &Scene) -> Encoding {
    let (call, ears) = call(scene);
    let state = scene.state.as_ref();
    let outcome = in_time(|| {
        ears.forget();
        let operation = scene.operation;
        operation.encode(adapter, &call, &scene.command, state)
    });
    Encoding {
        outcome,
        lines: ears.lines(),
        signatures: ears.signatures(),
    }
}

/// Asks what answers mean in a scene.
pub(crate) fn decode(adapter: &Adapter, scene: &Scene, answers: &[HttpResponse]) -> Decoding {
    let (call, ears) = call(scene);
    let state = scene.state.as_ref();
    let outcome = in_time(|| {
        ears.forget();
        let operation = scene.operation;
        operation.decode(adapter, &call, &scene.command, state, answers)
    });
    Decoding {
        outcome,
        lines: ears.lines(),
    }
}

/// Calls once more where the deadline passed, twice at most: a machine that does too much else lets it pass, an
/// adapter that is too slow is so each time.
fn in_time<T>(mut call: impl FnMut() -> Result<T, NamedCallError>) -> Result<T, NamedCallError> {
    let is_late = |called: &Result<T, NamedCallError>| {
        matches!(
            called,
            Err(NamedCallError::Call(CallError::DeadlineExceeded(_)))
        )
    };
    let mut called = call();
    for _ in 0..2 {
        if is_late(&called) {
            called = call();
        }
    }
    called
}

fn call(scene: &Scene) -> (Call, Arc<Ears>) {
    let ears = Arc::new(Ears::default());
    let has_account = scene.context.account.is_some();
    let call = Call {
        context: scene.context.clone(),
        signer: has_account.then(|| ears.clone() as _),
        catalogue: Arc::new(Known(scene.known.clone())),
        log: ears.clone(),
    };
    (call, ears)
}

/// Signs with bytes that follow from nothing but the algorithm, and hears what is logged.
#[derive(Default)]
struct Ears {
    lines: Mutex<Vec<String>>,
    signatures: Mutex<Vec<Vec<u8>>>,
}

impl Ears {
    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn forget(&self) {
        self.lines();
        self.signatures();
    }

    fn signatures(&self) -> Vec<Vec<u8>> {
        let signatures = &self.signatures;
        std::mem::take(&mut *signatures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Signer for Ears {
    fn sign(&self, algorithm: Algorithm, _: KeyEncoding, _: &[u8]) -> Result<Vec<u8>, SignError> {
        let length = match algorithm {
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha512 | Algorithm::Ed25519 | Algorithm::EcdsaP256 => 64,
            Algorithm::RsaSha256 => 256,
        };
        let signature: Vec<u8> = (0..length)
            .map(|place: usize| (place * 37 + 11) as u8)
            .collect();
        let mut made = self
            .signatures
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        made.push(signature.clone());
        Ok(signature)
    }
}

impl LogSink for Ears {
    fn write(&self, _: Level, message: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(message.to_owned());
    }
}

struct Known(Vec<Lookup>);

impl Catalogue for Known {
    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<Instrument> {
        let is_it = |l: &&Lookup| l.endpoint == endpoint && l.symbol == venue_symbol;
        self.0.iter().find(is_it)?.found.clone()
    }
}

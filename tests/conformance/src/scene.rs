//! What an adapter is asked: an operation with its circumstances, and the answers where there are any.

use serde_json::Value;
use switchyard_runtime::wit::types::{Context, HttpResponse};
use switchyard_runtime::{Lookup, NamedOperation};

use crate::recording::Recording;

/// One step of an operation, ready to be given to an adapter.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The recording's name, or what was made up.
    pub origin: String,
    /// The operation.
    pub operation: NamedOperation,
    /// What the adapter knows.
    pub context: Context,
    /// What it is asked.
    pub command: Value,
    /// What it carried over from the step before.
    pub state: Option<Vec<u8>>,
    /// What the catalogue knows.
    pub known: Vec<Lookup>,
    /// What the venue answered; empty where the scene is about a request alone.
    pub answers: Vec<HttpResponse>,
    /// What the recording says that this means.
    pub meaning: Option<Value>,
}

impl Scene {
    /// The scene of a recording, with a key of the kit's own in place of the placeholder.
    ///
    /// # Errors
    /// Where a part of the recording is not what it should hold.
    pub(crate) fn of(recording: &Recording, api_key: &str) -> Result<Self, String> {
        let exchange = &recording.exchange;
        let operation = NamedOperation::find(&exchange.operation)
            .ok_or_else(|| format!("operation: there is no {:?}", exchange.operation))?;
        let decoded = exchange
            .state
            .as_ref()
            .map(|state| data_encoding::BASE64.decode(state.as_bytes()));
        let state = decoded
            .transpose()
            .map_err(|error| format!("state: {error}"))?;
        let answers = exchange.answers.iter().map(|answer| answer.response());
        let answers: Option<Vec<HttpResponse>> = answers.collect();
        let mut context = exchange.context.clone();
        if let Some(account) = &mut context.account {
            account.api_key = api_key.to_owned();
        }
        Ok(Self {
            origin: recording.name.clone(),
            operation,
            context,
            command: exchange.command.clone(),
            state,
            known: exchange.lookups.clone(),
            answers: answers.ok_or("answers: not Base64")?,
            meaning: exchange.meaning.clone(),
        })
    }

    /// What the adapter is asked, in a line.
    pub(crate) fn asked(&self) -> String {
        let instrument = self.context.instrument.as_ref();
        let about = instrument.map(|instrument| format!(" for {}", instrument.symbol));
        let endpoint = &self.context.endpoint;
        let (operation, about) = (self.operation.name(), about.unwrap_or_default());
        match &self.command {
            Value::Null => format!("{operation} on {endpoint}{about}"),
            command => format!("{operation} on {endpoint}{about}: {command}"),
        }
    }
}

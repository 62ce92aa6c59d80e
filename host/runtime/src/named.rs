//! Operations by the names they have in `wit/`, with commands and results as JSON: for what does not know
//! beforehand which operation it will run, such as a replay or a check.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::adapter::{Adapter, Call};
use crate::bindings::switchyard::adapter::types::{Error, HttpRequest, HttpResponse};
use crate::contract::Capability;
use crate::error::CallError;
use crate::operation::{
    Amend, Cancel, CancelAll, GetCandles, GetOrder, GetOrderBook, GetTicker, GetTime, ListBalances,
    ListFills, ListHistory, ListInstruments, ListOpen, ListPositions, Operation, Place, Step,
};

/// A call by name gave nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NamedCallError {
    /// The command is not one of the operation's.
    #[error("not a command of {operation}: {problem}")]
    Command {
        /// The operation.
        operation: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The adapter gave nothing.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// One operation of the contract.
#[derive(Clone, Copy)]
pub struct NamedOperation(&'static dyn Erased);

impl std::fmt::Debug for NamedOperation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for NamedOperation {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for NamedOperation {}

/// All operations of the contract.
const ALL: [&dyn Erased; 15] = [
    &ListInstruments,
    &GetTime,
    &GetTicker,
    &GetOrderBook,
    &GetCandles,
    &Place,
    &Amend,
    &Cancel,
    &CancelAll,
    &GetOrder,
    &ListOpen,
    &ListHistory,
    &ListFills,
    &ListBalances,
    &ListPositions,
];

impl NamedOperation {
    /// All operations of the contract.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.into_iter().map(Self)
    }

    /// The operation of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|operation| operation.name() == name)
    }

    /// The name in `wit/`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The interface it belongs to.
    pub fn capability(self) -> Capability {
        self.0.capability()
    }

    /// Whether running it may change something at the venue.
    pub fn changes_state(self) -> bool {
        self.0.changes_state()
    }

    /// Whether its decode gets the longer deadline.
    pub fn is_bulk(self) -> bool {
        self.0.is_bulk()
    }

    /// As [`Adapter::encode`].
    ///
    /// # Errors
    /// [`NamedCallError`] outside, the adapter's own error inside.
    pub fn encode(
        self,
        adapter: &Adapter,
        call: &Call,
        command: &Value,
        state: Option<&Vec<u8>>,
    ) -> Result<Result<Vec<HttpRequest>, Error>, NamedCallError> {
        self.0.encode(adapter, call, command, state)
    }

    /// As [`Adapter::decode`].
    ///
    /// # Errors
    /// [`NamedCallError`] outside, the adapter's own error inside.
    pub fn decode(
        self,
        adapter: &Adapter,
        call: &Call,
        command: &Value,
        state: Option<&Vec<u8>>,
        responses: &[HttpResponse],
    ) -> Result<Result<Step<Value>, Error>, NamedCallError> {
        self.0.decode(adapter, call, command, state, responses)
    }
}

trait Erased: Send + Sync {
    fn name(&self) -> &'static str;
    fn capability(&self) -> Capability;
    fn changes_state(&self) -> bool;
    fn is_bulk(&self) -> bool;
    fn encode(
        &self,
        adapter: &Adapter,
        call: &Call,
        command: &Value,
        state: Option<&Vec<u8>>,
    ) -> Result<Result<Vec<HttpRequest>, Error>, NamedCallError>;
    fn decode(
        &self,
        adapter: &Adapter,
        call: &Call,
        command: &Value,
        state: Option<&Vec<u8>>,
        responses: &[HttpResponse],
    ) -> Result<Result<Step<Value>, Error>, NamedCallError>;
}

impl<O: Operation> Erased for O {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn capability(&self) -> Capability {
        O::CAPABILITY
    }

    fn changes_state(&self) -> bool {
        O::CHANGES_STATE
    }

    fn is_bulk(&self) -> bool {
        O::BULK
    }

    fn encode(
        &self,
        adapter: &Adapter,
        call: &Call,
        command: &Value,
        state: Option<&Vec<u8>>,
    ) -> Result<Result<Vec<HttpRequest>, Error>, NamedCallError> {
        let command = typed::<O, O::Command>(command)?;
        Ok(adapter.encode::<O>(call, &command, state)?)
    }

    fn decode(
        &self,
        adapter: &Adapter,
        call: &Call,
        command: &Value,
        state: Option<&Vec<u8>>,
        responses: &[HttpResponse],
    ) -> Result<Result<Step<Value>, Error>, NamedCallError> {
        let command = typed::<O, O::Command>(command)?;
        let decoded = adapter.decode::<O>(call, &command, state, responses)?;
        Ok(decoded.map(|step| match step {
            Step::Done(output) => Step::Done(json(&output)),
            Step::Continue(state) => Step::Continue(state),
        }))
    }
}

fn typed<O: Operation, T: DeserializeOwned>(command: &Value) -> Result<T, NamedCallError> {
    T::deserialize(command).map_err(|error| NamedCallError::Command {
        operation: O::NAME,
        problem: error.to_string(),
    })
}

/// The contract's types hold texts, numbers and lists of them, so they always are JSON.
pub(crate) fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

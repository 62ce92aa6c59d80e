//! The three imports of the contract, and the state each instance carries for them.

use std::sync::Arc;

use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::bindings::switchyard::adapter::{catalogue, log, signer, types};
use crate::deadline::CallBudget;
use crate::signing::Signer;
use crate::usage::InstanceLimits;

/// Longest log line an adapter may write, in bytes.
const MAX_LOG_LINE: usize = 1_024;

/// Log lines one call may write.
const MAX_LOG_LINES: usize = 32;

/// The instruments of a venue, for adapters that must name and scale what a list contains.
pub trait Catalogue: Send + Sync {
    /// The instrument listed on `endpoint` under the venue's own name.
    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<types::Instrument>;
}

/// A catalogue that knows nothing: for checks, and for a venue before its first listing.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyCatalogue;

impl Catalogue for EmptyCatalogue {
    fn find(&self, _endpoint: &str, _venue_symbol: &str) -> Option<types::Instrument> {
        None
    }
}

/// Where an adapter's log lines go.
pub trait LogSink: Send + Sync {
    /// Takes one line, already cut to length, with control characters replaced.
    fn write(&self, level: log::Level, message: &str);
}

/// Drops every line.
#[derive(Debug, Clone, Copy, Default)]
pub struct SilentLog;

impl LogSink for SilentLog {
    fn write(&self, _level: log::Level, _message: &str) {}
}

/// What the call that an instance is serving may reach.
pub(crate) struct CallScope {
    pub(crate) signer: Option<Arc<dyn Signer>>,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) lines_written: usize,
}

/// The data of an instance's store.
pub(crate) struct InstanceState {
    pub(crate) limits: InstanceLimits,
    pub(crate) budget: CallBudget,
    /// `None` between calls, and while a component is instantiated.
    pub(crate) scope: Option<CallScope>,
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl types::Host for InstanceState {}

impl signer::Host for InstanceState {
    fn sign(
        &mut self,
        algorithm: signer::Algorithm,
        key_encoding: signer::KeyEncoding,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, signer::SignError> {
        match self.scope.as_ref().and_then(|scope| scope.signer.as_ref()) {
            Some(signer) => signer.sign(algorithm, key_encoding, &payload),
            None => Err(signer::SignError::NoCredentials),
        }
    }
}

impl catalogue::Host for InstanceState {
    fn find(&mut self, endpoint: String, venue_symbol: String) -> Option<types::Instrument> {
        self.scope
            .as_ref()?
            .catalogue
            .find(&endpoint, &venue_symbol)
    }
}

impl log::Host for InstanceState {
    fn write(&mut self, level: log::Level, message: String) {
        let Some(scope) = self.scope.as_mut() else {
            return;
        };
        scope.lines_written += 1;
        if scope.lines_written > MAX_LOG_LINES {
            return;
        }
        let cut = message.floor_char_boundary(MAX_LOG_LINE.min(message.len()));
        let line: String = message[..cut]
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        scope.log.write(level, &line);
    }
}

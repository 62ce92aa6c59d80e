//! The circumstances of one call, and the three things an adapter may ask of its host.

use std::ops::Deref;

use crate::log::Level;
use crate::signer::{Algorithm, KeyEncoding, SignError};
use crate::types;

/// What the host does for an adapter: sign, look an instrument up, log. Nothing else.
///
/// In a component it is the contract's imports; in native tests and benchmarks a `TestHost`.
pub trait Host {
    /// The raw signature of `payload` with the account's secret.
    fn sign(
        &self,
        algorithm: Algorithm,
        encoding: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, SignError>;

    /// The instrument that `endpoint` lists under `venue_symbol`, if the host has loaded it.
    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<types::Instrument>;

    /// One line in the host's log.
    fn log(&self, level: Level, message: &str);
}

/// The context of the contract (it dereferences to it) together with the host that answers.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    context: &'a types::Context,
    host: &'a dyn Host,
}

impl<'a> Context<'a> {
    /// The context of one call.
    pub fn new(context: &'a types::Context, host: &'a dyn Host) -> Self {
        Self { context, host }
    }

    /// The raw signature of `payload`; a refusal becomes `auth-failed` without effect, as nothing was
    /// sent.
    pub fn sign(
        &self,
        algorithm: Algorithm,
        encoding: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, types::Error> {
        self.host
            .sign(algorithm, encoding, payload)
            .map_err(|refusal| {
                types::Error::refused(types::ErrorKind::AuthFailed).because(match refusal {
                    SignError::NoCredentials => "no credentials to sign with",
                    SignError::WrongKeyType => "the configured key is of another algorithm",
                    SignError::MalformedKey => "the configured key cannot be read",
                })
            })
    }

    /// The instrument that `endpoint` lists under `venue_symbol`, if the host has loaded it.
    pub fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<types::Instrument> {
        self.host.find(endpoint, venue_symbol)
    }

    /// Writes one line to the host's log, which cuts it at 1,024 bytes.
    pub fn log(&self, level: Level, message: &str) {
        self.host.log(level, message);
    }

    /// The instrument the call is for; `invalid-request` where the host named none.
    pub fn instrument(&self) -> Result<&'a types::Instrument, types::Error> {
        self.context.instrument.as_ref().ok_or_else(|| {
            types::Error::invalid("symbol", "this operation needs an instrument on this venue")
        })
    }

    /// The account the call is made for; `auth-failed` where the venue has no credentials.
    pub fn account(&self) -> Result<&'a types::Account, types::Error> {
        self.context.account.as_ref().ok_or_else(|| {
            types::Error::refused(types::ErrorKind::AuthFailed)
                .because("the venue has no credentials configured")
        })
    }
}

impl Deref for Context<'_> {
    type Target = types::Context;

    fn deref(&self) -> &types::Context {
        self.context
    }
}

/// The contract's imports.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Imports;

#[cfg(target_arch = "wasm32")]
impl Host for Imports {
    fn sign(
        &self,
        algorithm: Algorithm,
        encoding: KeyEncoding,
        payload: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        crate::bindings::imports::switchyard::adapter::signer::sign(algorithm, encoding, payload)
    }

    fn find(&self, endpoint: &str, venue_symbol: &str) -> Option<types::Instrument> {
        crate::bindings::imports::switchyard::adapter::catalogue::find(endpoint, venue_symbol)
    }

    fn log(&self, level: Level, message: &str) {
        crate::bindings::imports::switchyard::adapter::log::write(level, message);
    }
}

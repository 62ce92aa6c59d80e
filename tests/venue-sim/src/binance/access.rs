//! Who may call, and the ids that Binance makes up.

use std::sync::{Mutex, PoisonError};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ApiError;
use super::auth::Keyring;
use super::params::Params;
use super::timing::Window;
use crate::config::AccountConfig;
use crate::engine::AccountId;
use crate::server::{RawRequest, Shared};
use crate::sim::StartError;

/// Length of the client ids that Binance makes up.
const GENERATED_ID_LENGTH: usize = 22;

/// The keys of an API, and its source of ids.
#[derive(Debug)]
pub struct Access {
    keyring: Keyring,
    rng: Mutex<ChaCha8Rng>,
}

impl Access {
    /// Reads the keys of these accounts.
    ///
    /// # Errors
    /// [`StartError::Key`] when a configured public key cannot be read.
    pub fn new(accounts: &[AccountConfig], seed: u64) -> Result<Self, StartError> {
        Ok(Self {
            keyring: Keyring::new(accounts)?,
            rng: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
        })
    }

    /// A client id for an order whose sender gave none.
    #[must_use]
    pub fn generated_id(&self) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        (0..GENERATED_ID_LENGTH)
            .filter_map(|_| {
                ALPHABET
                    .get(rng.random_range(0..ALPHABET.len()))
                    .map(|byte| char::from(*byte))
            })
            .collect()
    }

    /// An id for a request.
    #[must_use]
    pub fn uuid(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut bytes);
        let hex = data_encoding::HEXLOWER.encode(&bytes);
        let cut = |range| hex.get(range).unwrap_or_default();
        format!(
            "{}-{}-{}-{}-{}",
            cut(0..8),
            cut(8..12),
            cut(12..16),
            cut(16..20),
            cut(20..32)
        )
    }

    /// Checks key, window and signature, in the order in which Binance does.
    ///
    /// # Errors
    /// Whatever of these is wrong with the request.
    pub fn authenticate(
        &self,
        request: &RawRequest,
        params: &Params,
        shared: &Shared,
    ) -> Result<AccountId, ApiError> {
        self.keyring.account(request)?;
        params.required("signature")?;
        let window = Window::read(params)?;
        window.check(request.arrived.wall_us)?;
        let account = self.keyring.verify(request)?;
        if shared.settings().recheck_window_before_execution {
            window.check(shared.clock.now().wall_us)?;
        }
        Ok(account)
    }
}

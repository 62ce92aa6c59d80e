//! One market behind a lock: its engine, the simulated flow on it, and who its accounts are.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;

use crate::clock::Stamp;
use crate::config::{AccountConfig, Settings};
use crate::engine::{AccountId, Engine, Fees, Instrument, View};
use crate::market::Market;
use crate::truth::{self, ExecutedOrder};

/// A market that protocols and the control endpoint share.
#[derive(Debug)]
pub struct Exchange {
    inner: Mutex<Inner>,
    names: BTreeMap<AccountId, String>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine,
    market: Market,
}

impl Exchange {
    /// Opens a market with these instruments and funds these accounts.
    #[must_use]
    pub fn open(
        instruments: Vec<Instrument>,
        accounts: &[AccountConfig],
        settings: &Settings,
        seed: u64,
        now: Stamp,
    ) -> Self {
        let mut engine = Engine::new(instruments, fees(settings));
        engine.unique_open_client_ids = settings.unique_open_client_ids;
        let mut names = BTreeMap::new();
        for (id, account) in (1..).map(AccountId).zip(accounts) {
            names.insert(id, account.name.clone());
            for (asset, amount) in &account.balances {
                engine.ledger.deposit(id, asset, *amount);
            }
        }
        let market = Market::open(&mut engine, seed, now);
        Self {
            inner: Mutex::new(Inner { engine, market }),
            names,
        }
    }

    /// Works on the engine, alone.
    pub fn with<T>(&self, work: impl FnOnce(&mut Engine) -> T) -> T {
        work(&mut self.inner().engine)
    }

    /// Lets the simulated market make steps.
    pub fn step_market(&self, steps: u64, now: Stamp) {
        let inner = &mut *self.inner();
        for _ in 0..steps {
            inner.market.step(&mut inner.engine, now);
        }
    }

    /// Moves an instrument to a price; `false` if there is no such instrument.
    pub fn set_mid(&self, symbol: &str, mid: Decimal, now: Stamp) -> bool {
        let inner = &mut *self.inner();
        inner.market.set_mid(&mut inner.engine, now, symbol, mid)
    }

    /// Where the simulated market sees an instrument.
    #[must_use]
    pub fn mid(&self, symbol: &str) -> Option<Decimal> {
        self.inner().market.mid(symbol)
    }

    /// Takes over what the settings say about trading.
    pub fn configure(&self, settings: &Settings) {
        let engine = &mut self.inner().engine;
        engine.fees = fees(settings);
        engine.unique_open_client_ids = settings.unique_open_client_ids;
    }

    /// Every order ever accepted from a client.
    #[must_use]
    pub fn executed(&self) -> Vec<ExecutedOrder> {
        truth::executed(&self.inner().engine, &self.names)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How lookups see the engine under these settings.
#[must_use]
pub fn lookup_view(settings: &Settings, now: Stamp) -> View {
    let us = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
    View {
        as_of_us: match settings.lookup_lag_ms {
            0 => i64::MAX,
            lag => now.elapsed_us.saturating_sub(us(lag)),
        },
        forgotten_before_us: settings
            .forget_unfilled_after_ms
            .map(|age| now.elapsed_us.saturating_sub(us(age))),
    }
}

fn fees(settings: &Settings) -> Fees {
    Fees {
        maker: settings.maker_fee,
        taker: settings.taker_fee,
    }
}

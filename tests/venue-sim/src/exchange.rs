//! One market behind a lock: its engine, the simulated flow on it, and who its accounts are.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;

use crate::clock::Stamp;
use crate::config::Settings;
use crate::engine::{AccountId, Engine, Fees, Instrument, Order, View};
use crate::market::Market;
use crate::truth::{self, ExecutedOrder, OpenPosition};

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
    /// Opens a market with these instruments, for accounts with these names and balances.
    #[must_use]
    pub fn open(
        instruments: Vec<Instrument>,
        accounts: &[(&str, &[(String, Decimal)])],
        fees: Fees,
        seed: u64,
        now: Stamp,
    ) -> Self {
        let mut engine = Engine::new(instruments, fees);
        let mut names = BTreeMap::new();
        for (id, (name, balances)) in (1..).map(AccountId).zip(accounts) {
            names.insert(id, (*name).to_owned());
            for (asset, amount) in *balances {
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
            inner.engine.catch_up(now);
        }
    }

    /// Moves an instrument to a price; `false` if there is no such instrument.
    pub fn set_mid(&self, symbol: &str, mid: Decimal, now: Stamp) -> bool {
        let inner = &mut *self.inner();
        let moved = inner.market.set_mid(&mut inner.engine, now, symbol, mid);
        inner.engine.catch_up(now);
        moved
    }

    /// Where the simulated market sees an instrument.
    #[must_use]
    pub fn mid(&self, symbol: &str) -> Option<Decimal> {
        self.inner().market.mid(symbol)
    }

    /// Takes over what the settings say about trading.
    pub fn configure(&self, fees: Fees, settings: &Settings) {
        let engine = &mut self.inner().engine;
        engine.fees = fees;
        engine.unique_open_client_ids = settings.unique_open_client_ids;
    }

    /// Every order ever accepted from a client.
    #[must_use]
    pub fn executed(
        &self,
        market: &'static str,
        order_name: &dyn Fn(&Order) -> String,
    ) -> Vec<ExecutedOrder> {
        truth::executed(&self.inner().engine, market, &self.names, order_name)
    }

    /// Every position that a client has.
    #[must_use]
    pub fn positions(&self, market: &'static str) -> Vec<OpenPosition> {
        truth::positions(&self.inner().engine, market, &self.names)
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
        ..View::NOW
    }
}

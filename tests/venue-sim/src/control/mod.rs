//! The test's handle on a venue: faults, clock, settings, market, and what really happened.

mod rest;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rust_decimal::Decimal;

pub use rest::{PREFIX, handle};

use crate::config::{Settings, SettingsPatch};
use crate::engine::{AccountId, Balance, Wallet};
use crate::faults::{FaultReport, FaultRule};
use crate::server::Venue;
use crate::truth::{ExecutedOrder, OpenPosition, SeenRequest};

/// Why a control call was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The venue does not list the symbol.
    #[error("symbol: unknown instrument {0}")]
    UnknownSymbol(String),
    /// A price must be positive.
    #[error("mid: must be positive")]
    InvalidPrice,
    /// Time cannot be advanced on a clock that runs by itself.
    #[error("advance_ms: the venue runs on the system clock")]
    ClockRunsByItself,
}

/// Direct control of a venue; the REST endpoint calls the same functions.
#[derive(Debug, Clone)]
pub struct Control {
    venue: Arc<Venue>,
    market_paused: Arc<AtomicBool>,
}

impl Control {
    pub(crate) fn new(venue: Arc<Venue>) -> Self {
        Self {
            venue,
            market_paused: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Adds a fault after those that exist and returns its id.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        self.venue.faults.add(rule)
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.venue.faults.clear();
    }

    /// The faults and how often each has struck.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultReport> {
        self.venue.faults.report()
    }

    /// Sets how far the venue's clock is ahead of the true time.
    pub fn set_clock_offset_ms(&self, offset_ms: i64) {
        self.venue.shared.clock.set_offset_ms(offset_ms);
    }

    /// Steps the venue's clock; no time passes.
    pub fn step_clock_ms(&self, step_ms: i64) {
        self.venue.shared.clock.step_ms(step_ms);
    }

    /// Lets time pass at a venue whose clock is manual.
    ///
    /// # Errors
    /// [`ControlError::ClockRunsByItself`] if it is not.
    pub fn advance_ms(&self, ms: u64) -> Result<(), ControlError> {
        if self.venue.shared.clock.advance_ms(ms) {
            Ok(())
        } else {
            Err(ControlError::ClockRunsByItself)
        }
    }

    /// The venue's time in milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.venue.shared.clock.now().wall_us / 1000
    }

    /// Milliseconds the venue's clock is ahead of the true time.
    #[must_use]
    pub fn clock_offset_ms(&self) -> i64 {
        self.venue.shared.clock.offset_ms()
    }

    /// Changes settings and returns what they have become.
    pub fn settings(&self, patch: SettingsPatch) -> Settings {
        let settings = self.venue.shared.change(|settings| settings.apply(patch));
        for protocol in &self.venue.protocols {
            let fees = protocol.fees(&settings);
            protocol.exchange().configure(fees, &settings);
        }
        settings
    }

    /// The settings as they are.
    #[must_use]
    pub fn current_settings(&self) -> Settings {
        self.venue.shared.settings()
    }

    /// Lets the simulated market make steps.
    pub fn market_step(&self, steps: u64) {
        let now = self.venue.shared.clock.now();
        for protocol in &self.venue.protocols {
            protocol.exchange().step_market(steps, now);
        }
    }

    /// Stops or resumes the background movement of the market.
    pub fn pause_market(&self, paused: bool) {
        self.market_paused.store(paused, Ordering::SeqCst);
    }

    /// Whether the background movement is stopped.
    #[must_use]
    pub fn market_paused(&self) -> bool {
        self.market_paused.load(Ordering::SeqCst)
    }

    pub(crate) fn market_tick(&self) {
        if !self.market_paused() {
            self.market_step(1);
        }
    }

    /// Moves an instrument to a price at once, on every market that lists the symbol; orders that rest in between
    /// are traded.
    ///
    /// # Errors
    /// [`ControlError`] when the symbol is not listed or the price is not positive.
    pub fn set_mid(&self, symbol: &str, mid: Decimal) -> Result<(), ControlError> {
        if mid <= Decimal::ZERO {
            return Err(ControlError::InvalidPrice);
        }
        let now = self.venue.shared.clock.now();
        let mut moved = false;
        for protocol in &self.venue.protocols {
            moved |= protocol.exchange().set_mid(symbol, mid, now);
        }
        if moved {
            Ok(())
        } else {
            Err(ControlError::UnknownSymbol(symbol.to_owned()))
        }
    }

    /// Where the simulated market sees an instrument; the first market that lists the symbol says.
    #[must_use]
    pub fn mid(&self, symbol: &str) -> Option<Decimal> {
        self.venue
            .protocols
            .iter()
            .find_map(|protocol| protocol.exchange().mid(symbol))
    }

    /// Opens or halts an instrument, on every market that lists the symbol.
    ///
    /// # Errors
    /// [`ControlError::UnknownSymbol`] when the symbol is not listed.
    pub fn set_trading(&self, symbol: &str, trading: bool) -> Result<(), ControlError> {
        let mut found = false;
        for protocol in &self.venue.protocols {
            found |= protocol
                .exchange()
                .with(|engine| engine.set_trading(symbol, trading));
        }
        if found {
            Ok(())
        } else {
            Err(ControlError::UnknownSymbol(symbol.to_owned()))
        }
    }

    /// The truth: every order ever accepted, market by market and there oldest first, whatever lookups show.
    #[must_use]
    pub fn executed(&self) -> Vec<ExecutedOrder> {
        self.venue
            .protocols
            .iter()
            .flat_map(|protocol| {
                let name = |order: &crate::engine::Order| protocol.order_name(order);
                protocol.exchange().executed(protocol.market(), &name)
            })
            .collect()
    }

    /// The truth about positions: every open one of every account.
    #[must_use]
    pub fn positions(&self) -> Vec<OpenPosition> {
        self.venue
            .protocols
            .iter()
            .flat_map(|protocol| protocol.exchange().positions(protocol.market()))
            .collect()
    }

    /// The truth about the default account's margin wallet on `usdm`, `coinm` or `bitmex`; empty if there is none.
    #[must_use]
    pub fn wallet(&self, market: &str, asset: &str) -> Wallet {
        self.venue
            .protocols
            .iter()
            .find(|protocol| protocol.market() == market)
            .map(|protocol| {
                let read = |engine: &mut crate::engine::Engine| engine.wallet(AccountId(1), asset);
                protocol.exchange().with(read)
            })
            .unwrap_or_default()
    }

    /// The truth about one spot balance of the default account, or about one of its balances on BitMEX.
    #[must_use]
    pub fn balance(&self, asset: &str) -> Balance {
        let read = |engine: &mut crate::engine::Engine| engine.ledger.balance(AccountId(1), asset);
        self.venue
            .protocols
            .first()
            .map(|protocol| protocol.exchange().with(read))
            .unwrap_or_default()
    }

    /// Recent requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.venue.requests.all()
    }

    /// Forgets the requests seen so far.
    pub fn clear_requests(&self) {
        self.venue.requests.clear();
    }
}

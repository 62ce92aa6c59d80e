//! The network side of a venue: connections, dispatch to protocols, and the faults between them.

mod connection;
mod dispatch;
mod wire;

use std::sync::{Arc, PoisonError, RwLock};

use rust_decimal::Decimal;

pub use connection::serve;
pub use dispatch::Dispatched;
pub use wire::{Answer, RawRequest};

use crate::binance_futures::{BinanceFutures, coinm, futures_fees, usdm};
use crate::binance_spot::{BinanceSpot, spot_fees};
use crate::bitmex::{Bitmex, bitmex_fees};
use crate::clock::VenueClock;
use crate::config::{AccountConfig, Settings, SimConfig, VenueKind};
use crate::engine::{Fees, Instrument, Order};
use crate::exchange::Exchange;
use crate::faults::FaultInjector;
use crate::sim::StartError;
use crate::truth::RequestLog;

/// A wire protocol that a venue speaks.
pub trait Protocol: Send + Sync + std::fmt::Debug {
    /// Whether a path belongs to this protocol.
    fn serves(&self, path: &str) -> bool;

    /// Handles a request. Its validity window is judged by when it arrived, not by when this is called.
    fn handle(&self, request: &RawRequest) -> Answer;

    /// The body of an error that this venue would send with a status.
    fn error_body(&self, status: u16) -> String;

    /// The body with which this venue says that the outcome of a request is unknown.
    fn unknown_outcome_body(&self) -> String;

    /// The market behind the protocol.
    fn exchange(&self) -> &Exchange;

    /// What the market is called, unique at the venue.
    fn market(&self) -> &'static str;

    /// How the venue names an order.
    fn order_name(&self, order: &Order) -> String {
        order.number.to_string()
    }

    /// The fees of the market under these settings.
    fn fees(&self, settings: &Settings) -> Fees;
}

/// What every protocol of a venue shares.
#[derive(Debug)]
pub struct Shared {
    /// What time it is at the venue.
    pub clock: VenueClock,
    /// Behaviour that can change.
    settings: RwLock<Settings>,
}

impl Shared {
    /// The settings as they are now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the settings and returns what they have become.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut settings);
        settings.clone()
    }
}

/// A venue without its network.
#[derive(Debug)]
pub struct Venue {
    /// Clock and settings.
    pub shared: Arc<Shared>,
    /// Faults to inject.
    pub faults: FaultInjector,
    /// Requests seen.
    pub requests: RequestLog,
    /// What it speaks.
    pub protocols: Vec<Box<dyn Protocol>>,
}

impl Venue {
    /// Builds the venue that a configuration describes.
    ///
    /// # Errors
    /// [`StartError::Key`] when a configured public key cannot be read.
    pub fn new(config: SimConfig) -> Result<Self, StartError> {
        let clock = VenueClock::new(config.clock);
        let shared = Arc::new(Shared {
            clock,
            settings: RwLock::new(config.settings),
        });
        let mut accounts = vec![AccountConfig {
            balances: config.balances,
            ..AccountConfig::with_secret("default", &config.credentials)
        }];
        accounts.extend(config.more_accounts);
        let protocols = match config.venue {
            VenueKind::Bitmex => vec![bitmex(
                &shared,
                &accounts,
                config.bitmex_instruments,
                &config.bitmex_balances,
                config.seed,
            )?],
            VenueKind::Binance => {
                let markets = [
                    (config.instruments, Vec::new()),
                    (config.usdm_instruments, config.usdm_balances),
                    (config.coinm_instruments, config.coinm_balances),
                ];
                binance(&shared, &accounts, markets, config.seed)?
            }
        };
        let settings = shared.settings();
        for protocol in &protocols {
            let fees = protocol.fees(&settings);
            protocol.exchange().configure(fees, &settings);
        }
        Ok(Self {
            shared,
            faults: FaultInjector::new(config.seed),
            requests: RequestLog::default(),
            protocols,
        })
    }
}

type Money = Vec<(String, Decimal)>;

fn bitmex(
    shared: &Arc<Shared>,
    accounts: &[AccountConfig],
    instruments: Vec<Instrument>,
    balances: &[(String, Decimal)],
    seed: u64,
) -> Result<Box<dyn Protocol>, StartError> {
    let (settings, now) = (shared.settings(), shared.clock.now());
    let money: Vec<_> = accounts
        .iter()
        .map(|account| (account.name.as_str(), balances))
        .collect();
    let exchange = Exchange::open(instruments, &money, bitmex_fees(&settings), seed, now);
    let protocol = Bitmex::new(Arc::clone(shared), exchange, accounts, seed)?;
    Ok(Box::new(protocol))
}

/// Spot, USD-M and COIN-M; what an account has on spot is said per account.
fn binance(
    shared: &Arc<Shared>,
    accounts: &[AccountConfig],
    [(instruments, _), usdm_market, coinm_market]: [(Vec<Instrument>, Money); 3],
    seed: u64,
) -> Result<Vec<Box<dyn Protocol>>, StartError> {
    let settings = shared.settings();
    let now = shared.clock.now();
    let spot_money: Vec<_> = accounts
        .iter()
        .map(|account| (account.name.as_str(), account.balances.as_slice()))
        .collect();
    let exchange = Exchange::open(instruments, &spot_money, spot_fees(&settings), seed, now);
    let spot = BinanceSpot::new(Arc::clone(shared), exchange, accounts, seed)?;
    let mut protocols: Vec<Box<dyn Protocol>> = vec![Box::new(spot)];
    let futures = [
        (&usdm::DIALECT, usdm_market),
        (&coinm::DIALECT, coinm_market),
    ];
    for (dialect, (instruments, balances)) in futures {
        let money: Vec<_> = accounts
            .iter()
            .map(|account| (account.name.as_str(), balances.as_slice()))
            .collect();
        let exchange = Exchange::open(instruments, &money, futures_fees(&settings), seed, now);
        protocols.push(Box::new(BinanceFutures::new(
            dialect,
            Arc::clone(shared),
            exchange,
            accounts,
            seed,
        )?));
    }
    Ok(protocols)
}

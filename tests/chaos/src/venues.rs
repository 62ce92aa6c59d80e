//! Both simulated exchanges, what is traded there, and how a gateway in front of them is configured.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{GatewayConfig, VENUE};
use switchyard_venue_sim::{
    BitmexLimitsPatch, ExecutedOrder, FuturesLimitsPatch, LimitsPatch, SeenRequest, SettingsPatch,
    SimConfig, VenueSim,
};

/// The name of the simulated BitMEX at the gateway; the simulated Binance is [`VENUE`].
pub const BITMEX: &str = "bitmex";

/// Far above what a test does.
const PLENTY: u64 = 1_000_000;

/// An instrument, and prices that tell orders apart: order `n` has those of its own.
#[derive(Debug)]
pub struct Market {
    /// Venue at the gateway.
    pub venue: &'static str,
    /// Unified symbol.
    pub symbol: &'static str,
    /// The market's and the instrument's name in the venue's truth.
    pub venue_name: (&'static str, &'static str),
    /// How many of the venue's units are one of the gateway's.
    pub units: i64,
    /// Quantities of an order before and after a change.
    pub quantities: [&'static str; 2],
    /// Prices are multiples of this, in hundredths.
    tick_cents: i64,
}

/// What is traded: each product of either exchange, and each way to amend.
pub const MARKETS: [Market; 6] = [
    market(
        VENUE,
        "BTC/USDT",
        ("spot", "BTCUSDT"),
        1,
        ["0.002", "0.001"],
        1,
    ),
    market(
        VENUE,
        "BTC/USDT:USDT",
        ("usdm", "BTCUSDT"),
        1,
        ["0.003", "0.004"],
        10,
    ),
    market(
        VENUE,
        "BTC/USD:BTC",
        ("coinm", "BTCUSD_PERP"),
        1,
        ["2", "3"],
        10,
    ),
    market(
        BITMEX,
        "BTC/USD:BTC",
        ("bitmex", "XBTUSD"),
        1,
        ["100", "200"],
        50,
    ),
    market(
        BITMEX,
        "BTC/USDT:USDT",
        ("bitmex", "XBTUSDT"),
        1_000_000,
        ["0.002", "0.003"],
        50,
    ),
    market(
        BITMEX,
        "BTC/USDT",
        ("bitmex", "XBT_USDT"),
        1,
        ["0.002", "0.003"],
        50,
    ),
];

const fn market(
    venue: &'static str,
    symbol: &'static str,
    venue_name: (&'static str, &'static str),
    units: i64,
    quantities: [&'static str; 2],
    tick_cents: i64,
) -> Market {
    Market {
        venue,
        symbol,
        venue_name,
        units,
        quantities,
        tick_cents,
    }
}

/// Prices that one order may have: two at which it rests, and one at which it trades at once.
const PRICES_PER_ORDER: i64 = 2;

/// Where orders rest, where they trade at once, and a price below all that rest; the market is between the
/// first two.
const RESTING: i64 = 50_000;
const TAKING: i64 = 70_000;

impl Market {
    /// The prices at which order `n` rests, before and after a change.
    pub fn resting(&self, n: u32) -> [Decimal; 2] {
        [0, 1].map(|place| self.price(RESTING, n, place))
    }

    /// The price at which it trades at once.
    pub fn taking(&self, n: u32) -> Decimal {
        self.price(TAKING, n, 0)
    }

    fn price(&self, from: i64, n: u32, place: i64) -> Decimal {
        let ticks = i64::from(n) * PRICES_PER_ORDER + place;
        Decimal::new(from * 100 + ticks * self.tick_cents, 2)
    }

    /// A purchase of order `n`, as a caller sends it.
    pub fn order(&self, price: Decimal) -> Value {
        json!({
            "venue": self.venue, "symbol": self.symbol, "side": "buy", "type": "limit",
            "quantity": self.quantities[0], "price": price.to_string(),
        })
    }

    /// Whether it is the instrument of an order in the truth of its venue.
    pub fn is_of(&self, order: &ExecutedOrder) -> bool {
        self.venue_name == (order.market, order.symbol.as_str())
    }
}

/// Both simulated exchanges.
#[derive(Debug)]
pub struct Venues {
    /// Each with its name at the gateway.
    pub sims: [(&'static str, VenueSim); 2],
}

impl Venues {
    /// Starts both, with limits that no test meets.
    pub async fn start(seed: u64) -> Self {
        let start = |config| async { VenueSim::start(config).await.unwrap() };
        let binance = SimConfig {
            seed,
            ..SimConfig::default()
        };
        let bitmex = SimConfig {
            seed,
            ..SimConfig::bitmex()
        };
        let sims = [(VENUE, start(binance).await), (BITMEX, start(bitmex).await)];
        let futures = || {
            Some(FuturesLimitsPatch {
                request_weight_1m: Some(PLENTY),
                orders_10s: Some(PLENTY),
                orders_1m: Some(PLENTY),
            })
        };
        for (_, sim) in &sims {
            sim.control().settings(SettingsPatch {
                limits: Some(LimitsPatch {
                    request_weight_1m: Some(PLENTY),
                    raw_requests_5m: Some(PLENTY),
                    orders_10s: Some(PLENTY),
                    orders_1d: Some(PLENTY),
                    ..LimitsPatch::default()
                }),
                usdm_limits: futures(),
                coinm_limits: futures(),
                bitmex_limits: Some(BitmexLimitsPatch {
                    requests_1m: Some(PLENTY),
                    public_requests_1m: Some(PLENTY),
                    orders_1s: Some(PLENTY),
                    ..BitmexLimitsPatch::default()
                }),
                ..SettingsPatch::default()
            });
        }
        Self { sims }
    }

    /// The simulator of a venue.
    pub fn sim(&self, venue: &str) -> &VenueSim {
        let found = self.sims.iter().find(|(name, _)| *name == venue);
        &found.unwrap().1
    }

    /// Every order that a venue has ever taken from the gateway, with the venue.
    pub fn truth(&self) -> Vec<(&'static str, ExecutedOrder)> {
        let of = |(name, sim): &(&'static str, VenueSim)| {
            let name = *name;
            let orders = sim.control().executed().into_iter();
            orders.map(move |order| (name, order)).collect::<Vec<_>>()
        };
        self.sims.iter().flat_map(of).collect()
    }

    /// How often each kind of fault was made.
    pub fn faults(&self) -> BTreeMap<String, u64> {
        let mut made = BTreeMap::new();
        let reports = self.sims.iter().flat_map(|(_, sim)| sim.control().faults());
        for report in reports {
            *made.entry(format!("{:?}", report.rule.action)).or_default() += report.hits;
        }
        made
    }

    /// Requests that a venue has seen and that may have changed something.
    pub fn changes_seen(&self) -> Vec<SeenRequest> {
        let seen = self
            .sims
            .iter()
            .flat_map(|(_, sim)| sim.control().requests());
        seen.filter(|request| request.method != "GET").collect()
    }

    /// Writes the configuration of a gateway in front of both, with these lines in the section of each venue.
    pub fn configure(&self, directory: &Path, venue_lines: &str) -> PathBuf {
        let mut config = GatewayConfig::in_directory(directory);
        config.venue_lines = venue_lines.to_owned();
        self.configure_from(config)
    }

    /// Writes this configuration, with both venues.
    pub(crate) fn configure_from(&self, config: GatewayConfig) -> PathBuf {
        let config = config
            .simulated(self.sim(VENUE))
            .with_futures(self.sim(VENUE));
        let bitmex = self.sim(BITMEX);
        let config = config.venue(
            BITMEX,
            "bitmex",
            ("rest", &bitmex.url()),
            Some(bitmex.credentials()),
        );
        // The simulator is told to count loosely; the gateway must not count strictly on its behalf.
        let head = "adapter = \"bitmex\"\n";
        let limits =
            "limits = { rest_second = 100000, rest_minute = 100000, public_minute = 100000 }\n";
        let text = config.to_toml().replace(head, &format!("{head}{limits}"));
        let path = config.write();
        fs::write(&path, text).unwrap();
        path
    }
}

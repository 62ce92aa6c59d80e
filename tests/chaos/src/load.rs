//! Callers who read and trade at a steady rate, and never forgive a failure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use switchyard_end_to_end::{Caller, VENUE};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::venues::{MARKETS, Venues};

/// Failures that are told in full.
const TOLD: usize = 10;

/// What the callers read: cached where the configuration keeps it.
const CACHED: [&str; 3] = [
    "/v1/tickers?venue=sim&symbol=BTC/USDT",
    "/v1/orderbook?venue=sim&symbol=BTC/USDT",
    "/v1/tickers?venue=sim&symbol=ETH/USDT",
];

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// Decides who does what when.
    pub seed: u64,
    /// Callers, each with one request at a time.
    pub callers: u32,
    /// Requests a second of all of them; 0 means as many as are answered.
    pub per_second: u32,
}

/// Callers at work.
#[derive(Debug)]
pub struct Load {
    callers: JoinSet<Seen>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    phase: AtomicUsize,
    stopped: AtomicBool,
}

/// What the callers saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Latencies by phase, in microseconds, from when a request was due.
    latencies: BTreeMap<usize, Vec<u32>>,
    /// The order that each idempotency key was answered with.
    pub orders: BTreeMap<String, String>,
    /// Answers that were not what they must be.
    pub failed: usize,
    /// The first of them.
    pub failures: Vec<String>,
}

impl Load {
    /// Callers begin; the gateway is ready.
    pub fn begin(demand: Demand, caller: &Caller) -> Self {
        let shared = Arc::new(Shared::default());
        let mut callers = JoinSet::new();
        for number in 0..demand.callers {
            let mut random = ChaCha8Rng::seed_from_u64(demand.seed);
            random.set_stream(number.into());
            let every = match demand.per_second {
                0 => Duration::ZERO,
                rate => Duration::from_secs(1) * demand.callers / rate,
            };
            let trader = Trader {
                number,
                caller: caller.clone(),
                random,
                orders: 0,
                open: None,
                seen: Seen::default(),
            };
            let due = Instant::now() + every * number / demand.callers;
            callers.spawn(trader.work(due, every, shared.clone()));
        }
        Self { callers, shared }
    }

    /// What is measured from now on is of this phase.
    pub fn phase(&self, phase: usize) {
        self.shared.phase.store(phase, Ordering::Relaxed);
    }

    /// The callers finish what they began.
    pub async fn end(self) -> Seen {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for seen in self.callers.join_all().await {
            for (phase, latencies) in seen.latencies {
                all.latencies.entry(phase).or_default().extend(latencies);
            }
            all.orders.extend(seen.orders);
            all.failed += seen.failed;
            all.failures.extend(seen.failures);
        }
        all.failures.truncate(TOLD);
        all
    }
}

impl Seen {
    /// Requests of these phases.
    pub fn requests(&self, phases: RangeInclusive<usize>) -> usize {
        self.latencies.range(phases).map(|(_, of)| of.len()).sum()
    }

    /// The latency that this share of these phases' requests stayed below, in milliseconds.
    pub fn quantile(&self, phases: RangeInclusive<usize>, share: f64) -> f64 {
        let of_phases = self.latencies.range(phases);
        let mut sorted: Vec<u32> = of_phases.flat_map(|(_, of)| of).copied().collect();
        sorted.sort_unstable();
        let place = (sorted.len() as f64 * share) as usize;
        let micros = sorted.get(place.min(sorted.len().saturating_sub(1)));
        micros.map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }

    /// What the venue has, and the callers were not told of; or was told of otherwise; or more than once.
    pub fn wrong_orders(&self, venues: &Venues) -> Vec<String> {
        let mut told: BTreeMap<&str, &str> = BTreeMap::new();
        let mut wrong = Vec::new();
        for (key, id) in &self.orders {
            if let Some(other) = told.insert(id, key) {
                wrong.push(format!("{id} answers both {other} and {key}"));
            }
        }
        for (venue, order) in venues.truth() {
            let id = order.client_order_id.as_str();
            if told.remove(id).is_none() || order.client_id_accepted != 1 || venue != VENUE {
                wrong.push(format!("nobody was told of it, or of it once: {order:?}"));
            }
        }
        wrong.extend(
            told.iter()
                .map(|(id, key)| format!("{key}: {id} is not at the venue")),
        );
        wrong
    }

    fn fail(&mut self, what: String) {
        self.failed += 1;
        if self.failures.len() < TOLD {
            self.failures.push(what);
        }
    }
}

struct Trader {
    number: u32,
    caller: Caller,
    random: ChaCha8Rng,
    orders: u32,
    /// The key and the id of the order that rests.
    open: Option<(String, String)>,
    seen: Seen,
}

impl Trader {
    async fn work(mut self, mut due: Instant, every: Duration, shared: Arc<Shared>) -> Seen {
        while !shared.stopped.load(Ordering::Relaxed) {
            // Who is late was kept waiting by the gateway; that the timer is late is none of its business.
            let from = if Instant::now() < due {
                sleep_until(due).await;
                Instant::now()
            } else if every.is_zero() {
                Instant::now()
            } else {
                due
            };
            due += every;
            let phase = shared.phase.load(Ordering::Relaxed);
            self.act().await;
            let micros = u32::try_from(from.elapsed().as_micros()).unwrap_or(u32::MAX);
            self.seen.latencies.entry(phase).or_default().push(micros);
        }
        if let Some((_, id)) = self.open.take() {
            self.cancel(&id).await;
        }
        self.seen
    }

    /// Of a hundred requests 70 read what may be cached, 10 what may not, and 20 trade.
    async fn act(&mut self) {
        match self.random.random_range(0..100) {
            0..70 => {
                let path = CACHED[self.random.random_range(0..CACHED.len())];
                let request = self.caller.request(Method::GET, path);
                self.send(request, 200).await;
            }
            70..80 => {
                let path = CACHED[self.random.random_range(0..CACHED.len())];
                let request = self.caller.request(Method::GET, path);
                self.send(request.header("cache-control", "no-cache"), 200)
                    .await;
            }
            80..82 => self.repeat().await,
            _ => self.trade().await,
        }
    }

    /// Places an order, or cancels the one that rests.
    async fn trade(&mut self) {
        if let Some((_, id)) = self.open.take() {
            return self.cancel(&id).await;
        }
        let key = format!("{}-{}", self.number, self.orders);
        self.orders += 1;
        self.open = self.place(&key).await.map(|id| (key, id));
    }

    /// Places the order that rests once more, as callers do who have forgotten that they did.
    async fn repeat(&mut self) {
        match self.open.clone() {
            Some((key, _)) => drop(self.place(&key).await),
            None => self.trade().await,
        }
    }

    async fn place(&mut self, key: &str) -> Option<String> {
        let order = MARKETS[0].order(MARKETS[0].resting(self.number)[0]);
        let request = self.caller.request(Method::POST, "/v1/orders");
        let request = request
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(order.to_string());
        let answer = self.send(request, 201).await?;
        let id = answer["id"].as_str()?.to_owned();
        let earlier = self.seen.orders.insert(key.to_owned(), id.clone());
        if let Some(earlier) = earlier.filter(|earlier| *earlier != id) {
            self.seen.fail(format!("{key} was {earlier} and is {id}"));
        }
        if answer["state"] != "NEW" {
            self.seen.fail(format!("{key} does not rest: {answer}"));
        }
        Some(id)
    }

    async fn cancel(&mut self, id: &str) {
        let request = self
            .caller
            .request(Method::DELETE, &format!("/v1/orders/{id}"));
        self.send(request, 200).await;
    }

    /// The answer, where it is the one that must be.
    async fn send(&mut self, request: RequestBuilder, status: u16) -> Option<Value> {
        let answered = async {
            let response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status().as_u16(), response.bytes().await?))
        };
        match answered.await {
            Ok((is, body)) if is == status => {
                Some(serde_json::from_slice(&body).unwrap_or_default())
            }
            Ok((is, body)) => {
                let text = String::from_utf8_lossy(&body);
                self.seen.fail(format!("{is}, not {status}: {text}"));
                None
            }
            Err(error) => {
                self.seen.fail(format!("{error:?}"));
                None
            }
        }
    }
}

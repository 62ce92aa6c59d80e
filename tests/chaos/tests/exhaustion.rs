//! A venue that hardly answers takes no more of the process than it was given.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what tests share fails them by panicking"
)]

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use switchyard_chaos::{MARKETS, Usage, Venues};
use switchyard_end_to_end::{Answer, Caller, GatewayProcess, TRADER, VENUE, eventually};
use switchyard_venue_sim::{FaultAction, FaultRule};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Calls that the venue is given at once, and calls that wait for it.
const AT_ONCE: usize = 8;
const WAITING: usize = 8;

/// Callers, each with a connection of its own: ten times as many as the venue is given.
const CALLERS: usize = 10 * (AT_ONCE + WAITING);

/// How often each calls.
const ROUNDS: usize = 5;

/// Requests of the gateway's own that go by the bulkhead: a probe of each of four endpoints, each of which may
/// ask twice; and connections that idle between two requests.
const OWN: usize = 8;

/// Sockets that are no connections: those that listen, and the runtime's own.
const FIXED: usize = 8;

/// What the callers' connections and requests may take of memory beyond what they took before, in KiB: 50 for each.
const MEMORY_KIB: u64 = 50 * CALLERS as u64;

/// How long a caller waits, in milliseconds.
const DEADLINE_MS: &str = "800";

struct Slow {
    venues: Venues,
    gateway: GatewayProcess,
    _directory: TempDir,
}

impl Slow {
    async fn start() -> Self {
        let venues = Venues::start(1).await;
        let directory = tempfile::tempdir().unwrap();
        // What is shed must be shed by the bulkhead: a breaker that opens would spare it the test.
        let lines = format!(
            "bulkhead = {{ concurrency = {AT_ONCE}, queue = {WAITING} }}\nbreaker.minimum_calls = 10000\n\
             retry.max_retries = 0"
        );
        let config = venues.configure(directory.path(), &lines);
        let log = directory.path().join("gateway.log");
        let gateway = GatewayProcess::start(&config, &log).await;
        gateway.ready().await;
        Self {
            venues,
            gateway,
            _directory: directory,
        }
    }

    fn usage(&self) -> Usage {
        let ports = self.venues.sims.each_ref().map(|(_, sim)| {
            let url = sim.url();
            url.rsplit(':').next().unwrap().parse().unwrap()
        });
        Usage::of(self.gateway.id(), &ports)
    }

    /// Whoever calls has a connection of their own, which they keep.
    fn callers(&self) -> Vec<Caller> {
        let callers = (0..CALLERS).map(|_| self.gateway.anonymous().with(TRADER));
        callers.collect()
    }

    /// Everyone calls so often, and what the process holds is looked at all the while. Gives every answer and
    /// the most that was held of each thing.
    async fn crowd(&self, callers: &[Caller]) -> (Vec<Answer>, Usage) {
        let calls = join_all(callers.iter().enumerate().map(|(n, caller)| async move {
            let mut answers = Vec::new();
            for round in 0..ROUNDS {
                answers.push(Answer::to(request(caller, n, round)).await);
            }
            answers
        }));
        let mut calls = std::pin::pin!(calls);
        let mut most = self.usage();
        loop {
            tokio::select! {
                answers = &mut calls => return (answers.into_iter().flatten().collect(), most),
                () = sleep(Duration::from_millis(20)) => {
                    let now = self.usage();
                    most.sockets = most.sockets.max(now.sockets);
                    most.connections = most.connections.max(now.connections);
                    most.peak_kib = now.peak_kib;
                }
            }
        }
    }
}

/// Half of them read, half of them place orders.
fn request(caller: &Caller, n: usize, round: usize) -> reqwest::RequestBuilder {
    let market = &MARKETS[0];
    let request = if n.is_multiple_of(2) {
        let path = format!("/v1/tickers?venue={VENUE}&symbol={}", market.symbol);
        let fresh = ("cache-control", "no-cache");
        caller.request(Method::GET, &path).header(fresh.0, fresh.1)
    } else {
        let number = u32::try_from(n * ROUNDS + round).unwrap();
        let order = market.order(market.resting(number)[0]);
        let request = caller.request(Method::POST, "/v1/orders");
        request
            .header("content-type", "application/json")
            .body(order.to_string())
    };
    request.header("x-request-timeout-ms", DEADLINE_MS)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_what_a_venue_that_hangs_can_take_leaves_sockets_and_memory_bounded() {
    let slow = Slow::start().await;
    let callers = slow.callers();
    // What the process needs for so many callers is had before the venue hangs.
    slow.crowd(&callers).await;
    let before = slow.usage();

    let control = slow.venues.sim(VENUE).control();
    let hanging = FaultAction::DelayBefore { ms: 3_000 };
    for path in ["/api/v3/order", "/api/v3/ticker"] {
        for method in ["GET", "POST"] {
            control.add_fault(FaultRule::on(method, path).act(hanging.clone()));
        }
    }
    let started = Instant::now();
    let (answers, most) = slow.crowd(&callers).await;
    println!("before {before:?}, most {most:?}, {:?}", started.elapsed());

    let shed: Vec<&Answer> = answers
        .iter()
        .filter(|a| a["code"] == "overloaded")
        .collect();
    println!("{} answers, {} of them shed", answers.len(), shed.len());
    assert_eq!(answers.len(), CALLERS * ROUNDS);
    assert!(shed.len() >= answers.len() / 2);
    for answer in shed {
        assert_eq!((answer.status, &answer["retryable"]), (503, &true.into()));
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!(seconds >= 1, "{}", answer.text);
    }
    assert!(most.connections <= AT_ONCE + OWN, "{most:?}");
    assert!(most.sockets <= CALLERS + AT_ONCE + OWN + FIXED, "{most:?}");
    assert!(
        most.peak_kib <= before.resident_kib + MEMORY_KIB,
        "{most:?}"
    );

    control.clear_faults();
    eventually("the venue is served as ever", || async {
        let caller = &callers[0];
        let answer = Answer::to(request(caller, 1, ROUNDS * CALLERS)).await;
        if answer.status == 201 {
            Ok(())
        } else {
            Err(answer.text)
        }
    })
    .await;
}

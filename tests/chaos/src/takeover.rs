//! Two gateways on one journal: the active one is killed or stopped under traffic, again and again, and the other
//! takes over.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::json;
use switchyard_end_to_end::{
    Answer, Caller, GatewayProcess, OPERATOR, TRADER, VENUE, VIEWER, run_switchyard,
};
use switchyard_postgres_server::PostgresServer;
use switchyard_venue_sim::SeenRequest;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::crash::{QUIET, make_them_fail, make_them_well, trade, venue_lines};
use crate::desk::Desk;
use crate::judge::{Case, Verdict};
use crate::venues::{MARKETS, Venues};

/// Seconds of the lease.
const LEASE_SECONDS: u64 = 2;

/// How long a standby may take until it writes, and until it has reconciled venues that fail now and then.
const TAKES_OVER_WITHIN: Duration = Duration::from_secs(30);

/// How long one that has taken over may take to be ready; it need not come to that, while the venues fail.
const READY_WITHIN: Duration = Duration::from_secs(8);

/// What is run.
#[derive(Debug, Clone)]
pub struct Takeovers {
    /// Decides whatever is drawn: faults, deeds, instants.
    pub seed: u64,
    /// How often the active gateway is killed (SIGKILL), and as often stopped (SIGSTOP) until after the take-over.
    pub each: u32,
    /// Orders under way at once.
    pub lives_at_once: usize,
}

/// One take-over, from the instant at which the active gateway was killed or stopped.
#[derive(Debug, Clone)]
pub struct Handover {
    /// Whether the active gateway was stopped, and not killed.
    pub was_stopped: bool,
    /// Until the standby wrote the journal.
    pub active_after: Duration,
    /// Until it had reconciled every venue and took orders everywhere; absent where the venues' faults kept it.
    pub ready_after: Option<Duration>,
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.was_stopped {
            "stopped"
        } else {
            "killed"
        };
        let Self {
            active_after,
            ready_after,
            ..
        } = self;
        write!(
            f,
            "{how}: active after {active_after:?}, ready after {ready_after:?}"
        )
    }
}

/// Two gateways that share a journal.
struct Pair {
    homes: [PathBuf; 2],
    gateways: [Option<GatewayProcess>; 2],
    starts: u32,
}

impl Pair {
    /// Two gateways on one server: the first is active, the second its standby.
    async fn started(venues: &Venues, directory: &Path, server: &PostgresServer) -> Self {
        let mut pair = Self {
            homes: ["a", "b"].map(|name| configure(venues, &directory.join(name), server)),
            gateways: [None, None],
            starts: 0,
        };
        pair.start(0).await;
        pair.start(1).await;
        pair
    }

    async fn start(&mut self, place: usize) {
        self.starts += 1;
        let home = &self.homes[place];
        let log = home.with_file_name(format!("gateway-{}.log", self.starts));
        let gateway = GatewayProcess::start(home, &log).await;
        self.gateways[place] = Some(gateway);
    }

    fn at(&self, place: usize) -> &GatewayProcess {
        self.gateways[place].as_ref().unwrap()
    }

    fn take(&mut self, place: usize) -> GatewayProcess {
        self.gateways[place].take().unwrap()
    }
}

/// Runs a plan on a server, and gives what the venues' truth says of it and how each take-over went.
pub async fn take_over_and_judge(
    plan: &Takeovers,
    server: &PostgresServer,
) -> (Verdict, Vec<Handover>) {
    println!("{plan:?}");
    let venues = Arc::new(Venues::start(plan.seed).await);
    make_them_fail(&venues, plan.seed);
    let directory = tempfile::tempdir().unwrap();
    let mut pair = Pair::started(&venues, directory.path(), server).await;
    let first = pair.at(0).anonymous();
    let _ = timeout(READY_WITHIN, says(&first, "ready")).await;
    is_a_standby(&pair.at(1).anonymous()).await;
    let (tell, gateway) = watch::channel(first.with(TRADER));
    let desk = Desk::new(gateway);
    let (stop, stopped) = watch::channel(false);
    let trading = trade(
        plan.seed,
        plan.lives_at_once,
        desk.clone(),
        venues.clone(),
        stopped,
    );
    let traders = tokio::spawn(trading);

    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let (mut active, mut handovers) = (0, Vec::new());
    for round in 0..plan.each * 2 {
        let (was_stopped, next) = (round % 2 == 1, 1 - active);
        let enough = desk.sent() + random.random_range(40..160);
        let until = Instant::now() + Duration::from_secs(4);
        while desk.sent() < enough && Instant::now() < until {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_micros(random.random_range(0..30_000))).await;

        let instant = Instant::now();
        if was_stopped {
            pair.at(active).freeze(true);
        } else {
            pair.take(active).kill();
        }
        let heir = pair.at(next).anonymous();
        let handover = taken_over(&heir, instant, was_stopped).await;
        println!("{handover}");
        handovers.push(handover);
        let _ = tell.send(heir.with(TRADER));
        if was_stopped {
            // Both are awake for a while, and one of them believes what was so before.
            sleep(Duration::from_millis(random.random_range(0..2_000))).await;
            let stale = pair.take(active);
            stale.freeze(false);
            let log = pair.homes[active].with_file_name("stale.log");
            fs::write(&log, stale.log()).unwrap();
            let code = stale.ends().await;
            assert_eq!(code, Some(1), "a gateway that was taken over from ends");
        }
        pair.start(active).await;
        active = next;
    }

    let faults = venues.faults();
    make_them_well(&venues).await;
    let _ = stop.send(true);
    let caller = pair.at(active).anonymous().with(TRADER);
    let _ = tell.send(caller.clone());
    caller.until_ready().await;
    let lives = traders.await.unwrap();
    let case = Case {
        seed: plan.seed,
        lives,
        venues: &venues,
        faults,
        caller,
    };
    let verdict = case.judge(QUIET).await;
    println!("{verdict}");
    let verified = run_switchyard(&["journal", "verify", "--store", &server.url()]).await;
    println!("{}", verified.output);
    assert_eq!(verified.code, Some(0), "{}", verified.output);
    if !verdict.is_sound() {
        println!(
            "the gateways' files are kept in {}",
            directory.keep().display()
        );
    }
    (verdict, handovers)
}

/// Makes and revokes a key and halts a venue at the active gateway, and sees that its standby heeds all of that, and still
/// does when it has taken over.
pub async fn what_is_in_force_is_so_at_the_standby(server: &PostgresServer) {
    let venues = Venues::start(1).await;
    let directory = tempfile::tempdir().unwrap();
    let mut pair = Pair::started(&venues, directory.path(), server).await;
    let operator = pair.at(0).anonymous().with(OPERATOR);
    let heir = pair.at(1).anonymous();
    operator.until_ready().await;
    for (gateway, is_active) in [(&operator, 1), (&heir.with(OPERATOR), 0)] {
        let metrics = gateway.get("/metrics").await.expect(200).text;
        let line = format!("switchyard_active {is_active}\n");
        assert!(metrics.contains(&line), "{metrics}");
    }

    let refused = heir.with(OPERATOR).delete("/v1/keys/a-viewer").await;
    refused.expect_problem(503, "standby");
    // "Halted" would be a lie: the active gateway trades on.
    let halt = format!("/v1/venues/{VENUE}/halt");
    let refused = heir.with(OPERATOR).post(&halt, &json!({})).await;
    refused.expect_problem(503, "standby");
    let venues_there = heir.with(VIEWER).get("/v1/venues").await.expect(200).text;
    assert!(!venues_there.contains("a-operator"), "{venues_there}");
    heir.with(VIEWER).get("/v1/orders").await.expect(200);

    let wanted = json!({"id": "late", "role": "trader"});
    let made = operator.post("/v1/keys", &wanted).await.expect(201);
    let shown = heir.showing(&made.text_of("key"));
    let answers = async |status: u16| {
        // Seldom: whoever tries unknown keys out is locked out.
        for _ in 0..10 {
            if shown.get("/v1/orders").await.status == status {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
        panic!("the standby does not answer {status}");
    };
    answers(200).await;
    operator.delete("/v1/keys/late").await.expect(200);
    answers(401).await;
    let reason = json!({"reason": "test", "cancel_open_orders": false});
    operator.post(&halt, &reason).await.expect(200);

    pair.take(0).kill();
    heir.until_ready().await;
    let order = MARKETS[0].order(MARKETS[0].resting(0)[0]);
    let refused = heir.with(TRADER).post("/v1/orders", &order).await;
    refused.expect_problem(503, "halted");
    assert_eq!(shown.get("/v1/orders").await.status, 401);
}

/// Asks the active gateway for a cancel of everything at a venue while it is stopped, and lets it go on once another is
/// active. Gives what reached the venue of that.
pub async fn cancels_of_a_stale_gateway(server: &PostgresServer) -> Vec<SeenRequest> {
    let venues = Venues::start(1).await;
    let directory = tempfile::tempdir().unwrap();
    let mut pair = Pair::started(&venues, directory.path(), server).await;
    let operator = pair.at(0).anonymous().with(OPERATOR);
    operator.until_ready().await;
    let path = format!("/v1/orders?venue={VENUE}&symbol=BTC/USDT&scope=account");
    operator.delete(&path).await.expect(200);
    let changes = || {
        let seen = venues.sim(VENUE).control().requests().into_iter();
        seen.filter(|request| request.method != "GET")
            .collect::<Vec<_>>()
    };
    let before = changes().len();
    assert!(before > 0, "the active gateway does what it is asked for");

    pair.at(0).freeze(true);
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let request = operator.request(Method::DELETE, &path);
            tokio::spawn(async move { request.send().await.map(|answer| answer.status()) })
        })
        .collect();
    let heir = pair.at(1).anonymous();
    timeout(TAKES_OVER_WITHIN, says(&heir, "not standby"))
        .await
        .unwrap();
    let stale = pair.take(0);
    stale.freeze(false);
    for answer in asked {
        // Nothing is answered either where the gateway ends first.
        if let Ok(status) = answer.await.unwrap() {
            assert!(!status.is_success(), "{status}");
        }
    }
    assert_eq!(stale.ends().await, Some(1));
    changes().split_off(before)
}

fn configure(venues: &Venues, home: &Path, server: &PostgresServer) -> PathBuf {
    fs::create_dir_all(home).unwrap();
    let path = venues.configure(home, &venue_lines());
    let text = fs::read_to_string(&path).unwrap();
    let own = format!("url = \"sqlite://{}\"", home.join("journal.db").display());
    let plugins = format!("state_directory = \"{}\"", home.join("versions").display());
    let shared = format!(
        "url = \"{}\"\nlease_seconds = {LEASE_SECONDS}",
        server.url()
    );
    assert!(text.contains(&own), "{text}");
    let text = text.replace(&own, &shared);
    let text = text.replace("[plugins]\n", &format!("[plugins]\n{plugins}\n"));
    fs::write(&path, text).unwrap();
    path
}

/// A standby is alive and shows what the journal holds; it takes no order, and tells load balancers so.
async fn is_a_standby(gateway: &Caller) {
    gateway.get("/health/live").await.expect(200);
    let ready = gateway.get("/health/ready").await;
    ready.expect_problem(503, "standby");
    let health = gateway.get("/health").await.expect(200);
    assert_eq!(health["status"], "standby");
    let trader = gateway.with(TRADER);
    trader.get("/v1/orders").await.expect(200);
    let order = MARKETS[0].order(MARKETS[0].resting(0)[0]);
    for key in [None, Some("k")] {
        let request = trader.request(Method::POST, "/v1/orders");
        let request = key.into_iter().fold(request, |request, key| {
            request.header("idempotency-key", key)
        });
        let request = request.header("content-type", "application/json");
        let refused = Answer::to(request.body(order.to_string())).await;
        assert!(refused["retryable"] == true, "{refused:?}");
        refused.expect_problem(503, "standby");
    }
}

/// How a standby takes over.
async fn taken_over(heir: &Caller, instant: Instant, was_stopped: bool) -> Handover {
    let active = timeout(TAKES_OVER_WITHIN, says(heir, "not standby")).await;
    active.unwrap_or_else(|_| panic!("nobody has taken over within {TAKES_OVER_WITHIN:?}"));
    let active_after = instant.elapsed();
    let ready = timeout(READY_WITHIN, says(heir, "ready")).await;
    Handover {
        was_stopped,
        active_after,
        ready_after: ready.ok().map(|()| instant.elapsed()),
    }
}

/// Asks a gateway until it is `ready`, or at least `not standby`.
async fn says(gateway: &Caller, what: &str) {
    loop {
        let asked = gateway.request(Method::GET, "/health/ready").send().await;
        if let Ok(answer) = asked {
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap_or_default();
            let is_standby = text.contains("\"standby\"");
            if status == 200 || what == "not standby" && !text.is_empty() && !is_standby {
                return;
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
}

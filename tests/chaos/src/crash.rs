//! The gateway killed at random instants, again and again, while callers trade through it at venues that fail.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use switchyard_end_to_end::{Caller, GatewayConfig, GatewayProcess, TRADER};
use switchyard_venue_sim::{ExecutionFate, FaultAction, FaultRule, SettingsPatch};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::arrivals::Arrivals;
use crate::desk::Desk;
use crate::judge::{Case, Verdict};
use crate::life::Life;
use crate::venues::{MARKETS, Venues};
use crate::volatile::VolatileFiles;

/// What is run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Decides whatever is drawn: faults, deeds, instants of death.
    pub seed: u64,
    /// How often the gateway is killed.
    pub kills: u32,
    /// Orders under way at once.
    pub lives_at_once: usize,
    /// Whether unsynced writes are lost with each kill, and then, in percent, how many of them are not.
    pub losing_writes: Option<u8>,
    /// Whether versions of an adapter come all the while, good ones and broken ones.
    pub replacing_adapters: bool,
}

/// How long the gateway's requests are valid, in milliseconds.
const WINDOW_MS: u64 = 1_000;

/// When a request executes that executes late: within its window, behind it, and when a gateway that is hasty has
/// given it up.
const LATE_MS: [u64; 3] = [400, 1_600, 7_000];

/// How far lookups lag behind the venues' engines.
const LOOKUP_LAG_MS: u64 = 300;

/// The chance of each fault, for each request.
const CHANCE: f64 = 0.02;

/// How long at most a gateway is waited for to be ready.
const READY_WITHIN: Duration = Duration::from_secs(4);

/// Requests before the first version comes.
const ORDERS_FIRST: u64 = 50;

/// Past every window and every adapter's time to settle.
const SETTLED_MS: i64 = 120_000;

/// How long it may take until everything is resolved when the venues are well again.
pub(crate) const QUIET: Duration = Duration::from_secs(150);

/// Where the venues take and show orders.
const PATHS: [(&str, &str); 16] = [
    ("POST", "/api/v3/order"),
    ("DELETE", "/api/v3/order"),
    ("GET", "/api/v3/order"),
    ("GET", "/api/v3/openOrders"),
    ("POST", "/fapi/v1/order"),
    ("PUT", "/fapi/v1/order"),
    ("DELETE", "/fapi/v1/order"),
    ("GET", "/fapi/v1/order"),
    ("POST", "/dapi/v1/order"),
    ("PUT", "/dapi/v1/order"),
    ("DELETE", "/dapi/v1/order"),
    ("GET", "/dapi/v1/order"),
    ("POST", "/api/v1/order"),
    ("PUT", "/api/v1/order"),
    ("DELETE", "/api/v1/order"),
    ("GET", "/api/v1/order"),
];

/// Runs a plan and gives what the venues' truth says of it.
pub async fn crash_and_judge(plan: &Plan) -> Verdict {
    println!("{plan:?}");
    let venues = Arc::new(Venues::start(plan.seed).await);
    make_them_fail(&venues, plan.seed);
    let directory = tempfile::tempdir().unwrap();
    let mut arrivals = plan
        .replacing_adapters
        .then(|| Arrivals::into(directory.path()));
    let mut config = GatewayConfig::in_directory(directory.path());
    config.venue_lines = venue_lines();
    if let Some(arrivals) = &arrivals {
        arrivals.configure(&mut config);
    }
    let mut machine = Machine {
        config: venues.configure_from(config),
        directory: directory.path(),
        volatile: plan.losing_writes.map(|leak| {
            let journal = directory.path().join("journal.db");
            VolatileFiles::beginning_with(&journal).leaking(leak, plan.seed)
        }),
        starts: 0,
    };
    let (tell, gateway) = watch::channel(Caller::anonymous("http://127.0.0.1:9"));
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

    if let Some(arrivals) = &mut arrivals {
        // Where nothing was ever compiled, the kills may leave no version the time for it.
        let mut gateway = machine.start();
        gateway.listens().await;
        let _ = tell.send(gateway.anonymous().with(TRADER));
        arrivals.one_is_taken_in(&gateway).await;
        gateway.kill();
        machine.cut_power();
    }
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let started = Instant::now();
    for _ in 0..plan.kills {
        let mut gateway = machine.start();
        live_a_while(&mut gateway, &mut random, &tell, &desk, arrivals.as_mut()).await;
        gateway.kill();
        machine.cut_power();
    }
    println!("{} kills in {:?}", plan.kills, started.elapsed());

    let faults = venues.faults();
    make_them_well(&venues).await;
    let _ = stop.send(true);
    let mut gateway = machine.start();
    gateway.listens().await;
    let caller = gateway.anonymous().with(TRADER);
    let _ = tell.send(caller.clone());
    caller.until_ready().await;
    if let Some(arrivals) = &mut arrivals {
        arrivals.are_taken_in(&gateway).await;
    }
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
    if !verdict.is_sound() {
        println!(
            "the gateways' files are kept in {}",
            directory.keep().display()
        );
    }
    verdict
}

/// The section of each venue.
pub(crate) fn venue_lines() -> String {
    format!(
        "recv_window_ms = {WINDOW_MS}\nbreaker = {{ open_ms = 200, open_max_ms = 500 }}\n\
         retry = {{ base_ms = 20, cap_ms = 200 }}"
    )
}

/// The last gateway finds venues that are well again, where whatever executes late has executed: what has not
/// surfaced by then never will, and the gateway may conclude so.
pub(crate) async fn make_them_well(venues: &Venues) {
    for (_, sim) in &venues.sims {
        sim.control().clear_faults();
    }
    sleep(Duration::from_millis(LATE_MS[2] + 500)).await;
    for (_, sim) in &venues.sims {
        sim.control().settings(SettingsPatch {
            lookup_lag_ms: Some(0),
            ..SettingsPatch::default()
        });
        sim.control().step_clock_ms(SETTLED_MS);
    }
}

pub(crate) fn make_them_fail(venues: &Venues, seed: u64) {
    let late = |ms| FaultAction::ExecuteLate {
        ms,
        drop_after_ms: 0,
    };
    let unknown = |execution| FaultAction::UnknownOutcome {
        status: 503,
        execution,
    };
    let actions = [
        FaultAction::DelayBefore { ms: 300 },
        FaultAction::DelayAfter { ms: 300 },
        FaultAction::DropBefore,
        FaultAction::ExecuteThenDrop,
        late(LATE_MS[0]),
        late(LATE_MS[1]),
        late(LATE_MS[2]),
        FaultAction::TruncatedBody,
        FaultAction::GarbageBody { bytes: 100 },
        FaultAction::HtmlErrorPage { status: 504 },
        unknown(ExecutionFate::NotExecuted),
        unknown(ExecutionFate::Executed),
        unknown(ExecutionFate::Late { ms: LATE_MS[2] }),
    ];
    let mut seed = seed;
    for (_, sim) in &venues.sims {
        sim.control().settings(SettingsPatch {
            lookup_lag_ms: Some(LOOKUP_LAG_MS),
            unique_open_client_ids: Some(false),
            ..SettingsPatch::default()
        });
        for action in &actions {
            for (method, path) in PATHS {
                seed = seed.wrapping_add(1);
                let rule = FaultRule::on(method, path).probability(CHANCE, seed);
                sim.control().add_fault(rule.act(action.clone()));
            }
        }
    }
}

/// Where gateways run, one after another.
struct Machine<'a> {
    config: std::path::PathBuf,
    directory: &'a Path,
    volatile: Option<VolatileFiles>,
    starts: u32,
}

impl Machine<'_> {
    fn start(&mut self) -> GatewayProcess {
        self.starts += 1;
        let log = self.directory.join(format!("gateway-{}.log", self.starts));
        let environment = self.volatile.as_ref().map(VolatileFiles::environment);
        GatewayProcess::spawn(&self.config, &log, environment.unwrap_or_default())
    }

    fn cut_power(&mut self) {
        if let Some(volatile) = &mut self.volatile {
            volatile.cut_power();
        }
    }
}

/// Lets a gateway work until the instant at which it is to be killed.
async fn live_a_while(
    gateway: &mut GatewayProcess,
    random: &mut ChaCha8Rng,
    tell: &watch::Sender<Caller>,
    desk: &Desk,
    mut arrivals: Option<&mut Arrivals>,
) {
    if random.random_bool(0.1) {
        // While it starts: reads the journal, migrates, compiles, reconciles.
        sleep(Duration::from_millis(random.random_range(0..800))).await;
        return;
    }
    gateway.listens().await;
    let _ = tell.send(gateway.anonymous().with(TRADER));
    // It need not come to that, while the venues fail.
    let _ = timeout(READY_WITHIN, is_ready(&gateway.anonymous())).await;
    let enough = desk.sent() + random.random_range(1..120);
    let until = Instant::now() + Duration::from_secs(2);
    if let Some(arrivals) = &mut arrivals {
        arrivals.was_never_broken(gateway).await;
    }
    while desk.sent() < enough && Instant::now() < until {
        // What is broken in orders shows once there were some.
        if let Some(arrivals) = &mut arrivals
            && desk.sent() >= ORDERS_FIRST
        {
            arrivals.may_come(random);
        }
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_micros(random.random_range(0..30_000))).await;
}

async fn is_ready(gateway: &Caller) {
    loop {
        let request = gateway.request(reqwest::Method::GET, "/health/ready");
        if request
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Keeps so many orders under way until it is told to stop; those under way end.
pub(crate) async fn trade(
    seed: u64,
    lives_at_once: usize,
    desk: Desk,
    venues: Arc<Venues>,
    stopped: watch::Receiver<bool>,
) -> Vec<Life> {
    let mut under_way = JoinSet::new();
    let mut lives = Vec::new();
    let mut numbers = 0..;
    loop {
        while under_way.len() < lives_at_once && !*stopped.borrow() {
            let Some(number) = numbers.next() else { break };
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(u64::from(number) + 1);
            let market = &MARKETS[random.random_range(0..MARKETS.len())];
            let (desk, venues) = (desk.clone(), venues.clone());
            under_way.spawn(async move { Life::live(number, market, random, desk, &venues).await });
        }
        match under_way.join_next().await {
            Some(life) => lives.push(life.unwrap()),
            None => return lives,
        }
    }
}

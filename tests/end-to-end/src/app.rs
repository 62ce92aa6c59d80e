//! A simulated venue, the gateway in this process, and those who call it.

use std::path::Path;

use serde_json::{Value, json};
use switchyard::config::Config;
use switchyard::gateway::Gateway;
use switchyard::plugin::compile::CompileIn;
use switchyard_venue_sim::{
    AccountConfig, BitmexLimitsPatch, Credentials, ExecutedOrder, FaultAction, FaultRule,
    SeenRequest, SettingsPatch, SimConfig, VenueSim,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::SEED;
use crate::caller::{Answer, Caller};
use crate::configuration::{GatewayConfig, OPERATOR, OTHER_TRADER, TRADER, VIEWER};
use crate::eventually::eventually;
use crate::venue_client::VenueClient;

/// The simulated venue's name at the gateway.
pub const VENUE: &str = "sim";

/// A gateway that serves in this process.
#[derive(Debug)]
pub struct RunningGateway {
    base: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

/// Starts a gateway with a configuration, without waiting for its venues.
///
/// # Errors
/// What the gateway says.
pub async fn start_gateway(config: &GatewayConfig) -> Result<RunningGateway, String> {
    let config = Config::from_toml(&config.to_toml(), "test").map_err(|error| error.to_string())?;
    let gateway = Gateway::start(&config, CompileIn::ThisProcess)
        .await
        .map_err(|error| error.to_string())?;
    let base = format!("http://{}", gateway.address().map_err(|e| e.to_string())?);
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(async {
        gateway
            .serve(async {
                let _ = stopped.await;
            })
            .await
            .unwrap();
    });
    Ok(RunningGateway {
        base,
        stop: Some(stop),
        serving,
    })
}

impl RunningGateway {
    /// A caller without a key.
    pub fn anonymous(&self) -> Caller {
        Caller::anonymous(&self.base)
    }

    /// Waits until it says it is ready.
    pub async fn ready(&self) {
        self.anonymous().until_ready().await;
    }

    /// Stops it as SIGTERM would: requests in flight finish, and the journal is let go.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        (&mut self.serving).await.unwrap();
    }
}

impl Drop for RunningGateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A simulated venue with a gateway in front of it.
#[derive(Debug)]
pub struct TestApp {
    /// The venue.
    pub sim: VenueSim,
    config: GatewayConfig,
    gateway: Option<RunningGateway>,
    base: String,
    directory: TempDir,
}

/// What another account of the simulated venue signs with.
pub fn rival_credentials() -> Credentials {
    Credentials {
        api_key: "rivalSimulatorOnlyKey".to_owned(),
        secret: "rivalSimulatorOnlySecret".to_owned(),
    }
}

/// A simulated venue whose market stands still; its seed is printed.
pub async fn simulator() -> VenueSim {
    println!("seed {SEED}");
    VenueSim::start(SimConfig {
        seed: SEED,
        more_accounts: vec![AccountConfig::with_secret("rival", &rival_credentials())],
        ..SimConfig::default()
    })
    .await
    .unwrap()
}

/// The simulated BitMEX, whose market stands still too.
pub async fn simulated_bitmex() -> VenueSim {
    println!("seed {SEED}");
    let sim = VenueSim::start(SimConfig {
        seed: SEED,
        ..SimConfig::bitmex()
    })
    .await
    .unwrap();
    // Its real limits are a few requests a second, which no test has the time for.
    sim.control().settings(SettingsPatch {
        bitmex_limits: Some(BitmexLimitsPatch {
            requests_1m: Some(100_000),
            public_requests_1m: Some(100_000),
            orders_1s: Some(100_000),
            ..BitmexLimitsPatch::default()
        }),
        ..SettingsPatch::default()
    });
    sim
}

impl TestApp {
    /// A venue with a still market, and a gateway that is ready.
    pub async fn start() -> Self {
        Self::with(|config| config).await
    }

    /// A venue whose futures the gateway trades too.
    pub async fn with_futures() -> Self {
        Self::over(simulator().await, |config, sim| config.with_futures(sim)).await
    }

    /// The other simulated exchange, under the same name.
    pub async fn bitmex() -> Self {
        Self::over(simulated_bitmex().await, |mut config, sim| {
            config.venues.clear();
            // The simulator is told to count loosely; the gateway must not count strictly on its behalf.
            config.venue_lines.push_str(
                "\nlimits = { rest_second = 100000, rest_minute = 100000, public_minute = 100000 }",
            );
            config.venue(
                VENUE,
                "bitmex",
                ("rest", &sim.url()),
                Some(sim.credentials()),
            )
        })
        .await
    }

    /// Both simulated exchanges behind one gateway, the other under the name that is given.
    pub async fn with_bitmex_as(name: &str) -> (Self, VenueSim) {
        let other = simulated_bitmex().await;
        let app = Self::over(simulator().await, |config, sim| {
            let config = config.with_futures(sim);
            config.venue(
                name,
                "bitmex",
                ("rest", &other.url()),
                Some(other.credentials()),
            )
        })
        .await;
        (app, other)
    }

    /// The same with a configuration bent before it is used.
    pub async fn with(bend: impl FnOnce(GatewayConfig) -> GatewayConfig) -> Self {
        Self::over(simulator().await, |config, _| bend(config)).await
    }

    async fn over(
        sim: VenueSim,
        bend: impl FnOnce(GatewayConfig, &VenueSim) -> GatewayConfig,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
        let config = bend(config, &sim);
        let gateway = start_gateway(&config).await.unwrap();
        gateway.ready().await;
        let base = gateway.base.clone();
        Self {
            sim,
            config,
            gateway: Some(gateway),
            base,
            directory,
        }
    }

    /// Where configuration, secrets and journal are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The gateway's configuration.
    pub fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// Stops the gateway.
    pub async fn stop_gateway(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop().await;
        }
    }

    /// Stops the gateway and starts another on its journal.
    pub async fn restart_gateway(&mut self) {
        self.stop_gateway().await;
        let gateway = start_gateway(&self.config).await.unwrap();
        gateway.ready().await;
        self.base.clone_from(&gateway.base);
        self.gateway = Some(gateway);
    }

    /// A caller without a key.
    pub fn anonymous(&self) -> Caller {
        Caller::anonymous(&self.base)
    }

    /// A caller who may read for tenant `a`.
    pub fn viewer(&self) -> Caller {
        self.anonymous().with(VIEWER)
    }

    /// A caller who may trade for tenant `a`.
    pub fn trader(&self) -> Caller {
        self.anonymous().with(TRADER)
    }

    /// A caller who may run the gateway, of tenant `a`.
    pub fn operator(&self) -> Caller {
        self.anonymous().with(OPERATOR)
    }

    /// A caller who may trade for tenant `b`.
    pub fn other_trader(&self) -> Caller {
        self.anonymous().with(OTHER_TRADER)
    }

    /// Another client of the same account, which the gateway knows nothing of.
    pub fn other_client(&self) -> VenueClient {
        VenueClient::of(&self.sim)
    }

    /// Someone else, with an account of their own, who trades against the gateway.
    pub fn rival(&self) -> VenueClient {
        rival_at(&self.sim)
    }

    /// The next `count` requests of this kind meet a fault at the venue.
    pub fn fault(&self, method: &str, path: &str, count: u64, action: FaultAction) {
        let rule = FaultRule::on(method, path).times(count).act(action);
        self.sim.control().add_fault(rule);
    }

    /// The next placement meets a fault.
    pub fn next_placement(&self, action: FaultAction) {
        self.fault("POST", "/api/v3/order", 1, action);
    }

    /// The next cancel meets a fault.
    pub fn next_cancel(&self, action: FaultAction) {
        self.fault("DELETE", "/api/v3/order", 1, action);
    }

    /// What the venue really has under the gateway's id.
    pub fn truth(&self, id: &str) -> Option<ExecutedOrder> {
        let mut orders = self.sim.control().executed().into_iter();
        orders.find(|order| order.client_order_id == id)
    }

    /// Requests that reached the venue with this method and path.
    pub fn seen(&self, method: &str, path: &str) -> Vec<SeenRequest> {
        let mut requests = self.sim.control().requests();
        requests.retain(|request| request.method == method && request.path == path);
        requests
    }

    /// Placements that reached the venue, whatever became of them.
    pub fn placements_seen(&self) -> usize {
        self.seen("POST", "/api/v3/order").len()
    }

    /// The state of an order of tenant `a`, as its venue has it now.
    pub async fn order_state(&self, id: &str) -> String {
        self.viewer().order(id).await.expect(200).text_of("state")
    }

    /// Asks for an order until it is in a state.
    pub async fn becomes(&self, caller: &Caller, id: &str, state: &str) -> Answer {
        eventually(&format!("order {id} becomes {state}"), || async {
            let answer = caller.order(id).await;
            if answer["state"] == state {
                Ok(answer)
            } else {
                Err(answer.text)
            }
        })
        .await
    }

    /// Waits until the journal has the order in a state, without asking for the order itself: what
    /// happens, happens by itself.
    pub async fn becomes_by_itself(&self, caller: &Caller, id: &str, state: &str) -> Value {
        eventually(&format!("order {id} becomes {state} by itself"), || async {
            let answer = caller.get(&format!("/v1/orders?ids={id}")).await;
            match answer.items().first() {
                Some(order) if order["state"] == state => Ok(order.clone()),
                _ => Err(answer.text),
            }
        })
        .await
    }
}

/// Someone at a venue with an account of their own, who trades against the gateway.
pub fn rival_at(sim: &VenueSim) -> VenueClient {
    VenueClient::with(sim, rival_credentials())
}

/// A limit order to buy bitcoin.
pub fn limit_order(quantity: &str, price: &str) -> Value {
    json!({
        "venue": VENUE, "symbol": "BTC/USDT", "side": "buy", "type": "limit",
        "quantity": quantity, "price": price,
    })
}

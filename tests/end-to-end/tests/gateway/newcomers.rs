//! Venues whose adapters come while the gateway works.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, TestApp, adapters, eventually, limit_order, simulator,
};
use switchyard_venue_sim::{FaultAction, FaultRule, VenueSim};
use tempfile::TempDir;

/// The venue whose adapter comes late.
const LATE: &str = "late";

const PLUGIN: &str = "/v1/plugins/newcomer";

/// A gateway with a venue that serves, and with another whose adapter is called `newcomer`.
struct Scene {
    app: TestApp,
    late: VenueSim,
    plugins: TempDir,
}

impl Scene {
    /// The other's adapter is not there.
    async fn new(plugin_lines: &str) -> Self {
        Self::set(plugin_lines, false).await
    }

    async fn set(plugin_lines: &str, is_there: bool) -> Self {
        let late = simulator().await;
        let plugins = tempfile::tempdir().unwrap();
        fs::write(plugins.path().join("binance.wasm"), component()).unwrap();
        if is_there {
            fs::write(plugins.path().join("newcomer.wasm"), component()).unwrap();
        }
        let app = TestApp::with(|mut config: GatewayConfig| {
            config.plugins = plugins.path().to_owned();
            config.top_lines = "orders.refresh_open_ms = 1000".to_owned();
            config
                .plugin_lines
                .push_str("\npoll_ms = 200\nsettle_ms = 20\n");
            config.plugin_lines.push_str(plugin_lines);
            config.venue(
                LATE,
                "newcomer",
                ("spot", &late.url()),
                Some(late.credentials()),
            )
        })
        .await;
        Self { app, late, plugins }
    }

    /// Stops the gateway, takes the adapter away with all that is kept of it, and starts another.
    async fn restart_without_adapter(&mut self) {
        self.app.stop_gateway().await;
        fs::remove_file(self.plugins.path().join("newcomer.wasm")).unwrap();
        fs::remove_dir_all(self.app.directory().join("switchyard-plugins")).unwrap();
        self.app.restart_gateway().await;
    }

    fn drop_in(&self, bytes: &[u8]) {
        let beside = self.plugins.path().join(".next");
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, self.plugins.path().join("newcomer.wasm")).unwrap();
    }

    async fn upload(&self, bytes: Vec<u8>) -> Answer {
        let request = self.app.operator().request(Method::PUT, PLUGIN);
        Answer::to(request.body(bytes)).await
    }

    async fn post(&self, what: &str) -> Answer {
        let path = format!("{PLUGIN}/{what}");
        self.app.operator().post(&path, &json!({})).await
    }

    async fn plugin(&self) -> Answer {
        self.app.viewer().get(PLUGIN).await.expect(200)
    }

    /// Waits until a version is somewhere in its life.
    async fn some_version_is(&self, state: &str) -> Value {
        eventually(&format!("a version is {state}"), async || {
            let plugin = self.plugin().await;
            let versions = plugin["versions"].as_array().unwrap();
            let found = versions.iter().find(|version| version["state"] == state);
            found.cloned().ok_or(plugin.text)
        })
        .await
    }

    /// Places an order as soon as the venue takes one; that no earlier answer was anything but a refusal to be
    /// repeated, and that the gateway was ready all the while, is seen to.
    async fn goes_live(&self) -> String {
        eventually("the venue takes an order", async || {
            self.app.anonymous().get("/health/ready").await.expect(200);
            let answer = self.app.trader().place(&late_order()).await;
            if answer.status == 201 {
                return Ok(answer.id());
            }
            assert_eq!(answer.status, 503, "{}", answer.text);
            assert_eq!(answer["retryable"], true, "{}", answer.text);
            Err(answer.text)
        })
        .await
    }

    async fn waits(&self) {
        let refused = self.app.trader().place(&late_order()).await;
        says_that_it_waits(&refused.expect_problem(503, "venue-unavailable"));
        assert_eq!(self.plugin().await["active"], Value::Null);
    }

    fn placements_at_late(&self) -> usize {
        let requests = self.late.control().requests();
        let is_placement = |method: &str, path: &str| method == "POST" && path == "/api/v3/order";
        let placements = requests.iter().filter(|r| is_placement(&r.method, &r.path));
        placements.count()
    }
}

fn component() -> Vec<u8> {
    fs::read(adapters().join("binance.wasm")).unwrap()
}

fn late_order() -> Value {
    let mut order = limit_order("0.001", "50000");
    order["venue"] = LATE.into();
    order
}

#[track_caller]
fn says_that_it_waits(answer: &Answer) {
    assert_eq!(answer["retryable"], true, "{}", answer.text);
    assert_eq!(answer["venue"], LATE, "{}", answer.text);
    let detail = answer.text_of("detail");
    assert!(detail.contains("newcomer.wasm"), "{detail}");
    assert!(detail.contains("plugins.directory"), "{detail}");
}

async fn trade(trader: &Caller) {
    let order = limit_order("0.001", "50000");
    let id = trader.place(&order).await.expect(201).id();
    trader.cancel(&id).await.expect(200);
}

fn states(version: &Value) -> Vec<&str> {
    let history = version["history"].as_array().unwrap().iter();
    history
        .map(|step| step["state"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_goes_live_when_its_adapters_file_comes_and_the_others_never_waited() {
    let mut scene = Scene::new("").await;
    let (trader, operator) = (scene.app.trader(), scene.app.operator());
    trade(&trader).await;
    let health = scene.app.anonymous().get("/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["venues"], json!({"sim": "up", LATE: "waiting"}));
    let waiting = scene.plugin().await;
    assert_eq!(waiting["venues"], json!([LATE]));
    assert_eq!(waiting["active"], Value::Null);
    assert_ne!(waiting["file_problem"], Value::Null);
    for path in [
        "/v1/venues/late",
        "/health/venues/late",
        "/v1/tickers?venue=late&symbol=BTC/USDT",
        "/v1/instruments?venue=late",
        "/v1/instruments?equivalent_to=late:BTC/USDT",
        "/v1/balances?venue=late",
        "/v1/orders/active?venue=late",
    ] {
        let answer = operator.get(path).await;
        says_that_it_waits(&answer.expect_problem(503, "venue-unavailable"));
    }
    for path in ["/v1/venues/late/halt", "/v1/venues/late/resume"] {
        let answer = Answer::to(operator.request(Method::POST, path)).await;
        says_that_it_waits(&answer.expect_problem(503, "venue-unavailable"));
    }
    let everywhere = trader.get("/v1/tickers?venue=auto&symbol=BTC/USDT").await;
    everywhere.expect(200);
    scene.waits().await;
    assert_eq!(scene.late.control().requests().len(), 0);

    scene.drop_in(&component());
    let id = scene.goes_live().await;
    trader.cancel(&id).await.expect(200);
    let active = scene.some_version_is("active").await;
    assert_eq!(states(&active), ["discovered", "compiling", "active"]);
    let plugin = scene.plugin().await;
    assert_eq!(plugin["active"]["sha256"], active["sha256"]);
    assert_eq!(plugin["file_problem"], Value::Null);
    let listed = trader.get("/v1/instruments?venue=late").await.expect(200);
    assert!(!listed.items().is_empty());
    eventually("all is well", async || {
        let health = scene.app.anonymous().get("/health").await.expect(200);
        (health["status"] == "ok").then_some(()).ok_or(health.text)
    })
    .await;
    // What is traded on now is swept and followed as any other.
    let order = trader.place(&late_order()).await.expect(201).id();
    let at_venue = scene.late.control();
    at_venue
        .set_mid("BTCUSDT", rust_decimal::Decimal::from(49_000))
        .unwrap();
    let filled = scene.app.becomes_by_itself(&trader, &order, "FILLED");
    filled.await;

    // The version is kept: the next gateway needs no file.
    fs::remove_file(scene.plugins.path().join("newcomer.wasm")).unwrap();
    scene.app.restart_gateway().await;
    scene.goes_live().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_version_that_does_not_suit_is_refused_and_a_good_one_after_it_goes_live() {
    let scene = Scene::new("").await;
    let whole = component();
    let bitmex = fs::read(adapters().join("bitmex.wasm")).unwrap();
    for (bytes, reason) in [
        (whole[..whole.len() / 2].to_vec(), ""),
        (Vec::new(), "empty"),
        (bitmex, "venues.late.endpoints"),
    ] {
        let size = bytes.len();
        scene.drop_in(&bytes);
        let rejected = eventually("it is refused", async || {
            let plugin = scene.plugin().await;
            let mut versions = plugin["versions"].as_array().unwrap().iter();
            let found = versions.find(|v| v["size_bytes"] == size && v["state"] == "rejected");
            found.cloned().ok_or(plugin.text)
        })
        .await;
        let why = rejected["reason"].as_str().unwrap();
        assert!(!why.is_empty() && why.contains(reason), "{why}");
        scene.waits().await;
    }
    for wish in ["promote", "rollback", "pin"] {
        let refused = scene.post(wish).await;
        refused.expect_problem(409, "plugin-conflict");
    }
    scene.upload(whole).await.expect(202);
    let id = scene.goes_live().await;
    scene.app.trader().cancel(&id).await.expect(200);
    let active = scene.some_version_is("active").await;
    assert_eq!(active["origin"], "upload");
    trade(&scene.app.trader()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_version_that_comes_late_waits_for_approval_where_that_is_asked_for() {
    let scene = Scene::new("approval = \"manual\"").await;
    scene.upload(component()).await.expect(202);
    let awaiting = scene.some_version_is("awaiting_approval").await;
    let calls = awaiting["reason"].as_str().unwrap();
    assert!(calls.contains("/api/v3/order"), "{calls}");
    scene.waits().await;
    scene.post("promote").await.expect(200);
    scene.goes_live().await;
    let active = scene.some_version_is("active").await;
    let expected = ["discovered", "compiling", "awaiting_approval", "active"];
    assert_eq!(states(&active), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_waits_for_approval_still_does_after_a_restart() {
    let mut scene = Scene::new("approval = \"manual\"").await;
    scene.drop_in(&component());
    scene.some_version_is("awaiting_approval").await;
    scene.app.restart_gateway().await;
    scene.waits().await;
    scene.some_version_is("awaiting_approval").await;
    scene.waits().await;
    scene.post("promote").await.expect(200);
    scene.goes_live().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_fate_is_kept_while_the_adapter_is_away_and_settled_when_it_is_back() {
    let mut scene = Scene::set("", true).await;
    let rule = FaultRule::on("POST", "/api/v3/order").times(1);
    let rule = rule.act(FaultAction::ExecuteThenDrop);
    scene.late.control().add_fault(rule);
    let trader = scene.app.trader();
    let id = trader.place(&late_order()).await.expect(202).id();
    scene.restart_without_adapter().await;

    let (trader, viewer) = (scene.app.trader(), scene.app.viewer());
    eventually("it is counted", async || {
        let metrics = viewer.get("/metrics").await.expect(200).text;
        let counted = "switchyard_orders_unresolved{venue=\"late\"} 1\n";
        metrics.contains(counted).then_some(()).ok_or(())
    })
    .await;
    trade(&trader).await;
    let kept = trader.order(&id).await.expect(200);
    assert_eq!(kept["state"], "PENDING_NEW");
    assert_eq!(scene.placements_at_late(), 1);

    scene.drop_in(&component());
    scene.app.becomes_by_itself(&viewer, &id, "NEW").await;
    assert_eq!(scene.placements_at_late(), 1, "it was not sent again");
    trader.cancel(&id).await.expect(200);
    scene.goes_live().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_was_halted_is_so_when_it_goes_live() {
    let mut scene = Scene::set("", true).await;
    let halt = "/v1/venues/late/halt";
    let halted = scene.app.operator().post(halt, &json!({})).await;
    halted.expect(200);
    scene.restart_without_adapter().await;
    scene.waits().await;
    scene.drop_in(&component());
    eventually("the venue says that it is halted", async || {
        let refused = scene.app.trader().place(&late_order()).await;
        assert_eq!(refused.status, 503, "{}", refused.text);
        let is_live = refused["code"] == "halted";
        is_live.then_some(()).ok_or(refused.text)
    })
    .await;
    assert_eq!(scene.placements_at_late(), 0);
    let resume = "/v1/venues/late/resume";
    let request = scene.app.operator().request(Method::POST, resume);
    Answer::to(request).await.expect(200);
    scene.goes_live().await;
}

//! Adapters replaced while the gateway works: by a file, by an upload, by hand, and by what fails.

use std::cell::Cell;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, OPERATOR, PlainVenue, TestApp, eventually, limit_order,
    run_switchyard_with,
};

pub(crate) const PLUGIN: &str = "/v1/plugins/binance";

/// The venue takes 50 orders in ten seconds.
const BETWEEN_TRADES: Duration = Duration::from_millis(250);

/// A gateway with a directory of adapters of its own, and short trials.
pub(crate) async fn app(plugin_lines: &str) -> (TestApp, tempfile::TempDir) {
    let plugins = tempfile::tempdir().unwrap();
    // What is measured on a busy machine says nothing of an adapter.
    let lines = format!(
        "poll_ms = 200\nsettle_ms = 20\ntrial.calls = 20\ntrial.time_ms = 1500\ntrial.max_slowdown_percent = 100000\n{plugin_lines}"
    );
    let directory = plugins.path().to_owned();
    let app = TestApp::with(|mut config: GatewayConfig| {
        fs::copy(
            config.plugins.join("binance.wasm"),
            directory.join("binance.wasm"),
        )
        .unwrap();
        config.plugins = directory;
        config.plugin_lines = format!("{}\n{lines}", config.plugin_lines);
        config
    })
    .await;
    (app, plugins)
}

/// Another version of the adapter: some bytes of it changed for as many others.
fn version(app: &TestApp, replaced: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = fs::read(app.config().plugins.join("binance.wasm")).unwrap();
    for (from, to) in replaced {
        assert_eq!(from.len(), to.len());
        let at: Vec<usize> = (0..bytes.len() - from.len())
            .filter(|at| bytes[*at..].starts_with(from.as_bytes()))
            .collect();
        assert!(!at.is_empty(), "{from}");
        for at in at {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

/// A version that does everything as the one before.
pub(crate) fn same_but_newer(app: &TestApp, number: u32) -> Vec<u8> {
    with_section(version(app, &[]), number)
}

pub(crate) fn with_section(mut bytes: Vec<u8>, number: u32) -> Vec<u8> {
    // A custom section, which means nothing.
    let name = b"n";
    let content = number.to_le_bytes();
    bytes.push(0);
    bytes.push(u8::try_from(1 + name.len() + content.len()).unwrap());
    bytes.push(u8::try_from(name.len()).unwrap());
    bytes.extend(name);
    bytes.extend(content);
    bytes
}

fn file(app: &TestApp) -> PathBuf {
    app.config().plugins.join("binance.wasm")
}

/// Replaces the adapter's file in one step.
pub(crate) fn drop_in(app: &TestApp, bytes: &[u8]) {
    let beside = app.config().plugins.join(".next");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, file(app)).unwrap();
}

pub(crate) async fn plugin(app: &TestApp) -> Answer {
    app.viewer().get(PLUGIN).await.expect(200)
}

pub(crate) fn of_version<'a>(plugin: &'a Value, sha256: &str) -> &'a Value {
    let versions = plugin["versions"].as_array().unwrap();
    versions
        .iter()
        .find(|version| version["sha256"] == sha256)
        .unwrap_or(&Value::Null)
}

/// Trades and reads until the version is where it should be, within what the venue allows in ten seconds.
pub(crate) async fn becomes(app: &TestApp, sha256: &str, state: &str) -> Value {
    let trader = app.trader();
    let traded = Cell::new(None::<Instant>);
    eventually(&format!("the version is {state}"), || async {
        if traded.get().is_none_or(|at| at.elapsed() >= BETWEEN_TRADES) {
            traded.set(Some(Instant::now()));
            trade(&trader).await;
        }
        let plugin = plugin(app).await;
        let version = of_version(plugin.json(), sha256).clone();
        if version["state"] == state {
            Ok(version)
        } else {
            Err(version.to_string())
        }
    })
    .await
}

pub(crate) async fn trade(trader: &Caller) {
    let order = limit_order("0.001", "50000");
    let id = trader.place(&order).await.expect(201).id();
    trader
        .get("/v1/tickers?venue=sim&symbol=BTC/USDT")
        .await
        .expect(200);
    trader.cancel(&id).await.expect(200);
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use ring::digest::{SHA256, digest};
    let digest = digest(&SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) async fn upload(app: &TestApp, bytes: Vec<u8>) -> Answer {
    let request = app.operator().request(Method::PUT, PLUGIN);
    Answer::to(
        request
            .header("content-type", "application/wasm")
            .body(bytes),
    )
    .await
}

pub(crate) async fn post(app: &TestApp, what: &str, body: &Value) -> Answer {
    app.operator().post(&format!("{PLUGIN}/{what}"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_as_the_one_before_is_tried_serves_and_can_be_rolled_back() {
    let (app, _plugins) = app("").await;
    let first = plugin(&app).await["active"]["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    trade(&app.trader()).await;
    let next = same_but_newer(&app, 1);
    let second = sha256(&next);
    drop_in(&app, &next);
    let active = becomes(&app, &second, "active").await;
    let states: Vec<&str> = active["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        ["discovered", "compiling", "validated", "canary", "active"]
    );
    assert_eq!(becomes(&app, &first, "retired").await["origin"], "file");

    let back = post(&app, "rollback", &json!({})).await.expect(200);
    assert_eq!(back["active"]["sha256"], first.as_str());
    becomes(&app, &second, "retired").await;
    // The file did not change: it is no news, after a restart neither.
    let mut app = app;
    app.restart_gateway().await;
    trade(&app.trader()).await;
    assert_eq!(plugin(&app).await["active"]["sha256"], first.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_load_or_does_otherwise_is_refused_and_the_old_version_serves_on() {
    let (app, _plugins) = app("").await;
    let first = plugin(&app).await["active"]["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    for _ in 0..5 {
        trade(&app.trader()).await;
    }
    let whole = version(&app, &[]);
    let bitmex = fs::read(switchyard_end_to_end::adapters().join("bitmex.wasm")).unwrap();
    let other = version(&app, &[("recvWindow", "recvwindow")]);
    for (what, bytes, reason) in [
        ("truncated", whole[..whole.len() / 2].to_vec(), ""),
        ("nothing", Vec::new(), "empty"),
        ("text", b"#!/bin/sh\n".to_vec(), "not"),
        ("another's", bitmex, "another's file"),
        ("one that does otherwise", other, "otherwise"),
    ] {
        let sha256 = sha256(&bytes);
        drop_in(&app, &bytes);
        let rejected = becomes(&app, &sha256, "rejected").await;
        let why = rejected["reason"].as_str().unwrap();
        assert!(why.contains(reason), "{what}: {why}");
        assert_eq!(
            plugin(&app).await["active"]["sha256"],
            first.as_str(),
            "{what}"
        );
    }
    drop_in(&app, &whole);
    trade(&app.trader()).await;
    fs::remove_file(file(&app)).unwrap();
    eventually("the loss of the file is shown", || async {
        let problem = plugin(&app).await["file_problem"].clone();
        (!problem.is_null()).then_some(()).ok_or(problem)
    })
    .await;
    trade(&app.trader()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_file_that_claims_the_venue_changes_nothing_and_one_renamed_over_the_first_is_told_apart()
 {
    let (app, _plugins) = app("").await;
    trade(&app.trader()).await;
    let first = plugin(&app).await.json().clone();
    let directory = app.config().plugins.clone();
    // Whose file serves a venue is what configuration says, whatever a file claims to be.
    fs::write(directory.join("binance-2.wasm"), same_but_newer(&app, 1)).unwrap();
    let unnamed = app.operator().request(Method::PUT, "/v1/plugins/binance-2");
    let unnamed = Answer::to(unnamed.body(same_but_newer(&app, 1))).await;
    let problem = unnamed.expect_problem(404, "not-found");
    let detail = problem["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("no venue is configured with a plugin"),
        "{detail}"
    );
    let bitmex = switchyard_end_to_end::adapters().join("bitmex.wasm");
    let other = sha256(&fs::read(&bitmex).unwrap());
    fs::copy(&bitmex, directory.join("bitmex.wasm")).unwrap();
    fs::rename(directory.join("bitmex.wasm"), file(&app)).unwrap();
    let rejected = becomes(&app, &other, "rejected").await;
    let reason = rejected["reason"].as_str().unwrap();
    assert!(reason.contains("is it another's file?"), "{reason}");
    let now = plugin(&app).await;
    assert_eq!(now["active"], first["active"]);
    assert_eq!(now["versions"].as_array().unwrap().len(), 2);
    // The second file, renamed over the first, is a version of it like any other.
    let second = sha256(&fs::read(directory.join("binance-2.wasm")).unwrap());
    fs::rename(directory.join("binance-2.wasm"), file(&app)).unwrap();
    becomes(&app, &second, "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_disappears_is_told_of_stops_nothing_and_is_watched_again_when_it_is_back()
{
    let (app, _plugins) = app("").await;
    let next = same_but_newer(&app, 1);
    let second = sha256(&next);
    let (directory, away) = (app.config().plugins.clone(), app.directory().join("away"));
    fs::rename(&directory, &away).unwrap();
    eventually("the loss of the directory is shown", || async {
        trade(&app.trader()).await;
        let problem = plugin(&app).await["file_problem"].clone();
        let text = problem.as_str().unwrap_or_default();
        text.contains("plugins.directory")
            .then_some(())
            .ok_or(problem)
    })
    .await;
    fs::rename(&away, &directory).unwrap();
    eventually("its return is shown", || async {
        let problem = plugin(&app).await["file_problem"].clone();
        problem.is_null().then_some(()).ok_or(problem)
    })
    .await;
    drop_in(&app, &next);
    becomes(&app, &second, "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_a_file_drop_and_what_differs_on_purpose_is_promoted_by_hand() {
    let (app, _plugins) = app("").await;
    for _ in 0..5 {
        trade(&app.trader()).await;
    }
    let next = same_but_newer(&app, 7);
    let uploaded = upload(&app, next.clone()).await.expect(202);
    let second = sha256(&next);
    assert_eq!(uploaded["sha256"], second.as_str());
    becomes(&app, &second, "active").await;
    assert_eq!(upload(&app, next).await.expect(200)["state"], "active");

    let different = version(&app, &[("recvWindow", "recvwindow")]);
    let third = sha256(&different);
    upload(&app, different).await.expect(202);
    becomes(&app, &third, "rejected").await;
    let promoted = post(&app, "promote", &json!({"version": third})).await;
    assert_eq!(promoted.expect(200)["active"]["sha256"], third.as_str());
    let back = post(&app, "rollback", &json!({})).await.expect(200);
    assert_eq!(back["active"]["sha256"], second.as_str());
    trade(&app.trader()).await;

    let removed = app
        .operator()
        .delete(&format!("{PLUGIN}?version={second}"))
        .await;
    removed.expect_problem(409, "plugin-conflict");
    let removed = app
        .operator()
        .delete(&format!("{PLUGIN}?version={third}"))
        .await;
    assert_eq!(of_version(removed.expect(200).json(), &third), &Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_adapter_keeps_its_version_until_it_is_let_go() {
    let (app, _plugins) = app("").await;
    let first = plugin(&app).await["active"]["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    let pinned = post(&app, "pin", &json!({})).await.expect(200);
    assert_eq!(pinned["pinned"], first.as_str());
    let next = same_but_newer(&app, 2);
    let second = sha256(&next);
    drop_in(&app, &next);
    becomes(&app, &second, "discovered").await;
    let refused = post(&app, "promote", &json!({"version": second})).await;
    refused.expect_problem(409, "plugin-conflict");
    post(&app, "unpin", &json!({})).await.expect(200);
    becomes(&app, &second, "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_adapters_needs_an_operator_an_adapter_that_exists_and_a_bounded_body() {
    let (app, _plugins) = app("component_bytes = 8000000").await;
    for (method, path) in [
        (Method::PUT, PLUGIN.to_owned()),
        (Method::DELETE, format!("{PLUGIN}?version=x")),
        (Method::POST, format!("{PLUGIN}/promote")),
        (Method::POST, format!("{PLUGIN}/rollback")),
        (Method::POST, format!("{PLUGIN}/pin")),
        (Method::POST, format!("{PLUGIN}/unpin")),
    ] {
        let request = app.trader().request(method, &path);
        Answer::to(request).await.expect_problem(403, "forbidden");
    }
    let unknown = app.operator().request(Method::PUT, "/v1/plugins/nothing");
    let unknown = Answer::to(unknown.body(vec![0; 10])).await;
    unknown.expect_problem(404, "not-found");
    // Refused by what it announces, before it is sent.
    let host = app
        .anonymous()
        .base()
        .trim_start_matches("http://")
        .to_owned();
    let mut connection = TcpStream::connect(&host).unwrap();
    write!(
        connection,
        "PUT {PLUGIN} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\ncontent-length: 8000001\r\nconnection: close\r\n\r\n",
        OPERATOR.key
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let nobody = post(&app, "rollback", &json!({})).await;
    nobody.expect_problem(409, "plugin-conflict");
    let unknown = post(&app, "promote", &json!({"version": "00"})).await;
    unknown.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_traps_again_and_again_is_quarantined_and_the_one_before_returns() {
    let plugins = tempfile::tempdir().unwrap();
    let file = plugins.path().join("hostile-adapter.wasm");
    let component = switchyard_end_to_end::hostile_adapters().join("hostile-adapter.wasm");
    fs::copy(&component, &file).unwrap();
    let venue = PlainVenue::start("").await;
    let app = TestApp::with(|mut config| {
        let binance = config.plugins.join("binance.wasm");
        fs::copy(binance, plugins.path().join("binance.wasm")).unwrap();
        config.plugins = plugins.path().to_owned();
        config
            .plugin_lines
            .push_str("\npoll_ms = 200\nsettle_ms = 20\ncanary_share = 0\ntraps_allowed = 3");
        config.venue("hostile", "hostile-adapter", ("rest", &venue.url()), None)
    })
    .await;
    let shown = async || {
        app.viewer()
            .get("/v1/plugins/hostile-adapter")
            .await
            .expect(200)
    };
    let first = shown().await["active"]["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    let bytes = with_section(fs::read(&component).unwrap(), 1);
    let second = sha256(&bytes);
    fs::write(&file, &bytes).unwrap();
    eventually("the second version serves", async || {
        let active = shown().await["active"]["sha256"].clone();
        (active == second.as_str()).then_some(()).ok_or(active)
    })
    .await;
    let trap = "/v1/tickers?venue=hostile&symbol=TRAP/USDT";
    eventually("the first is back", async || {
        app.viewer().get(trap).await;
        let active = shown().await["active"]["sha256"].clone();
        (active == first.as_str()).then_some(()).ok_or(active)
    })
    .await;
    eventually("it is told why", async || {
        let plugin = shown().await;
        let state = |sha256| of_version(plugin.json(), sha256)["state"].clone();
        let states = (state(&first), state(&second));
        let told = states == (json!("active"), json!("quarantined"));
        told.then_some(()).ok_or(states)
    })
    .await;
    // It is not taken again for being there, after a restart neither.
    let mut app = app;
    app.restart_gateway().await;
    let plugin = app.viewer().get("/v1/plugins/hostile-adapter").await;
    assert_eq!(plugin["active"]["sha256"], first.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_installs_shows_and_rolls_back() {
    let (app, _plugins) = app("").await;
    let next = same_but_newer(&app, 3);
    let second = sha256(&next);
    let brought = app.directory().join("binance.wasm");
    fs::write(&brought, &next).unwrap();
    let gateway = app.anonymous().base().to_owned();
    let run = async |arguments: &[&str]| {
        let remote = ["--gateway", &gateway, "--key-env", "OPERATORS_KEY"];
        let arguments = [&["plugin"], arguments, &remote].concat();
        run_switchyard_with(&[("OPERATORS_KEY", OPERATOR.key)], &arguments).await
    };
    let installed = run(&["install", &brought.display().to_string()]).await;
    assert_eq!(installed.code, Some(0), "{}", installed.output);
    for shown in [second.as_str(), "compiling", "canary", "active"] {
        assert!(installed.output.contains(shown), "{}", installed.output);
    }
    let status = run(&["status"]).await;
    assert!(
        status.output.contains("binance (venues: sim)"),
        "{}",
        status.output
    );
    let back = run(&["rollback", "binance"]).await;
    assert_eq!(back.code, Some(0), "{}", back.output);
    assert_ne!(plugin(&app).await["active"]["sha256"], second.as_str());
    fs::write(&brought, b"nonsense").unwrap();
    let refused = run(&["install", &brought.display().to_string()]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.output);
    assert!(refused.output.contains("rejected"), "{}", refused.output);
}

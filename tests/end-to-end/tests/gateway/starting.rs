//! How the gateway starts, and how it says why it does not.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use switchyard_end_to_end::{
    GatewayConfig, GatewayProcess, Outcome, TestApp, VENUE, run_switchyard, simulator,
    start_gateway,
};
use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// A venue that nobody asks: port 9 of loopback.
const NOWHERE: (&str, &str) = ("spot", "http://127.0.0.1:9");

fn configured(directory: &TempDir) -> GatewayConfig {
    GatewayConfig::in_directory(directory.path()).venue(VENUE, "binance", NOWHERE, None)
}

async fn serve(config: &Path) -> Outcome {
    run_switchyard(&["serve", "--config", &config.display().to_string()]).await
}

/// The program must end with an error that holds all of these.
#[track_caller]
fn refused(outcome: &Outcome, mentions: &[&str]) {
    assert_eq!(outcome.code, Some(1), "{}", outcome.output);
    for mention in mentions {
        assert!(
            outcome.output.contains(mention),
            "{mention:?} is not in: {}",
            outcome.output
        );
    }
    assert!(!outcome.output.contains("panicked"), "{}", outcome.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_configuration_is_named() {
    refused(
        &serve(Path::new("/no/such/switchyard.toml")).await,
        &["/no/such/switchyard.toml"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_configuration_names_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let good = configured(&directory).to_toml();
    for (from, to, mentions) in [
        ("[server]", "[server]\ncolour = \"red\"", "colour"),
        (
            "listen = \"127.0.0.1:0\"",
            "listen = \"here\"",
            "server.listen",
        ),
        (
            "listen = \"127.0.0.1:0\"",
            "listen = \"127.0.0.1:0\"\nrequest_timeout_ms = 0",
            "server.request_timeout_ms",
        ),
        (
            "call_deadline_ms = 50",
            "call_deadline_ms = \"soon\"",
            "plugins.call_deadline_ms",
        ),
        (
            "[plugins]",
            "[plugins]\napproval = \"maybe\"",
            "plugins.approval",
        ),
        ("sqlite://", "oracle://", "store.url"),
        ("role = \"viewer\"", "role = \"king\"", "role"),
        ("level = \"info\"", "level = \"in=fo=x\"", "log.level"),
        (
            "http://127.0.0.1:9",
            "http://127.0.0.1:9/path",
            "venues.sim.endpoints.spot",
        ),
        (
            "http://127.0.0.1:9",
            "ftp://127.0.0.1",
            "venues.sim.endpoints.spot",
        ),
        ("spot = ", "spto = ", "spto"),
        (
            "[venues.sim]",
            "[venues.sim]\nrecv_window_ms = 0",
            "venues.sim.recv_window_ms",
        ),
        (
            "[venues.sim]",
            "[venues.sim]\nlimits = { nosuch = 1 }",
            "nosuch",
        ),
        (
            "[venues.sim]",
            "[venues.sim]\ncredentials = { api_key = \"plain\", secret = \"plain\" }",
            "api_key",
        ),
        (
            "[venues.sim]",
            "[venues.sim]\ncredentials = { api_key = \"file:/no/such\", secret = \"env:NO_SUCH\" }",
            "venues.sim.credentials.api_key",
        ),
        ("[server]", "[server", "unclosed table"),
    ] {
        assert!(good.contains(from), "{from}");
        let path = directory.path().join("switchyard.toml");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let outcome = serve(&path).await;
        refused(&outcome, &[mentions]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_stands_in_the_configuration_is_not_repeated_in_the_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("switchyard.toml");
    let secret = "hunter2hunter2";
    let lines =
        format!("[venues.sim]\ncredentials = {{ api_key = \"{secret}\", secret = \"{secret}\" }}");
    fs::write(
        &path,
        configured(&directory)
            .to_toml()
            .replacen("[venues.sim]", &lines, 1),
    )
    .unwrap();
    let outcome = serve(&path).await;
    refused(&outcome, &["api_key"]);
    assert!(!outcome.output.contains(secret), "{}", outcome.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_without_its_adapter_is_named_with_what_there_is_and_keeps_nobody_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        GatewayConfig::in_directory(directory.path()).venue(VENUE, "kraken", NOWHERE, None);
    let process = GatewayProcess::start(&config.write(), &directory.path().join("log")).await;
    process.ready().await;
    let path = directory.path().join("log");
    assert_eq!(process.terminate().await, Some(0));
    let log = std::fs::read_to_string(path).unwrap();
    for mention in ["ERROR", "kraken.wasm", VENUE, "binance"] {
        assert!(log.contains(mention), "{mention:?} is not in: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_adapters_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = configured(&directory);
    config.plugins = directory.path().join("nowhere");
    refused(
        &serve(&config.write()).await,
        &["plugins.directory", "nowhere"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_is_named_though_the_venue_waits_for_its_adapter() {
    let directory = tempfile::tempdir().unwrap();
    let good = GatewayConfig::in_directory(directory.path())
        .venue(VENUE, "kraken", NOWHERE, None)
        .to_toml();
    let lines =
        "[venues.sim]\ncredentials = { api_key = \"file:/no/such\", secret = \"file:/no/such\" }";
    let path = directory.path().join("switchyard.toml");
    fs::write(&path, good.replacen("[venues.sim]", lines, 1)).unwrap();
    refused(&serve(&path).await, &["venues.sim.credentials.api_key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_of_another_major_version_is_refused_naming_both() {
    let directory = tempfile::tempdir().unwrap();
    let wit = "package switchyard:adapter@2.0.0; interface descriptor { describe: func() -> string; } world adapter { export descriptor; }";
    let plugins = directory.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    fs::write(plugins.join("future.wasm"), component_of(wit)).unwrap();
    let mut config =
        GatewayConfig::in_directory(directory.path()).venue(VENUE, "future", NOWHERE, None);
    config.plugins = plugins;
    refused(
        &serve(&config.write()).await,
        &["future.wasm", "2.0.0", "1.0.0"],
    );
}

/// A component of a world, whose functions all trap.
fn component_of(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("contract.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_is_no_component_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let plugins = directory.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    fs::write(plugins.join("odd.wasm"), b"MZ").unwrap();
    let mut config =
        GatewayConfig::in_directory(directory.path()).venue(VENUE, "odd", NOWHERE, None);
    config.plugins = plugins;
    refused(&serve(&config.write()).await, &["odd.wasm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_on_one_journal_is_refused() {
    let app = TestApp::start().await;
    let error = start_gateway(app.config()).await.unwrap_err();
    assert!(
        error.contains("store.url") && error.contains("in use"),
        "{error}"
    );
    let config = app.config().write();
    refused(&serve(&config).await, &["store.url", "in use"]);
    app.anonymous().get("/health/ready").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let mut config = configured(&directory);
    config.listen = address.clone();
    refused(&serve(&config.write()).await, &["server.listen", &address]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_ends_cleanly_when_it_is_asked_to() {
    let directory = tempfile::tempdir().unwrap();
    let config = configured(&directory).write();
    let process = GatewayProcess::start(&config, &directory.path().join("log")).await;
    process.anonymous().get("/health/live").await.expect(200);
    assert_eq!(process.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_explains_itself() {
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["plugin", "--help"],
        &["--version"],
    ] {
        let outcome = run_switchyard(arguments).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.output);
        assert!(
            outcome.output.to_lowercase().contains("switchyard"),
            "{}",
            outcome.output
        );
    }
    let unknown = run_switchyard(&["dance"]).await;
    assert_eq!(unknown.code, Some(2), "{}", unknown.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_access_is_for_loopback_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = configured(&directory);
    config.listen = "0.0.0.0:0".to_owned();
    let path = directory.path().join("switchyard.toml");
    fs::write(
        &path,
        format!(
            "{}\n[auth]\nmode = \"open\"\n",
            without_keys(&config.to_toml())
        ),
    )
    .unwrap();
    refused(&serve(&path).await, &["auth.mode", "loopback"]);
}

/// The best of several starts, because the machine may be busy; what waits for a tick waits in every one.
#[tokio::test(flavor = "multi_thread")]
async fn venues_are_asked_when_the_gateway_starts_and_not_a_tick_later() {
    let sim = simulator().await;
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
        let gateway = start_gateway(&config).await.unwrap();
        let listening = Instant::now();
        gateway.ready().await;
        fastest = fastest.min(listening.elapsed());
        gateway.stop().await;
    }
    assert!(fastest < Duration::from_millis(900), "{fastest:?}");
}

fn without_keys(text: &str) -> String {
    let (mut kept, mut in_key) = (String::new(), false);
    for line in text.lines() {
        if line.starts_with('[') {
            in_key = line == "[[auth.keys]]";
        }
        if !in_key {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

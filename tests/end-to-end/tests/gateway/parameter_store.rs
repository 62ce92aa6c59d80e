//! Secrets in AWS Parameter Store: read decrypted, rotated under a running gateway, and named when they are not there.

use std::fs;
use std::path::Path;

use serde_json::json;
use switchyard_end_to_end::{
    AWS_KEY, Caller, Gate, GateKeeper, GatewayConfig, GatewayProcess, Moto, Outcome, TRADER, VENUE,
    eventually, holds, limit_order, nobody, rival_credentials, run_switchyard_with, simulator,
};
use switchyard_venue_sim::{Credentials, VenueSim};

/// The parameter with the venue's key and secret.
const PARAMETER: &str = "/switchyard/test/venue";

/// As the parameter holds them, together.
fn together(credentials: &Credentials) -> String {
    json!({"api_key": credentials.api_key, "secret": credentials.secret}).to_string()
}

/// A configuration whose venue is signed for with what is in the parameter.
fn configured(directory: &Path, sim: &VenueSim) -> GatewayConfig {
    let mut config =
        GatewayConfig::in_directory(directory).venue(VENUE, "binance", ("spot", &sim.url()), None);
    config.venue_lines.push_str(&format!(
        "\ncredentials = {{ api_key = \"ssm://{PARAMETER}#api_key\", secret = \"ssm://{PARAMETER}#secret\" }}"
    ));
    config
        .top_lines
        .push_str("[secrets]\nrefresh_seconds = 1\n");
    config
}

/// Places an order, and says whose account the venue has it on.
async fn placed_for(trader: &Caller, sim: &VenueSim) -> String {
    let placed = trader.place(&limit_order("0.001", "50000")).await;
    let id = placed.expect(201).id();
    let mut orders = sim.control().executed().into_iter();
    let order = orders.find(|order| order.client_order_id == id);
    order.expect("the venue has it").account
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_signed_with_a_rotated_key_without_a_restart_and_the_last_key_outlives_its_parameter()
 {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let (sim, directory) = (simulator().await, tempfile::tempdir().unwrap());
    let (before, after) = (sim.credentials().clone(), rival_credentials());
    moto.put(PARAMETER, &together(&before)).await;
    let encrypted = moto.encrypted(PARAMETER).await;
    assert_ne!(encrypted, together(&before), "it is encrypted");

    let mut config = configured(directory.path(), &sim);
    config.log_level = "trace".to_owned();
    let (path, log) = (config.write(), directory.path().join("log"));
    let environment = Moto::environment(moto.url(), AWS_KEY);
    let mut process = GatewayProcess::spawn(&path, &log, environment);
    process.listens().await;
    process.ready().await;
    let trader = process.anonymous().with(TRADER);
    assert_eq!(placed_for(&trader, &sim).await, "default");

    moto.put(PARAMETER, &together(&after)).await;
    // Whenever the new key comes to use, each order is signed by one of the two, and none is refused.
    eventually("orders are signed with the new key", || async {
        match placed_for(&trader, &sim).await {
            account if account == "rival" => Ok(()),
            account => Err(account),
        }
    })
    .await;
    let rotated = "switchyard_secret_reads_total{source=\"ssm\",outcome=\"rotated\"} 2";
    let metrics = trader.get("/metrics").await;
    assert!(metrics.text.contains(rotated), "{}", metrics.text);

    moto.delete(PARAMETER).await;
    let metrics = eventually("it is told that the parameter is away", || async {
        let metrics = trader.get("/metrics").await;
        let failing = "switchyard_secrets_failing{source=\"ssm\"} 2";
        if metrics.text.contains(failing) {
            Ok(metrics)
        } else {
            Err(metrics.text)
        }
    })
    .await;
    assert_eq!(placed_for(&trader, &sim).await, "rival", "the last is kept");

    assert_eq!(process.terminate().await, Some(0));
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("secrets were rotated"), "{said}");
    assert!(said.contains("the last value stays in use"), "{said}");
    assert!(
        said.contains("\"TRACE\"") || said.contains("\"DEBUG\""),
        "the log is at its most talkative"
    );
    let journal = directory.path().join("journal.db");
    for secret in [
        &before.secret,
        &after.secret,
        &before.api_key,
        &after.api_key,
        AWS_KEY.1,
    ] {
        let leak = said.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "in the log");
        assert!(!metrics.text.contains(secret), "in the metrics");
        assert!(!holds(&journal, secret), "in the journal");
        assert!(!holds(&path, secret), "in the configuration");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_missing_refused_out_of_reach_or_throttled_for_good_ends_the_start_and_is_named()
 {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let (sim, directory) = (simulator().await, tempfile::tempdir().unwrap());
    let path = configured(directory.path(), &sim).write();
    let gate = GateKeeper::before(moto.url()).await;
    let start = async |url: &str, key: (&str, &str)| -> Outcome {
        let environment = Moto::environment(url, key);
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let path = path.display().to_string();
        let arguments = ["config", "check", "--read-secrets", "--config", &path];
        let outcome = run_switchyard_with(&environment, &arguments).await;
        assert_eq!(outcome.code, Some(1), "{}", outcome.output);
        let served = run_switchyard_with(&environment, &["serve", "--config", &path]).await;
        assert_eq!(served.code, Some(1), "{}", served.output);
        let named = format!("venues.{VENUE}.credentials.api_key: ");
        for output in [&outcome.output, &served.output] {
            assert!(output.contains(&named), "{output}");
            let reference = format!("ssm://{PARAMETER}#api_key");
            assert!(output.contains(&reference), "{output}");
            assert!(!output.contains(&sim.credentials().secret), "{output}");
        }
        served
    };

    let missing = start(gate.url(), AWS_KEY).await;
    assert!(
        missing.output.contains("there is no parameter"),
        "{}",
        missing.output
    );

    moto.put(PARAMETER, &together(sim.credentials())).await;
    gate.set(Gate::Denied);
    let denied = start(gate.url(), AWS_KEY).await;
    assert!(
        denied.output.contains("AccessDeniedException: "),
        "{}",
        denied.output
    );

    let away = start(&nobody(), AWS_KEY).await;
    assert!(away.output.contains("cannot read "), "{}", away.output);

    gate.set(Gate::Throttled(1_000));
    gate.asked();
    let throttled = start(gate.url(), AWS_KEY).await;
    assert!(
        throttled.output.contains("ThrottlingException"),
        "{}",
        throttled.output
    );
    assert_eq!(
        gate.asked().len(),
        10,
        "5 tries of each of the two programs"
    );

    gate.set(Gate::Throttled(3));
    let environment = Moto::environment(gate.url(), AWS_KEY);
    let log = directory.path().join("log");
    let mut process = GatewayProcess::spawn(&path, &log, environment);
    process.listens().await;
    let asked = gate.asked();
    assert!(
        asked.len() >= 4,
        "3 tries were throttled, and the 4th was not"
    );
    process.kill();

    // moto refuses those without permission otherwise than AWS does: not in the protocol's words.
    let (id, secret) = moto.user_without_permissions().await;
    let refused = start(moto.url(), (&id, &secret)).await;
    assert!(refused.output.contains("HTTP 403"), "{}", refused.output);
    assert!(!refused.output.contains(&secret), "{}", refused.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_signed_with_a_key_that_was_rotated_in_files() {
    let (sim, directory) = (simulator().await, tempfile::tempdir().unwrap());
    let mut config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
    config
        .top_lines
        .push_str("[secrets]\nfile_refresh_seconds = 1\n");
    let process = GatewayProcess::start(&config.write(), &directory.path().join("log")).await;
    process.ready().await;
    let trader = process.anonymous().with(TRADER);
    assert_eq!(placed_for(&trader, &sim).await, "default");

    let after = rival_credentials();
    let write = |kind: &str, content: &str| {
        std::fs::write(directory.path().join(format!("{VENUE}.{kind}")), content).unwrap();
    };
    write("key", &after.api_key);
    write("secret", &after.secret);
    eventually("orders are signed with the new key", || async {
        match placed_for(&trader, &sim).await {
            account if account == "rival" => Ok(()),
            account => Err(account),
        }
    })
    .await;
}

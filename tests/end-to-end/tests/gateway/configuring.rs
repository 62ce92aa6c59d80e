//! `switchyard config check`, and what a stage asks of a gateway before it starts.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use switchyard_end_to_end::{GatewayConfig, run_switchyard, run_switchyard_with, simulator};

/// The configuration of a gateway that is signed for with secrets in files.
async fn configured(directory: &Path) -> PathBuf {
    let sim = simulator().await;
    GatewayConfig::in_directory(directory)
        .simulated(&sim)
        .write()
}

fn report(output: &str) -> Value {
    let json = output.rsplit_once('}').unwrap().0;
    serde_json::from_str(&format!("{json}}}")).unwrap()
}

#[tokio::test]
async fn config_check_shows_every_value_where_it_is_from_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = configured(directory.path()).await;
    fs::write(
        directory.path().join("switchyard.staging.toml"),
        "[orders]\nrefresh_open_ms = 5000\n",
    )
    .unwrap();
    let shown = path.display().to_string();
    let environment = [("SWITCHYARD__CACHE__CAPACITY", "77")];
    let check = async |arguments: &[&str]| {
        let all = [&["config", "check", "--config", &shown][..], arguments].concat();
        let outcome = run_switchyard_with(&environment, &all).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.output);
        outcome.output
    };
    let table = check(&["--stage", "staging"]).await;
    let json = check(&["--stage", "staging", "--format", "json", "--read-secrets"]).await;
    let report = report(&json);
    assert_eq!(report["ok"], true);
    let from = |key: &str| {
        let settings = report["settings"].as_array().unwrap();
        let setting = settings.iter().find(|setting| setting["key"] == key);
        setting.unwrap_or_else(|| panic!("{key}")).clone()
    };
    let in_file = from("server.listen");
    assert_eq!(in_file["from"]["layer"], "file");
    assert_eq!(in_file["from"]["path"], shown);
    assert_eq!(in_file["from"]["line"], 3);
    assert_eq!(from("orders.refresh_open_ms")["from"]["layer"], "stage");
    assert_eq!(from("orders.refresh_open_ms")["from"]["line"], 2);
    let in_environment = from("cache.capacity");
    assert_eq!(in_environment["value"], 77);
    let variable = &in_environment["from"]["variable"];
    assert_eq!(variable, "SWITCHYARD__CACHE__CAPACITY");
    assert_eq!(from("log.format")["from"]["layer"], "default");
    let place = directory.path().join("sim.secret");
    let place = format!("file:{}", place.display());
    assert_eq!(from("venues.sim.credentials.secret")["value"], place);
    assert_eq!(
        report["secrets"]["venues.sim.credentials.secret"],
        Value::Null
    );
    for part in [
        "SWITCHYARD__CACHE__CAPACITY",
        "switchyard.staging.toml:2",
        "warning: unapproved-adapters",
    ] {
        assert!(table.contains(part), "{table}");
    }
    for kind in ["key", "secret"] {
        let secret = fs::read_to_string(directory.path().join(format!("sim.{kind}"))).unwrap();
        assert!(!table.contains(secret.trim()), "{table}");
        assert!(!json.contains(secret.trim()), "{json}");
    }
}

#[tokio::test]
async fn what_production_asks_keeps_a_gateway_from_starting_unless_it_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = configured(directory.path()).await;
    let stage = directory.path().join("switchyard.production.toml");
    let shown = path.display().to_string();
    let production = ["--config", &shown, "--stage", "production"];
    fs::write(&stage, "[server]\nlisten = \"0.0.0.0:0\"\n").unwrap();
    let check = async |command: &[&str]| {
        let outcome = run_switchyard(&[command, &production[..]].concat()).await;
        (outcome.code, outcome.output)
    };
    for command in [&["config", "check"][..], &["serve"]] {
        let (code, output) = check(command).await;
        assert_eq!(code, Some(1), "{output}");
        for rule in [
            "plaintext-listener",
            "unnamed-proxy",
            "unapproved-adapters",
            "unlimited-orders",
        ] {
            assert!(output.contains(rule), "{rule}: {output}");
        }
    }
    fs::write(
        &stage,
        "[server]\nlisten = \"0.0.0.0:0\"\n[stage]\nacknowledge = [\"plaintext-listener\", \
         \"unnamed-proxy\", \"unapproved-adapters\", \"unlimited-orders\", \"volatile-journal\"]\n",
    )
    .unwrap();
    let (code, output) = check(&["config", "check"]).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(
        output.contains("acknowledged: plaintext-listener"),
        "{output}"
    );
    let by_variable = [("SWITCHYARD_STAGE", "production")];
    let arguments = ["config", "check", "--format", "json", "--config", &shown];
    let outcome = run_switchyard_with(&by_variable, &arguments).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.output);
    assert_eq!(report(&outcome.output)["stage"], "production");
}

#[tokio::test]
async fn config_check_of_a_wrong_value_or_an_unreadable_secret_says_which_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    let path = configured(directory.path()).await;
    let shown = path.display().to_string();
    let wrong = [("SWITCHYARD__SERVER__LISEN", "127.0.0.1:1")];
    for format in ["table", "json"] {
        let arguments = ["config", "check", "--config", &shown, "--format", format];
        let outcome = run_switchyard_with(&wrong, &arguments).await;
        assert_eq!(outcome.code, Some(1), "{}", outcome.output);
        for part in ["server.lisen", "did you mean", "SWITCHYARD__SERVER__LISEN"] {
            assert!(outcome.output.contains(part), "{}", outcome.output);
        }
    }
    fs::remove_file(directory.path().join("sim.secret")).unwrap();
    let arguments = ["config", "check", "--config", &shown];
    let outcome = run_switchyard(&arguments).await;
    assert_eq!(outcome.code, Some(0), "not looked at");
    // What no stage asks for is no obstacle, and is told all the same.
    let remark = "remark: unapproved-adapters";
    assert!(outcome.output.contains(remark), "{}", outcome.output);
    let arguments = [&arguments[..], &["--read-secrets"]].concat();
    let outcome = run_switchyard(&arguments).await;
    assert_eq!(outcome.code, Some(1), "{}", outcome.output);
    assert!(
        outcome
            .output
            .contains("venues.sim.credentials.secret: cannot read secret file"),
        "{}",
        outcome.output
    );
}

#[tokio::test]
async fn the_example_stages_are_in_order() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../monitoring/config");
    let base = examples.join("switchyard.toml").display().to_string();
    for stage in ["dev", "staging", "production"] {
        let arguments = [
            "config", "check", "--format", "json", "--config", &base, "--stage", stage,
        ];
        let outcome = run_switchyard(&arguments).await;
        let report = report(&outcome.output);
        assert_eq!(report["error"], Value::Null, "{stage}: {}", outcome.output);
        let findings = report["findings"].as_array().unwrap().iter();
        // Where tests run, the directory of the example's journal may be in a container.
        let obstacles: Vec<&Value> = findings
            .filter(|finding| finding["acknowledged"] == false)
            .filter(|finding| finding["rule"] != "volatile-journal")
            .collect();
        assert!(obstacles.is_empty(), "{stage}: {obstacles:?}");
    }
}

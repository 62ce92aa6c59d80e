//! Adapters judged from the command line, and recorded cases made of what a gateway does.

use std::fs;
use std::path::Path;

use switchyard_end_to_end::{
    OPERATOR, TestApp, adapters, hostile_adapters, limit_order, run_switchyard, run_switchyard_with,
};

/// The recorded exchanges of a shipped adapter.
fn cases(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("plugins")
        .join(name)
        .join("cases")
        .display()
        .to_string()
}

async fn check(component: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let component = component.display().to_string();
    let command = [&["plugin", "check", &component][..], arguments].concat();
    let outcome = run_switchyard(&command).await;
    (outcome.code, outcome.output)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_adapters_pass_and_the_exit_code_says_so() {
    for name in ["binance", "bitmex"] {
        let component = adapters().join(format!("{name}.wasm"));
        let (code, output) = check(&component, &["--cases", &cases(name)]).await;
        assert_eq!(code, Some(0), "{output}");
        assert!(output.contains("0 failed, "), "{output}");
        assert!(output.contains("seed 20261121"), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_looks_honest_and_is_not_fails_by_number() {
    let component = hostile_adapters().join("hostile-adapter.wasm");
    let (code, output) = check(&component, &["--format", "json"]).await;
    assert_eq!(code, Some(1), "{output}");
    let report = output
        .rsplit_once("error: ")
        .map_or(output.as_str(), |(report, _)| report);
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let failed: Vec<&str> = report["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["verdict"] == "failed")
        .filter_map(|case| case["id"].as_str())
        .collect();
    // It lists its instruments whatever it is answered, says of a cancel that it had no effect, and puts client ids
    // into the path as they are.
    for id in ["ERR-004", "ERR-005", "ERR-007", "HOS-013"] {
        assert!(failed.contains(&id), "{id} is not among {failed:?}");
    }
    for case in report["cases"].as_array().unwrap() {
        let verdict = case["verdict"].as_str().unwrap();
        let says = match verdict {
            "failed" => &case["findings"][0]["expected"],
            "skipped" => &case["reason"],
            _ => &case["looked_at"],
        };
        assert!(!says.is_null(), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_adapter_fails_and_junit_says_which_case() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nonsense.wasm");
    fs::write(&file, b"nonsense").unwrap();
    let (code, output) = check(&file, &["--format", "junit"]).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.starts_with("<?xml"), "{output}");
    assert!(output.contains("type=\"CON-001\""), "{output}");
    let (code, output) = check(&directory.path().join("missing.wasm"), &[]).await;
    assert_eq!(code, Some(1));
    assert!(output.contains("cannot read"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn blessing_rewrites_what_is_expected_and_shows_the_change() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("place/001.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let shipped = Path::new(&cases("binance")).join("place/001-spot-limit.json");
    let right = fs::read_to_string(shipped).unwrap();
    fs::write(&file, right.replace("quantity=1", "quantity=2")).unwrap();
    let component = adapters().join("binance.wasm");
    let from = directory.path().display().to_string();
    let (code, output) = check(&component, &["--cases", &from]).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("ENC-001"), "{output}");
    let (code, output) = check(&component, &["--cases", &from, "--bless"]).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("blessed place/001.json"), "{output}");
    assert!(
        output.contains("quantity=2") && output.contains("quantity=1"),
        "{output}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), right);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gateway_does_becomes_recorded_cases_that_hold_no_secret_and_pass() {
    let app = TestApp::start().await;
    let gateway = app.anonymous().base().to_owned();
    let out = app.directory().join("cases");
    let to = out.display().to_string();
    let arguments = [
        "plugin",
        "record",
        "binance",
        "--out",
        &to,
        "--seconds",
        "3",
        "--each",
        "2",
        "--gateway",
        &gateway,
        "--key-env",
        "OPERATORS_KEY",
    ];
    let environment = [("OPERATORS_KEY", OPERATOR.key)];
    let recording = run_switchyard_with(&environment, &arguments);
    let trading = async {
        app.operator()
            .get("/v1/plugins/binance/recording")
            .await
            .expect(200);
        let trader = app.trader();
        for _ in 0..12 {
            let placed = trader
                .place(&limit_order("0.02", "50000"))
                .await
                .expect(201);
            trader.cancel(&placed.id()).await.expect(200);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let (recorded, ()) = tokio::join!(recording, trading);
    assert_eq!(recorded.code, Some(0), "{}", recorded.output);
    assert!(
        recorded.output.contains("about your account"),
        "{}",
        recorded.output
    );
    let credentials = app.sim.credentials();
    let files: Vec<_> = fs::read_dir(out.join("place"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        assert!(
            !text.contains(credentials.secret.as_str()) && !text.contains(&credentials.api_key)
        );
        assert!(text.contains("signature=[signature]"), "{text}");
    }
    let component = adapters().join("binance.wasm");
    let (code, output) = check(&component, &["--cases", &to]).await;
    assert_eq!(code, Some(0), "{output}");
    app.trader()
        .get("/v1/plugins/binance/recording")
        .await
        .expect(403);
}

//! Journaled exchanges with venues, run against the adapter that made them and against another version.

use std::fs;
use std::path::Path;

use serde_json::json;
use switchyard_end_to_end::{TestApp, limit_order, run_switchyard};
use switchyard_venue_sim::FaultAction;

/// Lives of orders at both venues, with answers of every kind: good, refused, lost and unreadable.
async fn traded() -> TestApp {
    let (app, _other) = TestApp::with_bitmex_as("other").await;
    let trader = app.trader();
    let resting = trader
        .place(&limit_order("0.02", "50000"))
        .await
        .expect(201)
        .id();
    trader
        .amend(&resting, &json!({"quantity": "0.01"}))
        .await
        .expect(200);
    trader.cancel(&resting).await.expect(200);
    app.next_placement(FaultAction::ExecuteThenDrop);
    trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(202);
    app.next_placement(FaultAction::GarbageBody { bytes: 200 });
    trader
        .place(&limit_order("0.01", "50001"))
        .await
        .expect(202);
    let too_much = limit_order("170", "50000");
    trader
        .place(&too_much)
        .await
        .expect_problem(422, "insufficient-funds");
    let elsewhere = json!({
        "venue": "other", "symbol": "BTC/USD:BTC", "side": "buy", "type": "limit",
        "quantity": "100", "price": "50000"
    });
    let elsewhere = trader.place(&elsewhere).await.expect(201).id();
    trader
        .amend(&elsewhere, &json!({"price": "50001"}))
        .await
        .expect(200);
    trader.cancel(&elsewhere).await.expect(200);
    app
}

async fn replay(config: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let config = config.display().to_string();
    let command = ["journal", "replay", "--config", &config];
    let outcome = run_switchyard(&[&command[..], arguments].concat()).await;
    (outcome.code, outcome.output)
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_replay_without_a_difference_on_what_made_them_and_show_what_another_does() {
    let app = traded().await;
    let plugins = app.config().plugins.clone();
    let component = |name: &str| plugins.join(name).display().to_string();
    let (binance, bitmex) = (component("binance.wasm"), component("bitmex.wasm"));
    let config = app.config().write();

    let (code, output) = replay(&config, &["--adapter", &binance, "--adapter", &bitmex]).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(
        output.contains("exchanges: 9 replayed, 0 differ, 0 of other adapters"),
        "{output}"
    );
    let (code, output) = replay(&config, &["--adapter", &bitmex]).await;
    assert_eq!(code, Some(0), "{output}");
    assert!(
        output.contains("exchanges: 3 replayed, 0 differ, 6 of other adapters"),
        "{output}"
    );

    // A version that names one parameter otherwise.
    let mut bytes = fs::read(&binance).unwrap();
    let at: Vec<usize> = (0..bytes.len() - 10)
        .filter(|at| bytes[*at..].starts_with(b"recvWindow"))
        .collect();
    assert!(!at.is_empty());
    for at in at {
        bytes[at..at + 10].copy_from_slice(b"recvwindow");
    }
    let other_version = app.directory().join("other-version.wasm");
    fs::write(&other_version, bytes).unwrap();
    let other_version = other_version.display().to_string();
    let (code, output) = replay(&config, &["--adapter", &other_version]).await;
    assert_eq!(code, Some(1), "{output}");
    for shown in [
        "exchanges: 6 replayed, 6 differ, 3 of other adapters",
        "requests[0].path",
        "signed[0]",
        "recvWindow=5000",
        "recvwindow=5000",
    ] {
        assert!(output.contains(shown), "{shown}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_replays_by_itself_and_holds_no_secret() {
    let app = traded().await;
    let config = app.config().write().display().to_string();
    let exported = run_switchyard(&["journal", "export", "--config", &config]).await;
    assert_eq!(exported.code, Some(0), "{}", exported.output);
    let credentials = app.sim.credentials();
    for secret in [credentials.secret.as_str(), &credentials.api_key] {
        assert!(!exported.output.contains(secret));
    }
    let signed = |mark: &str| -> Vec<String> {
        let parts = exported.output.split(mark).skip(1);
        parts.map(|rest| rest.chars().take(11).collect()).collect()
    };
    let in_queries = signed("&signature=");
    let in_headers = signed("\\\"api-signature\\\",\\\"");
    assert_eq!((in_queries.len(), in_headers.len()), (6, 3));
    for found in in_queries.iter().chain(&in_headers) {
        assert_eq!(found, "[signature]");
    }
    let file = app.directory().join("export.jsonl");
    fs::write(&file, &exported.output).unwrap();
    let adapter = app.config().plugins.join("binance.wasm");
    let arguments = [
        "journal",
        "replay",
        "--export",
        &file.display().to_string(),
        "--adapter",
        &adapter.display().to_string(),
    ];
    let replayed = run_switchyard(&arguments).await;
    assert_eq!(replayed.code, Some(0), "{}", replayed.output);
    assert!(
        replayed.output.contains("6 replayed, 0 differ"),
        "{}",
        replayed.output
    );

    fs::write(&file, exported.output.replacen("50000", "50001", 1)).unwrap();
    let forged = run_switchyard(&arguments).await;
    assert_eq!(forged.code, Some(1), "{}", forged.output);
    assert!(forged.output.contains("line 2"), "{}", forged.output);
}

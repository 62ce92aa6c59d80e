//! The journal on a bad day, and what the command line makes of it.

use std::fs;
use std::path::Path;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::json;
use switchyard_end_to_end::{
    Answer, GatewayConfig, GatewayProcess, TRADER, TestApp, eventually, limit_order,
    run_switchyard, simulator,
};

fn database(directory: &Path) -> Connection {
    Connection::open(directory.join("journal.db")).unwrap()
}

/// Changes an entry behind the gateway's back.
fn tamper(directory: &Path, sequence: i64) {
    let changed = database(directory)
        .execute(
            "UPDATE entries SET body = replace(body, 'BTC', 'ETH') WHERE seq = ?1",
            [sequence],
        )
        .unwrap();
    assert_eq!(changed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_changed_refuses_trading_says_where_and_is_still_read() {
    let mut app = TestApp::start().await;
    let order = limit_order("0.01", "50000");
    let id = app.trader().place(&order).await.expect(201).id();
    app.stop_gateway().await;
    tamper(app.directory(), 1);
    app.restart_gateway().await;
    let trader = app.trader();
    for refused in [
        trader.place(&order).await,
        trader.amend(&id, &json!({"price": "50001"})).await,
        trader.cancel(&id).await,
        trader.delete("/v1/orders?venue=sim").await,
    ] {
        let refused = refused.expect_problem(503, "journal-broken");
        assert_eq!(refused["retryable"], false);
        assert!(
            refused.text_of("detail").contains("at entry 1:"),
            "{}",
            refused.text
        );
    }
    assert_eq!(trader.order(&id).await.expect(200)["state"], "NEW");
    assert_eq!(
        trader.get("/v1/orders").await.expect(200).ids(),
        [id.as_str()]
    );
    trader.get("/v1/orders/active").await.expect(200);
    trader
        .get(&format!("/v1/orders/{id}/events"))
        .await
        .expect(200);
    let health = app.anonymous().get("/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["journal"]["status"], "broken");
    assert_eq!(health["journal"]["broken_at"], 1);
    let metrics = app.viewer().get("/metrics").await.expect(200).text;
    assert!(metrics.contains("switchyard_journal_broken 1"), "{metrics}");
    assert_eq!(app.placements_seen(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_journal_refuses_orders_until_it_is_let_go() {
    let app = TestApp::start().await;
    let (trader, order) = (app.trader(), limit_order("0.01", "50000"));
    let id = trader.place(&order).await.expect(201).id();
    let other = database(app.directory());
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = trader
        .place(&order)
        .await
        .expect_problem(503, "journal-unavailable");
    assert_eq!(refused["retryable"], true);
    trader
        .cancel(&id)
        .await
        .expect_problem(503, "journal-unavailable");
    assert_eq!(trader.order(&id).await.expect(200)["state"], "NEW");
    trader.get("/v1/orders/active").await.expect(200);
    let health = app.anonymous().get("/health").await.expect(200);
    assert_eq!(health["journal"]["status"], "unwritable", "{}", health.text);
    let keyed = || async {
        let request = trader.request(Method::POST, "/v1/orders");
        let request = request
            .header("idempotency-key", "once")
            .header("content-type", "application/json")
            .body(order.to_string());
        Answer::to(request).await
    };
    keyed().await.expect_problem(503, "journal-unavailable");
    assert_eq!(
        app.placements_seen(),
        1,
        "nothing was sent that was refused"
    );
    other.execute_batch("ROLLBACK").unwrap();
    eventually("the journal takes orders again", || async {
        let placed = keyed().await;
        if placed.status == 201 {
            Ok(())
        } else {
            Err(placed.text)
        }
    })
    .await;
    trader.cancel(&id).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_loses_nothing_that_was_acknowledged_and_sends_nothing_that_was_refused()
 {
    let sim = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let config = GatewayConfig::in_directory(directory.path())
        .simulated(&sim)
        .write();
    let log = directory.path().join("log");
    let gateway = GatewayProcess::start_to_be_limited(&config, &log).await;
    gateway.ready().await;
    let trader = gateway.anonymous().with(TRADER);
    let order = limit_order("0.001", "50000");
    let mut taken = vec![trader.place(&order).await.expect(201).id()];
    let mut refused = 0;
    // Each time the disk is full a little later in the life of an order.
    for pages in 0..12 {
        let written = fs::metadata(directory.path().join("journal.db-wal"))
            .unwrap()
            .len();
        gateway.limit_files(Some(written + pages * 4_120));
        let placed = trader.place(&order).await;
        match placed.status {
            201 | 202 => taken.push(placed.id()),
            _ => {
                let problem = placed.expect_problem(503, "journal-unavailable");
                assert_eq!(problem["retryable"], true);
                refused += 1;
            }
        }
        trader.get("/v1/orders").await.expect(200);
        gateway.limit_files(None);
        let again = eventually("the journal takes orders again", || async {
            let placed = trader.place(&order).await;
            if placed.status == 201 {
                Ok(placed.id())
            } else {
                Err(placed.text)
            }
        })
        .await;
        taken.push(again);
    }
    assert!(refused > 0, "the disk was never full");
    let executed = sim.control().executed();
    for order in &executed {
        let id = &order.client_order_id;
        assert!(taken.contains(id), "{id} was refused, and is at the venue");
    }
    for id in &taken {
        trader.order(id).await.expect(200);
        assert!(executed.iter().any(|order| order.client_order_id == *id));
    }
    gateway.kill();
    let url = format!("sqlite://{}", directory.path().join("journal.db").display());
    let verified = run_switchyard(&["journal", "verify", "--store", &url]).await;
    assert_eq!(verified.code, Some(0), "{}", verified.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = GatewayConfig::in_directory(directory.path());
    config.listen = "127.0.0.1:0".to_owned();
    let path = directory.path().join("switchyard.toml");
    let journal = directory.path().join("journal.db").display().to_string();
    // No user can make a file there.
    let text = config.to_toml().replace(&journal, "/proc/journal.db");
    fs::write(&path, text).unwrap();
    let outcome = run_switchyard(&["serve", "--config", &path.display().to_string()]).await;
    assert_eq!(outcome.code, Some(1), "{}", outcome.output);
    assert!(outcome.output.contains("store.url"), "{}", outcome.output);
    assert!(
        outcome.output.contains("/proc/journal.db"),
        "{}",
        outcome.output
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_verifies_rebuilds_and_exports_a_journal() {
    let mut app = TestApp::start().await;
    let trader = app.trader();
    let id = trader
        .place(&limit_order("0.01", "50000"))
        .await
        .expect(201)
        .id();
    trader
        .place(&limit_order("0.02", "50000"))
        .await
        .expect(201);
    let config = app.config().write().display().to_string();
    let verify = ["journal", "verify", "--config", &config];
    let export = ["journal", "export", "--config", &config];

    let in_use = run_switchyard(&verify).await;
    assert_eq!(in_use.code, Some(1), "{}", in_use.output);
    assert!(in_use.output.contains("in use"), "{}", in_use.output);
    let exported = run_switchyard(&export).await; // beside the running gateway
    assert_eq!(exported.code, Some(0), "{}", exported.output);
    assert!(
        !exported
            .output
            .contains(app.sim.credentials().secret.as_str())
    );

    app.stop_gateway().await;
    let verified = run_switchyard(&verify).await;
    assert_eq!(verified.code, Some(0), "{}", verified.output);
    assert!(
        verified.output.contains("the chain holds: 8 entries"),
        "{}",
        verified.output
    );

    let file = app.directory().join("export.jsonl");
    fs::write(&file, &exported.output).unwrap();
    let export_file = file.display().to_string();
    let verify_export = ["journal", "verify", "--export", &export_file];
    let verified = run_switchyard(&verify_export).await;
    assert_eq!(verified.code, Some(0), "{}", verified.output);
    fs::write(&file, exported.output.replacen("50000", "50001", 1)).unwrap();
    let verified = run_switchyard(&verify_export).await;
    assert_eq!(verified.code, Some(1), "{}", verified.output);
    assert!(verified.output.contains("line 2"), "{}", verified.output);

    let of_order = run_switchyard(&[&export[..], &["--order", &id]].concat()).await;
    assert_eq!(of_order.output.lines().count(), 6, "{}", of_order.output);

    database(app.directory())
        .execute("UPDATE orders SET state = 'FILLED' WHERE id = ?1", [&id])
        .unwrap();
    let verified = run_switchyard(&verify).await;
    assert_eq!(verified.code, Some(1), "{}", verified.output);
    assert!(verified.output.contains(&id), "{}", verified.output);
    let rebuilt = run_switchyard(&[&verify[..], &["--rebuild"]].concat()).await;
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.output);

    tamper(app.directory(), 4);
    let verified = run_switchyard(&verify).await;
    assert_eq!(verified.code, Some(1), "{}", verified.output);
    assert!(
        verified.output.contains("at entry 4:"),
        "{}",
        verified.output
    );

    let nowhere = run_switchyard(&["journal", "verify", "--store", "sqlite:///no/such.db"]).await;
    assert_eq!(nowhere.code, Some(1), "{}", nowhere.output);
    assert!(!Path::new("/no").exists());
}

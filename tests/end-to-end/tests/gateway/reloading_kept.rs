//! Adapters' versions that are kept: which of them may serve, and what is known of them afterwards.

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpStream;

use minisign::KeyPair;
use rusqlite::Connection;
use serde_json::{Value, json};
use switchyard_end_to_end::{GatewayConfig, OPERATOR, TestApp, adapters, eventually};

use crate::reloading::{
    PLUGIN, app, becomes, drop_in, of_version, plugin, post, same_but_newer, sha256, trade, upload,
};

async fn active(app: &TestApp) -> String {
    let active = &plugin(app).await["active"]["sha256"];
    active.as_str().unwrap().to_owned()
}

/// Writes a request as it is.
fn raw(app: &TestApp, headers: &str, body: &[u8]) -> TcpStream {
    let host = app.anonymous().base().to_owned();
    let host = host.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).unwrap();
    write!(
        connection,
        "PUT {PLUGIN} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\nconnection: close\r\n{headers}\r\n\r\n",
        OPERATOR.key
    )
    .unwrap();
    connection.write_all(body).unwrap();
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_is_put_to_work_by_nobody() {
    let plugins = tempfile::tempdir().unwrap();
    let file = plugins.path().join("binance.wasm");
    let component = fs::read(adapters().join("binance.wasm")).unwrap();
    let signer = KeyPair::generate_unencrypted_keypair().unwrap();
    let signed = minisign::sign(None, &signer.sk, Cursor::new(&component), None, None);
    fs::write(&file, &component).unwrap();
    fs::write(
        file.with_extension("wasm.minisig"),
        signed.unwrap().into_string(),
    )
    .unwrap();
    let mut app = TestApp::with(|mut config: GatewayConfig| {
        config.plugins = plugins.path().to_owned();
        let key = signer.pk.to_base64();
        let lines = format!("\ntrusted_keys = [\"{key}\"]\ncanary_share = 0");
        config.plugin_lines.push_str(&lines);
        config
    })
    .await;
    let first = active(&app).await;
    let unsigned = same_but_newer(&app, 1);
    let second = sha256(&unsigned);
    let refused = upload(&app, unsigned).await;
    refused.expect_problem(422, "plugin-rejected");
    for wish in ["promote", "rollback", "pin"] {
        let refused = post(&app, wish, &json!({"version": second})).await;
        let problem = refused.expect_problem(422, "plugin-rejected");
        let detail = problem.text_of("detail");
        assert!(detail.contains("not signed"), "{wish}: {detail}");
    }
    assert_eq!(active(&app).await, first);
    // What is signed serves again, also where the file is gone.
    fs::remove_file(&file).unwrap();
    app.restart_gateway().await;
    assert_eq!(active(&app).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_could_not_be_loaded_at_a_start_for_a_while_is_back_at_the_next() {
    let (mut app, _plugins) = app("canary_share = 0").await;
    let first = active(&app).await;
    let next = same_but_newer(&app, 1);
    let second = sha256(&next);
    upload(&app, next).await.expect(202);
    becomes(&app, &second, "active").await;
    app.stop_gateway().await;
    let kept = app.directory().join("switchyard-plugins/versions/binance");
    let kept = kept.join(format!("{second}.wasm"));
    let away = app.directory().join("away.wasm");
    fs::rename(&kept, &away).unwrap();
    app.restart_gateway().await;
    assert_eq!(active(&app).await, first);
    let now = plugin(&app).await;
    assert_eq!(of_version(now.json(), &second)["state"], "retired");
    app.stop_gateway().await;
    fs::rename(&away, &kept).unwrap();
    app.restart_gateway().await;
    assert_eq!(active(&app).await, second);
    let now = plugin(&app).await;
    assert_eq!(of_version(now.json(), &first)["state"], "retired");
    trade(&app.trader()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_the_adapter_was_pinned_can_be_removed_and_the_file_is_taken_up() {
    let (app, _plugins) = app("canary_share = 0").await;
    let first = active(&app).await;
    let original = fs::read(app.config().plugins.join("binance.wasm")).unwrap();
    let next = same_but_newer(&app, 1);
    let second = sha256(&next);
    drop_in(&app, &next);
    becomes(&app, &second, "active").await;
    becomes(&app, &first, "retired").await;
    post(&app, "pin", &json!({})).await.expect(200);
    let brought = same_but_newer(&app, 2);
    let third = sha256(&brought);
    upload(&app, brought).await.expect(202);
    assert_eq!(
        becomes(&app, &third, "discovered").await["origin"],
        "upload"
    );
    let path = format!("{PLUGIN}?version={third}");
    let removed = app.operator().delete(&path).await.expect(200);
    assert_eq!(of_version(removed.json(), &third), &Value::Null);
    // A version that served before comes back as the file.
    drop_in(&app, &original);
    let ledger = app.directory().join("switchyard-plugins/binance.json");
    eventually("the file is seen", || async {
        let ledger: Value = serde_json::from_slice(&fs::read(&ledger).unwrap()).unwrap();
        let file = ledger["file"].clone();
        (file == first.as_str()).then_some(()).ok_or(file)
    })
    .await;
    assert_eq!(active(&app).await, second);
    post(&app, "unpin", &json!({})).await.expect(200);
    becomes(&app, &first, "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_did_is_recorded_though_the_caller_went_away() {
    let (app, _plugins) = app("canary_share = 0").await;
    let next = same_but_newer(&app, 1);
    let headers = format!("content-length: {}", next.len());
    let connection = raw(&app, &headers, &next);
    // Who goes away before everything of theirs was read has asked for nothing.
    eventually("the gateway has it", || async {
        let known = of_version(plugin(&app).await.json(), &sha256(&next)).clone();
        (!known.is_null()).then_some(()).ok_or(known)
    })
    .await;
    drop(connection);
    becomes(&app, &sha256(&next), "active").await;
    let journal = Connection::open(app.directory().join("journal.db")).unwrap();
    let recorded = "SELECT count(*) FROM entries WHERE subject = 'plugin/binance'";
    eventually("it is recorded", || async {
        let count: i64 = journal
            .query_row(recorded, [], |row| row.get(0))
            .unwrap_or(0);
        (count == 1).then_some(()).ok_or(count)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_garbled_on_its_way_is_not_called_too_large() {
    let (app, _plugins) = app("").await;
    let chunked = "transfer-encoding: chunked";
    let mut connection = raw(&app, chunked, b"3\r\nabc\r\nnonsense\r\n");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

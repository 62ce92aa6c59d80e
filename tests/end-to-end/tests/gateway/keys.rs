//! API keys made, replaced and revoked while the gateway runs.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, OPERATOR, TestApp, limit_order, run_switchyard_with,
    start_gateway,
};

async fn create(app: &TestApp, body: serde_json::Value) -> (Caller, Answer) {
    let created = app.operator().post("/v1/keys", &body).await.expect(201);
    let caller = app.anonymous().showing(&created.text_of("key"));
    (caller, created)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_made_works_at_once_and_after_a_restart_and_is_never_shown_again() {
    let mut app = TestApp::start().await;
    let wanted = json!({"id": "desk-1", "role": "trader", "venues": ["sim"]});
    let (_, created) = create(&app, wanted).await;
    let key = created.text_of("key");
    assert_eq!(created.header("cache-control"), Some("no-store"));
    assert_eq!(
        (&created["tenant"], &created["role"]),
        (&json!("a"), &json!("trader"))
    );
    let place = app
        .anonymous()
        .showing(&key)
        .place(&limit_order("0.001", "50000"))
        .await;
    let order = place.expect(201).id();
    app.viewer().order(&order).await.expect(200);
    app.anonymous()
        .showing(&key)
        .get("/v1/keys")
        .await
        .expect_problem(403, "forbidden");
    app.restart_gateway().await;
    app.anonymous()
        .showing(&key)
        .order(&order)
        .await
        .expect(200);
    let listed = app.operator().get("/v1/keys").await.expect(200);
    assert!(
        !listed.text.contains(&key) && !listed.text.contains("hash"),
        "{}",
        listed.text
    );
    let ids: Vec<_> = listed.ids();
    assert_eq!(
        ids,
        ["a-viewer", "a-trader", "a-operator", "desk-1"],
        "and none of tenant b"
    );
    let journal = std::fs::read(app.directory().join("journal.db")).unwrap();
    let wal = std::fs::read(app.directory().join("journal.db-wal")).unwrap_or_default();
    for file in [journal, wal] {
        let found = file.windows(key.len()).any(|part| part == key.as_bytes());
        assert!(!found, "the key itself is on the disk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_from_the_next_request_on_and_for_good() {
    let mut app = TestApp::start().await;
    let (desk, created) = create(&app, json!({"id": "desk", "role": "viewer"})).await;
    desk.get("/v1/orders").await.expect(200);
    let revoked = app.operator().delete("/v1/keys/desk").await.expect(200);
    assert!(revoked["revoked_at"].is_string());
    desk.get("/v1/orders")
        .await
        .expect_problem(401, "unauthenticated");
    // One that stands in the configuration too.
    app.operator().delete("/v1/keys/a-viewer").await.expect(200);
    app.viewer()
        .get("/v1/orders")
        .await
        .expect_problem(401, "unauthenticated");
    app.operator().delete("/v1/keys/desk").await.expect(200);
    app.restart_gateway().await;
    app.viewer().get("/v1/orders").await.expect(401);
    let desk = app.anonymous().showing(&created.text_of("key"));
    desk.get("/v1/orders").await.expect(401);
    app.trader().get("/v1/orders").await.expect(200);
    let rotate = app
        .operator()
        .post("/v1/keys/desk/rotate", &json!({}))
        .await;
    rotate.expect_problem(409, "key-revoked");
    let again = app
        .operator()
        .post("/v1/keys", &json!({"id": "desk", "role": "viewer"}))
        .await;
    again.expect_problem(409, "key-exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_key_is_accepted_for_its_grace_only() {
    let app = TestApp::start().await;
    let (old, _) = create(&app, json!({"id": "desk", "role": "viewer"})).await;
    let rotate = |grace: u64| {
        let operator = app.operator();
        async move {
            let body = json!({"grace_seconds": grace});
            operator
                .post("/v1/keys/desk/rotate", &body)
                .await
                .expect(200)
                .text_of("key")
        }
    };
    let new = app.anonymous().showing(&rotate(3_600).await);
    for caller in [&old, &new] {
        caller.get("/v1/orders").await.expect(200);
    }
    let next = app.anonymous().showing(&rotate(60).await);
    for caller in [&old, &new, &next] {
        caller.get("/v1/orders").await.expect(200);
    }
    let newest = app.anonymous().showing(&rotate(0).await);
    for caller in [&old, &new, &next] {
        caller
            .get("/v1/orders")
            .await
            .expect_problem(401, "unauthenticated");
    }
    newest.get("/v1/orders").await.expect(200);
    let configured = app
        .operator()
        .post("/v1/keys/a-viewer/rotate", &json!({}))
        .await;
    configured.expect_problem(409, "key-configured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_expires() {
    let app = TestApp::start().await;
    let until = switchyard::model::Timestamp::now().plus(Duration::from_secs(2));
    let wanted = json!({"id": "brief", "role": "viewer", "expires_at": until});
    let (brief, _) = create(&app, wanted).await;
    brief.get("/v1/orders").await.expect(200);
    switchyard_end_to_end::eventually("the key expires", || async {
        match brief.get("/v1/orders").await.status {
            401 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    assert!(switchyard::model::Timestamp::now() >= until);
    let past = app
        .operator()
        .post(
            "/v1/keys",
            &json!({"id": "past", "role": "viewer", "expires_at": until}),
        )
        .await;
    assert_eq!(past.expect(400).fields_at_fault(), ["expires_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_operator_meets_other_tenants_keys_only_where_it_says_so() {
    let app = TestApp::start().await;
    let operator = app.operator();
    operator
        .delete("/v1/keys/b-trader")
        .await
        .expect_problem(404, "not-found");
    app.other_trader().get("/v1/orders").await.expect(200);
    let all = operator.get("/v1/keys?scope=all").await.expect(200);
    assert!(all.ids().contains(&"b-trader"), "{}", all.text);
    let wanted = json!({"id": "b-2", "role": "viewer", "tenant": "b"});
    let (of_b, _) = create(&app, wanted).await;
    let order = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    of_b.order(&order)
        .await
        .expect_problem(404, "order-not-found");
    operator
        .post("/v1/keys/b-2/rotate", &json!({}))
        .await
        .expect(404);
    operator.delete("/v1/keys/b-2?scope=all").await.expect(200);
    of_b.get("/v1/orders").await.expect(401);
    let nowhere = json!({"id": "c", "role": "viewer", "tenant": "c"});
    let refused = operator.post("/v1/keys", &nowhere).await.expect(400);
    assert_eq!(refused.fields_at_fault(), ["tenant"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_with_its_tenant() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = GatewayConfig::in_directory(directory.path());
    config.top_lines = "[auth]\ntenants = [\"c\"]\n".to_owned();
    let gateway = start_gateway(&config).await.unwrap();
    let wanted = json!({"id": "of-c", "role": "viewer", "tenant": "c"});
    let operator = gateway.anonymous().with(OPERATOR);
    let key = operator.post("/v1/keys", &wanted).await.expect(201);
    let key = key.text_of("key");
    let of_c = gateway.anonymous().showing(&key);
    of_c.get("/v1/venues").await.expect(200);
    gateway.stop().await;
    config.top_lines = String::new();
    let gateway = start_gateway(&config).await.unwrap();
    let of_c = gateway.anonymous().showing(&key);
    of_c.get("/v1/venues")
        .await
        .expect_problem(401, "unauthenticated");
    let operator = gateway.anonymous().with(OPERATOR);
    let listed = operator.get("/v1/keys?scope=all").await.expect(200);
    assert!(listed.ids().contains(&"of-c"), "{}", listed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_key_is_refused_by_field() {
    let app = TestApp::start().await;
    for (body, field) in [
        (json!({"id": "", "role": "viewer"}), "id"),
        (json!({"id": "a b", "role": "viewer"}), "id"),
        (json!({"id": "a".repeat(65), "role": "viewer"}), "id"),
        (json!({"id": "x", "role": "root"}), "role"),
        (json!({"id": "x"}), "role"),
        (
            json!({"id": "x", "role": "viewer", "venues": ["nowhere"]}),
            "venues",
        ),
        (json!({"id": "x", "role": "viewer", "hash": "00"}), "hash"),
    ] {
        let refused = app.operator().post("/v1/keys", &body).await.expect(400);
        assert_eq!(refused.fields_at_fault(), [field], "{}", refused.text);
    }
    let too_long = json!({"grace_seconds": 604_801});
    let operator = app.operator();
    let refused = operator.post("/v1/keys/a-trader/rotate", &too_long).await;
    assert_eq!(refused.expect(400).fields_at_fault(), ["grace_seconds"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_keys_is_in_the_journal_with_who_asked() {
    let mut app = TestApp::start().await;
    let body = json!({"id": "desk", "role": "viewer"});
    let request = app.operator().request_with(Method::POST, "/v1/keys", &body);
    Answer::to(request.header("x-request-id", "make-1"))
        .await
        .expect(201);
    app.operator().delete("/v1/keys/desk").await.expect(200);
    app.stop_gateway().await;
    let config = app.config().write();
    let config = config.display().to_string();
    let exported = run_switchyard_with(&[], &["journal", "export", "--config", &config]).await;
    let lines = exported.output.lines();
    let entries: Vec<serde_json::Value> = lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &serde_json::Value| line["subject"] == "access/desk")
        .collect();
    let kinds: Vec<_> = entries
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["key_created", "key_revoked"], "{}", exported.output);
    let body: serde_json::Value =
        serde_json::from_str(entries[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body["by"],
        json!({"key_id": "a-operator", "request_id": "make-1"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_lists_replaces_and_revokes_keys() {
    let app = TestApp::start().await;
    let run = |arguments: Vec<&'static str>| {
        let gateway = app.anonymous().base().to_owned();
        async move {
            let mut all = vec!["keys"];
            all.extend(arguments);
            all.extend(["--gateway", &gateway]);
            run_switchyard_with(&[("SWITCHYARD_KEY", OPERATOR.key)], &all).await
        }
    };
    let made = run(vec!["create", "cli", "--role", "trader", "--venue", "sim"]).await;
    assert_eq!(made.code, Some(0), "{}", made.output);
    let key = made.output.trim().to_owned();
    assert!(key.starts_with("swk_"), "{key}");
    app.anonymous()
        .showing(&key)
        .get("/v1/orders")
        .await
        .expect(200);
    let listed = run(vec!["list"]).await;
    assert!(
        listed.output.contains("cli") && !listed.output.contains(&key),
        "{}",
        listed.output
    );
    let replaced = run(vec!["rotate", "cli", "--grace", "60"]).await;
    let new = replaced.output.trim().to_owned();
    for key in [&key, &new] {
        app.anonymous()
            .showing(key)
            .get("/v1/orders")
            .await
            .expect(200);
    }
    let revoked = run(vec!["revoke", "cli"]).await;
    assert!(revoked.output.contains("revoked"), "{}", revoked.output);
    for key in [&key, &new] {
        app.anonymous()
            .showing(key)
            .get("/v1/orders")
            .await
            .expect(401);
    }
    let again = run(vec!["create", "cli", "--role", "trader"]).await;
    assert_eq!(again.code, Some(1));
    assert!(again.output.contains("key-exists"), "{}", again.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_holds_although_it_cannot_be_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let config = GatewayConfig::in_directory(directory.path()).write();
    let log = directory.path().join("log");
    let process = switchyard_end_to_end::GatewayProcess::start_to_be_limited(&config, &log).await;
    let operator = process.anonymous().with(OPERATOR);
    let body = json!({"id": "desk", "role": "viewer"});
    let key = operator
        .post("/v1/keys", &body)
        .await
        .expect(201)
        .text_of("key");
    process.limit_files(Some(0));
    let revoked = operator.delete("/v1/keys/desk").await;
    revoked.expect_problem(503, "journal-unavailable");
    let desk = process.anonymous().showing(&key);
    desk.get("/v1/orders").await.expect(401);
    let made = operator
        .post("/v1/keys", &json!({"id": "desk-2", "role": "viewer"}))
        .await;
    made.expect_problem(503, "journal-unavailable");
}

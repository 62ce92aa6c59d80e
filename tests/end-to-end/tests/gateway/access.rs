//! Who may do what, and who sees which orders.

use reqwest::Method;
use switchyard_end_to_end::{Answer, TestApp, limit_order};

const GUARDED: [(&str, &str); 23] = [
    ("GET", "/v1/plugins"),
    ("GET", "/v1/plugins/binance"),
    ("PUT", "/v1/plugins/binance"),
    ("DELETE", "/v1/plugins/binance?version=x"),
    ("POST", "/v1/plugins/binance/promote"),
    ("POST", "/v1/plugins/binance/rollback"),
    ("GET", "/v1/venues"),
    ("POST", "/v1/venues/sim/halt"),
    ("POST", "/v1/venues/sim/resume"),
    ("GET", "/v1/venues/sim"),
    ("GET", "/v1/instruments"),
    ("GET", "/v1/tickers?symbol=BTC/USDT"),
    ("GET", "/v1/orderbook?symbol=BTC/USDT"),
    ("GET", "/v1/orders"),
    ("GET", "/v1/orders?source=venue&venue=sim&symbol=BTC/USDT"),
    ("POST", "/v1/orders"),
    ("GET", "/v1/orders/active"),
    ("GET", "/v1/orders/someid"),
    ("DELETE", "/v1/orders/someid"),
    ("GET", "/v1/orders/someid/events"),
    ("GET", "/v1/balances"),
    ("GET", "/health/venues/sim"),
    ("GET", "/metrics"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_guarded_route_refuses_callers_without_a_known_key() {
    let app = TestApp::start().await;
    app.sim.control().clear_requests();
    for (method, path) in GUARDED {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let anonymous = || app.anonymous().request(method.clone(), path);
        for (request, what) in [
            (anonymous(), "no key"),
            (anonymous().bearer_auth("wrong"), "a wrong key"),
            (anonymous().bearer_auth(""), "an empty key"),
            (
                anonymous().header("authorization", "Basic dTpw"),
                "another scheme",
            ),
            (
                anonymous().header("authorization", "Bearer"),
                "a scheme alone",
            ),
        ] {
            let refused = Answer::to(request).await;
            assert_eq!(
                refused.status, 401,
                "{method} {path} with {what}: {}",
                refused.text
            );
            let refused = refused.expect_problem(401, "unauthenticated");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
    }
    let orders = app.sim.control().requests();
    assert!(
        orders.iter().all(|request| request.path == "/api/v3/time"),
        "{orders:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_documentation_are_open_to_everyone() {
    let app = TestApp::start().await;
    for path in ["/health", "/health/live", "/health/ready", "/openapi.json"] {
        app.anonymous().get(path).await.expect(200);
    }
    let docs = app.anonymous().get("/docs/").await.expect(200);
    assert!(docs.text.contains("swagger"), "{}", docs.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_reads_and_changes_nothing() {
    let app = TestApp::start().await;
    let id = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    app.viewer().order(&id).await.expect(200);
    app.viewer()
        .get(&format!("/v1/orders/{id}/events"))
        .await
        .expect(200);
    let place = app.viewer().place(&limit_order("0.001", "50000")).await;
    place.expect_problem(403, "forbidden");
    app.viewer()
        .cancel(&id)
        .await
        .expect_problem(403, "forbidden");
    assert_eq!(app.sim.control().executed().len(), 1);
    assert_eq!(app.truth(&id).unwrap().state, "NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_trade_for_its_tenant() {
    let app = TestApp::start().await;
    let id = app
        .operator()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    app.trader().cancel(&id).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_neither_sees_nor_cancels_the_orders_of_another() {
    let app = TestApp::start().await;
    let id = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    let stranger = app.other_trader();
    stranger
        .order(&id)
        .await
        .expect_problem(404, "order-not-found");
    stranger
        .cancel(&id)
        .await
        .expect_problem(404, "order-not-found");
    let events = stranger.get(&format!("/v1/orders/{id}/events")).await;
    events.expect_problem(404, "order-not-found");
    for path in [
        "/v1/orders".to_owned(),
        format!("/v1/orders?ids={id}"),
        "/v1/orders/active".to_owned(),
        "/v1/orders?source=venue&venue=sim&symbol=BTC/USDT".to_owned(),
    ] {
        let listed = stranger.get(&path).await.expect(200);
        assert_eq!(listed.items().len(), 0, "{path}: {}", listed.text);
    }
    assert_eq!(app.truth(&id).unwrap().state, "NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_order_cannot_be_reached_by_the_id_of_an_external_one() {
    let app = TestApp::start().await;
    let placed = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201);
    let plain = format!("sim\nBTC/USDT\n{}", placed.text_of("venue_order_id"));
    let id = format!(
        "ext-{}",
        data_encoding::BASE64URL_NOPAD.encode(plain.as_bytes())
    );
    app.other_trader()
        .order(&id)
        .await
        .expect_problem(404, "order-not-found");
    app.other_trader()
        .cancel(&id)
        .await
        .expect_problem(404, "order-not-found");
    assert_eq!(app.truth(&placed.id()).unwrap().state, "NEW");
}

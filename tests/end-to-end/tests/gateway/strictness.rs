//! Query parameters are read strictly: unknown, repeated and malformed ones are named.

use switchyard_end_to_end::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_query_parameter_that_cannot_be_right_is_named() {
    let app = TestApp::start().await;
    app.sim.control().clear_requests();
    for (path, field) in [
        ("/v1/orders?colour=red", "colour"),
        ("/v1/orders?limit=1&limit=2", "limit"),
        ("/v1/orders?limit=0", "limit"),
        ("/v1/orders?limit=1001", "limit"),
        ("/v1/orders?limit=many", "limit"),
        ("/v1/orders?limit=-1", "limit"),
        ("/v1/orders?from=yesterday", "from"),
        ("/v1/orders?from=2026-13-01T00:00:00Z", "from"),
        ("/v1/orders?to=1700000000", "to"),
        (
            "/v1/orders?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "to",
        ),
        ("/v1/orders?cursor=nonsense", "cursor"),
        ("/v1/orders?cursor=", "cursor"),
        ("/v1/orders?state=OPEN", "state"),
        ("/v1/orders?state=", "state"),
        ("/v1/orders?ids=", "ids"),
        ("/v1/orders?ids=a,,b", "ids"),
        ("/v1/orders?venue=nowhere", "venue"),
        ("/v1/orders?source=oracle", "source"),
        ("/v1/orders?source=venue", "venue"),
        ("/v1/orders?source=venue&venue=sim&ids=a", "ids"),
        ("/v1/orders/active?venue=nowhere", "venue"),
        ("/v1/orders/active?symbol=NO/SUCH", "symbol"),
        ("/v1/orders/active?state=NEW", "state"),
        ("/v1/orders/someid?verbose=1", "verbose"),
        ("/v1/tickers", "symbol"),
        ("/v1/tickers?symbol=NO/SUCH", "symbol"),
        ("/v1/tickers?symbol=BTC/USDT&symbol=ETH/USDT", "symbol"),
        ("/v1/tickers?symbol=BTC/USDT&venue=nowhere", "venue"),
        ("/v1/orderbook?symbol=BTC/USDT&limit=0", "limit"),
        ("/v1/orderbook?symbol=BTC/USDT&depth=5", "depth"),
        ("/v1/instruments?product=socks", "product"),
        ("/v1/instruments?cursor=%21", "cursor"),
        ("/v1/balances?asset=BTC", "asset"),
        ("/v1/venues?all=1", "all"),
        ("/health?deep=1", "deep"),
        ("/health/ready?deep=1", "deep"),
        ("/health/venues/sim?deep=1", "deep"),
        ("/metrics?name=x", "name"),
    ] {
        let refused = app.viewer().get(path).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.text);
        let refused = refused.expect_problem(400, "malformed-request");
        assert_eq!(
            refused.fields_at_fault(),
            [field],
            "{path}: {}",
            refused.text
        );
    }
    let asked: Vec<_> = app
        .sim
        .control()
        .requests()
        .into_iter()
        .filter(|request| request.path != "/api/v3/time")
        .collect();
    assert_eq!(asked, [], "nothing of this reached the venue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_and_one_ids_are_too_many() {
    let app = TestApp::start().await;
    let ids = vec!["a"; 101].join(",");
    let refused = app.viewer().get(&format!("/v1/orders?ids={ids}")).await;
    let refused = refused.expect_problem(400, "malformed-request");
    assert_eq!(refused.fields_at_fault(), ["ids"]);
}

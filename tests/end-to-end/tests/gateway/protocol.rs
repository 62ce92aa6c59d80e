//! What every answer has in common, and what the API says of itself.

use reqwest::Method;
use serde_json::Value;
use switchyard_end_to_end::{Answer, TestApp, limit_order};

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_request_id_comes_back_on_every_answer() {
    let app = TestApp::start().await;
    for (path, status) in [
        ("/v1/orders", 200),
        ("/v1/orders/nosuch", 404),
        ("/nowhere", 404),
        ("/v1/orders?colour=red", 400),
        ("/health/live", 200),
    ] {
        let request = app.viewer().request(Method::GET, path);
        let answer = Answer::to(request.header("x-request-id", "mine:1"))
            .await
            .expect(status);
        assert_eq!(answer.header("x-request-id"), Some("mine:1"), "{path}");
        if status >= 400 {
            assert_eq!(answer["request_id"], "mine:1");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_gives_the_request_its_id_where_the_caller_gives_none() {
    let app = TestApp::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = app.viewer().request(Method::GET, "/v1/orders");
    let traced = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(Answer::to(traced).await.header("x-request-id"), Some(trace));
    let one = app.viewer().get("/v1/orders").await;
    let other = app.viewer().get("/v1/orders").await;
    assert_eq!(one.header("x-request-id").unwrap().len(), 32);
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_do_not_exist_are_problems_too() {
    let app = TestApp::start().await;
    for path in [
        "/",
        "/v1",
        "/v1/nothing",
        "/v1/orders/",
        "/v2/orders",
        "/v1/orders/a/b",
    ] {
        app.viewer()
            .get(path)
            .await
            .expect_problem(404, "not-found");
    }
    for (method, path) in [
        (Method::PUT, "/v1/orders"),
        (Method::DELETE, "/v1/venues"),
        (Method::POST, "/v1/orders/active"),
        (Method::POST, "/health"),
    ] {
        let refused = Answer::to(app.trader().request(method, path)).await;
        refused.expect_problem(405, "method-not-allowed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_describes_every_path_it_serves() {
    let app = TestApp::start().await;
    let described = app.anonymous().get("/openapi.json").await.expect(200);
    assert!(
        described.text_of("openapi").starts_with("3.1"),
        "{}",
        described["openapi"]
    );
    let paths = described["paths"].as_object().unwrap();
    for (path, method) in [
        ("/v1/venues", "get"),
        ("/v1/venues/{venue}", "get"),
        ("/v1/instruments", "get"),
        ("/v1/tickers", "get"),
        ("/v1/orderbook", "get"),
        ("/v1/orders", "get"),
        ("/v1/orders", "post"),
        ("/v1/orders/active", "get"),
        ("/v1/orders/{id}", "get"),
        ("/v1/orders/{id}", "delete"),
        ("/v1/orders/{id}/events", "get"),
        ("/v1/balances", "get"),
        ("/health", "get"),
        ("/health/live", "get"),
        ("/health/ready", "get"),
        ("/health/venues/{venue}", "get"),
        ("/metrics", "get"),
    ] {
        assert!(paths[path][method].is_object(), "{method} {path}");
    }
    // Every reference leads somewhere.
    let mut references = Vec::new();
    collect_references(described.json(), &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(described.json().pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(
                fields
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            fields
                .values()
                .for_each(|value| collect_references(value, into));
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect_references(value, into)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_was_placed_in_a_form_that_scrapers_read() {
    let app = TestApp::start().await;
    app.trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201);
    let plain = app.viewer().get("/metrics").await.expect(200);
    assert!(
        plain
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4"),
        "who does not ask for OpenMetrics may not read it"
    );
    assert!(
        plain
            .text
            .contains("# TYPE switchyard_orders_total counter\n")
    );
    // As Prometheus asks.
    let accept =
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let viewer = app.viewer();
    let request = viewer.request(Method::GET, "/metrics");
    let metrics = Answer::to(request.header("accept", accept))
        .await
        .expect(200);
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(metrics.text.ends_with("# EOF\n"));
    let mut samples = 0;
    for line in metrics.text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let name = name.split('{').next().unwrap();
        assert!(
            name.bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b':'),
            "{line}"
        );
        assert!(value.parse::<f64>().is_ok(), "{line}");
        samples += 1;
    }
    assert!(samples > 20, "{}", metrics.text);
    let placed = metrics.text.lines().find(|line| {
        line.contains("order") && line.contains("venue=\"sim\"") && line.contains("acknowledged")
    });
    assert!(
        placed.is_some_and(|line| line.ends_with(" 1")),
        "{}",
        metrics.text
    );
    assert!(
        !metrics.text.contains("swy"),
        "ids do not belong into labels"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_shows_what_it_can_do_and_which_adapter_serves_it() {
    let app = TestApp::start().await;
    let venue = app.viewer().get("/v1/venues/sim").await.expect(200);
    assert_eq!(venue["name"], "sim");
    assert_eq!(venue["status"], "up");
    assert_eq!(venue["adapter"]["name"], "binance");
    assert_eq!(
        venue.json()["adapter"]["sha256"].as_str().unwrap().len(),
        64
    );
    assert_eq!(venue["endpoints"]["spot"]["instruments"], 12);
    app.viewer()
        .get("/v1/venues/nowhere")
        .await
        .expect_problem(404, "not-found");
}

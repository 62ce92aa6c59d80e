//! Requests that cannot be right: the field is named, and nothing reaches the venue.

use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, TRADER, TestApp, VENUE, limit_order};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An order whose fields were changed; null takes one away.
fn order_with(changes: Value) -> Value {
    let mut order = limit_order("0.01", "50000");
    let fields = order.as_object_mut().unwrap();
    for (field, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(field);
        } else {
            fields.insert(field.clone(), value.clone());
        }
    }
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_does_not_fit_its_instrument_names_the_field() {
    let app = TestApp::start().await;
    app.sim.control().clear_requests();
    for (changes, field) in [
        (json!({"symbol": "NO/SUCH"}), "symbol"),
        (json!({"symbol": "BTCUSDT"}), "symbol"),
        (
            json!({"symbol": "LUNA/USDT", "price": "0.5", "quantity": "100"}),
            "symbol",
        ),
        (json!({"venue": "nowhere"}), "venue"),
        (json!({"price": "50000.001"}), "price"),
        (json!({"price": "0"}), "price"),
        (json!({"price": "-1"}), "price"),
        (json!({"price": "2000000"}), "price"),
        (json!({"price": null}), "price"),
        (json!({"quantity": "0.000001"}), "quantity"),
        (json!({"quantity": "0.010001"}), "quantity"),
        (json!({"quantity": "0"}), "quantity"),
        (json!({"quantity": "-0.01"}), "quantity"),
        (json!({"quantity": "10000"}), "quantity"),
        (json!({"quantity": "0.00001"}), "quantity"),
        (json!({"type": "market"}), "price"),
        (
            json!({"type": "market", "price": null, "time_in_force": "ioc"}),
            "time_in_force",
        ),
        (json!({"reduce_only": true}), "reduce_only"),
        (json!({"client_order_id": ""}), "client_order_id"),
        (json!({"client_order_id": "a b"}), "client_order_id"),
        (
            json!({"client_order_id": "x".repeat(65)}),
            "client_order_id",
        ),
        (json!({"client_order_id": "\u{e4}"}), "client_order_id"),
    ] {
        let refused = app.trader().place(&order_with(changes.clone())).await;
        let refused = refused.expect_problem(422, "invalid-request");
        let mut fields = refused.fields_at_fault();
        fields.dedup();
        assert_eq!(fields, [field], "{changes}: {}", refused.text);
        assert_eq!(refused["retryable"], false);
        assert_eq!(refused["order_id"], Value::Null);
    }
    assert_eq!(app.placements_seen(), 0);
    let listed = app.viewer().get("/v1/orders").await.expect(200);
    assert_eq!(listed.items().len(), 0, "what was refused is no order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_an_order_names_the_field() {
    let app = TestApp::start().await;
    app.sim.control().clear_requests();
    let text = limit_order("0.01", "50000").to_string();
    let repeated = text.replacen('{', "{\"price\":\"1\",", 1);
    for (body, field) in [
        (order_with(json!({"colour": "red"})).to_string(), "colour"),
        (repeated, "price"),
        (order_with(json!({"price": 50000})).to_string(), "price"),
        (
            order_with(json!({"quantity": 0.01})).to_string(),
            "quantity",
        ),
        (
            order_with(json!({"quantity": "1e-2"})).to_string(),
            "quantity",
        ),
        (order_with(json!({"price": "5E4"})).to_string(), "price"),
        (order_with(json!({"price": " 50000"})).to_string(), "price"),
        (order_with(json!({"price": "50,000"})).to_string(), "price"),
        (order_with(json!({"price": "+50000"})).to_string(), "price"),
        (order_with(json!({"price": ""})).to_string(), "price"),
        (order_with(json!({"price": "NaN"})).to_string(), "price"),
        (order_with(json!({"price": "0x10"})).to_string(), "price"),
        (
            order_with(json!({"price": "9".repeat(100)})).to_string(),
            "price",
        ),
        (order_with(json!({"price": true})).to_string(), "price"),
        (
            order_with(json!({"quantity": null})).to_string(),
            "quantity",
        ),
        (order_with(json!({"venue": null})).to_string(), "venue"),
        (order_with(json!({"symbol": 7})).to_string(), "symbol"),
        (order_with(json!({"side": "hold"})).to_string(), "side"),
        (order_with(json!({"type": "stop"})).to_string(), "type"),
        (
            order_with(json!({"time_in_force": "day"})).to_string(),
            "time_in_force",
        ),
        (
            order_with(json!({"reduce_only": "yes"})).to_string(),
            "reduce_only",
        ),
        (String::new(), "body"),
        ("{".to_owned(), "body"),
        ("null".to_owned(), "body"),
        (format!("{text}{text}"), "body"),
        (format!("{}1", "[".repeat(20_000)), "body"),
    ] {
        let refused = app.trader().post_text("/v1/orders", &body).await;
        let shown: String = body.chars().take(200).collect();
        assert_eq!(refused.status, 400, "{shown}: {}", refused.text);
        let refused = refused.expect_problem(400, "malformed-request");
        assert_eq!(
            refused.fields_at_fault(),
            [field],
            "{shown}: {}",
            refused.text
        );
        assert_eq!(refused["retryable"], false);
    }
    assert_eq!(app.placements_seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_in_the_order_of_the_fields_is_not_an_order() {
    let app = TestApp::start().await;
    let array = json!([
        VENUE, "BTC/USDT", "buy", "limit", "0.01", "50000", "gtc", false, null
    ]);
    let refused = app.trader().place(&array).await;
    let refused = refused.expect_problem(400, "malformed-request");
    assert_eq!(refused.fields_at_fault(), ["body"]);
    assert_eq!(app.placements_seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_or_too_large_is_refused_at_once() {
    let app = TestApp::start().await;
    app.sim.control().clear_requests();
    let body = limit_order("0.01", "50000").to_string();
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let mut request = app
            .trader()
            .request(Method::POST, "/v1/orders")
            .body(body.clone());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let refused = Answer::to(request).await;
        refused.expect_problem(415, "unsupported-media-type");
    }
    let large = order_with(json!({"client_order_id": "x".repeat(70 * 1024)}));
    let refused = app.trader().place(&large).await;
    refused.expect_problem(413, "payload-too-large");
    assert_eq!(app.placements_seen(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailing_zeros_are_the_same_number() {
    let app = TestApp::start().await;
    let placed = app
        .trader()
        .place(&limit_order("0.0100000000", "50000.000"))
        .await
        .expect(201);
    assert_eq!(placed["quantity"], "0.01");
    assert_eq!(placed["price"], "50000");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_caller_waits_must_be_a_sensible_number() {
    let app = TestApp::start().await;
    for bad in ["0", "-1", "1.5", "soon", "60001", "99999999999999999999"] {
        let request = app.trader().request(Method::GET, "/v1/orders");
        let refused = Answer::to(request.header("x-request-timeout-ms", bad)).await;
        let refused = refused.expect_problem(400, "malformed-request");
        assert_eq!(refused.fields_at_fault(), ["X-Request-Timeout-Ms"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_announce_its_size_is_measured_all_the_same() {
    let app = TestApp::start().await;
    let chunk = "x".repeat(8 * 1024);
    let mut stream = TcpStream::connect(app.trader().base().replace("http://", ""))
        .await
        .unwrap();
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        TRADER.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..9 {
        let chunk = format!("{:x}\r\n{chunk}\r\n", chunk.len());
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break; // refused already
        }
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
}

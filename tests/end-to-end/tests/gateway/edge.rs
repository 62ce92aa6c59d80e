//! What callers may hold of the gateway, and what browsers are told.

use std::time::{Duration, Instant};

use reqwest::Method;
use switchyard_end_to_end::{Answer, TestApp, limit_order};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn app(server_lines: &str, last_lines: &str) -> TestApp {
    TestApp::with(|mut config| {
        config.server_lines = server_lines.to_owned();
        config.last_lines = last_lines.to_owned();
        config
    })
    .await
}

pub(crate) async fn connected(app: &TestApp) -> TcpStream {
    let base = app.anonymous().base().to_owned();
    TcpStream::connect(base.trim_start_matches("http://"))
        .await
        .unwrap()
}

/// Everything that comes until the other end closes, which it must.
pub(crate) async fn rest_of(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let read = stream.read_to_end(&mut text);
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    let _ = read.expect("the gateway keeps the connection open");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_tries_keys_out_is_not_listened_to_for_a_while() {
    let app = app("", "[auth.lockout]\nfailures = 3\nseconds = 2\n").await;
    app.trader().get("/v1/orders").await.expect(200);
    for _ in 0..3 {
        app.anonymous()
            .showing("guess")
            .get("/v1/orders")
            .await
            .expect_problem(401, "unauthenticated");
    }
    // Not even a right key is told from a wrong one, unless it was right there before.
    app.trader().get("/v1/orders").await.expect(200);
    for caller in [app.viewer(), app.anonymous().showing("guess")] {
        let refused = caller
            .get("/v1/orders")
            .await
            .expect_problem(429, "locked-out");
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=2).contains(&wait), "{wait}");
    }
    app.anonymous().get("/health/live").await.expect(200);
    switchyard_end_to_end::eventually("the address is listened to again", || async {
        match app.viewer().get("/v1/orders").await.status {
            200 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_tries_keys_out_behind_a_proxy_does_not_lock_out_its_other_callers() {
    let app = app(
        "trusted_proxies = [\"127.0.0.0/8\"]",
        "[auth.lockout]\nfailures = 3\n",
    )
    .await;
    let from = |address: &str, key: &str| {
        let request = app
            .anonymous()
            .showing(key)
            .request(Method::GET, "/v1/orders");
        request.header("x-forwarded-for", format!("1.2.3.4, {address}"))
    };
    let key = switchyard_end_to_end::VIEWER.key;
    for _ in 0..3 {
        Answer::to(from("203.0.113.1", "guess")).await.expect(401);
    }
    Answer::to(from("203.0.113.1", key))
        .await
        .expect_problem(429, "locked-out");
    Answer::to(from("203.0.113.2", key)).await.expect(200);
    app.viewer().get("/v1/orders").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_asks_too_much_is_told_when_to_come_back_and_others_are_served() {
    let app = app(
        "",
        "[auth.quota]\nrequests = 5\nwindow_seconds = 50\n[tenants.b.quota]\nrequests = 2\nwindow_seconds = 60\n",
    )
    .await;
    for left in (0..5).rev() {
        let answer = app.viewer().get("/v1/orders").await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=5;w=50"));
        let standing = answer.header("ratelimit").unwrap().to_owned();
        assert!(
            standing.starts_with(&format!("\"key\";r={left};t=")),
            "{standing}"
        );
    }
    let refused = app
        .viewer()
        .get("/v1/orders")
        .await
        .expect_problem(429, "quota-exceeded");
    assert_eq!(refused["retryable"], true);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert!(
        refused
            .header("ratelimit")
            .unwrap()
            .starts_with("\"key\";r=0;t=")
    );
    app.trader().get("/v1/orders").await.expect(200);
    let other = app.other_trader().get("/v1/orders").await.expect(200);
    assert_eq!(
        other.header("ratelimit-policy"),
        Some("\"key\";q=5;w=50, \"tenant\";q=2;w=60")
    );
    app.other_trader().get("/v1/orders").await.expect(200);
    app.other_trader()
        .get("/v1/orders")
        .await
        .expect_problem(429, "quota-exceeded");
    let probe = app.anonymous().get("/health/live").await.expect(200);
    assert_eq!(probe.header("ratelimit"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_placement_leaves_its_idempotency_key_free() {
    let app = app("", "[auth.quota]\nrequests = 1\nwindow_seconds = 2\n").await;
    app.trader().get("/v1/orders").await.expect(200);
    let place = || {
        let order = limit_order("0.001", "50000");
        let request = app
            .trader()
            .request_with(Method::POST, "/v1/orders", &order);
        Answer::to(request.header("idempotency-key", "k"))
    };
    place().await.expect_problem(429, "quota-exceeded");
    switchyard_end_to_end::eventually("the order is placed", || async {
        let answer = place().await;
        if answer.status == 201 {
            Ok(())
        } else {
            Err(answer.text)
        }
    })
    .await;
    assert_eq!(app.sim.control().executed().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_what_an_address_may_have_are_closed_and_places_come_back() {
    let app = app(
        "max_connections_per_address = 4\nhead_timeout_ms = 60000",
        "",
    )
    .await;
    let mut held = Vec::new();
    let refused = loop {
        let mut stream = connected(&app).await;
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut byte)).await;
        match read {
            Ok(answer) => break (answer, byte),
            Err(_) => held.push(stream),
        }
        assert!(held.len() <= 4, "nothing is refused");
    };
    // Either the 503, or a reset where that came first.
    assert!(
        matches!(refused, (Ok(1), [b'H']) | (Ok(0), _) | (Err(_), _)),
        "{refused:?}"
    );
    assert!(!held.is_empty());
    drop(held);
    switchyard_end_to_end::eventually("there is a place again", || async {
        let request = app.anonymous().request(Method::GET, "/health/live").send();
        request.await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    let metrics = app.viewer().get("/metrics").await.expect(200);
    let refused = "switchyard_http_connections_refused_total{reason=\"address\"}";
    assert!(metrics.text.contains(refused), "{}", metrics.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_bodies_that_trickle_are_given_up_in_time() {
    let app = app("head_timeout_ms = 500\nbody_timeout_ms = 500", "").await;
    let begun = Instant::now();
    let mut head = connected(&app).await;
    head.write_all(b"GET /v1/orders HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    let idle = connected(&app).await;
    let mut body = connected(&app).await;
    let key = switchyard_end_to_end::TRADER.key;
    let start = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{{"
    );
    body.write_all(start.as_bytes()).await.unwrap();
    let (head, idle, body) = tokio::join!(rest_of(head), rest_of(idle), rest_of(body));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        head.is_empty() || head.starts_with("HTTP/1.1 408"),
        "{head}"
    );
    assert_eq!(idle, "");
    assert!(
        body.starts_with("HTTP/1.1 408") && body.contains("request-timeout"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_as_large_as_the_configuration_allows() {
    let app = app("max_body_bytes = 2000", "").await;
    let body = format!("{{\"reason\": \"{}\"}}", "x".repeat(2_000));
    let refused = app.operator().post_text("/v1/venues/sim/halt", &body).await;
    refused.expect_problem(413, "payload-too-large");
    // The same without saying how long it is.
    let mut stream = connected(&app).await;
    let key = switchyard_end_to_end::OPERATOR.key;
    let head = format!(
        "POST /v1/venues/sim/halt HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let refused = rest_of(stream).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    let venue = app.viewer().get("/v1/venues/sim").await.expect(200);
    assert!(venue["halt"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_what_not_to_do_and_pages_of_others_may_not_call() {
    let app = TestApp::start().await;
    let foreign = |method, path| {
        let request = app.viewer().request(method, path);
        request.header("origin", "https://evil.example.com")
    };
    for path in ["/v1/orders", "/health", "/nowhere", "/v1/orders/nosuch"] {
        let answer = Answer::to(foreign(Method::GET, path)).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
    }
    let docs = app.anonymous().get("/docs/").await.expect(200);
    assert!(
        docs.header("content-security-policy")
            .unwrap()
            .contains("default-src 'self'")
    );
    let preflight =
        foreign(Method::OPTIONS, "/v1/orders").header("access-control-request-method", "POST");
    let preflight = Answer::to(preflight).await.expect(405);
    assert_eq!(preflight.header("access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_configured_origins_may_call_and_no_others() {
    let app = app("cors_origins = [\"https://desk.example.com\"]", "").await;
    let asked = |method: Method, origin: &'static str| {
        let request = app
            .viewer()
            .request(method, "/v1/orders")
            .header("origin", origin);
        Answer::to(request.header("access-control-request-method", "POST"))
    };
    let ours = asked(Method::OPTIONS, "https://desk.example.com")
        .await
        .expect(200);
    assert_eq!(
        ours.header("access-control-allow-origin"),
        Some("https://desk.example.com")
    );
    assert!(
        ours.header("access-control-allow-headers")
            .unwrap()
            .contains("authorization")
    );
    let read = asked(Method::GET, "https://desk.example.com")
        .await
        .expect(200);
    assert_eq!(
        read.header("access-control-allow-origin"),
        Some("https://desk.example.com")
    );
    assert!(
        read.header("access-control-expose-headers")
            .unwrap()
            .contains("ratelimit")
    );
    for origin in [
        "https://evil.example.com",
        "https://desk.example.com.evil.com",
        "null",
    ] {
        let foreign = asked(Method::OPTIONS, origin).await;
        assert_eq!(
            foreign.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
    }
}

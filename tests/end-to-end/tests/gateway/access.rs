//! Who may do what, and who sees which orders.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use switchyard::api::{RouteRule, VenueRule, access_table};
use switchyard::model::Role;
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, Key, TestApp, eventually, limit_order, start_gateway,
};
use switchyard_venue_sim::FaultAction;

/// Trades for tenant `a`, at a venue that is not the simulated one.
pub(crate) const ELSEWHERE: Key = Key {
    id: "a-elsewhere",
    key: "gatewaykey-elsewhere-of-a-11b7",
    tenant: "a",
    role: "operator",
};

/// Many wrong keys are shown here; being locked out is another test's business.
const PATIENT: &str = "[auth.lockout]\nfailures = 100000\n";

/// A gateway with a second venue, and a key for that one only.
async fn app_with_a_scoped_key() -> TestApp {
    TestApp::with(|config| {
        let mut config = config.venue("other", "binance", ("spot", "http://127.0.0.1:9"), None);
        config.last_lines = format!("{}{PATIENT}", ELSEWHERE.scoped(&["other"]));
        config
    })
    .await
}

/// Who may call what, as it was decided. The file says how to read it.
const DECIDED: &str = include_str!("roles.txt");

/// A route's rule, as a line of that file.
fn line_of(rule: &RouteRule) -> String {
    let role = rule.role.map_or("everyone", Role::name);
    let venues = match rule.venues {
        VenueRule::Nothing => "nothing",
        VenueRule::Whole => "whole",
        VenueRule::InPath => "in-path",
        VenueRule::Named => "named",
        VenueRule::OfOrder => "of-order",
    };
    format!("{} {} {role} {venues}", rule.method, rule.path)
}

/// The path of a route with something in every place that varies.
pub(crate) fn path_of(rule: &RouteRule, order: &str) -> String {
    let id = if rule.path.starts_with("/v1/keys") {
        "nokey"
    } else {
        order
    };
    let path = rule
        .path
        .replace("{venue}", "sim")
        .replace("{name}", "binance");
    path.replace("{id}", id)
}

/// A request of a route that could be carried out, as far as a caller without rights is concerned.
pub(crate) fn request(caller: &Caller, rule: &RouteRule, path: &str) -> reqwest::RequestBuilder {
    let method = rule.method.clone();
    match (rule.method.as_str(), rule.path) {
        ("POST", "/v1/orders") => caller.request_with(method, path, &limit_order("0.001", "50000")),
        ("PATCH", _) => caller.request_with(method, path, &json!({"price": "40000"})),
        _ => caller.request(method, path),
    }
}

fn caller_of(app: &TestApp, role: Role) -> Caller {
    match role {
        Role::Viewer => app.viewer(),
        Role::Trader => app.trader(),
        Role::Operator => app.operator(),
    }
}

#[test]
fn who_may_call_each_route_is_what_was_decided() {
    let decided = DECIDED.lines().filter(|line| !line.starts_with('#'));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let decided: BTreeSet<String> = decided.map(words).collect();
    let table = access_table();
    let served: BTreeSet<String> = table.iter().map(line_of).collect();
    assert_eq!(served.len(), table.len(), "no route stands there twice");
    let undecided: Vec<_> = served.difference(&decided).collect();
    let gone: Vec<_> = decided.difference(&served).collect();
    assert!(
        undecided.is_empty() && gone.is_empty(),
        "the router has {undecided:#?}, which tests/end-to-end/tests/gateway/roles.txt does not have; \
         the file has {gone:#?}, which the router does not have. If this is what callers shall be allowed, \
         change the file, and README.md (\"Keys and tokens\") where it tells of it"
    );
}

#[test]
fn whoever_may_not_trade_changes_nothing_by_any_route() {
    for rule in access_table() {
        let only_reads = rule.method == Method::GET;
        assert!(only_reads || rule.role >= Some(Role::Trader), "{rule:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_callers_without_a_known_key_unless_it_is_public() {
    let app = app_with_a_scoped_key().await;
    app.sim.control().clear_requests();
    for rule in access_table() {
        let path = path_of(&rule, "someid");
        let anonymous = || request(&app.anonymous(), &rule, &path);
        let name = format!("{} {path}", rule.method);
        if rule.role.is_none() {
            let answer = Answer::to(anonymous()).await;
            assert!(
                ![401, 403].contains(&answer.status),
                "{name}: {}",
                answer.text
            );
            continue;
        }
        for (request, what) in [
            (anonymous(), "no key"),
            (anonymous().bearer_auth("wrong"), "a wrong key"),
            (anonymous().bearer_auth(""), "an empty key"),
            (anonymous().bearer_auth("a.b.c"), "a token"),
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
            assert_eq!(refused.status, 401, "{name} with {what}: {}", refused.text);
            let refused = refused.expect_problem(401, "unauthenticated");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
        if rule.method == Method::GET {
            let head = app.anonymous().request(Method::HEAD, &path);
            assert_eq!(Answer::to(head).await.status, 401, "HEAD {path}");
        }
    }
    let requests = app.sim.control().requests();
    assert!(
        requests
            .iter()
            .all(|request| request.path == "/api/v3/time"),
        "{requests:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_for_the_roles_of_its_rule_and_no_other() {
    let app = app_with_a_scoped_key().await;
    let (mut refused, mut allowed) = (0, 0);
    for role in [Role::Viewer, Role::Trader, Role::Operator] {
        for rule in access_table() {
            let path = path_of(&rule, "someid");
            let answer = Answer::to(request(&caller_of(&app, role), &rule, &path)).await;
            let name = format!("{} {path} as {role:?}: {}", rule.method, answer.text);
            if rule.role.is_some_and(|least| role < least) {
                assert_eq!(answer.status, 403, "{name}");
                answer.expect_problem(403, "forbidden");
                refused += 1;
            } else {
                assert!(![401, 403].contains(&answer.status), "{name}");
                allowed += 1;
            }
        }
    }
    assert!(refused > 20 && allowed > 50, "{refused} {allowed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_some_venues_reaches_no_other_through_any_route() {
    let app = app_with_a_scoped_key().await;
    let placed = app.trader().place(&limit_order("0.001", "50000")).await;
    let order = placed.expect(201).id();
    let scoped = app.anonymous().with(ELSEWHERE);
    app.sim.control().clear_requests();
    for rule in access_table() {
        let path = path_of(&rule, &order);
        let status = match rule.venues {
            VenueRule::Nothing => {
                let answer = Answer::to(request(&scoped, &rule, &path)).await;
                assert!(
                    ![401, 403].contains(&answer.status),
                    "{path}: {}",
                    answer.text
                );
                continue;
            }
            VenueRule::Whole | VenueRule::InPath | VenueRule::Named => 403,
            VenueRule::OfOrder => 404,
        };
        let paths = match rule.venues {
            VenueRule::Named => vec![
                format!("{path}?venue=sim"),
                format!("{path}?venue=other,sim"),
                format!("{path}?venue=other&venue=sim"),
                format!("{path}?venue=%73im"),
            ],
            _ => vec![path],
        };
        for path in paths {
            let answer = Answer::to(request(&scoped, &rule, &path)).await;
            let name = format!("{} {path}: {}", rule.method, answer.text);
            assert_eq!(answer.status, status, "{name}");
        }
    }
    let place = scoped.place(&limit_order("0.001", "50000")).await;
    place.expect_problem(403, "forbidden");
    let mut by_way_of = limit_order("0.001", "50000");
    by_way_of["venue"] = json!("other");
    by_way_of["failover"] = json!(["sim"]);
    let place = scoped.place(&by_way_of).await;
    place.expect_problem(403, "forbidden");
    for path in ["/v1/orders", "/v1/orders/active", "/v1/instruments"] {
        let listed = scoped.get(path).await.expect(200);
        assert_eq!(listed.items().len(), 0, "{path}: {}", listed.text);
    }
    let venues = scoped.get("/v1/venues").await.expect(200);
    assert_eq!(venues.items().len(), 1);
    assert_eq!(venues.items()[0]["name"], "other");
    let requests = app.sim.control().requests();
    assert!(
        requests
            .iter()
            .all(|request| request.path == "/api/v3/time"),
        "{requests:?}"
    );
    assert_eq!(app.truth(&order).unwrap().state, "NEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_and_who_may_call_it_is_what_the_rules_say() {
    let app = TestApp::start().await;
    let described = app.anonymous().get("/openapi.json").await.expect(200);
    let mut operations = BTreeSet::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_guarded = operation["security"]
                .as_array()
                .is_some_and(|s| !s.is_empty());
            operations.insert((method.to_uppercase(), path.clone(), is_guarded));
        }
    }
    let table = access_table().into_iter();
    let ruled: BTreeSet<_> = table
        .filter(|rule| rule.path != "/openapi.json")
        .map(|rule| {
            (
                rule.method.to_string(),
                rule.path.to_owned(),
                rule.role.is_some(),
            )
        })
        .collect();
    assert_eq!(operations, ruled);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_and_every_privileged_call_is_counted() {
    let app = app_with_a_scoped_key().await;
    app.anonymous().get("/v1/orders").await.expect(401);
    app.anonymous()
        .showing("wrong")
        .get("/v1/orders")
        .await
        .expect(401);
    app.viewer().get("/v1/keys").await.expect(403);
    app.anonymous()
        .with(ELSEWHERE)
        .get("/v1/orders?venue=sim")
        .await
        .expect(403);
    app.trader()
        .delete("/v1/orders?venue=sim&scope=account")
        .await
        .expect(403);
    app.operator().get("/v1/keys").await.expect(200);
    app.operator().delete("/v1/keys/nokey").await.expect(404);
    app.operator()
        .delete("/v1/orders?venue=sim")
        .await
        .expect(200);
    app.operator()
        .delete("/v1/orders?venue=sim&scope=account")
        .await
        .expect(200);
    let metrics = app.viewer().get("/metrics").await.expect(200);
    for line in [
        "switchyard_http_requests_denied_total{reason=\"no_key\"} 1",
        "switchyard_http_requests_denied_total{reason=\"unknown_key\"} 1",
        "switchyard_http_requests_denied_total{reason=\"role\"} 1",
        "switchyard_http_requests_denied_total{reason=\"venue\"} 1",
        "switchyard_http_requests_denied_total{reason=\"content\"} 1",
        "switchyard_privileged_calls_total{route=\"/v1/keys\",outcome=\"ok\"} 1",
        "switchyard_privileged_calls_total{route=\"/v1/keys/{id}\",outcome=\"failed\"} 1",
        "switchyard_privileged_calls_total{route=\"/v1/orders\",outcome=\"ok\"} 1",
    ] {
        assert!(metrics.text.contains(line), "{line}\n{}", metrics.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_on_a_privileged_call_is_counted_all_the_same() {
    let app = TestApp::start().await;
    let placed = app.trader().place(&limit_order("0.001", "50000")).await;
    placed.expect(201);
    let slow = FaultAction::DelayBefore { ms: 5_000 };
    app.fault("DELETE", "/api/v3/openOrders", 1, slow);
    let path = "/v1/orders?venue=sim&scope=account";
    let request = app.operator().request(Method::DELETE, path);
    let given_up = request.timeout(Duration::from_secs(1)).send().await;
    given_up.expect_err("the caller goes away first");
    let line = "switchyard_privileged_calls_total{route=\"/v1/orders\",outcome=\"unknown\"} 1";
    eventually("the call is counted", || async {
        let metrics = app.viewer().get("/metrics").await.expect(200);
        if metrics.text.contains(line) {
            Ok(())
        } else {
            Err(metrics.text)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_some_venues_gets_nothing_by_repeating_what_another_key_of_its_tenant_asked() {
    let app = app_with_a_scoped_key().await;
    let order = limit_order("0.001", "50000");
    let place = |caller: Caller, order: Value| async move {
        let request = caller.request_with(Method::POST, "/v1/orders", &order);
        Answer::to(request.header("idempotency-key", "once")).await
    };
    place(app.trader(), order.clone()).await.expect(201);
    let repeated = place(app.anonymous().with(ELSEWHERE), order).await;
    repeated.expect_problem(422, "idempotency-key-reused");
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

#[tokio::test(flavor = "multi_thread")]
async fn where_no_keys_are_asked_for_a_page_of_another_origin_is_no_operator() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = GatewayConfig::in_directory(directory.path());
    config.keys.clear();
    config.last_lines = "[auth]\nmode = \"open\"\n".to_owned();
    let gateway = start_gateway(&config).await.unwrap();
    let caller = gateway.anonymous();
    caller.get("/v1/keys").await.expect(200);
    let from = |name: &'static str, value: &'static str| {
        let request = caller
            .request(Method::DELETE, "/v1/keys/k")
            .header(name, value);
        Answer::to(request)
    };
    for (name, value) in [("origin", "https://evil.example"), ("host", "evil.example")] {
        from(name, value).await.expect_problem(403, "forbidden");
    }
    caller
        .delete("/v1/keys/k")
        .await
        .expect_problem(404, "not-found");
}

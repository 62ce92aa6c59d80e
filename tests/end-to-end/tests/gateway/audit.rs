//! What the log keeps of those who were refused, and of what operators did.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use switchyard::api::access_table;
use switchyard::model::Role;
use switchyard_end_to_end::{
    Answer, Caller, GatewayConfig, GatewayProcess, OPERATOR, OTHER_TRADER, TRADER, VIEWER,
    eventually, limit_order, simulator,
};
use switchyard_venue_sim::VenueSim;
use tempfile::TempDir;

use crate::access::{ELSEWHERE, path_of, request};

/// A gateway in a process of its own, with a key for a venue that is not the simulated one.
struct Audited {
    _sim: VenueSim,
    process: GatewayProcess,
    _directory: TempDir,
}

impl Audited {
    async fn start(lockout_failures: u32) -> Self {
        let sim = simulator().await;
        let directory = tempfile::tempdir().unwrap();
        let mut config = GatewayConfig::in_directory(directory.path())
            .simulated(&sim)
            .venue("other", "binance", ("spot", "http://127.0.0.1:9"), None);
        config.last_lines = format!(
            "{}[auth.lockout]\nfailures = {lockout_failures}\n",
            ELSEWHERE.scoped(&["other"])
        );
        let log = directory.path().join("log");
        let process = GatewayProcess::start(&config.write(), &log).await;
        process.ready().await;
        Self {
            _sim: sim,
            process,
            _directory: directory,
        }
    }

    fn caller(&self) -> Caller {
        self.process.anonymous()
    }

    /// The log's lines so far about the request of this id. The last line may have been written in part.
    fn lines(&self, request_id: &str) -> Vec<Value> {
        let log = self.process.log();
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        let lines = whole
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["request_id"] == request_id)
            .collect()
    }

    /// Makes a request, and gives its answer and all that the audit says of it, which must be lines with these messages,
    /// in their order.
    async fn told(
        &self,
        request: RequestBuilder,
        id: &str,
        messages: &[&str],
    ) -> (Answer, Vec<Value>) {
        let answer = Answer::to(request.header("x-request-id", id)).await;
        let mut lines = eventually(&format!("the last line of {id} is written"), || async {
            let lines = self.lines(id);
            match lines.last() {
                Some(last) if last["message"] == "answered" => Ok(lines),
                _ => Err(lines),
            }
        })
        .await;
        lines.retain(|line| line["target"] == "switchyard::audit");
        let said: Vec<&str> = lines
            .iter()
            .filter_map(|line| line["message"].as_str())
            .collect();
        assert_eq!(said, messages, "{id}: {}", answer.text);
        (answer, lines)
    }
}

/// That a line says all of this; what is null is not said.
#[track_caller]
fn says(line: &Value, all: &Value) {
    for (field, value) in all.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_a_line_that_says_why_who_what_and_from_where() {
    let app = Audited::start(100_000).await;
    let with = |key| app.caller().with(key);
    let order = limit_order("0.001", "50000");
    let nobody = (Value::Null, Value::Null);
    let of_a = |id: &str| (json!(id), json!("a"));
    for (number, (request, status, reason, method, route, (key_id, tenant))) in [
        (
            app.caller().request(Method::GET, "/v1/orders"),
            401,
            "no_key",
            "GET",
            "/v1/orders",
            nobody.clone(),
        ),
        (
            app.caller()
                .showing("wrong")
                .request(Method::DELETE, "/v1/orders/some-id"),
            401,
            "unknown_key",
            "DELETE",
            "/v1/orders/{id}",
            nobody,
        ),
        (
            with(VIEWER).request_with(Method::POST, "/v1/orders", &order),
            403,
            "role",
            "POST",
            "/v1/orders",
            of_a(VIEWER.id),
        ),
        (
            with(TRADER).request(Method::POST, "/v1/venues/sim/halt"),
            403,
            "role",
            "POST",
            "/v1/venues/{venue}/halt",
            of_a(TRADER.id),
        ),
        (
            with(ELSEWHERE).request(Method::GET, "/v1/venues/sim"),
            403,
            "venue",
            "GET",
            "/v1/venues/{venue}",
            of_a(ELSEWHERE.id),
        ),
        (
            with(ELSEWHERE).request(Method::GET, "/v1/balances?venue=other,sim"),
            403,
            "venue",
            "GET",
            "/v1/balances",
            of_a(ELSEWHERE.id),
        ),
        (
            with(ELSEWHERE).request(Method::GET, "/metrics"),
            403,
            "venue",
            "GET",
            "/metrics",
            of_a(ELSEWHERE.id),
        ),
        (
            with(ELSEWHERE).request_with(Method::POST, "/v1/orders", &order),
            403,
            "content",
            "POST",
            "/v1/orders",
            of_a(ELSEWHERE.id),
        ),
        (
            with(TRADER).request(Method::DELETE, "/v1/orders?venue=sim&scope=account"),
            403,
            "content",
            "DELETE",
            "/v1/orders",
            of_a(TRADER.id),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("refused-{number}");
        let (answer, lines) = app.told(request, &id, &["denied"]).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let all = json!({
            "level": "WARN", "reason": reason, "method": method, "route": route, "address": "127.0.0.1",
            "key_id": key_id, "tenant": tenant,
        });
        says(&lines[0], &all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_out_is_a_line_and_so_is_every_request_that_it_refuses() {
    let app = Audited::start(2).await;
    let guess = || {
        let caller = app.caller().showing("guess");
        caller.request(Method::GET, "/v1/orders")
    };
    let from = json!({"address": "127.0.0.1", "key_id": null});
    let (answer, lines) = app.told(guess(), "guess-1", &["denied"]).await;
    answer.expect(401);
    says(&lines[0], &from);
    let locked = "an address tried too many keys, and is not listened to for a while";
    let (answer, lines) = app.told(guess(), "guess-2", &[locked, "denied"]).await;
    answer.expect(401);
    says(&lines[0], &from);
    says(&lines[0], &json!({"level": "ERROR"}));
    says(&lines[1], &json!({"reason": "unknown_key"}));
    // Whose key it is that is shown now is not looked at, and so not told.
    let right = app.caller().with(OPERATOR);
    let right = right.request(Method::PUT, "/v1/plugins/binance");
    let (answer, lines) = app.told(right, "locked-out", &["denied"]).await;
    answer.expect_problem(429, "locked-out");
    says(&lines[0], &from);
    let all = json!({"reason": "locked_out", "method": "PUT", "route": "/v1/plugins/{name}", "tenant": null});
    says(&lines[0], &all);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_of_a_route_for_operators_is_a_line_with_its_outcome_and_no_other_call_is() {
    let app = Audited::start(100_000).await;
    let operator = app.caller().with(OPERATOR);
    let mut privileged = 0;
    for (number, rule) in access_table().into_iter().enumerate() {
        let (path, id) = (path_of(&rule, "some-id"), format!("call-{number}"));
        let request = request(&operator, &rule, &path);
        if rule.role != Some(Role::Operator) {
            app.told(request, &id, &[]).await;
            continue;
        }
        let (answer, lines) = app.told(request, &id, &["privileged call"]).await;
        let all = json!({
            "level": "INFO", "method": rule.method.as_str(), "route": rule.path, "address": "127.0.0.1",
            "key_id": OPERATOR.id, "tenant": OPERATOR.tenant, "status": answer.status,
        });
        says(&lines[0], &all);
        privileged += 1;
    }
    assert!(privileged > 10, "{privileged}");
}

/// The line of the audit that has these values.
async fn audited(process: &GatewayProcess, wanted: Value) -> Value {
    eventually("it is written down", || async {
        let log = process.log();
        let lines = log.lines();
        let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.find(|line| {
            let mut wanted = wanted.as_object().unwrap().iter();
            line["target"] == "switchyard::audit"
                && wanted.all(|(name, value)| line[name] == *value)
        });
        found.ok_or(log)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_what_it_may_not_see_and_what_an_operator_did_is_written_down() {
    let app = Audited::start(100_000).await;
    let process = &app.process;
    let caller = |key| app.caller().with(key);
    let placed = caller(TRADER).place(&limit_order("0.001", "50000")).await;
    let order = placed.expect(201).id();
    caller(OTHER_TRADER)
        .order(&order)
        .await
        .expect_problem(404, "order-not-found");
    let asked = audited(process, json!({"order_id": order})).await;
    assert_eq!(
        (&asked["key_id"], &asked["tenant"], &asked["owner"]),
        (&json!("b-trader"), &json!("b"), &json!("a"))
    );
    assert!(asked["request_id"].is_string(), "{asked}");
    caller(OPERATOR).delete("/v1/keys/nokey").await.expect(404);
    let called =
        json!({"path": "/v1/keys/nokey", "route": "/v1/keys/{id}", "key_id": "a-operator"});
    let called = audited(process, called).await;
    assert_eq!(
        (&called["outcome"], &called["status"]),
        (&json!("failed"), &json!(404))
    );
    let swept = caller(OPERATOR)
        .delete("/v1/orders?venue=sim&scope=account")
        .await;
    swept.expect(200);
    audited(process, json!({"path": "/v1/orders", "outcome": "ok"})).await;
}

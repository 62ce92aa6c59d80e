//! Log lines and traces: what an operator follows a request by.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{
    Answer, CollectedSpan, GatewayConfig, GatewayProcess, OPERATOR, TRADER, TraceCollector, VIEWER,
    eventually, eventually_within, limit_order, simulator,
};
use switchyard_venue_sim::VenueSim;
use tempfile::TempDir;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A gateway in a process of its own, whose log can be read.
struct Logged {
    sim: VenueSim,
    process: GatewayProcess,
    directory: TempDir,
}

impl Logged {
    async fn start(bend: impl FnOnce(&mut GatewayConfig)) -> Self {
        let sim = simulator().await;
        let directory = tempfile::tempdir().unwrap();
        let mut config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
        bend(&mut config);
        let log = directory.path().join("log");
        let process = GatewayProcess::start(&config.write(), &log).await;
        process.ready().await;
        Self {
            sim,
            process,
            directory,
        }
    }

    /// The log's lines so far with this message that say this of this. The last line may have been written in part.
    fn lines(&self, message: &str, field: &str, value: &str) -> Vec<Value> {
        let log = self.process.log();
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        let lines = whole
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect(line));
        lines
            .filter(|line| line["message"] == message && line[field] == value)
            .collect()
    }

    /// The only such line, once it is written: a request does not wait for that.
    async fn line(&self, message: &str, field: &str, value: &str) -> Value {
        eventually("the line is written", || async {
            match &self.lines(message, field, value)[..] {
                [line] => Ok(line.clone()),
                lines => Err(lines.to_owned()),
            }
        })
        .await
    }

    async fn place(&self, headers: &[(&str, &str)]) -> Answer {
        let trader = self.process.anonymous().with(TRADER);
        let order = limit_order("0.001", "50000");
        let mut request = trader.request_with(Method::POST, "/v1/orders", &order);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::to(request).await
    }

    async fn set_level(&self, level: &str) -> Answer {
        let operator = self.process.anonymous().with(OPERATOR);
        let body = json!({ "level": level });
        Answer::to(operator.request_with(Method::PUT, "/v1/log-level", &body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_and_each_venue_call_is_one_line_that_says_whose_it_is() {
    let app = Logged::start(|_| {}).await;
    let placed = app
        .place(&[("x-request-id", "r-1"), ("traceparent", TRACEPARENT)])
        .await
        .expect(201);
    let id = placed.id();
    app.line("answered", "request_id", "r-1").await;
    for (message, operation) in [("answered", "POST /v1/orders"), ("venue call", "place")] {
        let lines = app.lines(message, "request_id", "r-1");
        let of_it: Vec<_> = lines
            .iter()
            .filter(|line| line["operation"] == operation)
            .collect();
        let [line] = of_it[..] else {
            panic!("{message}: {lines:?}");
        };
        for (field, value) in [
            ("trace_id", TRACE_ID),
            ("tenant", "a"),
            ("venue", "sim"),
            ("order_id", &id),
        ] {
            assert_eq!(line[field], value, "{field}: {line}");
        }
    }
    let trader = app.process.anonymous().with(TRADER);
    let cancel = trader.request(Method::DELETE, &format!("/v1/orders/{id}"));
    Answer::to(cancel.header("x-request-id", "r-2"))
        .await
        .expect(200);
    app.line("answered", "request_id", "r-2").await;
    for message in ["answered", "venue call"] {
        let lines = app.lines(message, "request_id", "r-2");
        assert!(!lines.is_empty(), "{message}");
        for line in lines {
            assert_eq!(
                (&line["order_id"], &line["tenant"]),
                (&json!(id), &json!("a"))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_on_with_its_callers_trace_and_a_bad_one_is_ignored() {
    let app = Logged::start(|_| {}).await;
    let trace_of = |answer: &Answer| {
        let header = answer.header("traceparent").expect("a trace").to_owned();
        assert_eq!(header.len(), TRACEPARENT.len(), "{header}");
        header[3..35].to_owned()
    };
    let known = app.place(&[("traceparent", TRACEPARENT)]).await;
    assert_eq!(trace_of(&known), TRACE_ID);
    assert_ne!(known.header("traceparent"), Some(TRACEPARENT));
    let bad = TRACEPARENT.to_uppercase();
    let (one, other) = (
        app.place(&[("traceparent", &bad)]).await,
        app.place(&[]).await,
    );
    assert_ne!(trace_of(&one).to_uppercase(), TRACE_ID.to_uppercase());
    assert_ne!(trace_of(&one), trace_of(&other));
    let refused = app.process.anonymous().get("/v1/orders").await.expect(401);
    assert_ne!(trace_of(&refused), trace_of(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_changes_the_level_while_it_runs_and_the_audit_goes_on() {
    let app = Logged::start(|config| config.log_level = "switchyard=info,info".into()).await;
    let operator = app.process.anonymous().with(OPERATOR);
    let shown = operator.get("/v1/log-level").await.expect(200);
    assert_eq!(shown["level"], "switchyard=info,info");

    let changed = app.set_level("off").await.expect(200);
    assert_eq!(
        (&changed["level"], &changed["configured"]),
        (&json!("off"), &shown["level"])
    );
    app.place(&[("x-request-id", "silent")]).await.expect(201);
    let change = app
        .line("the log's level was changed", "after", "off")
        .await;
    assert_eq!(change["key_id"], OPERATOR.id);
    assert_eq!(change["before"], "switchyard=info,info");

    app.set_level("debug").await.expect(200);
    app.place(&[("x-request-id", "talkative")])
        .await
        .expect(201);
    app.line("answered", "request_id", "talkative").await;
    app.line("recognised", "request_id", "talkative").await;
    assert_eq!(app.lines("answered", "request_id", "silent").len(), 0);

    for bad in ["", "verbose", "info,switchyard::audit=off", "[x]=info"] {
        let refused = app.set_level(bad).await;
        let refused = refused.expect_problem(400, "malformed-request");
        assert_eq!(refused.fields_at_fault(), ["level"], "{bad:?}");
    }
    let trader = app.process.anonymous().with(TRADER);
    trader
        .get("/v1/log-level")
        .await
        .expect_problem(403, "forbidden");
    assert_eq!(operator.get("/v1/log-level").await["level"], "debug");
}

fn only<'a>(spans: &'a [CollectedSpan], name: &str) -> &'a CollectedSpan {
    let named: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(named.len(), 1, "{name}: {spans:#?}");
    named[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_is_one_trace_from_its_caller_to_the_venue() {
    let collector = TraceCollector::start().await;
    let app = Logged::start(|config| {
        config.last_lines = collector.section();
        // Traces do not follow the log's level; but where it listens must be said.
        config.log_level = "switchyard::cli=info,error".into();
    })
    .await;
    let placed = app
        .place(&[("traceparent", TRACEPARENT), ("x-request-id", "r-1")])
        .await
        .expect(201);
    let header = placed.header("traceparent").unwrap().to_owned();
    let id = placed.id();
    let credentials = app.sim.credentials();
    let seen = app.sim.control().requests();
    assert!(
        !format!("{seen:?}").contains(TRACE_ID),
        "a venue is told nothing of traces"
    );
    // The end flushes what waits.
    assert_eq!(app.process.terminate().await, Some(0));

    let spans = collector.trace(TRACE_ID);
    let api = only(&spans, "POST /v1/orders");
    assert_eq!(api.parent_id, "00f067aa0ba902b7", "the caller's span");
    assert_eq!(header, format!("00-{TRACE_ID}-{}-01", api.id));
    assert_eq!(api.attributes["http.response.status_code"], "201");
    assert_eq!(api.attributes["request_id"], "r-1");
    let order = only(&spans, "place order");
    assert_eq!(
        (&order.parent_id, &order.attributes["order_id"]),
        (&api.id, &id)
    );
    let call = only(&spans, "place at sim");
    assert_eq!(
        (&call.parent_id, &*call.attributes["outcome"]),
        (&order.id, "ok")
    );
    let http = only(&spans, "POST /api/v3/order");
    assert_eq!(http.attributes["http.response.status_code"], "200");
    for name in ["encode place", "POST /api/v3/order", "decode place"] {
        assert_eq!(only(&spans, name).parent_id, call.id, "{name}");
    }
    let everything = collector.everything();
    for secret in [
        credentials.secret.as_str(),
        &credentials.api_key,
        TRADER.key,
        "signature",
    ] {
        assert!(!everything.contains(secret), "a trace holds {secret:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_hangs_is_told_of_once_and_orders_are_placed() {
    let away = "[telemetry.otlp]\nendpoint = \"http://127.0.0.1:9\"\n".to_owned();
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = silent.local_addr().unwrap();
    let hangs = format!("[telemetry.otlp]\nendpoint = \"http://{hangs}\"\n");
    for section in [away, hangs] {
        let app = Logged::start(|config| config.last_lines = section).await;
        // What that costs an order is in watching.rs.
        for _ in 0..20 {
            app.place(&[]).await.expect(201);
        }
        const TOLD: &str = "traces cannot be sent, and are dropped";
        eventually("it is told", || async {
            let log = app.process.log();
            if log.contains(TOLD) { Ok(()) } else { Err(log) }
        })
        .await;
        // What this leads to cannot be sent at the end either.
        app.place(&[]).await.expect(201);
        let log = app.directory.path().join("log");
        assert_eq!(app.process.terminate().await, Some(0));
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.matches(TOLD).count(), 1, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_or_that_is_gone_costs_no_request() {
    for is_read_no_more in [false, true] {
        let sim = simulator().await;
        let directory = tempfile::tempdir().unwrap();
        let mut config = GatewayConfig::in_directory(directory.path()).simulated(&sim);
        config.log_level = "trace".into();
        let (process, reader) = GatewayProcess::start_into_a_pipe(&config.write()).await;
        process.ready().await;
        // From here nobody reads: what is written fills the pipe (64 KiB) at once.
        let reader = if is_read_no_more { None } else { Some(reader) };
        let trader = process.anonymous().with(TRADER);
        for _ in 0..60 {
            trader
                .place(&limit_order("0.001", "50000"))
                .await
                .expect(201);
        }
        if reader.is_some() {
            // The rest of the queue is spent on what can be had for less.
            let viewer = process.anonymous().with(VIEWER);
            eventually_within(
                Duration::from_secs(60),
                "lines are dropped, and counted",
                || async {
                    join_all((0..50).map(|_| viewer.get("/v1/venues"))).await;
                    let metrics = viewer.get("/metrics").await.expect(200).text.clone();
                    let dropped = metrics
                        .lines()
                        .find_map(|line| line.strip_prefix("switchyard_log_lines_dropped_total "))
                        .map(str::to_owned);
                    match dropped.as_deref() {
                        None | Some("0") => Err(dropped),
                        Some(_) => Ok(()),
                    }
                },
            )
            .await;
            trader
                .place(&limit_order("0.001", "50000"))
                .await
                .expect(201);
        }
        assert_eq!(process.terminate().await, Some(0));
        drop(reader);
    }
}

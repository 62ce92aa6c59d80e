//! Answers from the cache: how fresh, told how, and never in the way of what a caller has just done.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, Caller, TestApp, VENUE, limit_order, simulator};
use switchyard_venue_sim::{FaultAction, VenueSim};

const TICKER: &str = "/v1/tickers?venue=sim&symbol=BTC/USDT";
const ACTIVE: &str = "/v1/orders/active?venue=sim";

/// Everything is kept for a minute.
const LONG: &str = "ticker_ms = 60000\norderbook_ms = 60000\ncandles_ms = 60000\nbalances_ms = 60000\n\
                    positions_ms = 60000\nactive_orders_ms = 60000";

/// Everything is fresh for hardly any time, and stands in for an error for an hour.
const SHORT: &str = "ticker_ms = 1\norderbook_ms = 1\ncandles_ms = 1\nbalances_ms = 1\npositions_ms = 1\n\
                     active_orders_ms = 1\nstale_while_revalidate_ms = 0\nstale_if_error_ms = 3600000";

async fn app(cache_lines: &str) -> TestApp {
    TestApp::with(|mut config| {
        config.cache_lines = cache_lines.to_owned();
        config
    })
    .await
}

fn seen(sim: &VenueSim, path: &str) -> usize {
    let requests = sim.control().requests();
    requests.iter().filter(|seen| seen.path == path).count()
}

async fn fresh(caller: &Caller, path: &str) -> Answer {
    let request = caller.request(Method::GET, path);
    Answer::to(request.header("cache-control", "no-cache")).await
}

fn source(from: &Value) -> &str {
    let last = from["sources"]
        .as_array()
        .and_then(|sources| sources.last());
    last.and_then(|last| last["source"].as_str()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_read_is_asked_for_once_and_says_where_it_came_from_and_how_old_it_is() {
    let app = app(LONG).await;
    for (path, at_venue) in [
        (TICKER, "/api/v3/ticker/24hr"),
        ("/v1/orderbook?venue=sim&symbol=BTC/USDT", "/api/v3/depth"),
        ("/v1/candles?venue=sim&symbol=BTC/USDT", "/api/v3/klines"),
        ("/v1/balances?venue=sim", "/api/v3/account"),
        (ACTIVE, "/api/v3/openOrders"),
    ] {
        let before = seen(&app.sim, at_venue);
        let part = |answer: &Answer| match path {
            TICKER => answer.items()[0].clone(),
            _ => answer.json().clone(),
        };
        let live = app.viewer().get(path).await.expect(200);
        assert_eq!(source(&part(&live)), "live", "{path}");
        assert_eq!(live.header("age"), None, "{path}");
        assert_eq!(live.header("cache-status"), Some("switchyard; fwd=miss"));
        for _ in 0..3 {
            let cached = app.viewer().get(path).await.expect(200);
            let from = &part(&cached)["sources"][0];
            assert_eq!(from["source"], "cached", "{path}");
            assert!(from["age_ms"].is_u64(), "{from}");
            assert_eq!(from["reason"], Value::Null);
            assert!(cached.header("age").is_some(), "{path}");
            let status = cached.header("cache-status").unwrap();
            assert!(status.starts_with("switchyard; hit; ttl="), "{status}");
        }
        assert_eq!(seen(&app.sim, at_venue), before + 1, "{path}");
        let asked = fresh(&app.viewer(), path).await.expect(200);
        assert_eq!(source(&part(&asked)), "live", "{path}");
        assert_eq!(
            asked.header("cache-status"),
            Some("switchyard; fwd=request")
        );
        assert_eq!(seen(&app.sim, at_venue), before + 2, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_depth_interval_or_range_is_another_answer() {
    let app = app(LONG).await;
    for (at_venue, paths) in [
        ("/api/v3/depth", &["&limit=5", "&limit=20"][..]),
        (
            "/api/v3/klines",
            &["&limit=5", "&interval=5m", "&from=2026-01-01T00:00:00Z"],
        ),
    ] {
        let route = if at_venue.ends_with("depth") {
            "orderbook"
        } else {
            "candles"
        };
        let before = seen(&app.sim, at_venue);
        for query in paths {
            let path = format!("/v1/{route}?venue=sim&symbol=BTC/USDT{query}");
            let answer = app.viewer().get(&path).await.expect(200);
            assert_eq!(source(answer.json()), "live", "{path}");
        }
        assert_eq!(seen(&app.sim, at_venue), before + paths.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_ask_at_one_time_share_one_request_even_where_nothing_is_kept() {
    let app = TestApp::start().await;
    app.fault(
        "GET",
        "/api/v3/ticker/24hr",
        1,
        FaultAction::DelayAfter { ms: 1_500 },
    );
    let before = seen(&app.sim, "/api/v3/ticker/24hr");
    let viewer = app.viewer();
    let answers = join_all((0..20).map(|_| viewer.get(TICKER))).await;
    for answer in answers {
        let answer = answer.expect(200);
        assert_eq!(source(&answer.items()[0]), "live");
        assert_eq!(
            answer.header("cache-status"),
            Some("switchyard; fwd=bypass")
        );
    }
    assert_eq!(seen(&app.sim, "/api/v3/ticker/24hr"), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_goes_away_is_stood_in_for_and_the_answer_says_that_it_is_stale() {
    let app = app(SHORT).await;
    let mine = app.trader().place(&limit_order("0.001", "50000")).await;
    let mine = mine.expect(201).id();
    app.other_client()
        .place("someone-else-3", "0.002", "48000.00")
        .await;
    let viewer = app.viewer();
    let paths = [TICKER, "/v1/balances?venue=sim", ACTIVE];
    for path in paths {
        viewer.get(path).await.expect(200);
    }
    app.sim.shutdown().await;
    for path in paths {
        let stale = viewer.get(path).await.expect(200);
        let part = match path {
            TICKER => stale.items()[0].clone(),
            _ => stale.json().clone(),
        };
        let from = &part["sources"][0];
        assert_eq!(from["source"], "stale", "{path}: {}", stale.text);
        assert!(from["age_ms"].is_u64(), "{from}");
        let reason = from["reason"].as_str().unwrap();
        assert!(reason.starts_with("venue-unavailable"), "{reason}");
        assert!(stale.header("age").is_some(), "{path}");
        let status = stale.header("cache-status").unwrap();
        assert!(
            status.starts_with("switchyard; fwd=stale; ttl=-"),
            "{status}"
        );
        assert!(status.ends_with("detail=venue-unavailable"), "{status}");
    }
    // The journal has its own orders, the cache those of others.
    let active = viewer.get(ACTIVE).await.expect(200);
    let origins: Vec<&str> = active
        .items()
        .iter()
        .filter_map(|order| order["origin"].as_str())
        .collect();
    assert_eq!(origins, ["gateway", "external"], "{}", active.text);
    assert_eq!(active.ids()[0], mine);
    // Who wants it fresh gets nothing that is not.
    fresh(&viewer, TICKER)
        .await
        .expect_problem(503, "venue-unavailable");
    let journal = fresh(&viewer, ACTIVE).await.expect(200);
    assert_eq!(journal.ids(), [mine.as_str()]);
    let reason = journal["sources"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("from the journal: "), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_answer_of_another_venue_goes_before_a_stale_one() {
    let second = simulator().await;
    let app = TestApp::with(|config| {
        let mut config = config.venue("second", "binance", ("spot", &second.url()), None);
        config.cache_lines = SHORT.to_owned();
        config
    })
    .await;
    let path = "/v1/tickers?venue=sim,second&symbol=BTC/USDT";
    let first = app.viewer().get(path).await.expect(200);
    assert_eq!(first.items()[0]["venue"], VENUE);
    app.fault("GET", "/api/v3/ticker/24hr", 1, FaultAction::DropBefore);
    let other = app.viewer().get(path).await.expect(200);
    assert_eq!(other.items()[0]["venue"], "second");
    assert_eq!(source(&other.items()[0]), "live");
    // None answers: what is kept of the one asked first.
    app.sim.shutdown().await;
    second.shutdown().await;
    let stale = app.viewer().get(path).await.expect(200);
    let from = &stale.items()[0]["sources"];
    assert_eq!(source(&stale.items()[0]), "stale", "{from}");
    assert_eq!(from.as_array().map(Vec::len), Some(2), "{from}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_reads_what_it_has_just_written() {
    let app = app(LONG).await;
    let trader = app.trader();
    let active = || async { trader.get(ACTIVE).await.expect(200) };
    let locked = || async {
        let page = trader.get("/v1/balances?venue=sim").await.expect(200);
        let usdt = page.items().iter().find(|b| b["asset"] == "USDT");
        usdt.unwrap()["locked"].as_str().unwrap().to_owned()
    };
    assert_eq!(active().await.items().len(), 0);
    let before = locked().await;
    let id = trader.place(&limit_order("0.001", "50000")).await;
    let id = id.expect(201).id();
    let shown = active().await;
    assert_eq!(shown.ids(), [id.as_str()], "placed");
    assert_eq!(source(shown.json()), "live");
    let with_order = locked().await;
    assert_ne!(with_order, before);
    let change = json!({"price": "49000"});
    trader.amend(&id, &change).await.expect(200);
    assert_eq!(active().await.items()[0]["price"], "49000", "amended");
    assert_ne!(locked().await, with_order);
    trader.cancel(&id).await.expect(200);
    assert_eq!(active().await.items().len(), 0, "cancelled");
    assert_eq!(locked().await, before);
    // Many at once, too.
    trader
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201);
    assert_eq!(active().await.items().len(), 1);
    trader.delete("/v1/orders?venue=sim").await.expect(200);
    assert_eq!(active().await.items().len(), 0, "all cancelled");
    assert_eq!(source(active().await.json()), "cached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_one_tenant_had_made_shows_another_nothing_of_its_orders() {
    let app = app(LONG).await;
    let mine = app.trader().place(&limit_order("0.001", "50000")).await;
    let mine = mine.expect(201).id();
    let own = app.trader().get(ACTIVE).await.expect(200);
    assert_eq!(
        (own.ids(), source(own.json())),
        (vec![mine.as_str()], "live")
    );
    let other = app.other_trader().get(ACTIVE).await.expect(200);
    assert_eq!(source(other.json()), "cached", "it is the same list");
    assert_eq!(other.items().len(), 0, "{}", other.text);
    let again = app.trader().get(ACTIVE).await.expect(200);
    assert_eq!(again.ids(), [mine.as_str()]);
    app.sim.shutdown().await;
    let other = app.other_trader().get(ACTIVE).await.expect(200);
    assert_eq!(other.items().len(), 0, "{}", other.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_fate_is_open_is_shown_beside_a_cached_list() {
    let app = app(LONG).await;
    let trader = app.trader();
    app.next_placement(FaultAction::DropBefore);
    let pending = trader.place(&limit_order("0.001", "50000")).await;
    let pending = pending.expect(202).id();
    for wanted in ["live", "cached"] {
        let active = trader.get(ACTIVE).await.expect(200);
        assert_eq!(source(active.json()), wanted, "{}", active.text);
        assert_eq!(active.ids(), [pending.as_str()]);
        assert_eq!(active.items()[0]["state"], "PENDING_NEW");
    }
}

const OPEN_ORDERS: &str = "/api/v3/openOrders";

#[tokio::test(flavor = "multi_thread")]
async fn open_orders_that_many_ask_for_at_one_time_are_one_request() {
    let app = app(LONG).await;
    let delay = FaultAction::DelayAfter { ms: 1_500 };
    app.fault("GET", OPEN_ORDERS, 1, delay);
    let before = seen(&app.sim, OPEN_ORDERS);
    let viewer = app.viewer();
    for answer in join_all((0..20).map(|_| viewer.get(ACTIVE))).await {
        assert_eq!(source(answer.expect(200).json()), "live");
    }
    assert_eq!(seen(&app.sim, OPEN_ORDERS), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_orders_just_past_fresh_are_given_at_once_while_the_venue_is_asked_again_and_once() {
    let app = app("active_orders_ms = 1\nstale_while_revalidate_ms = 60000").await;
    let viewer = app.viewer();
    let placed = app.trader().place(&limit_order("0.001", "50000")).await;
    let id = placed.expect(201).id();
    let live = viewer.get(ACTIVE).await.expect(200);
    assert_eq!(source(live.json()), "live");
    app.fault("GET", OPEN_ORDERS, 1, FaultAction::DelayAfter { ms: 3_000 });
    let before = seen(&app.sim, OPEN_ORDERS);
    for _ in 0..5 {
        let asked_at = Instant::now();
        let stale = viewer.get(ACTIVE).await.expect(200);
        assert!(asked_at.elapsed() < Duration::from_secs(2), "nobody waits");
        let from = &stale["sources"][0];
        assert_eq!(
            (&from["source"], &from["reason"]),
            (&json!("stale"), &json!("a newer one is on its way"))
        );
        assert!(from["age_ms"].is_u64(), "{from}");
        assert!(stale.header("age").is_some());
        assert_eq!(stale.ids(), [id.as_str()]);
    }
    assert_eq!(seen(&app.sim, OPEN_ORDERS), before + 1, "on one's behalf");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_orders_of_the_venues_that_answer_come_with_what_is_known_of_those_that_do_not() {
    let second = simulator().await;
    let app = TestApp::with(|config| {
        let credentials = Some(second.credentials());
        let mut config = config.venue("second", "binance", ("spot", &second.url()), credentials);
        config.cache_lines = SHORT.to_owned();
        config
    })
    .await;
    let mut ids = Vec::new();
    for venue in [VENUE, "second"] {
        let mut order = limit_order("0.001", "50000");
        order["venue"] = json!(venue);
        ids.push(app.trader().place(&order).await.expect(201).id());
    }
    let active = || async { app.trader().get("/v1/orders/active").await.expect(200) };
    assert_eq!(active().await.ids(), ids);
    app.sim.shutdown().await;
    let partly = active().await;
    assert_eq!(partly.ids(), ids, "none is missing");
    let told: Vec<(&str, &str)> = partly["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["venue"].as_str().unwrap(), s["source"].as_str().unwrap()))
        .collect();
    assert!(told.contains(&(VENUE, "stale")), "{told:?}");
    assert!(
        told.iter()
            .any(|(venue, source)| *venue == "second" && *source != "stale"),
        "{told:?}"
    );
    assert!(partly.header("age").is_some(), "the least fresh part's");
}

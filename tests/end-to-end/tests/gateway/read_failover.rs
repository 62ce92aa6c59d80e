//! Market data from several venues: the healthiest first, and the next one within the same call.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchyard_end_to_end::{Answer, GatewayConfig, TestApp, VENUE, eventually, simulator};
use switchyard_venue_sim::{FaultAction, VenueSim};

const TICKER: &str = "/api/v3/ticker/24hr";
const BOTH: &str = "/v1/tickers?venue=sim,second&symbol=BTC/USDT";

/// A gateway in front of two venues of one kind, [`VENUE`] and `second`.
pub(crate) async fn two(bend: impl FnOnce(&mut GatewayConfig)) -> (TestApp, VenueSim) {
    let second = simulator().await;
    let app = TestApp::with(|config| {
        let (url, credentials) = (second.url(), second.credentials().clone());
        let mut config = config.venue("second", "binance", ("spot", &url), Some(&credentials));
        bend(&mut config);
        config
    })
    .await;
    (app, second)
}

fn tickers_seen(sim: &VenueSim) -> usize {
    let requests = sim.control().requests();
    requests.iter().filter(|r| r.path == TICKER).count()
}

pub(crate) fn unavailable() -> FaultAction {
    FaultAction::Status {
        status: 503,
        retry_after: None,
        body: None,
    }
}

/// Venue and source of each venue that was asked, in that order.
fn asked(answer: &Value) -> Vec<(&str, &str)> {
    let sources = answer["sources"].as_array().unwrap();
    sources
        .iter()
        .map(|source| {
            (
                source["venue"].as_str().unwrap(),
                source["source"].as_str().unwrap(),
            )
        })
        .collect()
}

async fn ticker(app: &TestApp, path: &str) -> Answer {
    app.viewer().get(path).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_fails_is_passed_over_within_one_call_and_the_answer_says_why() {
    let (app, second) = two(|_| ()).await;
    for path in [
        BOTH,
        "/v1/orderbook?venue=sim,second&symbol=BTC/USDT",
        "/v1/candles?venue=sim,second&symbol=BTC/USDT",
    ] {
        for public in [TICKER, "/api/v3/depth", "/api/v3/klines"] {
            app.fault("GET", public, 1, unavailable());
        }
        let answer = ticker(&app, path).await;
        let item = match path {
            BOTH => answer.items()[0].clone(),
            _ => answer.json().clone(),
        };
        assert_eq!(item["venue"], "second", "{}", answer.text);
        assert_eq!(asked(&item), [(VENUE, "missing"), ("second", "live")]);
        let reason = item["sources"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(": "), "{reason}");
        app.sim.control().clear_faults();
        let again = ticker(&app, path).await;
        assert!(again.text.contains("\"venue\":\"sim\""), "{}", again.text);
    }
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_hangs_leaves_the_next_one_its_share_of_the_time() {
    let (app, _second) = two(|_| ()).await;
    app.fault("GET", TICKER, 1, FaultAction::DelayBefore { ms: 20_000 });
    let began = Instant::now();
    let request = app.viewer().request(reqwest::Method::GET, BOTH);
    let answer = Answer::to(request.header("x-request-timeout-ms", "3000")).await;
    let answer = answer.expect(200);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    let item = &answer.items()[0];
    assert_eq!(asked(item), [(VENUE, "missing"), ("second", "live")]);
    let reason = item["sources"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("timeout: "), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_symbols_of_a_venue_that_hangs_are_waited_for_once() {
    let (app, _second) = two(|_| ()).await;
    app.fault("GET", TICKER, 100, FaultAction::DelayBefore { ms: 20_000 });
    let listed = ticker(&app, "/v1/instruments?venue=second&product=spot&limit=5").await;
    let symbols: Vec<&str> = listed
        .items()
        .iter()
        .filter_map(|instrument| instrument["symbol"].as_str())
        .collect();
    assert!(symbols.len() > 2, "{}", listed.text);
    let path = format!("/v1/tickers?venue=sim,second&symbol={}", symbols.join(","));
    let began = Instant::now();
    let request = app.viewer().request(reqwest::Method::GET, &path);
    let answer = Answer::to(request.header("x-request-timeout-ms", "3000")).await;
    let answer = answer.expect(200);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    let told: Vec<&str> = answer
        .items()
        .iter()
        .filter_map(|item| item["symbol"].as_str())
        .collect();
    assert_eq!(told, symbols, "in the order asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn among_venues_that_are_well_the_callers_order_stands_and_one_that_is_away_comes_last() {
    let (app, second) = two(|_| ()).await;
    for (order, first) in [("sim,second", VENUE), ("second,sim", "second")] {
        let path = format!("/v1/tickers?venue={order}&symbol=BTC/USDT");
        let item = ticker(&app, &path).await.items()[0].clone();
        assert_eq!(asked(&item), [(first, "live")], "{order}");
    }
    second.shutdown().await;
    eventually("the venue is known to be away", || async {
        let health = app.viewer().get("/health").await;
        if health["venues"]["second"] == "down" {
            Ok(())
        } else {
            Err(health.text)
        }
    })
    .await;
    for order in ["second,sim", "auto"] {
        let path = format!("/v1/tickers?venue={order}&symbol=BTC/USDT");
        let item = ticker(&app, &path).await.items()[0].clone();
        assert_eq!(
            asked(&item),
            [(VENUE, "live")],
            "{order}: it is not even asked"
        );
    }
    let alone = app
        .viewer()
        .get("/v1/tickers?venue=second&symbol=BTC/USDT")
        .await;
    alone.expect_problem(503, "venue-unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_venue_answers_the_problem_names_each_and_why() {
    let (app, second) = two(|_| ()).await;
    second.shutdown().await;
    app.fault("GET", TICKER, 1, unavailable());
    let refused = app.viewer().get(BOTH).await;
    let detail = refused.text_of("detail");
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(
        detail.contains("sim: ") && detail.contains("second: venue-unavailable"),
        "{detail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_with_an_open_breaker_is_asked_last_and_is_tried_again_beside_the_one_that_serves()
{
    let (app, _second) = two(|config| {
        config.venue_lines = "retry.max_retries = 0\nbreaker.minimum_calls = 2\n\
                              breaker.failure_percent = 50\nbreaker.open_ms = 700\n\
                              breaker.half_open_calls = 1"
            .to_owned();
    })
    .await;
    let breaker = || async {
        let venue = app.viewer().get("/v1/venues/sim").await.expect(200);
        venue["endpoints"]["spot"]["breaker"]["state"].clone()
    };
    assert_eq!(breaker().await, "closed");
    app.fault("GET", TICKER, 1_000, unavailable());
    eventually("the breaker opens", || async {
        let item = ticker(&app, BOTH).await.items()[0].clone();
        assert_eq!(item["venue"], "second", "{item}");
        match breaker().await {
            state if state == "open" => Ok(()),
            state => Err(state),
        }
    })
    .await;
    let before = tickers_seen(&app.sim);
    let item = ticker(&app, BOTH).await.items()[0].clone();
    assert_eq!(asked(&item), [("second", "live")]);
    assert_eq!(tickers_seen(&app.sim), before);
    app.sim.control().clear_faults();
    eventually(
        "reads that another venue serves close the breaker",
        || async {
            let item = ticker(&app, BOTH).await.items()[0].clone();
            match asked(&item)[0] {
                (VENUE, "live") => Ok(()),
                other => Err(json!(other)),
            }
        },
    )
    .await;
    assert_eq!(breaker().await, "closed");
}

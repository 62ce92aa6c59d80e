//! Fills and candles, as the venue remembers them.

use serde_json::{Value, json};
use switchyard_end_to_end::{TestApp, VENUE};
use switchyard_venue_sim::FaultAction;

fn market_order(quantity: &str) -> Value {
    json!({
        "venue": VENUE, "symbol": "BTC/USDT", "side": "buy", "type": "market", "quantity": quantity,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fill_names_its_order_and_other_tenants_fills_stay_hidden() {
    let app = TestApp::start().await;
    let mine = app
        .trader()
        .place(&market_order("0.01"))
        .await
        .expect(201)
        .id();
    let theirs = app
        .other_trader()
        .place(&market_order("0.02"))
        .await
        .expect(201)
        .id();
    app.other_client().sell("0.03", "40000").await;
    let path = "/v1/fills?venue=sim&symbol=BTC/USDT";
    let fills = app.viewer().get(path).await.expect(200);
    assert_eq!(fills["complete"], true);
    let of = |origin: &str| -> Vec<&Value> {
        fills
            .items()
            .iter()
            .filter(|fill| fill["origin"] == origin)
            .collect()
    };
    assert!(
        !of("gateway").is_empty() && !of("external").is_empty(),
        "{}",
        fills.text
    );
    assert!(
        of("gateway")
            .iter()
            .all(|fill| fill["order_id"] == mine.as_str())
    );
    assert!(!fills.text.contains(&theirs));
    let first = of("gateway")[0];
    assert_eq!(first["venue"], VENUE);
    assert_eq!(
        (&first["side"], &first["liquidity"]),
        (&json!("buy"), &json!("taker"))
    );
    assert!(first["fee"].is_string() && first["fee_asset"].is_string() && first["at"].is_string());
    // The external order's id leads to the order.
    let id = of("external")[0]["order_id"].as_str().unwrap().to_owned();
    let found = app.viewer().order(&id).await.expect(200);
    assert_eq!(found["origin"], "external");
    let stranger = app
        .other_trader()
        .get(&format!("/v1/fills?order_id={mine}"))
        .await;
    stranger.expect_problem(404, "order-not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn fills_of_an_order_whose_fate_is_open_are_not_taken_for_a_strangers() {
    let app = TestApp::start().await;
    // Its answer is lost, and so are the first lookups: its id at the venue is not known here.
    app.next_placement(FaultAction::ExecuteThenDrop);
    app.fault("GET", "/api/v3/order", 2, FaultAction::DropBefore);
    let pending = app
        .other_trader()
        .place(&market_order("0.02"))
        .await
        .expect(202);
    assert_eq!(pending["state"], "PENDING_NEW");
    let path = "/v1/fills?venue=sim&symbol=BTC/USDT";
    let while_open = app.viewer().get(path).await.expect(200);
    assert_eq!(while_open.items().len(), 0, "{}", while_open.text);
    app.becomes(&app.other_trader(), &pending.id(), "FILLED")
        .await;
    let after = app.viewer().get(path).await.expect(200);
    assert_eq!((after.items().len(), &after["complete"]), (0, &json!(true)));
    let theirs = app.other_trader().get(path).await.expect(200);
    assert_eq!(theirs.items()[0]["order_id"], pending.id().as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_fills_and_of_venue_history_show_each_once() {
    let app = TestApp::start().await;
    for _ in 0..7 {
        app.trader().place(&market_order("0.001")).await.expect(201);
    }
    for what in ["fills", "orders"] {
        let source = if what == "orders" {
            "&source=venue"
        } else {
            ""
        };
        let path = format!("/v1/{what}?venue=sim&symbol=BTC/USDT{source}");
        let all = app.viewer().get(&path).await.expect(200);
        assert!(
            all.items().len() >= 7 && all["next_cursor"].is_null(),
            "{}",
            all.text
        );
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app
                .viewer()
                .get(&format!("{path}&limit=3{cursor}"))
                .await
                .expect(200);
            assert!(page.items().len() <= 3);
            seen.extend(page.items().to_vec());
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, all.items(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fills_are_asked_for_by_venue_or_by_order() {
    let app = TestApp::start().await;
    for (path, field) in [
        ("/v1/fills", "venue"),
        ("/v1/fills?order_id=x&venue=sim", "venue"),
        ("/v1/fills?order_id=x&symbol=BTC/USDT", "symbol"),
        ("/v1/fills?venue=sim&symbol=BTC/USDT&limit=0", "limit"),
        (
            "/v1/fills?venue=sim&symbol=BTC/USDT&cursor=nonsense",
            "cursor",
        ),
        (
            "/v1/fills?venue=sim&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "to",
        ),
    ] {
        let refused = app.viewer().get(path).await;
        let refused = refused.expect_problem(400, "malformed-request");
        assert_eq!(refused.fields_at_fault(), [field], "{path}");
    }
    let refused = app.viewer().get("/v1/fills?venue=sim").await;
    let refused = refused.expect_problem(422, "invalid-request");
    assert_eq!(refused.fields_at_fault(), ["symbol"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn candles_come_oldest_first_and_exact() {
    let app = TestApp::start().await;
    let path = "/v1/candles?venue=sim&symbol=BTC/USDT";
    let candles = app
        .viewer()
        .get(&format!("{path}&limit=5"))
        .await
        .expect(200);
    assert_eq!(
        (&candles["interval"], &candles["venue"]),
        (&json!("1m"), &json!(VENUE))
    );
    assert!((1..=5).contains(&candles.items().len()), "{}", candles.text);
    let opened: Vec<&str> = candles
        .items()
        .iter()
        .map(|candle| candle["opened_at"].as_str().unwrap())
        .collect();
    assert!(
        opened.windows(2).all(|pair| pair[0] < pair[1]),
        "{opened:?}"
    );
    for field in ["open", "high", "low", "close", "volume", "quote_volume"] {
        assert!(candles.items()[0][field].is_string(), "{field}");
    }
    let ranged = app
        .viewer()
        .get(&format!("{path}&interval=1m&from={}", opened[1]))
        .await;
    assert_eq!(ranged.expect(200).items()[0]["opened_at"], opened[1]);
    let refused = app.viewer().get(&format!("{path}&interval=7m")).await;
    let refused = refused.expect_problem(400, "malformed-request");
    assert_eq!(refused.fields_at_fault(), ["interval"]);
    assert!(refused.text.contains("15m"), "{}", refused.text);
}

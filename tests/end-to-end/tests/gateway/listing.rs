//! Finding orders again: by ids, state, date, label, page by page, and from the venue itself.

use rust_decimal::Decimal;
use serde_json::json;
use switchyard_end_to_end::{TestApp, VENUE, eventually, limit_order};

/// Places as many orders as wanted and gives their ids, oldest first.
async fn placed(app: &TestApp, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for place in 0..count {
        let price = (50_000 + place).to_string();
        ids.push(
            app.trader()
                .place(&limit_order("0.001", &price))
                .await
                .expect(201)
                .id(),
        );
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_by_their_ids() {
    let app = TestApp::start().await;
    let ids = placed(&app, 4).await;
    let wanted = format!("/v1/orders?ids={},{},nosuchorder", ids[2], ids[0]);
    let listed = app.viewer().get(&wanted).await.expect(200);
    assert_eq!(listed.ids(), [ids[0].as_str(), &ids[2]]);
    assert_eq!(listed["next_cursor"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_by_state_symbol_and_label() {
    let app = TestApp::start().await;
    let ids = placed(&app, 3).await;
    app.trader().cancel(&ids[1]).await.expect(200);
    let mut other = json!({"venue": VENUE, "symbol": "ETH/USDT", "side": "sell", "type": "limit", "quantity": "1", "price": "3300"});
    other["client_order_id"] = json!("hedge:7");
    let other = app.trader().place(&other).await.expect(201).id();

    for (query, wanted) in [
        ("state=CANCELED", vec![&ids[1]]),
        ("state=NEW", vec![&ids[0], &ids[2], &other]),
        (
            "state=NEW,CANCELED&symbol=BTC/USDT",
            vec![&ids[0], &ids[1], &ids[2]],
        ),
        ("symbol=ETH/USDT", vec![&other]),
        ("client_order_id=hedge:7", vec![&other]),
        ("client_order_id=hedge", vec![]),
        ("venue=sim&state=FILLED", vec![]),
    ] {
        let listed = app
            .viewer()
            .get(&format!("/v1/orders?{query}"))
            .await
            .expect(200);
        assert_eq!(listed.ids(), wanted, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_range_includes_its_start_and_excludes_its_end() {
    let app = TestApp::start().await;
    let ids = placed(&app, 3).await;
    let all = app.viewer().get("/v1/orders").await.expect(200);
    let created = |place: usize| {
        all.items()[place]["created_at"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let middle = format!("/v1/orders?from={}&to={}", created(1), created(2));
    assert_eq!(
        app.viewer().get(&middle).await.expect(200).ids(),
        [ids[1].as_str()]
    );
    let last = format!("/v1/orders?from={}", created(2));
    assert_eq!(
        app.viewer().get(&last).await.expect(200).ids(),
        [ids[2].as_str()]
    );
    let first = format!("/v1/orders?to={}", created(1));
    assert_eq!(
        app.viewer().get(&first).await.expect(200).ids(),
        [ids[0].as_str()]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_every_order_once() {
    let app = TestApp::start().await;
    let ids = placed(&app, 7).await;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let more = cursor
            .map(|cursor| format!("&cursor={cursor}"))
            .unwrap_or_default();
        let page = app
            .viewer()
            .get(&format!("/v1/orders?limit=3{more}"))
            .await
            .expect(200);
        seen.extend(page.ids().into_iter().map(str::to_owned));
        pages += 1;
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
        assert_eq!(page.items().len(), 3);
    }
    assert_eq!((seen, pages), (ids, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn instruments_are_paged_too_and_say_what_they_allow() {
    let app = TestApp::start().await;
    let all = app.viewer().get("/v1/instruments").await.expect(200);
    assert_eq!(all.items().len(), 12);
    let (mut symbols, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let more = cursor
            .map(|cursor| format!("&cursor={cursor}"))
            .unwrap_or_default();
        let page = app
            .viewer()
            .get(&format!("/v1/instruments?limit=5{more}"))
            .await
            .expect(200);
        symbols.extend(page.items().iter().map(|item| item["symbol"].clone()));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<_> = all
        .items()
        .iter()
        .map(|item| item["symbol"].clone())
        .collect();
    assert_eq!(symbols, expected);
    let btc = app
        .viewer()
        .get("/v1/instruments?symbol=BTC/USDT")
        .await
        .expect(200);
    let [btc] = btc.items() else {
        panic!("{}", btc.text)
    };
    assert_eq!(btc["product"], "spot");
    assert_eq!(btc["price"]["step"], "0.01");
    assert_eq!(btc["quantity"]["step"], "0.00001");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_venue_itself_lists_orders_that_other_clients_placed() {
    let app = TestApp::start().await;
    let own = app
        .trader()
        .place(&limit_order("0.001", "50000"))
        .await
        .expect(201)
        .id();
    let foreign = app
        .other_client()
        .place("someone-else-1", "0.002", "49000.00")
        .await;
    let not_ours = app
        .other_trader()
        .place(&limit_order("0.001", "48000"))
        .await
        .expect(201)
        .id();

    let path = "/v1/orders?source=venue&venue=sim&symbol=BTC/USDT";
    let listed = app.viewer().get(path).await.expect(200);
    assert_eq!(listed["complete"], true, "{}", listed.text);
    let origin = |client: &str| {
        let found = listed
            .items()
            .iter()
            .find(|order| order["id"] == client || order["client_order_id"] == client);
        found.map(|order| order["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(origin(&own).as_deref(), Some("gateway"));
    assert_eq!(origin("someone-else-1").as_deref(), Some("external"));
    assert_eq!(
        origin(&not_ours),
        None,
        "another tenant's order: {}",
        listed.text
    );

    // The id a list gave leads to the order.
    let external = listed
        .items()
        .iter()
        .find(|order| order["origin"] == "external")
        .unwrap();
    let read = app
        .viewer()
        .order(external["id"].as_str().unwrap())
        .await
        .expect(200);
    assert_eq!(read["origin"], "external");
    assert_eq!(read["quantity"], "0.002");
    assert_eq!(read["price"], "49000");
    assert_eq!(read["venue_order_id"], foreign["orderId"].to_string());
    // It is not the gateway's own, so it is not in the journal's list.
    assert_eq!(
        app.viewer().get("/v1/orders").await.expect(200).ids(),
        [own.as_str()]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_lists_by_instrument_only_asks_for_one() {
    let app = TestApp::start().await;
    let refused = app.viewer().get("/v1/orders?source=venue&venue=sim").await;
    let refused = refused.expect_problem(422, "invalid-request");
    assert_eq!(refused.fields_at_fault(), ["symbol"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_beyond_what_the_venue_remembers_is_not_called_complete() {
    let app = TestApp::start().await;
    let path = "/v1/orders?source=venue&venue=sim&symbol=BTC/USDT&from=2020-01-01T00:00:00Z&to=2020-01-01T12:00:00Z";
    let listed = app.viewer().get(path).await.expect(200);
    assert_eq!(listed["complete"], false, "{}", listed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn balances_prices_and_books_come_from_the_venue() {
    let app = TestApp::start().await;
    let balances = app.viewer().get("/v1/balances").await.expect(200);
    let usdt = balances
        .items()
        .iter()
        .find(|item| item["asset"] == "USDT")
        .unwrap();
    assert_eq!(usdt["free"], "1000000");

    let tickers = app
        .viewer()
        .get("/v1/tickers?symbol=BTC/USDT,ETH/USDT")
        .await
        .expect(200);
    let symbols: Vec<_> = tickers
        .items()
        .iter()
        .map(|t| t["symbol"].as_str().unwrap())
        .collect();
    assert_eq!(symbols, ["BTC/USDT", "ETH/USDT"]);

    let book = app
        .viewer()
        .get("/v1/orderbook?symbol=BTC/USDT&limit=5")
        .await
        .expect(200);
    let best =
        |side: &str| -> Decimal { book[side][0]["price"].as_str().unwrap().parse().unwrap() };
    assert!(best("bids") < best("asks"), "{}", book.text);
    assert_eq!(book["bids"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_fill_reaches_the_list_once_the_order_was_read() {
    let app = TestApp::start().await;
    let ids = placed(&app, 1).await;
    app.sim
        .control()
        .set_mid("BTCUSDT", Decimal::from(49_000))
        .unwrap();
    eventually("the list has the fill", || async {
        app.viewer().order(&ids[0]).await.expect(200);
        let listed = app
            .viewer()
            .get("/v1/orders?state=FILLED")
            .await
            .expect(200);
        if listed.ids() == [ids[0].as_str()] {
            Ok(())
        } else {
            Err(listed.text)
        }
    })
    .await;
}

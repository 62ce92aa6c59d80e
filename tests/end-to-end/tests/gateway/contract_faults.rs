//! What is lost on the way to a futures market, and the conditional orders of other clients there.

use serde_json::{Value, json};
use switchyard_end_to_end::{TestApp, VenueClient};
use switchyard_venue_sim::{ExecutionFate, FaultAction};

use crate::products::{ALL, get, limit, number};

#[tokio::test(flavor = "multi_thread")]
async fn an_amend_in_place_that_is_lost_is_found_out_on_contracts_too() {
    let app = TestApp::with_futures().await;
    for traded in ALL
        .iter()
        .filter(|t| ["BTC/USDT:USDT", "BTC/USD:BTC"].contains(&t.symbol))
    {
        for fault in [
            FaultAction::ExecuteThenDrop,
            FaultAction::UnknownOutcome {
                status: 503,
                execution: ExecutionFate::Executed,
            },
        ] {
            let id = app.trader().place(&limit(traded)).await.expect(201).id();
            app.fault("PUT", traded.path, 1, fault);
            let change = json!({"price": traded.other_price});
            let pending = app.trader().amend(&id, &change).await.expect(202);
            assert_eq!(pending["state"], "PENDING_REPLACE");
            let found = app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
            assert_eq!(number(&found["price"]), traded.other_price.parse().unwrap());
            app.trader().cancel(&id).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_is_lost_is_found_out_on_contracts_too() {
    let app = TestApp::with_futures().await;
    for traded in ALL
        .iter()
        .filter(|t| ["BTC/USDT:USDT", "BTC/USD:BTC"].contains(&t.symbol))
    {
        app.fault("POST", traded.path, 1, FaultAction::ExecuteThenDrop);
        let pending = app.trader().place(&limit(traded)).await.expect(202);
        assert_eq!(pending["state"], "PENDING_NEW");
        let id = pending.id();
        app.becomes_by_itself(&app.viewer(), &id, "NEW").await;
        let sent = app.seen("POST", traded.path).len();
        assert_eq!(sent, 1, "it was sent once");
    }
}

/// Places a conditional order of another client of the account.
async fn conditional(client: &VenueClient, path: &str, symbol: &str, quantity: &str) -> Value {
    let query = format!(
        "symbol={symbol}&side=SELL&algoType=CONDITIONAL&type=STOP_MARKET&triggerPrice=40000&quantity={quantity}"
    );
    client.signed(reqwest::Method::POST, path, &query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_orders_of_other_clients_are_seen_and_cancelled_with_everything_else() {
    let app = TestApp::with_futures().await;
    for (traded, path, name) in [
        (&ALL[3], "/fapi/v1/algoOrder", "BTCUSDT"),
        (&ALL[10], "/dapi/v1/algoOrder", "BTCUSD_PERP"),
    ] {
        let mine = app.trader().place(&limit(traded)).await.expect(201).id();
        conditional(&app.other_client(), path, name, traded.quantity).await;
        let active = format!("/v1/orders/active?venue=sim&symbol={}", traded.symbol);
        let open = get(&app, &active).await;
        assert_eq!(open.items().len(), 2, "{}", open.text);
        let mut external = open
            .items()
            .iter()
            .filter(|order| order["origin"] == "external");
        let stop = external.next().unwrap();
        assert_eq!(stop["type"], "other");
        let found = app
            .viewer()
            .order(stop["id"].as_str().unwrap())
            .await
            .expect(200);
        assert_eq!(found["venue_order_id"], stop["venue_order_id"]);

        let own = app
            .trader()
            .delete("/v1/orders?venue=sim")
            .await
            .expect(200);
        assert_eq!(own.ids(), [mine.as_str()], "one's own only");
        assert_eq!(get(&app, &active).await.items().len(), 1);
        app.trader().place(&limit(traded)).await.expect(201);
        let all = app
            .operator()
            .delete("/v1/orders?venue=sim&scope=account")
            .await;
        let all = all.expect(200);
        assert_eq!(all["failures"], json!([]));
        let gone = all.items().iter().find(|order| order["id"] == stop["id"]);
        assert_eq!(gone.unwrap()["state"], "CANCELED", "{}", all.text);
        assert_eq!(get(&app, &active).await.items().len(), 0);
    }
}

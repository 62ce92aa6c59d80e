//! Amends of partly filled orders where the venue can only replace them: the rest is cancelled, the final
//! fill read, and what is left placed anew.

use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{TestApp, eventually, eventually_within, limit_order};
use switchyard_venue_sim::FaultAction;

/// An order between the best bid and the best ask, of which half is filled.
async fn half_filled(app: &TestApp) -> (String, Decimal) {
    let book = app
        .viewer()
        .get("/v1/orderbook?venue=sim&symbol=BTC/USDT")
        .await;
    let best =
        |side: &str| -> Decimal { book[side][0]["price"].as_str().unwrap().parse().unwrap() };
    let price = ((best("bids") + best("asks")) / Decimal::TWO).round_dp(2);
    assert!(
        best("bids") < price && price < best("asks"),
        "{}",
        book.text
    );
    let placed = app
        .trader()
        .place(&limit_order("0.02", &price.to_string()))
        .await;
    let id = placed.expect(201).id();
    app.rival().sell("0.01", &price.to_string()).await;
    (id, price)
}

fn open_quantity(app: &TestApp) -> Vec<(String, Value)> {
    let orders = app.sim.control().executed().into_iter();
    orders
        .filter(|order| order.state == "NEW" || order.state == "PARTIALLY_FILLED")
        .map(|order| (order.client_order_id, json!(order.quantity.to_string())))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_goes_on_at_the_new_price_and_the_fills_add_up() {
    let app = TestApp::start().await;
    let (id, price) = half_filled(&app).await;
    let change = json!({"quantity": "0.03", "price": "55000"});
    let amended = app.trader().amend(&id, &change).await.expect(200);
    assert_eq!(amended["state"], "PARTIALLY_FILLED");
    assert_eq!(
        amended["quantity"], "0.03",
        "the total, what is filled included"
    );
    assert_eq!(amended["filled_quantity"], "0.01");
    assert_eq!(amended["price"], "55000");
    let open = open_quantity(&app);
    assert_eq!(open.len(), 1);
    assert!(open[0].0.starts_with(&id) && open[0].0 != id, "{open:?}");
    // What is left fills: the order is filled, at the average of both legs.
    app.sim
        .control()
        .set_mid("BTCUSDT", Decimal::from(54_000))
        .unwrap();
    let filled = app.trader().order(&id).await.expect(200);
    assert_eq!(filled["state"], "FILLED");
    assert_eq!(filled["filled_quantity"], "0.03");
    let second = Decimal::from(55_000);
    let average = (price + second + second) / Decimal::from(3);
    let shown: Decimal = filled.text_of("average_price").parse().unwrap();
    assert!(
        (shown - average).abs() < Decimal::new(1, 6),
        "{shown} {average}"
    );
    // Its fills are of one order, whatever the venue called its legs.
    let fills = app
        .viewer()
        .get(&format!("/v1/fills?order_id={id}"))
        .await
        .expect(200);
    let traded: Decimal = fills
        .items()
        .iter()
        .map(|fill| {
            fill["quantity"]
                .as_str()
                .unwrap()
                .parse::<Decimal>()
                .unwrap()
        })
        .sum();
    assert_eq!(traded, Decimal::new(3, 2));
    assert!(
        fills
            .items()
            .iter()
            .all(|fill| fill["order_id"] == id.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_total_of_a_partly_filled_order_is_reduced_in_place() {
    let app = TestApp::start().await;
    let (id, _) = half_filled(&app).await;
    let amended = app
        .trader()
        .amend(&id, &json!({"quantity": "0.015"}))
        .await
        .expect(200);
    assert_eq!(amended["quantity"], "0.015");
    assert_eq!(amended["filled_quantity"], "0.01");
    assert_eq!(open_quantity(&app), [(id, json!("0.015"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_that_is_filled_already_is_refused() {
    let app = TestApp::start().await;
    let (id, _) = half_filled(&app).await;
    app.trader().order(&id).await.expect(200);
    let refused = app.trader().amend(&id, &json!({"quantity": "0.01"})).await;
    let refused = refused.expect_problem(422, "invalid-request");
    assert_eq!(refused.fields_at_fault(), ["quantity"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_that_could_not_be_placed_leaves_the_order_alone() {
    let app = TestApp::start().await;
    let (id, _) = half_filled(&app).await;
    app.trader().order(&id).await.expect(200);
    // 0.00005 at 55000 are worth 2.75, below what the venue takes.
    let change = json!({"quantity": "0.01005", "price": "55000"});
    let refused = app.trader().amend(&id, &change).await;
    refused.expect_problem(422, "invalid-request");
    let read = app.trader().order(&id).await.expect(200);
    assert_eq!(read["state"], "PARTIALLY_FILLED");
    assert_eq!(open_quantity(&app).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_whose_placement_is_lost_is_found_by_its_own_id_and_not_sent_again() {
    let app = TestApp::start().await;
    let (id, _) = half_filled(&app).await;
    let sent = app.placements_seen();
    app.trader().order(&id).await.expect(200);
    app.next_placement(FaultAction::ExecuteThenDrop);
    let change = json!({"price": "55000"});
    let pending = app.trader().amend(&id, &change).await.expect(202);
    assert_eq!(pending["state"], "PENDING_REPLACE");
    let found = app
        .becomes_by_itself(&app.viewer(), &id, "PARTIALLY_FILLED")
        .await;
    assert_eq!(found["price"], "55000");
    assert_eq!(app.placements_seen(), sent + 1);
    assert_eq!(open_quantity(&app).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_the_old_leg_that_is_lost_places_nothing_until_it_is_known() {
    let app = TestApp::start().await;
    let (id, _) = half_filled(&app).await;
    app.next_cancel(FaultAction::ExecuteThenDrop);
    let change = json!({"price": "55000"});
    let amended = app.trader().amend(&id, &change).await.expect(200);
    assert_eq!(amended["price"], "55000");
    assert_eq!(amended["filled_quantity"], "0.01");
    assert_eq!(open_quantity(&app).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_that_could_not_go_out_is_not_called_worth_another_try() {
    let app = TestApp::start().await;
    let (id, _) = half_filled(&app).await;
    app.trader().order(&id).await.expect(200);
    let too_many = FaultAction::Status {
        status: 400,
        retry_after: None,
        body: Some(json!({"code": -1015, "msg": "Too many new orders."}).to_string()),
    };
    app.next_placement(too_many);
    let change = json!({"price": "55000"});
    let refused = app.trader().amend(&id, &change).await;
    let refused = refused.expect_problem(409, "not-amendable");
    assert_eq!(refused["retryable"], false, "the order is gone");
    assert!(refused.text_of("detail").contains("the order is over"));
    assert_eq!(refused.header("retry-after"), None);
    let read = app.trader().order(&id).await.expect(200);
    assert_eq!(read["state"], "CANCELED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_can_be_replaced_again_and_again_and_stays_one_order() {
    let app = TestApp::start().await;
    let (id, first) = half_filled(&app).await;
    for price in ["55000", "54000", "53000", "52000"] {
        let change = json!({"price": price});
        let amended = app.trader().amend(&id, &change).await.expect(200);
        assert_eq!(
            (&amended["price"], &amended["filled_quantity"]),
            (&json!(price), &json!("0.01"))
        );
        assert_eq!(open_quantity(&app).len(), 1);
    }
    let average: Decimal = app.trader().order(&id).await["average_price"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(average, first);
    let canceled = app.trader().cancel(&id).await.expect(200);
    assert_eq!(canceled["filled_quantity"], "0.01");
    assert_eq!(open_quantity(&app).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_that_the_venue_refuses_ends_the_order_with_what_it_traded() {
    let app = TestApp::start().await;
    let (id, _) = half_filled(&app).await;
    let refusal = FaultAction::Status {
        status: 400,
        retry_after: None,
        body: Some(
            json!({"code": -2010, "msg": "Account has insufficient balance for requested action."})
                .to_string(),
        ),
    };
    app.trader().order(&id).await.expect(200);
    app.next_placement(refusal);
    let refused = app.trader().amend(&id, &json!({"price": "55000"})).await;
    refused.expect_problem(422, "insufficient-funds");
    let read = app.trader().order(&id).await.expect(200);
    assert_eq!(read["state"], "CANCELED");
    assert_eq!(read["filled_quantity"], "0.01");
    assert!(read.text_of("reason").starts_with("not-replaced"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_can_surface_no_more_is_given_up_and_not_before() {
    let app = TestApp::start().await;
    // One order that is to be replaced at once, and one whose rest is to be placed: neither request arrives.
    let whole = app
        .trader()
        .place(&limit_order("0.02", "50000"))
        .await
        .expect(201)
        .id();
    let (half, _) = half_filled(&app).await;
    app.trader().order(&half).await.expect(200);
    app.next_placement(FaultAction::DropBefore);
    app.next_placement(FaultAction::DropBefore);
    for id in [&whole, &half] {
        let pending = app
            .trader()
            .amend(id, &json!({"price": "55000"}))
            .await
            .expect(202);
        assert_eq!(pending["state"], "PENDING_REPLACE");
    }
    eventually("the venue was asked again", || async {
        let asked = app.seen("GET", "/api/v3/order").len();
        if asked >= 6 { Ok(()) } else { Err(asked) }
    })
    .await;
    for id in [&whole, &half] {
        let read = app.trader().order(id).await.expect(200);
        assert_eq!(
            read["state"], "PENDING_REPLACE",
            "that it is not seen proves nothing yet"
        );
    }
    // Beyond the request's window, and the time in which it may still surface.
    app.sim.control().step_clock_ms(120_000);
    for (id, state) in [(&whole, "NEW"), (&half, "CANCELED")] {
        eventually_within(
            Duration::from_secs(60),
            "the change is given up",
            || async {
                let read = app.viewer().get(&format!("/v1/orders?ids={id}")).await;
                let order = read.items()[0].clone();
                if order["state"] == state {
                    Ok(())
                } else {
                    Err(order)
                }
            },
        )
        .await;
    }
    let whole = app.trader().order(&whole).await.expect(200);
    assert_eq!(whole["price"], "50000", "it is as it was");
    let half = app.trader().order(&half).await.expect(200);
    assert_eq!(half["filled_quantity"], "0.01");
    assert!(
        half.text_of("reason").starts_with("not-replaced"),
        "{}",
        half.text
    );
}

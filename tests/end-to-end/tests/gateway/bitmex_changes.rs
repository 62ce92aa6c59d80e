//! Changes and cancels at a venue that amends in place, and what is lost or overtaken on the way.

use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use switchyard_end_to_end::{TestApp, eventually, eventually_within};
use switchyard_venue_sim::FaultAction;

use crate::bitmex_faults::{
    KINDS, ORDER, Traded, done_unheard, refused, undone_unheard, was_asked,
};
use crate::products::{get, number};

/// Where everything is cancelled at once.
const ALL_ORDERS: &str = "/api/v1/order/all";

async fn event_kinds(app: &TestApp, id: &str) -> Vec<String> {
    let events = get(app, &format!("/v1/orders/{id}/events")).await;
    let kinds = events.items().iter().map(|event| &event["kind"]);
    kinds
        .map(|kind| kind.as_str().unwrap().to_owned())
        .collect()
}

/// Half of a quantity.
fn half(quantity: &str) -> String {
    let whole: Decimal = quantity.parse().unwrap();
    (whole / Decimal::TWO).normalize().to_string()
}

/// A purchase above the best bid, of which the account itself sells half: BitMEX lets it. The gateway has
/// not looked since.
async fn half_filled(app: &TestApp, traded: &Traded) -> (String, String) {
    let symbol = traded.symbol;
    let book = get(app, &format!("/v1/orderbook?venue=sim&symbol={symbol}")).await;
    let listed = get(app, &format!("/v1/instruments?venue=sim&symbol={symbol}")).await;
    let step = number(&listed.items()[0]["price"]["step"]);
    let price = number(&book["bids"][0]["price"]) + step;
    assert!(price < number(&book["asks"][0]["price"]), "{}", book.text);
    let price = price.normalize().to_string();
    let buy = traded.limit("buy", traded.quantity, &price);
    let id = app.trader().place(&buy).await.expect(201).id();
    let sell = traded.limit("sell", &half(traded.quantity), &price);
    let sold = app.trader().place(&sell).await.expect(201);
    assert_eq!(sold["state"], "FILLED", "{}", sold.text);
    (id, price)
}

/// Lets the market fall below an order, and come back.
fn dip(app: &TestApp, traded: &Traded) {
    let market = app.sim.control();
    let symbol = traded.venue_symbol;
    let mid = market.mid(symbol).unwrap();
    market.set_mid(symbol, Decimal::from(traded.below)).unwrap();
    market.set_mid(symbol, mid).unwrap();
}

/// Waits until so many requests of a kind have arrived.
async fn arrived(app: &TestApp, method: &str, count: usize) {
    eventually("the request has arrived", || async {
        let seen = app.seen(method, ORDER).len();
        if seen == count { Ok(()) } else { Err(seen) }
    })
    .await;
}

fn shows(order: &Value, quantity: &str, price: &str) {
    assert_eq!(
        (&order["quantity"], &order["price"]),
        (&json!(quantity), &json!(price)),
        "{order}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_is_lost_or_unreadable_is_found_and_never_sent_again() {
    let app = TestApp::bitmex().await;
    let mut orders = Vec::new();
    for traded in &KINDS {
        for fault in done_unheard() {
            let id = traded.resting(&app).await;
            app.fault("PUT", ORDER, 1, fault.clone());
            let pending = app.trader().amend(&id, &traded.change()).await.expect(202);
            assert_eq!(pending["state"], "PENDING_REPLACE", "{fault:?}");
            let twice = app.trader().amend(&id, &json!({"price": "1"})).await;
            twice.expect_problem(409, "change-in-flight");
            orders.push((traded, id, pending["venue_order_id"].clone()));
        }
    }
    for (traded, id, venue_id) in &orders {
        let found = app.becomes_by_itself(&app.viewer(), id, "NEW").await;
        shows(&found, traded.more, traded.other);
        assert_eq!(found["venue_order_id"], *venue_id, "changed in place");
    }
    assert_eq!(app.seen("PUT", ORDER).len(), orders.len(), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_not_made_is_given_up_once_it_can_surface_no_more_and_not_before() {
    let app = TestApp::bitmex().await;
    let mut orders = Vec::new();
    for traded in &KINDS {
        for fault in undone_unheard() {
            let id = traded.resting(&app).await;
            app.fault("PUT", ORDER, 1, fault.clone());
            let pending = app.trader().amend(&id, &traded.change()).await.expect(202);
            assert_eq!(pending["state"], "PENDING_REPLACE", "{fault:?}");
            orders.push((traded, id));
        }
    }
    was_asked(&app, orders.len()).await;
    for (_, id) in &orders {
        let read = app.trader().order(id).await.expect(200);
        assert_eq!(read["state"], "PENDING_REPLACE", "that proves nothing yet");
    }
    // Beyond the requests' expiry, and the time in which they may still surface.
    app.sim.control().step_clock_ms(120_000);
    for (traded, id) in &orders {
        let patience = Duration::from_secs(90);
        let order = eventually_within(patience, "the change is given up", || async {
            let listed = get(&app, &format!("/v1/orders?ids={id}")).await;
            let order = listed.items()[0].clone();
            if order["state"] == "NEW" {
                Ok(order)
            } else {
                Err(order)
            }
        })
        .await;
        shows(&order, traded.quantity, traded.price);
        let price: Decimal = traded.price.parse().unwrap();
        assert_eq!(app.truth(id).unwrap().price, Some(price));
        let kinds = event_kinds(&app, id).await;
        assert_eq!(kinds.last().unwrap(), "amend_failed", "{kinds:?}");
    }
    assert_eq!(app.seen("PUT", ORDER).len(), orders.len(), "each once");
    let (traded, id) = &orders[0];
    let again = app.trader().amend(id, &traded.change()).await.expect(200);
    shows(again.json(), traded.more, traded.other);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_venue_refuses_leaves_the_order_and_says_what_is_wrong() {
    let app = TestApp::bitmex().await;
    for traded in &KINDS {
        let id = traded.resting(&app).await;
        let before = app.truth(&id);
        for (message, code, fields) in [
            ("Invalid price tickSize", "invalid-request", vec!["price"]),
            (
                "Order price is below the liquidation price of current long position",
                "invalid-request",
                vec!["price"],
            ),
            ("Invalid leavesQty", "invalid-request", vec!["quantity"]),
            ("Invalid orderQty", "invalid-request", vec!["quantity"]),
            (
                "Account has insufficient Available Balance, 683534 XBt required",
                "insufficient-funds",
                vec![],
            ),
        ] {
            app.fault("PUT", ORDER, 1, refused(400, message));
            let answer = app.trader().amend(&id, &traded.change()).await;
            let problem = answer.expect_problem(422, code);
            assert_eq!(problem.fields_at_fault(), fields, "{message}");
            assert_eq!(
                (&problem["order_id"], &problem["retryable"]),
                (&json!(id), &json!(false))
            );
            let read = app.trader().order(&id).await.expect(200);
            assert_eq!(read["state"], "NEW");
            shows(read.json(), traded.quantity, traded.price);
            assert_eq!(app.truth(&id), before);
        }
    }
    // The venue's own judgement: a hundred bitcoin's worth at a hundredth of margin is what the account has.
    let id = KINDS[0].resting(&app).await;
    let change = json!({"quantity": "100000000"});
    let poor = app.trader().amend(&id, &change).await;
    poor.expect_problem(422, "insufficient-funds");
    let kinds = event_kinds(&app, &id).await;
    assert_eq!(kinds.last().unwrap(), "amend_failed", "{kinds:?}");
    app.trader().cancel(&id).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_right_is_refused_before_it_is_sent() {
    let app = TestApp::bitmex().await;
    for traded in &KINDS {
        let id = traded.resting(&app).await;
        for (change, field) in [
            (json!({"price": format!("{}.001", traded.price)}), "price"),
            (json!({"price": "0"}), "price"),
            (json!({"price": "100000000"}), "price"),
            (json!({"quantity": "0"}), "quantity"),
            (
                json!({"quantity": format!("{}1", "0.00000000")}),
                "quantity",
            ),
        ] {
            let problem = app.trader().amend(&id, &change).await;
            let problem = problem.expect_problem(422, "invalid-request");
            let mut fields = problem.fields_at_fault();
            fields.dedup();
            assert_eq!(fields, [field], "{} {change}", traded.symbol);
        }
        let (half_id, _) = half_filled(&app, traded).await;
        app.trader().order(&half_id).await.expect(200);
        let filled = json!({"quantity": half(traded.quantity)});
        let problem = app.trader().amend(&half_id, &filled).await;
        let problem = problem.expect_problem(422, "invalid-request");
        assert_eq!(problem.fields_at_fault(), ["quantity"], "it is filled");
    }
    assert_eq!(app.seen("PUT", ORDER).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partly_filled_order_is_changed_in_place_and_its_quantity_is_the_total() {
    let app = TestApp::bitmex().await;
    for traded in &KINDS {
        let (id, _) = half_filled(&app, traded).await;
        let before = app.truth(&id).unwrap();
        let amended = app.trader().amend(&id, &traded.change()).await.expect(200);
        shows(amended.json(), traded.more, traded.other);
        let traded_half = half(traded.quantity);
        assert_eq!(
            (&amended["state"], &amended["filled_quantity"]),
            (&json!("PARTIALLY_FILLED"), &json!(traded_half))
        );
        assert_eq!(amended["venue_order_id"], before.venue_order_id);
        let more: Decimal = traded.more.parse().unwrap();
        let truth = app.truth(&id).unwrap();
        assert_eq!(truth.quantity, more * Decimal::from(traded.units));
        let canceled = app.trader().cancel(&id).await.expect(200);
        assert_eq!(
            (&canceled["state"], &canceled["filled_quantity"]),
            (&json!("CANCELED"), &json!(traded_half))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_that_was_overtaken_by_a_fill_ends_the_order_and_is_no_success() {
    let app = TestApp::bitmex().await;
    for traded in &KINDS {
        let (id, _) = half_filled(&app, traded).await;
        // The gateway has not heard of the fill; the venue has nothing left to keep open.
        let change = json!({"quantity": half(traded.quantity)});
        let answer = app.trader().amend(&id, &change).await;
        let problem = answer.expect_problem(409, "not-amendable");
        assert_eq!(problem["retryable"], false);
        let read = app.trader().order(&id).await.expect(200);
        assert_eq!(
            (&read["state"], &read["filled_quantity"]),
            (&json!("CANCELED"), &json!(half(traded.quantity)))
        );
        assert_eq!(app.truth(&id).unwrap().state, "CANCELED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_filled_before_its_change_or_on_the_way_is_not_amendable() {
    let app = TestApp::bitmex().await;
    for (number, traded) in KINDS.iter().enumerate() {
        let before = traded.resting(&app).await;
        dip(&app, traded);
        let early = app.trader().amend(&before, &traded.change()).await;

        let meanwhile = traded.resting(&app).await;
        app.fault("PUT", ORDER, 1, FaultAction::DelayBefore { ms: 500 });
        let (trader, change) = (app.trader(), traded.change());
        let (late, ()) = tokio::join!(trader.amend(&meanwhile, &change), async {
            arrived(&app, "PUT", 2 * number + 2).await;
            dip(&app, traded);
        });

        for (id, answer) in [(before, early), (meanwhile, late)] {
            let problem = answer.expect_problem(409, "not-amendable");
            assert_eq!(
                (&problem["order_id"], &problem["retryable"]),
                (&json!(id), &json!(false))
            );
            let listed = get(&app, &format!("/v1/orders?ids={id}")).await;
            let order = &listed.items()[0];
            assert_eq!(order["state"], "FILLED", "the journal has it already");
            assert_eq!(order["filled_quantity"], traded.quantity);
            assert_eq!(order["price"], traded.price);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_waits_for_a_lost_change_is_made_once_that_is_found() {
    let app = TestApp::bitmex().await;
    let mut ids = Vec::new();
    for traded in &KINDS {
        let id = traded.resting(&app).await;
        app.fault("PUT", ORDER, 1, FaultAction::ExecuteThenDrop);
        app.trader().amend(&id, &traded.change()).await.expect(202);
        let waits = app.trader().cancel(&id).await.expect(202);
        assert_eq!(waits["state"], "PENDING_REPLACE");
        ids.push(id);
    }
    assert_eq!(app.seen("DELETE", ORDER).len(), 0);
    for id in &ids {
        app.becomes_by_itself(&app.viewer(), id, "CANCELED").await;
        assert_eq!(app.truth(id).unwrap().state, "CANCELED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_whose_answer_is_lost_or_unreadable_is_pursued_to_its_end() {
    let app = TestApp::bitmex().await;
    let mut ids = Vec::new();
    let overloaded = refused(
        503,
        "The system is currently overloaded. Please try again later.",
    );
    let faults = done_unheard()
        .into_iter()
        .chain(undone_unheard())
        .chain([overloaded, refused(404, "Not Found")]);
    for (fault, traded) in faults.flat_map(|fault| KINDS.iter().map(move |t| (fault.clone(), t))) {
        let id = traded.resting(&app).await;
        app.fault("DELETE", ORDER, 1, fault.clone());
        let answer = app.trader().cancel(&id).await;
        // It is final as soon as it says so, and not before.
        let state = match answer.status {
            200 => "CANCELED",
            202 => "PENDING_CANCEL",
            _ => panic!("{fault:?} {}", answer.text),
        };
        assert_eq!(answer["state"], state, "{fault:?}");
        ids.push(id);
    }
    for id in &ids {
        app.becomes_by_itself(&app.viewer(), id, "CANCELED").await;
        assert_eq!(app.truth(id).unwrap().state, "CANCELED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_a_fill_overtakes_shows_the_fill() {
    let app = TestApp::bitmex().await;
    for (number, traded) in KINDS.iter().enumerate() {
        let before = traded.resting(&app).await;
        dip(&app, traded);
        let early = app.trader().cancel(&before).await.expect(200);

        let meanwhile = traded.resting(&app).await;
        app.fault("DELETE", ORDER, 1, FaultAction::DelayBefore { ms: 500 });
        let trader = app.trader();
        let (late, ()) = tokio::join!(trader.cancel(&meanwhile), async {
            arrived(&app, "DELETE", 2 * number + 2).await;
            dip(&app, traded);
        });
        for ended in [early, late.expect(200)] {
            assert_eq!(
                (&ended["state"], &ended["filled_quantity"]),
                (&json!("FILLED"), &json!(traded.quantity))
            );
        }
        // It is known to be over: nothing is sent.
        app.trader().cancel(&before).await.expect(200);
        arrived(&app, "DELETE", 2 * number + 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_cancels_the_one_that_is_lost_is_pursued_and_a_filled_order_is_no_failure() {
    let app = TestApp::bitmex().await;
    let mut ids = Vec::new();
    for traded in &KINDS {
        ids.push(traded.resting(&app).await);
    }
    dip(&app, &KINDS[1]);
    app.fault("DELETE", ORDER, 1, FaultAction::ExecuteThenDrop);
    let canceled = app.trader().delete("/v1/orders?venue=sim").await;
    let canceled = canceled.expect(202);
    assert_eq!(canceled.ids(), ids);
    assert_eq!(canceled["failures"], json!([]));
    let open = canceled.items().iter();
    let open = open.filter(|order| order["state"] == "PENDING_CANCEL");
    assert!(open.count() <= 1, "{}", canceled.text);
    for (id, traded) in ids.iter().zip(&KINDS) {
        let is_filled = traded.symbol == KINDS[1].symbol;
        let state = if is_filled { "FILLED" } else { "CANCELED" };
        app.becomes_by_itself(&app.viewer(), id, state).await;
        assert_eq!(app.truth(id).unwrap().state, state);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_everything_that_is_lost_or_unreadable_still_cancels_the_gateways_own() {
    let app = TestApp::bitmex().await;
    for fault in done_unheard().into_iter().chain(undone_unheard()) {
        let mut ids = Vec::new();
        for traded in &KINDS {
            ids.push(traded.resting(&app).await);
        }
        app.fault("DELETE", ALL_ORDERS, 1, fault.clone());
        let path = "/v1/orders?venue=sim&scope=account";
        let canceled = app.operator().delete(path).await.expect(202);
        assert_eq!(canceled["failures"][0]["endpoint"], "rest", "{fault:?}");
        for id in &ids {
            app.becomes(&app.viewer(), id, "CANCELED").await;
            assert_eq!(app.truth(id).unwrap().state, "CANCELED", "{fault:?}");
        }
    }
    let (id, path) = (
        KINDS[0].resting(&app).await,
        "/v1/orders?venue=sim&scope=account",
    );
    let heard = app.operator().delete(path).await.expect(200);
    assert_eq!(
        (heard.ids(), &heard["failures"]),
        (vec![id.as_str()], &json!([]))
    );
}

//! A venue of another shape that fails: what its tests share, and placements whose fate is open.

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_end_to_end::{TestApp, VENUE, eventually, eventually_within};
use switchyard_venue_sim::{ExecutionFate, FaultAction, SettingsPatch};

/// Where orders are placed, changed and cancelled.
pub(crate) const ORDER: &str = "/api/v1/order";

/// An instrument with a purchase that rests far below the market.
pub(crate) struct Traded {
    pub(crate) symbol: &'static str,
    pub(crate) venue_symbol: &'static str,
    /// How many of the venue's units are one of the gateway's.
    pub(crate) units: i64,
    pub(crate) quantity: &'static str,
    pub(crate) more: &'static str,
    pub(crate) price: &'static str,
    pub(crate) other: &'static str,
    /// Below both prices.
    pub(crate) below: i64,
}

/// One inverse, one quanto and one linear contract, and a spot pair.
pub(crate) const KINDS: [Traded; 4] = [
    Traded {
        symbol: "BTC/USD:BTC",
        venue_symbol: "XBTUSD",
        units: 1,
        quantity: "200",
        more: "300",
        price: "50000",
        other: "51000",
        below: 49_000,
    },
    Traded {
        symbol: "ETH/USD:BTC",
        venue_symbol: "ETHUSD",
        units: 1,
        quantity: "20",
        more: "30",
        price: "2500",
        other: "2600",
        below: 2_400,
    },
    Traded {
        symbol: "BTC/USDT:USDT",
        venue_symbol: "XBTUSDT",
        units: 1_000_000,
        quantity: "0.02",
        more: "0.03",
        price: "50000",
        other: "51000",
        below: 49_000,
    },
    Traded {
        symbol: "BTC/USDT",
        venue_symbol: "XBT_USDT",
        units: 1,
        quantity: "0.02",
        more: "0.03",
        price: "50000",
        other: "51000",
        below: 49_000,
    },
];

impl Traded {
    pub(crate) fn limit(&self, side: &str, quantity: &str, price: &str) -> Value {
        json!({
            "venue": VENUE, "symbol": self.symbol, "side": side, "type": "limit",
            "quantity": quantity, "price": price,
        })
    }

    pub(crate) fn order(&self) -> Value {
        self.limit("buy", self.quantity, self.price)
    }

    /// Another quantity at another price.
    pub(crate) fn change(&self) -> Value {
        json!({"quantity": self.more, "price": self.other})
    }

    pub(crate) async fn resting(&self, app: &TestApp) -> String {
        app.trader().place(&self.order()).await.expect(201).id()
    }
}

/// An answer that the venue gives without doing anything.
pub(crate) fn answered(status: u16, body: &str) -> FaultAction {
    FaultAction::Status {
        status,
        retry_after: None,
        body: Some(body.to_owned()),
    }
}

/// The same in the venue's own form.
pub(crate) fn refused(status: u16, message: &str) -> FaultAction {
    answered(
        status,
        &json!({"error": {"message": message, "name": "HTTPError"}}).to_string(),
    )
}

/// Faults after which the venue has done what it was asked, and the gateway cannot know.
pub(crate) fn done_unheard() -> [FaultAction; 5] {
    [
        FaultAction::ExecuteThenDrop,
        FaultAction::TruncatedBody,
        FaultAction::GarbageBody { bytes: 300 },
        FaultAction::UnknownOutcome {
            status: 500,
            execution: ExecutionFate::Executed,
        },
        FaultAction::UnknownOutcome {
            status: 504,
            execution: ExecutionFate::Late { ms: 1_500 },
        },
    ]
}

/// Faults after which it has not, and the gateway cannot know that either.
pub(crate) fn undone_unheard() -> [FaultAction; 6] {
    [
        FaultAction::DropBefore,
        FaultAction::HtmlErrorPage { status: 503 },
        answered(200, ""),
        answered(500, ""),
        refused(500, "Server Error"),
        // The text of an overload means that nothing was done with status 503 only.
        refused(502, "The system is currently overloaded."),
    ]
}

/// Waits until the venue was asked this often about orders.
pub(crate) async fn was_asked(app: &TestApp, times: usize) {
    eventually("the venue was asked", || async {
        let asked = app.seen("GET", ORDER).len();
        if asked >= times { Ok(()) } else { Err(asked) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_whose_answer_is_lost_or_unreadable_is_found_and_never_sent_again() {
    for traded in &KINDS {
        let app = TestApp::bitmex().await;
        let mut ids = Vec::new();
        for fault in done_unheard() {
            app.fault("POST", ORDER, 1, fault.clone());
            let pending = app.trader().place(&traded.order()).await.expect(202);
            assert_eq!(pending["state"], "PENDING_NEW", "{fault:?}");
            ids.push(pending.id());
        }
        for id in &ids {
            let found = app.becomes_by_itself(&app.viewer(), id, "NEW").await;
            let truth = app.truth(id).unwrap();
            assert_eq!(found["venue_order_id"], truth.venue_order_id);
            assert_eq!(truth.client_id_accepted, 1);
        }
        assert_eq!(app.seen("POST", ORDER).len(), ids.len(), "each once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_was_not_made_and_may_have_been_is_neither_claimed_nor_sent_again() {
    let app = TestApp::bitmex().await;
    let mut ids = Vec::new();
    for (fault, traded) in undone_unheard().into_iter().zip(KINDS.iter().cycle()) {
        app.fault("POST", ORDER, 1, fault.clone());
        let pending = app.trader().place(&traded.order()).await.expect(202);
        assert_eq!(pending["state"], "PENDING_NEW", "{fault:?}");
        ids.push(pending.id());
    }
    was_asked(&app, 2 * ids.len()).await;
    for id in &ids {
        let read = app.trader().order(id).await.expect(200);
        assert!(
            ["PENDING_NEW", "REJECTED"].contains(&read.text_of("state").as_str()),
            "{}",
            read.text
        );
    }
    assert_eq!(app.seen("POST", ORDER).len(), ids.len());
    assert_eq!(app.sim.control().executed(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waited_in_the_venues_queue_beyond_its_expiry_is_still_found() {
    let app = TestApp::bitmex().await;
    let late = FaultAction::ExecuteLate {
        ms: 4_000,
        drop_after_ms: 0,
    };
    let mut ids = Vec::new();
    for traded in &KINDS {
        app.fault("POST", ORDER, 1, late.clone());
        ids.push(app.trader().place(&traded.order()).await.expect(202).id());
    }
    // Their expiry is over by the venue's own clock before one of them is executed.
    app.sim.control().step_clock_ms(30_000);
    for id in &ids {
        let early = app.trader().order(id).await.expect(200);
        assert_eq!(early["state"], "PENDING_NEW", "a miss proves nothing");
    }
    for id in &ids {
        app.becomes_by_itself(&app.viewer(), id, "NEW").await;
        assert_eq!(app.truth(id).unwrap().client_id_accepted, 1);
    }
    assert_eq!(app.seen("POST", ORDER).len(), ids.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_that_lag_neither_lose_a_change_nor_take_one_back() {
    let app = TestApp::bitmex().await;
    app.sim.control().settings(SettingsPatch {
        lookup_lag_ms: Some(2_500),
        ..SettingsPatch::default()
    });
    let viewer = app.viewer();
    let mut orders = Vec::new();
    for traded in &KINDS {
        app.fault("POST", ORDER, 1, FaultAction::ExecuteThenDrop);
        let id = app.trader().place(&traded.order()).await.expect(202).id();
        orders.push((traded, id));
    }
    for (traded, id) in &orders {
        app.becomes_by_itself(&viewer, id, "NEW").await;
        app.fault("PUT", ORDER, 1, FaultAction::ExecuteThenDrop);
        app.trader().amend(id, &traded.change()).await.expect(202);
        let early = app.trader().order(id).await.expect(200);
        assert_eq!(early["state"], "PENDING_REPLACE", "{}", early.text);
    }
    for (traded, id) in &orders {
        let found = app.becomes_by_itself(&viewer, id, "NEW").await;
        assert_eq!(
            (&found["quantity"], &found["price"]),
            (&json!(traded.more), &json!(traded.other))
        );
        // What was answered is known; the lookup still shows what was before.
        let back = json!({"price": traded.price});
        app.trader().amend(id, &back).await.expect(200);
        let read = app.trader().order(id).await.expect(200);
        assert_eq!(read["price"], traded.price, "{}", read.text);
        app.trader().cancel(id).await.expect(200);
        let read = app.trader().order(id).await.expect(200);
        assert_eq!(read["state"], "CANCELED");
    }
    assert_eq!(app.seen("POST", ORDER).len(), KINDS.len());
    assert_eq!(app.seen("PUT", ORDER).len(), 2 * KINDS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_stops_in_the_middle_of_everything_is_caught_up_with() {
    let mut app = TestApp::bitmex().await;
    let mut ids = Vec::new();
    for traded in &KINDS {
        let id = traded.resting(&app).await;
        app.fault("PUT", ORDER, 1, FaultAction::ExecuteThenDrop);
        app.trader().amend(&id, &traded.change()).await.expect(202);
        app.trader().cancel(&id).await.expect(202); // waits for the change
        app.fault("POST", ORDER, 1, FaultAction::ExecuteThenDrop);
        let lost = app.trader().place(&traded.order()).await.expect(202).id();
        ids.push((id, lost));
    }
    app.sim.shutdown().await;
    app.stop_gateway().await;
    app.sim.restart().await.unwrap();
    app.restart_gateway().await;
    let viewer = app.viewer();
    for (canceled, found) in &ids {
        for (id, state) in [(canceled, "CANCELED"), (found, "NEW")] {
            let patience = Duration::from_secs(40);
            eventually_within(patience, "it is as at the venue", || async {
                let listed = viewer.get(&format!("/v1/orders?ids={id}")).await;
                let order = listed.items()[0].clone();
                if order["state"] == state {
                    Ok(())
                } else {
                    Err(order)
                }
            })
            .await;
            assert_eq!(app.truth(id).unwrap().state, state);
        }
    }
}

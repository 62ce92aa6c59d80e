//! What is sent was made durable before: seen in the gateway's own calls of the system.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::json;
use switchyard_chaos::{MARKETS, Trace, Venues, VolatileFiles};
use switchyard_end_to_end::{GatewayProcess, TRADER, VENUE};
use switchyard_venue_sim::{FaultAction, FaultRule};
use tempfile::TempDir;

struct Traced {
    venues: Venues,
    gateway: GatewayProcess,
    directory: TempDir,
    volatile: VolatileFiles,
}

impl Traced {
    async fn start() -> Self {
        let venues = Venues::start(1).await;
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let lines = "retry.max_retries = 3\nbreaker.minimum_calls = 10000";
        let config = venues.configure(directory.path(), lines);
        let volatile = VolatileFiles::beginning_with(&path("journal.db")).traced(&path("trace"));
        let environment = volatile.environment();
        let mut gateway = GatewayProcess::spawn(&config, &path("gateway.log"), environment);
        gateway.listens().await;
        gateway.ready().await;
        Self {
            venues,
            gateway,
            directory,
            volatile,
        }
    }

    /// Kills the gateway and reads what it did. Every change that a venue saw is in it.
    fn end(self) -> Trace {
        self.gateway.kill();
        let trace = read(self.directory.path());
        assert_eq!(trace.changes_sent().len(), self.venues.changes_seen().len());
        drop(self.volatile);
        trace
    }
}

fn read(directory: &Path) -> Trace {
    Trace::parse(&fs::read_to_string(directory.join("trace")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn before_each_request_that_changes_orders_what_was_decided_is_on_the_disk() {
    let traced = Traced::start().await;
    let trader = traced.gateway.anonymous().with(TRADER);
    for (n, market) in (0..).zip(&MARKETS) {
        let [price, other] = market.resting(n);
        let placed = trader.place(&market.order(price)).await.expect(201).id();
        let change = json!({"price": other.to_string(), "quantity": market.quantities[1]});
        trader.amend(&placed, &change).await.expect(200);
        trader.cancel(&placed).await.expect(200);
    }
    // And where it is stamped and sent a second time.
    let skewed = FaultAction::Status {
        status: 400,
        retry_after: None,
        body: Some(json!({"code": -1021, "msg": "Timestamp is outside."}).to_string()),
    };
    let rule = FaultRule::on("POST", "/api/v3/order").times(1).act(skewed);
    traced.venues.sim(VENUE).control().add_fault(rule);
    let order = MARKETS[0].order(MARKETS[0].resting(9)[0]);
    trader.place(&order).await.expect(201);
    let trace = traced.end();
    let changes = trace.changes_sent().len();
    println!("{changes} requests that change orders");
    assert!(changes >= 3 * MARKETS.len() + 2);
    assert_eq!(trace.sent_without_sync(), [""; 0]);
    assert_eq!(trace.sent_over_unsynced("journal.db-wal"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_orders_at_once_share_syncs_and_none_goes_without() {
    let traced = Traced::start().await;
    let trader = traced.gateway.anonymous().with(TRADER);
    let orders: Vec<_> = (0..10)
        .flat_map(|n| {
            MARKETS
                .iter()
                .map(move |market| market.order(market.resting(n)[0]))
        })
        .collect();
    let placed = join_all(orders.iter().map(|order| trader.place(order))).await;
    for answer in placed {
        answer.expect(201);
    }
    let trace = traced.end();
    assert_eq!(trace.changes_sent().len(), orders.len());
    assert_eq!(trace.sent_without_sync(), [""; 0]);
}

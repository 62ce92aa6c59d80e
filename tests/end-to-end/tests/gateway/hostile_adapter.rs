//! An adapter that does everything wrong, beside a healthy venue on the same gateway.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use switchyard_end_to_end::{
    Answer, Caller, Elsewhere, PlainVenue, TestApp, adapters, eventually, hostile_adapters,
    limit_order,
};
use switchyard_venue_sim::Credentials;

/// The gateway's own limit for one request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);

const SECRET: &str = "plainvenue-secret-9e107d9d372bb6826bd81d3542a419d6";
const API_KEY: &str = "plainvenue-key-e4d909c290d0fb1ca068ffaddf22cbd0";

struct Siege {
    app: TestApp,
    venue: PlainVenue,
    elsewhere: Elsewhere,
    _plugins: tempfile::TempDir,
}

impl Siege {
    /// A gateway with a healthy venue and a hostile one. Its tickers whisper where the other server is.
    async fn start() -> Self {
        let elsewhere = Elsewhere::start().await;
        let whisper = elsewhere.authority();
        Self::whispering(elsewhere, &whisper).await
    }

    async fn whispering(elsewhere: Elsewhere, whisper: &str) -> Self {
        let venue = PlainVenue::start(whisper).await;
        let plugins = tempfile::tempdir().unwrap();
        for (directory, file) in [
            (adapters(), "binance.wasm"),
            (hostile_adapters(), "hostile-adapter.wasm"),
        ] {
            std::fs::copy(directory.join(file), plugins.path().join(file)).unwrap();
        }
        let credentials = Credentials {
            api_key: API_KEY.to_owned(),
            secret: SECRET.to_owned(),
        };
        let app = TestApp::with(|mut config| {
            config.plugins = plugins.path().to_owned();
            config.venue(
                "hostile",
                "hostile-adapter",
                ("rest", &venue.url()),
                Some(&credentials),
            )
        })
        .await;
        Self {
            app,
            venue,
            elsewhere,
            _plugins: plugins,
        }
    }

    async fn ticker(&self, base: &str) -> Answer {
        self.app
            .viewer()
            .get(&format!("/v1/tickers?venue=hostile&symbol={base}/USDT"))
            .await
    }

    async fn place(&self, base: &str) -> Answer {
        self.app.trader().place(&order(base)).await
    }
}

fn order(base: &str) -> Value {
    let mut order = limit_order("1.5", "100.5");
    order["venue"] = json!("hostile");
    order["symbol"] = json!(format!("{base}/USDT"));
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn its_honest_part_works() {
    let siege = Siege::start().await;
    let ticker = siege.ticker("HONEST").await.expect(200);
    assert_eq!(ticker.items()[0]["last"], "100.5");
    let id = siege.place("HONEST").await.expect(201).id();
    assert_eq!(
        siege.app.trader().order(&id).await.expect(200)["state"],
        "NEW"
    );
    assert_eq!(
        siege.app.trader().cancel(&id).await.expect(200)["state"],
        "CANCELED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_misdeed_is_a_typed_error_in_time_and_the_next_call_works() {
    let siege = Siege::start().await;
    for base in [
        "LOOP", "HUNGRY", "TRAP", "STACK", "NONSENSE", "FLOATS", "LIES", "FORGED", "ENDLESS",
        "FLOOD", "MEDDLER",
    ] {
        let started = Instant::now();
        let refused = siege.ticker(base).await;
        assert_eq!(
            refused["code"], "adapter-failed",
            "{base}: {}",
            refused.text
        );
        assert!(
            (500..600).contains(&refused.status),
            "{base}: {}",
            refused.text
        );
        assert!(
            started.elapsed() < REQUEST_DEADLINE,
            "{base} took {:?}",
            started.elapsed()
        );
        assert!(
            !refused.text.contains("wasm"),
            "internals are for the log: {}",
            refused.text
        );
        siege.ticker("HONEST").await.expect(200);
    }
    assert_eq!(
        siege.venue.orders(),
        Vec::<String>::new(),
        "a read places nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_cannot_be_one_is_refused() {
    let siege = Siege::start().await;
    let book = |base: &'static str| {
        let viewer = siege.app.viewer();
        async move {
            viewer
                .get(&format!("/v1/orderbook?venue=hostile&symbol={base}/USDT"))
                .await
        }
    };
    book("HONEST").await.expect(200);
    for base in ["NONSENSE", "FLOATS", "LIES", "CROSSED"] {
        let refused = book(base).await;
        assert_eq!(
            refused["code"], "adapter-failed",
            "{base}: {}",
            refused.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_the_adapter_cannot_read_is_found_and_never_sent_twice() {
    let siege = Siege::start().await;
    let mut ids = Vec::new();
    for base in [
        "LOOP", "HUNGRY", "TRAP", "STACK", "NONSENSE", "FLOATS", "LIES", "INFLATED", "FORGED",
        "SNEAKY",
    ] {
        let placed = siege.place(base).await;
        assert_eq!(placed.status, 202, "{base}: {}", placed.text);
        assert_eq!(placed["state"], "PENDING_NEW", "{base}");
        assert_eq!(placed["filled_quantity"], "0", "{base}");
        ids.push(placed.id());
    }
    for id in &ids {
        let found = siege
            .app
            .becomes_by_itself(&siege.app.viewer(), id, "NEW")
            .await;
        assert_eq!(found["filled_quantity"], "0");
    }
    let mut orders = siege.venue.orders();
    orders.sort();
    ids.sort();
    assert_eq!(orders, ids, "each order was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_escapes_to_where_it_may_not_go() {
    let siege = Siege::start().await;
    for base in [
        "ESCAPEPATH",
        "ESCAPEURL",
        "ESCAPEHOST",
        "ESCAPEUSER",
        "ESCAPEDOTS",
        "ESCAPEALIAS",
        "ESCAPEHEADER",
        "ESCAPEINJECTION",
        "ESCAPESPLIT",
    ] {
        let refused = siege.ticker(base).await;
        assert_eq!(
            refused["code"], "adapter-failed",
            "{base}: {}",
            refused.text
        );
    }
    assert_eq!(siege.elsewhere.requests(), Vec::<String>::new());
    let host = siege.venue.url().replace("http://", "");
    for request in siege.venue.requests() {
        assert!(!request.contains("secret"), "{request}");
        assert!(
            request.ends_with(&host),
            "another host was named: {request}"
        );
    }
    let metrics = siege.app.viewer().get("/metrics").await.expect(200);
    let counted = metrics.text.lines().any(|line| {
        line.contains("refused") && line.contains("venue=\"hostile\"") && line.ends_with(" 9")
    });
    assert!(counted, "each attempt is counted: {}", metrics.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_no_secret_in_its_memory_though_it_signs() {
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    let whisper = format!("{} {}", backwards(SECRET), backwards(API_KEY));
    let siege = Siege::whispering(Elsewhere::start().await, &whisper).await;
    let answer = siege.ticker("SNOOP").await.expect(200);
    let found = &answer.items()[0];
    assert_eq!(found["volume"], "1", "it could sign: {}", answer.text);
    assert_eq!(
        found["high"], "1",
        "it finds what it was told, its API key: {}",
        answer.text
    );
    assert_eq!(
        found["open"], "0",
        "it must not find the secret: {}",
        answer.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chatty_adapter_works_and_is_cut_short() {
    let siege = Siege::start().await;
    siege.ticker("CHATTY").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn healthy_requests_are_served_in_time_while_it_does_its_worst() {
    let siege = Siege::start().await;
    let (viewer, trader) = (siege.app.viewer(), siege.app.trader());
    let started = Instant::now();
    let bad = |caller: Caller, base: &'static str| async move {
        for _ in 0..5 {
            let path = format!("/v1/tickers?venue=hostile&symbol={base}/USDT");
            let answer = caller.get(&path).await;
            assert!(answer.status >= 500, "{base}: {}", answer.text);
        }
    };
    let good = |caller: Caller| async move {
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            let started = Instant::now();
            let placed = caller
                .place(&limit_order("0.001", "50000"))
                .await
                .expect(201);
            caller.cancel(&placed.id()).await.expect(200);
            slowest = slowest.max(started.elapsed());
        }
        slowest
    };
    let besiege = join_all(
        ["LOOP", "HUNGRY", "TRAP", "STACK", "LOOP", "LOOP"].map(|base| bad(viewer.clone(), base)),
    );
    let serve = join_all((0..4).map(|_| good(trader.clone())));
    let (_, slowest) = tokio::join!(besiege, serve);
    for slowest in slowest {
        assert!(slowest < REQUEST_DEADLINE, "{slowest:?}");
    }
    println!("all of it took {:?}", started.elapsed());
    eventually("both venues are up", || async {
        let health = viewer.get("/health").await.expect(200);
        if health["status"] == "ok" {
            Ok(())
        } else {
            Err(health.text)
        }
    })
    .await;
}

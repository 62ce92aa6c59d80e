use switchyard_sdk::Market;
use switchyard_sdk::market::{GetCandles, GetOrderBook};
use switchyard_sdk::testing;
use switchyard_sdk::types::ErrorKind;

use crate::desk::*;

const DAY: u64 = 86_400_000;

#[test]
fn a_ticker_is_two_answers_in_the_instruments_unit() {
    let usdm = [
        r#"{"symbol":"BTCUSDT","lastPrice":"4.00000200","openPrice":"99.00000000","highPrice":"100.00000000",
        "lowPrice":"0.10000000","volume":"8913.30000000","quoteVolume":"15.30000000",
        "closeTime":1499869899040,"count":76}"#,
        r#"{"symbol":"BTCUSDT","bidPrice":"4.00000000","bidQty":"431.00000000","askPrice":"0.00000000",
        "askQty":"0.00000000","time":1589437530011}"#,
    ];
    let coinm = [
        r#"[{"symbol":"BTCUSD_PERP","pair":"BTCUSD","lastPrice":"9651.6","openPrice":"9515.0",
        "highPrice":"9687.0","lowPrice":"9499.5","volume":"494109","baseVolume":"5192.94797687",
        "closeTime":1591256718418,"count":97297}]"#,
        r#"[{"lastUpdateId":1027024,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bidPrice":"9650.1",
        "bidQty":"16","askPrice":"9650.3","askQty":"7","time":1591257300345}]"#,
    ];
    for (endpoint, bodies, volume, quote_volume, bid) in [
        (
            "usdm",
            usdm,
            "8913.30000000",
            Some("15.30000000"),
            "4.00000000",
        ),
        ("coinm", coinm, "494109", None, "9650.1"),
    ] {
        let desk = Desk::on(endpoint);
        let requests = VENUE.encode_get_ticker(&desk.cx(), None).expect("encodes");
        let weights: Vec<_> = requests
            .iter()
            .map(|request| request.costs[0].amount)
            .collect();
        assert_eq!(weights, [1, 2]);
        let answers = bodies.map(|body| testing::response(200, body));
        let ticker = done(VENUE.decode_get_ticker(&desk.cx(), None, &answers));
        assert_eq!(
            (ticker.volume.as_deref(), ticker.quote_volume.as_deref()),
            (Some(volume), quote_volume)
        );
        assert_eq!(ticker.bid.as_deref(), Some(bid));
        assert_eq!(ticker.ask.is_some(), endpoint == "coinm");
        let foreign = answers.map(|mut answer| {
            answer.body = String::from_utf8_lossy(&answer.body)
                .replace("BTCUSD", "ETHUSD")
                .into_bytes();
            answer
        });
        assert_eq!(
            verdict(VENUE.decode_get_ticker(&desk.cx(), None, &foreign)).0,
            ErrorKind::MalformedResponse
        );
    }
}

#[test]
fn a_book_is_asked_for_at_the_next_depth_and_cut() {
    for (endpoint, root) in BOTH {
        let desk = Desk::on(endpoint);
        for (depth, limit, weight) in [
            (1, 5, 2),
            (50, 50, 2),
            (51, 100, 5),
            (500, 500, 10),
            (501, 1_000, 20),
            (5_000, 1_000, 20), // the deepest there is
        ] {
            let request =
                sole(VENUE.encode_get_order_book(&desk.cx(), &GetOrderBook { depth }, None));
            assert_eq!(
                line(&request),
                format!("GET {root}/v1/depth?symbol={}&limit={limit}", desk.symbol())
            );
            assert_eq!(request.costs[0].amount, weight);
        }
        for depth in [0, 5_001] {
            let command = GetOrderBook { depth };
            assert!(
                VENUE
                    .encode_get_order_book(&desk.cx(), &command, None)
                    .is_err()
            );
        }
        let body = r#"{"lastUpdateId":16769853,"symbol":"BTCUSD_PERP","pair":"BTCUSD","E":1591250106370,
            "T":1591250106368,"bids":[["9638.0","431"],["9637.0","1"]],"asks":[["9638.2","12"]]}"#;
        let command = GetOrderBook { depth: 1 };
        let book = done(VENUE.decode_get_order_book(&desk.cx(), &command, None, &ok(body)));
        assert_eq!((book.bids.len(), book.asks.len()), (1, 1));
        assert_eq!(
            (book.at, book.sequence.as_deref()),
            (Some(1_591_250_106_368), Some("16769853"))
        );
    }
}

#[test]
fn candles_weigh_by_their_number() {
    for (endpoint, root) in BOTH {
        let desk = Desk::on(endpoint);
        for (limit, weight) in [(1, 1), (99, 1), (100, 2), (499, 2), (500, 5), (1_000, 5)] {
            let request =
                sole(VENUE.encode_get_candles(&desk.cx(), &candles(None, None, limit), None));
            assert_eq!(
                line(&request),
                format!(
                    "GET {root}/v1/klines?symbol={}&interval=1m&limit={limit}",
                    desk.symbol()
                )
            );
            assert_eq!(request.costs[0].amount, weight);
        }
        for command in [
            candles(Some(5), Some(5), 1),
            candles(None, None, 0),
            candles(None, None, 1_001),
            GetCandles {
                seconds: 1,
                ..candles(None, None, 1)
            },
        ] {
            assert!(
                VENUE
                    .encode_get_candles(&desk.cx(), &command, None)
                    .is_err()
            );
        }
    }
}

#[test]
fn the_oldest_of_a_range_are_asked_for_although_coinm_gives_the_newest() {
    let usdm = Desk::on("usdm");
    let request = sole(VENUE.encode_get_candles(&usdm.cx(), &candles(None, Some(NOW), 5), None));
    assert!(
        request
            .path
            .contains(&format!("startTime=0&endTime={}&limit=5", NOW - 1))
    );
    let coinm = Desk::on("coinm");
    let listed = 1_597_042_800_000_u64;
    let request = sole(VENUE.encode_get_candles(&coinm.cx(), &candles(None, Some(NOW), 5), None));
    assert!(request.path.contains(&format!(
        "startTime={listed}&endTime={}&limit=5",
        listed + 5 * 60_000 - 1
    )));
    // 400 days of days are two pieces.
    let since = NOW - 400 * DAY;
    let command = GetCandles {
        seconds: 86_400,
        ..candles(Some(since), Some(NOW), 1_000)
    };
    let requests = VENUE
        .encode_get_candles(&coinm.cx(), &command, None)
        .expect("encodes");
    assert_eq!(requests.len(), 2);
    assert!(requests[0].path.contains(&format!(
        "startTime={since}&endTime={}&limit=200",
        since + 200 * DAY - 1
    )));
}

#[test]
fn a_coinm_candle_counts_contracts_and_has_no_quote_volume() {
    let linear = r#"[[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",
        1499644799999,"2434.19055334",308,"1756.87402397","28.46694368","17928899.62484339"]]"#;
    let inverse = r#"[[1591258320000,"9640.7","9642.4","9640.6","9642.0","206",1591258379999,"2.13660389",48,
        "119","1.23424865","0"]]"#;
    for (endpoint, body, volume, quote_volume) in [
        ("usdm", linear, "148976.11427815", Some("2434.19055334")),
        ("coinm", inverse, "206", None),
    ] {
        let desk = Desk::on(endpoint);
        let command = candles(None, None, 5);
        let found = done(VENUE.decode_get_candles(&desk.cx(), &command, None, &ok(body)));
        assert_eq!(
            (found[0].volume.as_str(), found[0].quote_volume.as_deref()),
            (volume, quote_volume)
        );
        assert!(found[0].closed);
        // Pieces may overlap in one candle.
        let twice = [testing::response(200, body), testing::response(200, body)];
        let found = done(VENUE.decode_get_candles(&desk.cx(), &command, None, &twice));
        assert_eq!(found.len(), 1);
    }
}

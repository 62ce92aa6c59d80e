use switchyard_sdk::Market;
use switchyard_sdk::market::{GetCandles, GetOrderBook};
use switchyard_sdk::types::ErrorKind;

use crate::desk::*;

#[test]
fn the_venue_tells_the_time() {
    let desk = Desk::everywhere();
    let request = sole(VENUE.encode_get_time(&desk.cx(), None));
    assert_eq!(line(&request), "GET /api/v3/time");
    assert_eq!(costs(&request), [("spot_weight", 1), ("spot_raw", 1)]);
    assert!(request.headers.is_empty() && !request.mutates);
    let responses = ok(r#"{"serverTime":1499827319559}"#);
    assert_eq!(
        done(VENUE.decode_get_time(&desk.cx(), None, &responses)),
        NOW
    );
}

#[test]
fn a_ticker_has_prices_quantities_and_its_time() {
    let desk = Desk::new();
    let request = sole(VENUE.encode_get_ticker(&desk.cx(), None));
    assert_eq!(line(&request), "GET /api/v3/ticker/24hr?symbol=LTCBTC");
    assert_eq!(costs(&request)[0], ("spot_weight", 2));
    let responses = ok(
        r#"{"symbol":"BNBBTC","priceChange":"-94.99999800","priceChangePercent":"-95.960",
        "weightedAvgPrice":"0.29628482","prevClosePrice":"0.10002000","lastPrice":"4.00000200",
        "lastQty":"200.00000000","bidPrice":"4.00000000","bidQty":"100.00000000","askPrice":"4.00000200",
        "askQty":"90.00000000","openPrice":"99.00000000","highPrice":"100.00000000","lowPrice":"0.10000000",
        "volume":"8913.30000000","quoteVolume":"15.30000000","openTime":1499783499040,
        "closeTime":1499869899040,"firstId":28385,"lastId":28460,"count":76}"#,
    );
    let ticker = done(VENUE.decode_get_ticker(&desk.cx(), None, &responses));
    assert_eq!(ticker.symbol, "LTC/BTC");
    assert_eq!(ticker.bid.as_deref(), Some("4.00000000"));
    assert_eq!(ticker.ask_quantity.as_deref(), Some("90.00000000"));
    assert_eq!(ticker.volume.as_deref(), Some("8913.30000000"));
    assert_eq!(ticker.at, Some(1_499_869_899_040));
}

#[test]
fn an_empty_side_of_the_ticker_is_absent_and_not_zero() {
    let desk = Desk::new();
    let responses = ok(
        r#"{"lastPrice":"0.00000000","bidPrice":"0.00000000","bidQty":"0.00000000",
        "askPrice":"1.0","askQty":"2","openPrice":"0","highPrice":"0","lowPrice":"0","volume":"0.00",
        "quoteVolume":"0.00","closeTime":1}"#,
    );
    let ticker = done(VENUE.decode_get_ticker(&desk.cx(), None, &responses));
    assert_eq!(
        (ticker.bid, ticker.bid_quantity, ticker.last, ticker.open),
        (None, None, None, None)
    );
    assert_eq!(ticker.ask.as_deref(), Some("1.0"));
    assert_eq!(ticker.volume.as_deref(), Some("0.00"));
}

#[test]
fn a_book_is_asked_at_the_next_depth_for_its_true_weight_and_cut() {
    let desk = Desk::new();
    for (depth, limit, weight) in [
        (1, 5, 5),
        (5, 5, 5),
        (6, 10, 5),
        (21, 50, 5),
        (100, 100, 5),
        (101, 500, 25),
        (501, 1_000, 50),
        (1_001, 5_000, 250),
        (5_000, 5_000, 250),
    ] {
        let request = sole(VENUE.encode_get_order_book(&desk.cx(), &GetOrderBook { depth }, None));
        assert_eq!(
            line(&request),
            format!("GET /api/v3/depth?symbol=LTCBTC&limit={limit}")
        );
        assert_eq!(costs(&request)[0], ("spot_weight", weight));
    }
    for depth in [0, 5_001] {
        assert!(
            VENUE
                .encode_get_order_book(&desk.cx(), &GetOrderBook { depth }, None)
                .is_err()
        );
    }
    let responses = ok(
        r#"{"lastUpdateId":1027024,"bids":[["4.00000000","431.00000000"],["3.9","1"]],
        "asks":[["4.00000200","12.00000000"],["4.1","1"]]}"#,
    );
    let book =
        done(VENUE.decode_get_order_book(&desk.cx(), &GetOrderBook { depth: 1 }, None, &responses));
    assert_eq!((book.bids.len(), book.asks.len()), (1, 1));
    assert_eq!(book.bids[0].price, "4.00000000");
    assert_eq!(book.asks[0].quantity, "12.00000000");
    assert_eq!(book.sequence.as_deref(), Some("1027024"));
}

fn hours(since: Option<u64>, before: Option<u64>) -> GetCandles {
    GetCandles {
        seconds: 3_600,
        ..candles(since, before, 10)
    }
}

#[test]
fn candles_are_the_newest_without_bounds_and_else_the_oldest() {
    let desk = Desk::new();
    let path = |command| line(&sole(VENUE.encode_get_candles(&desk.cx(), &command, None)));
    let base = "GET /api/v3/klines?symbol=LTCBTC&interval=1h";
    assert_eq!(path(hours(None, None)), format!("{base}&limit=10"));
    assert_eq!(
        path(hours(Some(5), None)),
        format!("{base}&startTime=5&limit=10")
    );
    assert_eq!(
        path(hours(None, Some(9))),
        format!("{base}&startTime=0&endTime=8&limit=10")
    );
    assert_eq!(
        path(hours(Some(5), Some(9))),
        format!("{base}&startTime=5&endTime=8&limit=10")
    );
    for command in [
        hours(Some(9), Some(9)),
        hours(None, Some(0)),
        GetCandles {
            seconds: 61,
            ..hours(None, None)
        },
    ] {
        let error = VENUE
            .encode_get_candles(&desk.cx(), &command, None)
            .expect_err("is refused");
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
    }
}

#[test]
fn a_candle_is_closed_once_its_period_is_over() {
    let desk = Desk::new();
    let kline = |opened: u64, closes: u64| {
        format!(
            r#"[{opened},"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",{closes},
            "2434.19055334",308,"1756.87402397","28.46694368","17928899.62484339"]"#
        )
    };
    let body = format!(
        "[{},{}]",
        kline(1_499_040_000_000, NOW - 1),
        kline(NOW, NOW + 3_599_999)
    );
    let read = done(VENUE.decode_get_candles(&desk.cx(), &hours(None, None), None, &ok(&body)));
    assert_eq!(
        read.iter().map(|candle| candle.closed).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(read[0].opened_at, 1_499_040_000_000);
    assert_eq!(read[0].close, "0.01577100");
    assert_eq!(read[0].quote_volume.as_deref(), Some("2434.19055334"));
    assert_eq!(read[0].trades, Some(308));
    // A kline outside of the range asked for is dropped.
    let read =
        done(VENUE.decode_get_candles(&desk.cx(), &hours(None, Some(NOW)), None, &ok(&body)));
    assert_eq!(read.len(), 1);
}

use switchyard_sdk::Market;
use switchyard_sdk::market::{GetCandles, GetOrderBook};
use switchyard_sdk::types::{ErrorKind, Instrument};

use crate::desk::*;

#[test]
fn the_root_says_the_time() {
    let desk = Desk::everywhere();
    let request = sole(VENUE.encode_get_time(&desk.cx(), None));
    assert_eq!(line(&request), "GET /api/v1");
    assert_eq!(costs(&request), [("public_minute", 1)]);
    let answer = ok(r#"{"name":"BitMEX API","version":"2.0.0","timestamp":1795219200123}"#);
    assert_eq!(
        done(VENUE.decode_get_time(&desk.cx(), None, &answer)),
        NOW + 123
    );
}

#[test]
fn a_ticker_is_an_instruments_row() {
    let desk = Desk::at(inverse());
    let request = sole(VENUE.encode_get_ticker(&desk.cx(), None));
    assert_eq!(
        line(&request),
        "GET /api/v1/instrument?symbol=XBTUSD&count=1"
    );
    let row = r#"[{"symbol":"XBTUSD","volume24h":419742700,"turnover24h":431762899194,"foreignNotional24h":419742700,
        "prevPrice24h":97655,"highPrice":98743.5,"lowPrice":95802.9,"lastPrice":97893.7,"bidPrice":97882.5,
        "askPrice":97887.1,"timestamp":"2024-11-24T23:33:19.034Z"}]"#;
    let ticker = done(VENUE.decode_get_ticker(&desk.cx(), None, &ok(row)));
    assert_eq!(ticker.symbol, "BTC/USD:BTC");
    assert_eq!(ticker.bid.as_deref(), Some("97882.5"));
    assert_eq!(ticker.ask.as_deref(), Some("97887.1"));
    assert_eq!(ticker.last.as_deref(), Some("97893.7"));
    assert_eq!(ticker.open.as_deref(), Some("97655"));
    assert_eq!(ticker.volume.as_deref(), Some("419742700"));
    assert_eq!(ticker.quote_volume.as_deref(), Some("419742700"));
    assert_eq!(ticker.at, Some(1_732_491_199_034));
    let empty = r#"[{"symbol":"XBTUSD","bidPrice":null,"lastPrice":null}]"#;
    let ticker = done(VENUE.decode_get_ticker(&desk.cx(), None, &ok(empty)));
    assert_eq!((ticker.bid, ticker.last, ticker.volume), (None, None, None));
    for (body, kind) in [
        ("[]", ErrorKind::InvalidRequest),
        (r#"[{"symbol":"XBTM26"}]"#, ErrorKind::MalformedResponse),
    ] {
        let error = VENUE.decode_get_ticker(&desk.cx(), None, &ok(body));
        assert_eq!(error.err().map(|error| error.kind), Some(kind), "{body}");
    }
}

#[test]
fn a_linear_contracts_turnover_is_exact_where_its_notional_is_a_float() {
    let desk = Desk::at(Instrument {
        venue_symbol: "LTCUSDT".to_owned(),
        hints: vec![
            ("currency".to_owned(), "USDt".to_owned()),
            ("scale".to_owned(), "6".to_owned()),
            ("contract".to_owned(), "0.0001".to_owned()),
        ],
        ..linear()
    });
    let row = r#"[{"symbol":"LTCUSDT","volume24h":114251000,"turnover24h":1604331340000,"foreignNotional24h":1604331.3400000003}]"#;
    let ticker = done(VENUE.decode_get_ticker(&desk.cx(), None, &ok(row)));
    assert_eq!(ticker.volume.as_deref(), Some("11425.1"));
    assert_eq!(ticker.quote_volume.as_deref(), Some("1604331.34"));
}

#[test]
fn a_book_is_sorted_cut_and_in_the_quantity_unit() {
    let desk = Desk::at(spot());
    let command = GetOrderBook { depth: 2 };
    let request = sole(VENUE.encode_get_order_book(&desk.cx(), &command, None));
    assert_eq!(
        line(&request),
        "GET /api/v1/orderBook/L2?symbol=XBT_USDT&depth=2"
    );
    let level = |id, side, size, price| {
        format!(
            r#"{{"symbol":"XBT_USDT","id":{id},"side":"{side}","size":{size},"price":{price},"timestamp":"2026-11-20T10:30:00.000Z"}}"#
        )
    };
    let levels = [
        level(1, "Sell", "30000", "98003"),
        level(2, "Sell", "20000", "98002.5"),
        level(3, "Sell", "10000", "98001"),
        level(4, "Buy", "150000000", "98000.5"),
        level(5, "Buy", "50000", "98000"),
    ]
    .join(",");
    let answer = ok(&format!("[{levels}]"));
    let book = done(VENUE.decode_get_order_book(&desk.cx(), &command, None, &answer));
    let told = |levels: &[switchyard_sdk::market::Level]| -> Vec<(String, String)> {
        levels
            .iter()
            .map(|level| (level.price.clone(), level.quantity.clone()))
            .collect()
    };
    let pairs = |of: &[(&str, &str)]| -> Vec<(String, String)> {
        of.iter()
            .map(|(price, quantity)| ((*price).to_owned(), (*quantity).to_owned()))
            .collect()
    };
    assert_eq!(
        told(&book.bids),
        pairs(&[("98000.5", "1.5"), ("98000", "0.0005")])
    );
    assert_eq!(
        told(&book.asks),
        pairs(&[("98001", "0.0001"), ("98002.5", "0.0002")])
    );
    assert_eq!(book.at, Some(1_795_170_600_000));
    for depth in [0, 5_001] {
        let refused = VENUE.encode_get_order_book(&desk.cx(), &GetOrderBook { depth }, None);
        assert_eq!(blamed(refused).as_deref(), Some("depth"));
    }
}

fn minutes(since: Option<u64>, before: Option<u64>, limit: u32) -> GetCandles {
    GetCandles {
        seconds: 60,
        since,
        before,
        limit,
    }
}

#[test]
fn candles_are_asked_for_by_the_ends_of_their_buckets() {
    let desk = Desk::at(inverse());
    let command = minutes(Some(NOW - 600_000), Some(NOW), 5);
    let request = sole(VENUE.encode_get_candles(&desk.cx(), &command, None));
    assert_eq!(
        line(&request),
        "GET /api/v1/trade/bucketed?binSize=1m&partial=true&symbol=XBTUSD&count=5&start=0&reverse=false&startTime=2026-11-20T23:51:00.000Z&endTime=2026-11-21T00:00:59.999Z"
    );
    let newest = VENUE
        .encode_get_candles(&desk.cx(), &minutes(None, None, 700), None)
        .expect("encodes");
    let lines: Vec<_> = newest.iter().map(line).collect();
    assert!(lines[0].ends_with("&count=500&start=0&reverse=true"));
    assert!(lines[1].ends_with("&count=200&start=500&reverse=true"));
    for (command, field) in [
        (minutes(None, None, 0), "limit"),
        (minutes(None, None, 1_001), "limit"),
        (minutes(Some(2), Some(2), 1), "before"),
        (
            GetCandles {
                seconds: 61,
                ..minutes(None, None, 1)
            },
            "seconds",
        ),
    ] {
        let refused = VENUE.encode_get_candles(&desk.cx(), &command, None);
        assert_eq!(blamed(refused).as_deref(), Some(field));
    }
}

fn bucket(symbol: &str, end: &str, volume: &str) -> String {
    format!(
        r#"{{"timestamp":"{end}","symbol":"{symbol}","open":98900.0,"high":98980.5,"low":98890.0,"close":98950.0,"trades":45,"volume":{volume},"vwap":98932.5,"lastSize":100,"turnover":152047500,"homeNotional":1.52047500,"foreignNotional":150000.0}}"#
    )
}

#[test]
fn a_candle_is_named_by_its_beginning() {
    let desk = Desk::at(inverse());
    let answer = ok(&format!(
        "[{},{},{}]",
        bucket("XBTUSD", "2026-11-21T00:01:00.000Z", "5"),
        bucket("XBTUSD", "2026-11-21T00:00:00.000Z", "150000"),
        r#"{"timestamp":"2015-09-25T13:38:00.000Z","symbol":"XBTUSD","open":null,"high":null,"low":null,"close":null,"trades":0,"volume":0,"vwap":null}"#
    ));
    let candles =
        done(VENUE.decode_get_candles(&desk.cx(), &minutes(None, None, 5), None, &answer));
    assert_eq!(candles.len(), 2);
    assert_eq!(
        (candles[0].opened_at, candles[0].closed),
        (NOW - 60_000, true)
    );
    assert_eq!((candles[1].opened_at, candles[1].closed), (NOW, false));
    assert_eq!(candles[0].open, "98900.0");
    assert_eq!(candles[0].volume, "150000");
    assert_eq!(candles[0].quote_volume.as_deref(), Some("150000"));
    assert_eq!(candles[0].trades, Some(45));
    // What lies outside of the range is not told, whatever comes.
    let ranged = minutes(Some(NOW - 60_000), Some(NOW), 5);
    let candles = done(VENUE.decode_get_candles(&desk.cx(), &ranged, None, &answer));
    assert_eq!(candles.len(), 1);
    let other = ok(&format!(
        "[{}]",
        bucket("XBTM26", "2026-11-21T00:00:00.000Z", "1")
    ));
    assert!(
        VENUE
            .decode_get_candles(&desk.cx(), &ranged, None, &other)
            .is_err()
    );
}

#[test]
fn a_linear_candles_volume_is_in_the_base() {
    let desk = Desk::at(linear());
    let answer = ok(&format!(
        "[{}]",
        bucket("XBTUSDT", "2026-11-21T00:00:00.000Z", "1500000")
    ));
    let candles =
        done(VENUE.decode_get_candles(&desk.cx(), &minutes(None, None, 5), None, &answer));
    assert_eq!(candles[0].volume, "1.5");
    assert_eq!(candles[0].quote_volume.as_deref(), Some("152.0475"));
}

use switchyard_sdk::Market;
use switchyard_sdk::market::{InstrumentStatus, ListedInstrument};
use switchyard_sdk::testing;
use switchyard_sdk::types::{ErrorKind, Instrument, Payoff, Product, QuantityUnit};

use crate::answers::{ASSETS, list, listing};
use crate::desk::*;

/// What an instrument is, in the fields of an answer.
struct Row {
    symbol: &'static str,
    typ: &'static str,
    underlying: &'static str,
    quote: &'static str,
    settle: &'static str,
    multiplier: &'static str,
    /// To position, to settle, quote to settle.
    multipliers: [&'static str; 3],
    lot: &'static str,
    tick: &'static str,
    quanto: bool,
    inverse: bool,
    expiry: &'static str,
    state: &'static str,
}

const XBTUSD: Row = Row {
    symbol: "XBTUSD",
    typ: "FFWCSX",
    underlying: "XBT",
    quote: "USD",
    settle: "\"XBt\"",
    multiplier: "-100000000",
    multipliers: ["null", "-100000000", "null"],
    lot: "100",
    tick: "0.1",
    quanto: false,
    inverse: true,
    expiry: "null",
    state: "Open",
};

/// As documented in "How Do I Calculate Contract Size", and in a client's recorded answer.
const LTCUSDT: Row = Row {
    symbol: "LTCUSDT",
    underlying: "LTC",
    quote: "USDT",
    settle: "\"USDt\"",
    multiplier: "100",
    multipliers: ["10000", "null", "1000000"],
    lot: "1000",
    tick: "0.01",
    inverse: false,
    ..XBTUSD
};

/// "Using XBT_USDT as an example, its lotSize is 10,000, with underlyingToPositionMultiplier as 100,000,000,
/// it means the lot size is 0.0001 XBT."
const XBT_USDT: Row = Row {
    symbol: "XBT_USDT",
    typ: "IFXXXP",
    underlying: "XBT",
    settle: "\"\"",
    multiplier: "0",
    multipliers: ["100000000", "null", "null"],
    lot: "10000",
    tick: "0.5",
    ..LTCUSDT
};

const ETHUSD: Row = Row {
    symbol: "ETHUSD",
    underlying: "ETH",
    multiplier: "100",
    multipliers: ["null", "null", "null"],
    lot: "1",
    tick: "0.05",
    quanto: true,
    inverse: false,
    ..XBTUSD
};

const XBTM26: Row = Row {
    symbol: "XBTM26",
    typ: "FFCCSX",
    tick: "0.5",
    expiry: "\"2026-06-26T12:00:00.000Z\"",
    ..XBTUSD
};

impl Row {
    fn json(&self) -> String {
        format!(
            r#"{{"symbol":"{}","rootSymbol":"{}","state":"{}","typ":"{}","listing":"2016-05-13T12:00:00.000Z",
            "front":"2016-05-13T12:00:00.000Z","expiry":{},"settle":{},"positionCurrency":"",
            "underlying":"{}","quoteCurrency":"{}","maxOrderQty":10000000,"maxPrice":1000000,"lotSize":{},
            "tickSize":{},"multiplier":{},"settlCurrency":{},"underlyingToPositionMultiplier":{},
            "underlyingToSettleMultiplier":{},"quoteToSettleMultiplier":{},"isQuanto":{},"isInverse":{},
            "initMargin":0.01,"limitUpPrice":null,"makerFee":-0.0001,"lastPrice":97893.7,"volume24h":419742700,
            "timestamp":"2024-11-24T23:33:19.034Z"}}"#,
            self.symbol,
            self.underlying,
            self.state,
            self.typ,
            self.expiry,
            self.expiry,
            self.underlying,
            self.quote,
            self.lot,
            self.tick,
            self.multiplier,
            self.settle,
            self.multipliers[0],
            self.multipliers[1],
            self.multipliers[2],
            self.quanto,
            self.inverse,
        )
    }
}

fn listed(desk: &Desk, rows: &[Row]) -> Vec<ListedInstrument> {
    let rows: Vec<_> = rows.iter().map(Row::json).collect();
    done(VENUE.decode_list_instruments(&desk.cx(), None, &listing(&rows))).instruments
}

fn sole_listed(row: Row) -> ListedInstrument {
    let desk = Desk::everywhere();
    let mut all = listed(&desk, &[row]);
    assert_eq!(all.len(), 1, "{:?}", desk.lines());
    all.remove(0)
}

/// The record that the tests of orders work with is the one that the list gives.
fn same(listed: &Instrument, known: &Instrument) {
    let mut hints = known.hints.clone();
    hints.sort();
    let mut told = listed.hints.clone();
    told.sort();
    assert_eq!(told, hints);
    let bare = |instrument: &Instrument| {
        let mut bare = instrument.clone();
        bare.hints.clear();
        format!("{bare:?}")
    };
    assert_eq!(bare(listed), bare(known));
}

#[test]
fn instruments_and_scales_are_asked_for_without_a_key() {
    let desk = Desk::everywhere();
    let requests = VENUE
        .encode_list_instruments(&desk.cx(), None)
        .expect("encodes");
    let lines: Vec<_> = requests.iter().map(line).collect();
    assert_eq!(
        lines,
        ["GET /api/v1/instrument/active", "GET /api/v1/wallet/assets"]
    );
    assert!(
        requests
            .iter()
            .all(|request| costs(request) == [("public_minute", 1)] && request.headers.is_empty())
    );
}

#[test]
fn an_inverse_contract_is_worth_a_dollar() {
    let listed = sole_listed(XBTUSD);
    same(&listed.instrument, &inverse());
    assert_eq!(listed.status, InstrumentStatus::Trading);
    assert_eq!(listed.quantity.min.as_deref(), Some("100"));
    assert_eq!(listed.quantity.step.as_deref(), Some("100"));
    assert_eq!(listed.quantity.max.as_deref(), Some("10000000"));
    assert_eq!(listed.price.step.as_deref(), Some("0.1"));
    assert_eq!(listed.price.max.as_deref(), Some("1000000"));
}

#[test]
fn a_linear_contract_is_an_amount_of_the_base() {
    let listed = sole_listed(LTCUSDT);
    let instrument = &listed.instrument;
    assert_eq!(instrument.symbol, "LTC/USDT:USDT");
    assert_eq!(instrument.product, Product::UsdMPerpetual);
    assert_eq!(instrument.payoff, Payoff::Linear);
    assert_eq!(instrument.quantity_unit, QuantityUnit::Base);
    assert_eq!(instrument.contract_size, "1");
    let contract = ("contract".to_owned(), "0.0001".to_owned());
    assert!(instrument.hints.contains(&contract));
    assert_eq!(listed.quantity.min.as_deref(), Some("0.1"));
    assert_eq!(listed.quantity.step.as_deref(), Some("0.1"));
    assert_eq!(listed.quantity.max.as_deref(), Some("1000"));
    let bitcoin = sole_listed(Row {
        symbol: "XBTUSDT",
        underlying: "XBT",
        multiplier: "1",
        multipliers: ["1000000", "null", "1000000"],
        ..LTCUSDT
    });
    same(&bitcoin.instrument, &linear());
    assert_eq!(bitcoin.quantity.step.as_deref(), Some("0.001"));
}

#[test]
fn a_spot_order_is_in_satoshis_and_a_quantity_in_bitcoins() {
    let listed = sole_listed(XBT_USDT);
    same(&listed.instrument, &spot());
    assert_eq!(listed.quantity.step.as_deref(), Some("0.0001"));
    assert_eq!(listed.quantity.max.as_deref(), Some("0.1"));
    // Without its multiplier, the scale of the asset says the same.
    let bare = sole_listed(Row {
        multipliers: ["null", "null", "null"],
        ..XBT_USDT
    });
    same(&bare.instrument, &spot());
}

#[test]
fn a_quanto_contract_is_worth_satoshis_for_a_dollar_of_price() {
    let listed = sole_listed(ETHUSD);
    same(&listed.instrument, &quanto());
    assert_eq!(listed.quantity.step.as_deref(), Some("1"));
}

#[test]
fn an_inverse_contract_of_another_coin_settles_in_it() {
    let listed = sole_listed(Row {
        symbol: "ETHUSD_ETH",
        underlying: "ETH",
        settle: "\"Gwei\"",
        multiplier: "-1000000000",
        multipliers: ["null", "-1000000000", "null"],
        ..XBTUSD
    });
    assert_eq!(listed.instrument.symbol, "ETH/USD:ETH");
    assert_eq!(listed.instrument.contract_size, "1");
    let scale = ("scale".to_owned(), "9".to_owned());
    assert!(listed.instrument.hints.contains(&scale));
}

#[test]
fn a_delivery_contract_bears_its_day() {
    let listed = sole_listed(XBTM26);
    assert_eq!(listed.instrument.symbol, "BTC/USD:BTC-260626");
    assert_eq!(listed.instrument.product, Product::UsdCDelivery);
    assert_eq!(listed.instrument.expiry, Some(1_782_475_200_000));
    let linear = sole_listed(Row {
        symbol: "XBTUSDTM26",
        typ: "FFCCSX",
        expiry: XBTM26.expiry,
        ..LTCUSDT
    });
    assert_eq!(linear.instrument.symbol, "LTC/USDT:USDT-260626");
    assert_eq!(linear.instrument.product, Product::UsdMDelivery);
    // A perpetual contract that is to be delisted has an expiry, and keeps its name.
    let leaving = sole_listed(Row {
        expiry: XBTM26.expiry,
        ..XBTUSD
    });
    assert_eq!(leaving.instrument.symbol, "BTC/USD:BTC");
    assert_eq!(leaving.instrument.expiry, None);
}

#[test]
fn stablecoins_make_products_in_dollars() {
    let listed = sole_listed(Row {
        symbol: "XBTUSDC",
        quote: "USDC",
        settle: "\"USDc\"",
        ..LTCUSDT
    });
    assert_eq!(listed.instrument.symbol, "LTC/USDC:USDC");
    assert_eq!(listed.instrument.product, Product::UsdMPerpetual);
}

#[test]
fn what_has_no_place_is_left_out_with_a_line() {
    let desk = Desk::everywhere();
    let rows = [
        XBTM26,
        Row {
            symbol: ".BXBT",
            typ: "MRCXXX",
            ..XBTUSD
        },
        // A spread would be a second BTC/USD:BTC-260626.
        Row {
            symbol: "XBTUSD-XBTM26",
            typ: "FFMCSX",
            inverse: false,
            ..XBTM26
        },
        Row {
            symbol: "P_FTXZ26",
            typ: "FFICSX",
            ..XBTM26
        },
        Row {
            symbol: "XBTEUR",
            quote: "EUR",
            ..XBTUSD
        },
        Row {
            symbol: "SOLUSDT",
            multipliers: ["10000", "null", "100000"],
            ..LTCUSDT
        },
        Row {
            symbol: "ODDUSDT",
            multipliers: ["3", "null", "null"],
            ..LTCUSDT
        },
        Row {
            symbol: "NEWUSD",
            settle: "\"NEw\"",
            ..ETHUSD
        },
        Row {
            symbol: "XBTZ26",
            expiry: "null",
            ..XBTM26
        },
    ];
    let kept = listed(&desk, &rows);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].instrument.venue_symbol, "XBTM26");
    let lines = desk.lines();
    let [line] = lines.as_slice() else {
        panic!("one line expected: {lines:?}");
    };
    assert!(line.starts_with("left out: "), "{line}");
    for row in &rows[2..] {
        assert!(line.contains(row.symbol), "{line}");
    }
    assert!(!line.contains(".BXBT"));
}

#[test]
fn of_many_that_are_left_out_alike_a_few_are_named() {
    let desk = Desk::everywhere();
    let predictions = ["P_A", "P_B", "P_C", "P_D", "P_E"].map(|symbol| Row {
        symbol,
        typ: "FFICSX",
        ..XBTM26
    });
    assert!(listed(&desk, &predictions).is_empty());
    assert_eq!(
        desk.lines(),
        ["left out: P_A, P_B, P_C and 2 more (instruments of type FFICSX do not trade here)"]
    );
}

#[test]
fn a_contract_whose_profit_is_in_no_asset_of_its_payoff_is_left_out() {
    let desk = Desk::everywhere();
    let rows = [
        // A difference of dollars is no amount of bitcoins.
        Row {
            symbol: "LINEAR",
            inverse: false,
            multipliers: ["1000000", "null", "null"],
            ..XBTUSD
        },
        // Neither is one of euros one of tethers.
        Row {
            symbol: "EURLINEAR",
            quote: "EUR",
            ..LTCUSDT
        },
        // An inverse contract pays in what it is about.
        Row {
            symbol: "ETHINVERSE",
            underlying: "ETH",
            ..XBTUSD
        },
        Row {
            symbol: "ETHXBT",
            quote: "XBT",
            inverse: false,
            ..ETHUSD
        },
    ];
    let kept = listed(&desk, &rows);
    assert!(kept.is_empty(), "{kept:?}");
    let listed = sole_listed(Row {
        symbol: "LTCUSD",
        quote: "USD",
        ..LTCUSDT
    });
    assert_eq!(listed.instrument.symbol, "LTC/USD:USDT");
}

#[test]
fn no_two_instruments_share_a_symbol() {
    let desk = Desk::everywhere();
    let old = Row {
        symbol: "XBTUSD_OLD",
        state: "Settled",
        ..XBTUSD
    };
    let kept = listed(&desk, &[old, XBTUSD]);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].instrument.venue_symbol, "XBTUSD");
    assert_eq!(
        desk.lines(),
        ["left out: XBTUSD_OLD (BTC/USD:BTC is listed already)"]
    );
}

#[test]
fn every_state_has_its_word() {
    for (state, expected) in [
        ("Open", InstrumentStatus::Trading),
        ("Closed", InstrumentStatus::Halted),
        ("Unlisted", InstrumentStatus::Closed),
        ("Settled", InstrumentStatus::Closed),
        ("Something", InstrumentStatus::Halted),
    ] {
        assert_eq!(sole_listed(Row { state, ..XBTUSD }).status, expected);
    }
}

#[test]
fn other_rules_keep_every_field_but_those_of_the_moment() {
    let rules = sole_listed(XBTUSD).other_rules;
    let [(name, object)] = rules.as_slice() else {
        panic!("one object expected");
    };
    assert_eq!(name, "instrument");
    assert!(object.contains(r#""initMargin":0.01"#) && object.contains(r#""makerFee":-0.0001"#));
    assert!(!object.contains("lastPrice") && !object.contains("timestamp"));
    assert!(serde_json::from_str::<serde_json::Value>(object).is_ok());
}

#[test]
fn assets_may_come_under_their_currencies() {
    let desk = Desk::everywhere();
    let all: Vec<serde_json::Value> = serde_json::from_str(ASSETS).expect("is JSON");
    let by_currency: serde_json::Map<_, _> = all
        .into_iter()
        .map(|asset| (asset["currency"].as_str().unwrap_or("").to_owned(), asset))
        .collect();
    let answers = [
        testing::response(200, list(&[XBTUSD.json()])),
        testing::response(200, serde_json::Value::from(by_currency).to_string()),
    ];
    let listing = done(VENUE.decode_list_instruments(&desk.cx(), None, &answers));
    assert_eq!(listing.instruments.len(), 1);
    // Numbers may be texts, as some clients ask for them.
    let quoted = XBTUSD
        .json()
        .replace("\"lotSize\":100", "\"lotSize\":\"100\"");
    let answers = listing_of(&quoted);
    assert_eq!(
        done(VENUE.decode_list_instruments(&desk.cx(), None, &answers)).instruments[0]
            .quantity
            .step
            .as_deref(),
        Some("100")
    );
}

fn listing_of(row: &str) -> [switchyard_sdk::types::HttpResponse; 2] {
    listing(&[row.to_owned()])
}

#[test]
fn a_row_that_cannot_be_read_does_not_hide_the_others() {
    let desk = Desk::everywhere();
    let odd = XBTM26.json().replace("\"XBT\"", "null");
    let index = odd.replace("XBTM26", ".BXBT");
    let answers = listing(&[odd.clone(), index, XBTUSD.json()]);
    let kept = done(VENUE.decode_list_instruments(&desk.cx(), None, &answers)).instruments;
    assert_eq!(kept.len(), 1);
    assert_eq!(desk.lines().len(), 1);
    assert!(desk.lines()[0].starts_with("left out: XBTM26 ("));
    // Unless there are no others: then it is the list that cannot be read.
    let answers = listing_of(&odd);
    let (kind, _) = verdict(VENUE.decode_list_instruments(&desk.cx(), None, &answers));
    assert_eq!(kind, ErrorKind::MalformedResponse);
}

#[test]
fn a_list_that_is_none_is_an_error() {
    let desk = Desk::everywhere();
    for body in ["{}", "[1]", "[{}]", "[{\"symbol\":1}]", "null"] {
        let answers = [testing::response(200, body), testing::response(200, ASSETS)];
        let (kind, _) = verdict(VENUE.decode_list_instruments(&desk.cx(), None, &answers));
        assert_eq!(kind, ErrorKind::MalformedResponse, "{body}");
    }
}

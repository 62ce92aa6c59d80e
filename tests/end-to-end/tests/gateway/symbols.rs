//! Every instrument of every market, by its venue's name and by its unified symbol, there and back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use switchyard_end_to_end::{Caller, TestApp};

/// Where each market lists what it trades.
const LISTINGS: [(&str, &str); 3] = [
    ("spot", "/api/v3/exchangeInfo"),
    ("usdm", "/fapi/v1/exchangeInfo"),
    ("coinm", "/dapi/v1/exchangeInfo"),
];

/// What the unified symbol of an instrument must be, from what it is.
fn unified(instrument: &Value) -> String {
    let text = |field: &str| instrument[field].as_str().unwrap();
    let pair = format!("{}/{}", text("base"), text("quote"));
    if text("product") == "spot" {
        return pair;
    }
    match instrument["expiry"].as_str() {
        // 2026-12-25T08:00:00.000Z
        Some(expiry) => {
            let day: String = expiry[2..10].chars().filter(|c| *c != '-').collect();
            format!("{pair}:{}-{day}", text("settle"))
        }
        None => format!("{pair}:{}", text("settle")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instrument_has_one_unified_symbol_that_leads_back_to_it() {
    let app = TestApp::with_futures().await;
    let venue = Caller::anonymous(&app.sim.url());
    let catalogue = app
        .viewer()
        .get("/v1/instruments?venue=sim&limit=5000")
        .await
        .expect(200);
    let symbols: BTreeSet<&str> = catalogue
        .items()
        .iter()
        .map(|instrument| instrument["symbol"].as_str().unwrap())
        .collect();
    assert_eq!(
        symbols.len(),
        catalogue.items().len(),
        "no two share a symbol"
    );
    let mut listed_in_all = 0;
    for (endpoint, path) in LISTINGS {
        let listing = venue.get(path).await.expect(200);
        let names: Vec<&str> = listing["symbols"]
            .as_array()
            .unwrap()
            .iter()
            .map(|symbol| symbol["symbol"].as_str().unwrap())
            .collect();
        assert!(names.len() >= 5, "{endpoint}: {names:?}");
        listed_in_all += names.len();
        let by_name: BTreeMap<&str, &Value> = catalogue
            .items()
            .iter()
            .filter(|instrument| instrument["endpoint"] == endpoint)
            .map(|instrument| (instrument["venue_symbol"].as_str().unwrap(), instrument))
            .collect();
        for name in names {
            let instrument = by_name
                .get(name)
                .unwrap_or_else(|| panic!("{endpoint}: {name} is not in the catalogue"));
            let symbol = instrument["symbol"].as_str().unwrap();
            assert_eq!(symbol, unified(instrument), "{endpoint}: {name}");
            let back = app
                .viewer()
                .get(&format!("/v1/instruments?venue=sim&symbol={symbol}"))
                .await;
            let [back] = back.items() else {
                panic!("{symbol}: {}", back.text);
            };
            assert_eq!(
                (&back["venue_symbol"], &back["endpoint"]),
                (&name.into(), &endpoint.into())
            );
        }
    }
    assert_eq!(catalogue.items().len(), listed_in_all);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_or_not_yet_open_takes_no_order() {
    let app = TestApp::with_futures().await;
    let catalogue = app
        .viewer()
        .get("/v1/instruments?venue=sim&limit=5000")
        .await
        .expect(200);
    let shut: Vec<&Value> = catalogue
        .items()
        .iter()
        .filter(|instrument| instrument["status"] != "trading")
        .collect();
    for status in ["halted", "closed"] {
        assert!(
            shut.iter().any(|instrument| instrument["status"] == status),
            "{status}"
        );
    }
    for instrument in shut {
        let order = serde_json::json!({
            "venue": "sim", "symbol": instrument["symbol"], "side": "buy", "type": "market", "quantity": "1",
        });
        let refused = app
            .trader()
            .place(&order)
            .await
            .expect_problem(422, "invalid-request");
        assert!(
            refused.fields_at_fault().contains(&"symbol"),
            "{}",
            refused.text
        );
    }
    assert_eq!(app.sim.control().executed(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_instrument_elsewhere_is_found_with_how_a_quantity_converts() {
    let app = TestApp::with(|config| {
        let (_, url) = config.venues[0].endpoints[0].clone();
        config.venue("other", "binance", ("spot", &url), None)
    })
    .await;
    for named in ["BTC/USDT", "other:BTC/USDT"] {
        let path = format!("/v1/instruments?equivalent_to={named}");
        let same = app.viewer().get(&path).await.expect(200);
        let venues: Vec<&Value> = same.items().iter().map(|one| &one["venue"]).collect();
        assert_eq!(venues, ["other", "sim"], "{}", same.text);
        for one in same.items() {
            assert_eq!(one["symbol"], "BTC/USDT");
            let quantity = &one["equivalence"]["quantity"];
            assert_eq!(
                (&quantity["multiply"], &quantity["divide"]),
                (&"1".into(), &"1".into())
            );
        }
    }
    let named = app
        .viewer()
        .get("/v1/instruments?equivalent_to=other:BTC/USDT&venue=sim")
        .await;
    assert_eq!(named.items()[0]["equivalence"]["venue"], "other");
    let refused = app
        .viewer()
        .get("/v1/instruments?equivalent_to=sim:NO/NE")
        .await;
    let refused = refused.expect_problem(400, "malformed-request");
    assert_eq!(refused.fields_at_fault(), ["equivalent_to"]);
    let plain = app
        .viewer()
        .get("/v1/instruments?symbol=BTC/USDT&venue=sim")
        .await;
    assert!(plain.items()[0].get("equivalence").is_none());
}

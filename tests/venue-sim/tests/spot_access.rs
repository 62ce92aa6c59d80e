//! Who may call, how often, and how a request proves where it comes from.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use data_encoding::BASE64;
use ring::signature::{Ed25519KeyPair, KeyPair};
use support::{Bench, START_MS, hmac_hex};
use switchyard_venue_sim::config::{LimitsPatch, SettingsPatch};
use switchyard_venue_sim::engine::Instrument;
use switchyard_venue_sim::market::{default_balances, default_instruments};
use switchyard_venue_sim::{AccountConfig, ApiKey, KeyMaterial, SimConfig};

const ORDER: &str = "/api/v3/order";

#[tokio::test]
async fn parameters_may_be_in_query_body_or_both_and_are_signed_in_that_order() {
    let bench = Bench::start().await;
    let (query, body) = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC",
        "quantity=0.001&price=50000",
    );
    let stamp = format!("timestamp={START_MS}");
    let key = bench.key_header();
    let whole = format!("{query}&{body}&{stamp}");
    let in_body = format!("{whole}&signature={}", bench.sign(&whole));
    assert_eq!(bench.send("POST", ORDER, &key, &in_body).await.status, 200);
    let mixed = bench.sign(&format!("{query}{body}&{stamp}")).to_uppercase();
    let sent = format!("{body}&{stamp}&signature={mixed}");
    assert_eq!(
        bench
            .send("POST", &format!("{ORDER}?{query}"), &key, &sent)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn keys_windows_and_signatures_are_checked_as_binance_does() {
    let bench = Bench::start().await;
    let stamped = |ms: i64, more: &str| {
        let query = format!("timestamp={}{more}", START_MS + ms);
        format!("/api/v3/account?{query}&signature={}", bench.sign(&query))
    };
    let key = bench.key_header();
    let unknown = "X-MBX-APIKEY: nobody\r\n";
    let cases = [
        (stamped(0, ""), "", 401, -2014),
        (stamped(0, ""), unknown, 401, -2015),
        (
            "/api/v3/account?timestamp=1".to_owned(),
            key.as_str(),
            400,
            -1102,
        ),
        (format!("{}0", stamped(0, "")), &key, 400, -1022),
        (stamped(1_000, ""), &key, 400, -1021),
        (stamped(-5_001, ""), &key, 400, -1021),
        (stamped(-20_000, "&recvWindow=30000"), &key, 200, 0),
        (stamped(0, "&recvWindow=60001"), &key, 400, -1131),
    ];
    for (target, headers, status, code) in cases {
        let response = bench.send("GET", &target, headers, "").await;
        assert_eq!(
            (
                response.status,
                response.json()["code"].as_i64().unwrap_or(0)
            ),
            (status, code),
            "{target}"
        );
    }
}

#[tokio::test]
async fn ed25519_signatures_are_verified() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let material = KeyMaterial::Ed25519(BASE64.encode(pair.public_key().as_ref()));
    let bench = with_key(material).await;
    let query = format!("timestamp={START_MS}");
    let signature = BASE64
        .encode(pair.sign(query.as_bytes()).as_ref())
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let answer = |query: String| bench.send("GET", query.leak(), "X-MBX-APIKEY: other\r\n", "");
    assert_eq!(
        answer(format!("/api/v3/account?{query}&signature={signature}"))
            .await
            .status,
        200
    );
    assert_eq!(
        answer(format!("/api/v3/account?{query}0&signature={signature}"))
            .await
            .code(),
        -1021
    );
    assert_eq!(
        answer(format!(
            "/api/v3/account?recvWindow=9&{query}&signature={signature}"
        ))
        .await
        .code(),
        -1022
    );
}

#[tokio::test]
async fn rsa_signatures_are_verified() {
    let material = KeyMaterial::Rsa(include_str!("fixtures/rsa_public.pem").to_owned());
    let bench = with_key(material).await;
    let query = include_str!("fixtures/rsa_signed_query.txt").trim();
    let answer = |query: String| bench.send("GET", query.leak(), "X-MBX-APIKEY: other\r\n", "");
    assert_eq!(answer(format!("/api/v3/account?{query}")).await.status, 200);
    assert_eq!(
        answer(format!("/api/v3/account?recvWindow=9&{query}"))
            .await
            .code(),
        -1022
    );
}

async fn with_key(material: KeyMaterial) -> Bench {
    let account = AccountConfig {
        name: "other".to_owned(),
        keys: vec![ApiKey {
            key: "other".to_owned(),
            material,
        }],
        balances: default_balances(),
    };
    Bench::with(SimConfig {
        more_accounts: vec![account],
        ..SimConfig::default()
    })
    .await
}

#[tokio::test]
async fn non_ascii_symbols_are_signed_over_the_bytes_as_sent() {
    let mut instruments = default_instruments();
    let odd = Instrument {
        symbol: "币安人生USDT".to_owned(),
        base: "币安人生".to_owned(),
        ..instruments[0].clone()
    };
    instruments.push(odd);
    let bench = Bench::with(SimConfig {
        instruments,
        ..SimConfig::default()
    })
    .await;
    let encoded = "symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT";
    let found = bench.call("GET", "/api/v3/openOrders", encoded).await;
    assert_eq!(found.status, 200);
    let decoded = format!("symbol=币安人生USDT&timestamp={START_MS}");
    let signature = hmac_hex(&bench.sim.credentials().secret, &decoded);
    let target = format!("/api/v3/openOrders?{encoded}&timestamp={START_MS}&signature={signature}");
    assert_eq!(
        bench
            .send("GET", &target, &bench.key_header(), "")
            .await
            .code(),
        -1022
    );
}

#[tokio::test]
async fn the_weight_used_is_shown_and_its_limit_enforced() {
    let bench = Bench::start().await;
    let limits = LimitsPatch {
        request_weight_1m: Some(21),
        ban_after: Some(1),
        ..LimitsPatch::default()
    };
    bench.sim.control().settings(SettingsPatch {
        limits: Some(limits),
        ..SettingsPatch::default()
    });
    assert_eq!(
        bench
            .get("/api/v3/exchangeInfo")
            .await
            .header("x-mbx-used-weight-1m"),
        Some("20")
    );
    assert_eq!(
        bench.get("/api/v3/ping").await.header("x-mbx-used-weight"),
        Some("21")
    );
    let refused = bench.get("/api/v3/ping").await;
    assert_eq!(
        (
            refused.status,
            refused.code(),
            refused.header("retry-after")
        ),
        (429, -1003, Some("60"))
    );
    let banned = bench.get("/api/v3/ping").await;
    let until = START_MS + 120_000;
    let text = format!(
        "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates to avoid bans."
    );
    assert_eq!(
        (banned.status, banned.json()["msg"].as_str()),
        (418, Some(text.as_str()))
    );
}

#[tokio::test]
async fn too_many_orders_are_refused_without_effect() {
    let bench = Bench::start().await;
    let limits = LimitsPatch {
        orders_10s: Some(1),
        ..LimitsPatch::default()
    };
    bench.sim.control().settings(SettingsPatch {
        limits: Some(limits),
        ..SettingsPatch::default()
    });
    bench.resting_order("one").await;
    let refused = bench.resting_order("two").await;
    assert_eq!(
        (
            refused.status,
            refused.code(),
            refused.header("retry-after")
        ),
        (429, -1015, Some("10"))
    );
    assert_eq!(bench.sim.control().executed().len(), 1);
}

#[tokio::test]
async fn accounts_do_not_see_each_others_orders() {
    let bench = with_key(KeyMaterial::Hmac("s2".to_owned())).await;
    bench.resting_order("private").await;
    let query = format!("timestamp={START_MS}");
    let target = format!(
        "/api/v3/openOrders?{query}&signature={}",
        hmac_hex("s2", &query)
    );
    let open = bench
        .send("GET", &target, "X-MBX-APIKEY: other\r\n", "")
        .await
        .json();
    assert_eq!(open.as_array().map(Vec::len), Some(0));
}

//! Answers as BitMEX gives them: the fields of its specification, with values as they are known to come.

use switchyard_sdk::testing;
use switchyard_sdk::types::HttpResponse;

use crate::desk::{CLIENT_ID, ORDER_ID};

/// An order for 100 contracts of `XBTUSD`, with these fields instead of its own.
pub(crate) fn order(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("orderID", format!("\"{ORDER_ID}\"")),
        ("clOrdID", format!("\"{CLIENT_ID}\"")),
        ("clOrdLinkID", "\"\"".to_owned()),
        ("account", "395724".to_owned()),
        ("symbol", "\"XBTUSD\"".to_owned()),
        ("side", "\"Buy\"".to_owned()),
        ("orderQty", "100".to_owned()),
        ("price", "98000.5".to_owned()),
        ("displayQty", "null".to_owned()),
        ("stopPx", "null".to_owned()),
        ("pegOffsetValue", "null".to_owned()),
        ("pegPriceType", "\"\"".to_owned()),
        ("currency", "\"USD\"".to_owned()),
        ("settlCurrency", "\"XBt\"".to_owned()),
        ("ordType", "\"Limit\"".to_owned()),
        ("timeInForce", "\"GoodTillCancel\"".to_owned()),
        ("execInst", "\"\"".to_owned()),
        ("contingencyType", "\"\"".to_owned()),
        ("ordStatus", "\"New\"".to_owned()),
        ("triggered", "\"\"".to_owned()),
        ("workingIndicator", "true".to_owned()),
        ("ordRejReason", "\"\"".to_owned()),
        ("leavesQty", "100".to_owned()),
        ("cumQty", "0".to_owned()),
        ("avgPx", "null".to_owned()),
        ("text", "\"Submitted via API.\"".to_owned()),
        ("transactTime", "\"2026-11-20T10:30:00.000Z\"".to_owned()),
        ("timestamp", "\"2026-11-20T10:30:00.123Z\"".to_owned()),
    ];
    for (name, value) in changes {
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = (*value).to_owned(),
            None => fields.push((name, (*value).to_owned())),
        }
    }
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

/// An order of this number, placed at this time of 2026-11-20.
pub(crate) fn numbered(number: usize, time: &str) -> String {
    let id = format!("\"4e1ef998-33c1-4736-b58b-{number:012}\"");
    let time = format!("\"2026-11-20T{time}Z\"");
    order(&[
        ("orderID", &id),
        ("transactTime", &time),
        ("timestamp", &time),
    ])
}

/// A trade of 100 contracts of `XBTUSD`, with these fields instead of its own.
pub(crate) fn trade(changes: &[(&str, &str)]) -> String {
    let base = order(&[
        ("execID", "\"00000000-006d-1000-0000-000e8737d540\""),
        ("lastQty", "100"),
        ("lastPx", "98000.5"),
        ("lastLiquidityInd", "\"RemovedLiquidity\""),
        ("execType", "\"Trade\""),
        ("ordStatus", "\"Filled\""),
        ("commission", "0.0005"),
        ("feeType", "\"\""),
        ("trdMatchID", "\"00000000-006d-1000-0000-000e8737d53f\""),
        ("execCost", "-102040"),
        ("execComm", "51"),
        ("homeNotional", "0.0010204"),
        ("foreignNotional", "-100"),
    ]);
    let mut text = base;
    for (name, value) in changes {
        let key = format!("\"{name}\":");
        let at = text.find(&key).expect("has the field") + key.len();
        let end = at + text[at..].find([',', '}']).expect("ends");
        text.replace_range(at..end, value);
    }
    text
}

/// A list of rows.
pub(crate) fn list(rows: &[String]) -> String {
    format!("[{}]", rows.join(","))
}

/// `/wallet/assets`, as a list.
pub(crate) const ASSETS: &str = r#"[
    {"asset":"XBT","currency":"XBt","majorCurrency":"XBT","name":"Bitcoin","currencyType":"Crypto","scale":8,"enabled":true,"isMarginCurrency":true,"networks":[]},
    {"asset":"USDT","currency":"USDt","majorCurrency":"USDT","name":"Tether","currencyType":"Crypto","scale":6,"enabled":true,"isMarginCurrency":true,"networks":[]},
    {"asset":"ETH","currency":"Gwei","majorCurrency":"ETH","name":"Ethereum","currencyType":"Crypto","scale":9,"enabled":true,"isMarginCurrency":true,"networks":[]},
    {"asset":"SOL","currency":"LAMp","majorCurrency":"SOL","name":"Solana","currencyType":"Crypto","scale":9,"enabled":true,"isMarginCurrency":false,"networks":[]},
    {"asset":"USDC","currency":"USDc","majorCurrency":"USDC","name":"USD Coin","currencyType":"Crypto","scale":6,"enabled":true,"isMarginCurrency":false,"networks":[]}]"#;

/// The answers to a list of instruments.
pub(crate) fn listing(rows: &[String]) -> [HttpResponse; 2] {
    [
        testing::response(200, list(rows)),
        testing::response(200, ASSETS),
    ]
}

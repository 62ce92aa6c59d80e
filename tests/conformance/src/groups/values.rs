//! Walks through results, as JSON, by the names that the contract gives their parts.

use serde_json::Value;

/// Parts that are decimals.
const DECIMALS: [&str; 42] = [
    "quantity",
    "price",
    "filled_quantity",
    "average_price",
    "bid",
    "bid_quantity",
    "ask",
    "ask_quantity",
    "last",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "free",
    "locked",
    "total",
    "entry_price",
    "mark_price",
    "liquidation_price",
    "unrealized_pnl",
    "realized_pnl",
    "margin",
    "leverage",
    "fee",
    "contract_size",
    "min",
    "max",
    "step",
    "bid_up",
    "bid_down",
    "ask_up",
    "ask_down",
    "current_quantity",
    "current_price",
    "tick",
    "lot",
    "notional",
    "amount",
    "size",
    "value",
];

/// Parts that are points in time.
const TIMES: [&str; 6] = [
    "at",
    "opened_at",
    "created_at",
    "updated_at",
    "read_until",
    "expiry",
];

/// One value of a result.
pub(super) struct Leaf<'a> {
    /// Where it is: `bids[0].price`.
    pub(super) at: String,
    /// The name of its part.
    pub(super) name: &'a str,
    pub(super) value: &'a Value,
}

impl Leaf<'_> {
    pub(super) fn is_decimal(&self) -> bool {
        DECIMALS.contains(&self.name) && self.value.is_string()
    }

    pub(super) fn is_time(&self) -> bool {
        TIMES.contains(&self.name) && self.value.is_u64()
    }
}

/// Every text, number, truth value and list without elements in a result. Venues' own JSON in `other_rules` and `hints` is left out.
pub(super) fn leaves(value: &Value) -> Vec<Leaf<'_>> {
    let mut found = Vec::new();
    walk(String::new(), "", value, &mut found);
    found
}

fn walk<'a>(at: String, name: &'a str, value: &'a Value, found: &mut Vec<Leaf<'a>>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if !matches!(name.as_str(), "other_rules" | "hints") {
                    walk(format!("{at}.{name}"), name, value, found);
                }
            }
        }
        Value::Array(elements) => {
            for (place, value) in elements.iter().enumerate() {
                walk(format!("{at}[{place}]"), name, value, found);
            }
        }
        Value::Null => {}
        _ => found.push(Leaf { at, name, value }),
    }
}

/// Reports of orders, wherever they are in a result.
pub(super) fn reports(value: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields)
            if fields.contains_key("filled_quantity") && fields.contains_key("state") =>
        {
            found.push(value);
        }
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        Value::Array(elements) => elements.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

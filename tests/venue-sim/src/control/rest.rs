//! The control endpoint, `/_control`: strict JSON in, JSON out.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Control, ControlError};
use crate::config::SettingsPatch;
use crate::faults::FaultRule;
use crate::server::{Answer, RawRequest};

/// Where the endpoint lives.
pub const PREFIX: &str = "/_control";

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Field(String),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("no such control endpoint: {0}")]
    NotFound(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    #[serde(default)]
    offset_ms: Option<i64>,
    #[serde(default)]
    step_ms: Option<i64>,
    #[serde(default)]
    advance_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarketChange {
    #[serde(default)]
    paused: Option<bool>,
    #[serde(default)]
    step: Option<u64>,
    #[serde(default)]
    symbol: Option<String>,
    #[serde(default, with = "rust_decimal::serde::str_option")]
    mid: Option<rust_decimal::Decimal>,
    #[serde(default)]
    trading: Option<bool>,
}

/// Answers a control request.
#[must_use]
pub fn handle(control: &Control, request: &RawRequest) -> Answer {
    match route(control, request) {
        Ok(value) => Answer::json(200, value.to_string()),
        Err(refusal) => {
            let status = if matches!(refusal, Refusal::NotFound(_)) {
                404
            } else {
                400
            };
            Answer::json(status, json!({ "error": refusal.to_string() }).to_string())
        }
    }
}

fn route(control: &Control, request: &RawRequest) -> Result<Value, Refusal> {
    let endpoint = request.path.trim_start_matches(PREFIX).trim_matches('/');
    match (request.method.as_str(), endpoint) {
        ("GET", "faults") => Ok(json!({ "faults": control.faults() })),
        ("POST", "faults") => Ok(json!({ "id": control.add_fault(parse::<FaultRule>(request)?) })),
        ("DELETE", "faults") => {
            control.clear_faults();
            Ok(json!({ "faults": [] }))
        }
        ("GET", "clock") => Ok(clock(control)),
        ("POST", "clock") => change_clock(control, &parse(request)?),
        ("GET", "settings") => Ok(json!(control.current_settings())),
        ("POST", "settings") => Ok(json!(control.settings(parse::<SettingsPatch>(request)?))),
        ("POST", "market") => change_market(control, &parse(request)?),
        ("GET", "executed") => Ok(executed(control)),
        ("GET", "positions") => Ok(json!({ "positions": control.positions() })),
        ("GET", "requests") => Ok(json!({ "requests": control.requests() })),
        ("DELETE", "requests") => {
            control.clear_requests();
            Ok(json!({ "requests": [] }))
        }
        (method, _) => Err(Refusal::NotFound(format!("{method} {}", request.path))),
    }
}

fn parse<T: DeserializeOwned>(request: &RawRequest) -> Result<T, Refusal> {
    let mut deserializer = serde_json::Deserializer::from_slice(&request.body);
    let parsed =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            match error.path().to_string() {
                path if path == "." => Refusal::Field(error.inner().to_string()),
                path => Refusal::Field(format!("{path}: {}", error.inner())),
            }
        })?;
    deserializer
        .end()
        .map_err(|error| Refusal::Field(error.to_string()))?;
    Ok(parsed)
}

fn clock(control: &Control) -> Value {
    json!({ "now_ms": control.now_ms(), "offset_ms": control.clock_offset_ms() })
}

fn change_clock(control: &Control, change: &ClockChange) -> Result<Value, Refusal> {
    if let Some(ms) = change.advance_ms {
        control.advance_ms(ms)?;
    }
    if let Some(offset_ms) = change.offset_ms {
        control.set_clock_offset_ms(offset_ms);
    }
    if let Some(step_ms) = change.step_ms {
        control.step_clock_ms(step_ms);
    }
    Ok(clock(control))
}

fn change_market(control: &Control, change: &MarketChange) -> Result<Value, Refusal> {
    let needs_symbol = change.mid.is_some() || change.trading.is_some();
    if needs_symbol != change.symbol.is_some() {
        return Err(Refusal::Field(
            "symbol: goes together with `mid` or `trading`".to_owned(),
        ));
    }
    if let Some(paused) = change.paused {
        control.pause_market(paused);
    }
    if let Some(symbol) = &change.symbol {
        if let Some(trading) = change.trading {
            control.set_trading(symbol, trading)?;
        }
        if let Some(mid) = change.mid {
            control.set_mid(symbol, mid)?;
        }
    }
    if let Some(steps) = change.step {
        control.market_step(steps);
    }
    let mid = change
        .symbol
        .as_deref()
        .and_then(|symbol| control.mid(symbol));
    Ok(
        json!({ "paused": control.market_paused(), "mid": mid.map(|mid| mid.normalize().to_string()) }),
    )
}

fn executed(control: &Control) -> Value {
    let orders = control.executed();
    let client_ids: serde_json::Map<String, Value> = orders
        .iter()
        .map(|order| {
            (
                order.client_order_id.clone(),
                json!(order.client_id_accepted),
            )
        })
        .collect();
    json!({ "orders": orders, "client_ids": client_ids })
}

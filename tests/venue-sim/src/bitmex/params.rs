//! Request parameters: from the query, from a JSON body, or from a form.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value};

use super::errors::BitmexError;
use super::format::parse_time;
use crate::server::RawRequest;

/// The parameters of one request. What an endpoint does not know is ignored.
#[derive(Debug, Default)]
pub(super) struct Params {
    values: BTreeMap<String, Value>,
}

impl Params {
    /// Takes the parameters from the query and, unless it is a GET, from the body, which wins.
    pub(super) fn parse(request: &RawRequest) -> Result<Self, BitmexError> {
        let mut values = BTreeMap::new();
        form(&mut values, &request.query);
        let body = std::str::from_utf8(&request.body)
            .map_err(|_| BitmexError::http(400, "invalid body"))?;
        let is_json = request
            .header("content-type")
            .is_some_and(|kind| kind.contains("json"));
        if request.method == "GET" || body.trim().is_empty() {
            return Ok(Self { values });
        }
        if is_json {
            let unreadable = |_| BitmexError::http(400, "invalid json");
            let fields: Map<String, Value> = serde_json::from_str(body).map_err(unreadable)?;
            values.extend(fields);
        } else {
            form(&mut values, body);
        }
        Ok(Self { values })
    }

    /// A parameter as text; none when it was not sent, or sent empty or as `null`.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.values.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            other => Some(other.to_string()),
        }
    }

    /// A number, exactly as it was written.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, BitmexError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        Decimal::from_str_exact(&text)
            .or_else(|_| Decimal::from_scientific(&text))
            .map(|value| Some(value.normalize()))
            .map_err(|_| BitmexError::invalid(name))
    }

    /// A whole number.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, BitmexError> {
        let Some(value) = self.decimal(name)? else {
            return Ok(None);
        };
        let whole = value.to_i64().filter(|_| value.is_integer());
        whole.map(Some).ok_or_else(|| BitmexError::invalid(name))
    }

    /// A flag, `false` by default.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|text| text.eq_ignore_ascii_case("true") || text == "1")
    }

    /// A time, in milliseconds since the epoch.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, BitmexError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let time = parse_time(&text);
        time.map(Some).ok_or_else(|| BitmexError::invalid(name))
    }

    /// A JSON object, sent as such or as text.
    pub(super) fn object(&self, name: &str) -> Result<Map<String, Value>, BitmexError> {
        match self.values.get(name) {
            Some(Value::Object(fields)) => Ok(fields.clone()),
            _ => match self.text(name) {
                Some(text) => serde_json::from_str(&text)
                    .map_err(|_| BitmexError::http(400, format!("Unable to parse {name}"))),
                None => Ok(Map::new()),
            },
        }
    }

    /// Several texts: a JSON array, sent as such or as text, or texts separated by commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let parsed = match self.values.get(name) {
            Some(Value::Array(items)) => Some(items.clone()),
            _ => self
                .text(name)
                .and_then(|text| serde_json::from_str::<Vec<Value>>(&text).ok()),
        };
        match parsed {
            Some(items) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect(),
            None => self
                .text(name)
                .unwrap_or_default()
                .split(',')
                .filter(|part| !part.is_empty())
                .map(|part| part.trim().to_owned())
                .collect(),
        }
    }
}

fn form(values: &mut BTreeMap<String, Value>, raw: &str) {
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        values.insert(decode(name), Value::String(decode(value)));
    }
}

//! What the answers of every `exchangeInfo` share: symbols as keys and values, and the limits in force.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchyard_sdk::log::Level;
use switchyard_sdk::market::{ListedInstrument, PublishedLimit};
use switchyard_sdk::time::{MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND};
use switchyard_sdk::types::Error;
use switchyard_sdk::{Context, json};

use crate::filters;

/// The answer of `exchangeInfo`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info<'a> {
    pub(crate) rate_limits: Vec<RateLimit>,
    #[serde(borrow, default)]
    exchange_filters: Vec<&'a RawValue>,
    #[serde(borrow)]
    symbols: Vec<&'a RawValue>,
}

impl<'a> Info<'a> {
    /// The instruments that `read` makes of the symbols, each with the rules of the whole exchange.
    pub(crate) fn instruments(
        &self,
        cx: &Context<'_>,
        read: impl Fn(Entry<'a>, &[(String, String)]) -> Result<ListedInstrument, Error>,
    ) -> Result<Vec<ListedInstrument>, Error> {
        let exchange_rules = self
            .exchange_filters
            .iter()
            .map(|raw| filters::verbatim(raw))
            .collect::<Result<Vec<_>, _>>()?;
        let mut instruments = Vec::with_capacity(self.symbols.len());
        for raw in &self.symbols {
            let symbol = json::read::<Entry<'_>>(raw.get().as_bytes());
            match symbol.and_then(|symbol| read(symbol, &exchange_rules)) {
                Ok(instrument) => instruments.push(instrument),
                // One odd symbol is no reason to trade none.
                Err(error) => cx.log(
                    Level::Warn,
                    &format!("a symbol is left out: {}", error.message),
                ),
            }
        }
        if instruments.is_empty() && !self.symbols.is_empty() {
            return Err(Error::malformed("no symbol can be read"));
        }
        Ok(instruments)
    }
}

/// A symbol as Binance wrote it, from which fields are taken one by one; what is left is kept verbatim.
///
/// By hand: a derived flatten would copy the whole symbol through a buffer, thousands of times.
pub(crate) struct Entry<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys).map(Self)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a symbol")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(32);
        while let Some((Text(key), value)) = map.next_entry()? {
            fields.push((key, value));
        }
        Ok(fields)
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl<'a> Entry<'a> {
    /// A field, where it is there and not null.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, Error> {
        let Some(at) = self.0.iter().position(|(key, _)| key == name) else {
            return Ok(None);
        };
        json::read(self.0.remove(at).1.get().as_bytes())
    }

    /// A field that must be there.
    pub(crate) fn need<T: Deserialize<'a>>(&mut self, name: &str) -> Result<T, Error> {
        self.take(name)?
            .ok_or_else(|| Error::malformed(format!("a symbol without {name}")))
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, name: &str) -> Result<Cow<'a, str>, Error> {
        self.need::<Text<'a>>(name).map(|text| text.0)
    }

    /// Whether a switch is off: there, and false.
    pub(crate) fn is_off(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|(key, value)| key == name && value.get() == "false")
    }

    /// The fields not taken, as one object, where there are any.
    ///
    /// The host hands the instrument to every call on it, string by string, so what nothing reads travels
    /// in one piece.
    pub(crate) fn rest(self) -> Result<Option<String>, Error> {
        let mut object = String::from("{");
        for (key, value) in &self.0 {
            if object.len() > 1 {
                object.push(',');
            }
            let key =
                serde_json::to_string(key).map_err(|error| Error::malformed(error.to_string()))?;
            object.push_str(&key);
            object.push(':');
            object.push_str(value.get());
        }
        object.push('}');
        Ok((!self.0.is_empty()).then_some(object))
    }
}

/// A limit in force (Enums, "Rate limiters").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RateLimit {
    pub(crate) rate_limit_type: String,
    pub(crate) interval: String,
    interval_num: u32,
    limit: u32,
}

impl RateLimit {
    /// The limit of a bucket, where its interval is known.
    pub(crate) fn of(&self, bucket: &str) -> Option<PublishedLimit> {
        let unit = match self.interval.as_str() {
            "SECOND" => MS_PER_SECOND,
            "MINUTE" => MS_PER_MINUTE,
            "HOUR" => MS_PER_HOUR,
            "DAY" => MS_PER_DAY,
            _ => return None,
        };
        Some(PublishedLimit {
            bucket: bucket.to_owned(),
            limit: self.limit,
            window_ms: u64::from(self.interval_num) * unit,
        })
    }
}

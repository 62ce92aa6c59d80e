//! Request parameters: decoding, presence, form, and that none was left unread.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode;
use rust_decimal::Decimal;

use super::ApiError;
use crate::server::RawRequest;

/// What Binance prints as the legal range of decimals.
const DECIMAL_RANGE: &str = "^([0-9]{1,20})(\\.[0-9]{1,20})?$";
/// What Binance prints as the legal range of whole numbers.
const INTEGER_RANGE: &str = "^[0-9]{1,20}$";
/// What Binance prints as the legal range of client ids.
const CLIENT_ID_RANGE: &str = "^[\\.A-Z\\:/a-z0-9_-]{1,36}$";
/// What Binance prints as the legal range of symbols.
const SYMBOL_RANGE: &str = "^[\\w\\-._&&[^a-z]]{1,50}$";

/// The parameters of one request.
#[derive(Debug)]
pub struct Params {
    values: BTreeMap<String, String>,
    read: RefCell<BTreeSet<String>>,
}

impl Params {
    /// Takes the parameters from the query and, unless it is a GET, from a form body. The query wins.
    ///
    /// # Errors
    /// `-1101` when a parameter is sent twice in the same place.
    pub fn parse(request: &RawRequest) -> Result<Self, ApiError> {
        let mut values = BTreeMap::new();
        if takes_body(request) {
            insert(&mut values, &request.body)?;
        }
        let mut in_query = BTreeMap::new();
        insert(&mut in_query, request.query.as_bytes())?;
        values.extend(in_query);
        Ok(Self {
            values,
            read: RefCell::default(),
        })
    }

    /// Takes the parameters from a JSON object, as each part of a batch is one.
    #[must_use]
    pub fn from_object(object: &serde_json::Map<String, serde_json::Value>) -> Self {
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let values = object
            .iter()
            .map(|(name, value)| (name.clone(), text(value)));
        Self {
            values: values.collect(),
            read: RefCell::default(),
        }
    }

    /// A parameter as text, if it was sent.
    ///
    /// # Errors
    /// `-1105` when it was sent empty.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        self.read.borrow_mut().insert(name.to_owned());
        match self.values.get(name).map(String::as_str) {
            Some("") => Err(ApiError::empty(name)),
            value => Ok(value),
        }
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `-1102` when it is missing or empty.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name)
            .ok()
            .flatten()
            .ok_or_else(|| ApiError::mandatory(name))
    }

    /// Whether a parameter was sent at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A symbol that must be there, and well formed.
    ///
    /// # Errors
    /// `-1102` when it is missing, `-1100` when no symbol can look so.
    pub fn symbol(&self) -> Result<&str, ApiError> {
        let symbol = self.required("symbol")?;
        check_symbol("symbol", symbol)?;
        Ok(symbol)
    }

    /// A symbol, if one was sent.
    ///
    /// # Errors
    /// `-1100` when no symbol can look so.
    pub fn optional_symbol(&self) -> Result<Option<&str>, ApiError> {
        if self.has("symbol") {
            self.symbol().map(Some)
        } else {
            Ok(None)
        }
    }

    /// A JSON array of symbols, if one was sent.
    ///
    /// # Errors
    /// `-1100` when it is not such an array.
    pub fn symbols(&self) -> Result<Option<Vec<String>>, ApiError> {
        let Some(raw) = self.text("symbols")? else {
            return Ok(None);
        };
        let range =
            "^\\[(\"[\\w\\-._&&[^a-z]]{1,50}\"(,\"[\\w\\-._&&[^a-z]]{1,50}\"){0,}){0,1}\\]$";
        let symbols: Vec<String> = serde_json::from_str(raw)
            .map_err(|_| ApiError::illegal_characters("symbols", range))?;
        for symbol in &symbols {
            check_symbol("symbols", symbol)?;
        }
        Ok(Some(symbols))
    }

    /// A decimal, if one was sent.
    ///
    /// # Errors
    /// `-1100` when it is not a plain decimal, `-1111` when it is finer than any asset.
    pub fn decimal(&self, name: &str) -> Result<Option<Decimal>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let plain = |digits: &str| {
            (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !plain(whole) || !plain(fraction) {
            return Err(ApiError::illegal_characters(name, DECIMAL_RANGE));
        }
        if fraction.trim_end_matches('0').len() > 8 {
            return Err(ApiError::precision(name));
        }
        Decimal::from_str_exact(text)
            .map(|value| Some(value.normalize()))
            .map_err(|_| ApiError::precision(name))
    }

    /// A whole number, if one was sent.
    ///
    /// # Errors
    /// `-1100` when it is not one.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| digits);
        value
            .map(Some)
            .ok_or_else(|| ApiError::illegal_characters(name, INTEGER_RANGE))
    }

    /// `limit` with its default, cut to its maximum.
    ///
    /// # Errors
    /// `-1130` when it is zero, `-1100` when it is no number.
    pub fn limit(&self, default: usize, maximum: usize) -> Result<usize, ApiError> {
        match self.integer("limit")? {
            None => Ok(default),
            Some(0) => Err(ApiError::invalid_value("limit")),
            Some(limit) => Ok(usize::try_from(limit).unwrap_or(maximum).min(maximum)),
        }
    }

    /// A client id, if one was sent.
    ///
    /// # Errors
    /// `-1100` when it has other characters or is too long.
    pub fn client_id(&self, name: &str) -> Result<Option<String>, ApiError> {
        let Some(id) = self.text(name)? else {
            return Ok(None);
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".:/_-".contains(&byte);
        if id.len() > 36 || !id.bytes().all(legal) {
            return Err(ApiError::illegal_characters(name, CLIENT_ID_RANGE));
        }
        Ok(Some(id.to_owned()))
    }

    /// A flag, `false` by default.
    ///
    /// # Errors
    /// `-1130` when it is neither `true` nor `false`.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name)?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::invalid_value(name)),
        }
    }

    /// Insists that every parameter sent has been read.
    ///
    /// # Errors
    /// `-1104` when one was not.
    pub fn finish(&self) -> Result<(), ApiError> {
        let read = self.read.borrow();
        let count = self
            .values
            .keys()
            .filter(|name| read.contains(*name))
            .count();
        if count == self.values.len() {
            Ok(())
        } else {
            Err(ApiError::unread(count, self.values.len()))
        }
    }
}

/// Whether the body of a request holds parameters.
#[must_use]
pub fn takes_body(request: &RawRequest) -> bool {
    let form = |kind: &str| {
        kind.to_ascii_lowercase()
            .starts_with("application/x-www-form-urlencoded")
    };
    request.method != "GET" && request.header("content-type").is_none_or(form)
}

fn check_symbol(name: &str, symbol: &str) -> Result<(), ApiError> {
    let legal = |c: char| (c.is_alphanumeric() && !c.is_ascii_lowercase()) || "-._".contains(c);
    if symbol.chars().count() > 50 || symbol.is_empty() || !symbol.chars().all(legal) {
        return Err(ApiError::illegal_characters(name, SYMBOL_RANGE));
    }
    Ok(())
}

fn insert(values: &mut BTreeMap<String, String>, raw: &[u8]) -> Result<(), ApiError> {
    for pair in raw
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default());
        let value = decode(halves.next().unwrap_or_default());
        if values.insert(name, value).is_some() {
            return Err(ApiError::duplicate_parameter());
        }
    }
    Ok(())
}

fn decode(raw: &[u8]) -> String {
    let spaced: Vec<u8> = raw
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::clock::Stamp;

    fn params(query: &str) -> Params {
        Params::parse(&RawRequest::new("GET", "/", query, Stamp::default())).unwrap()
    }

    #[test]
    fn an_unread_parameter_is_counted() {
        let params = params("symbol=BTCUSDT&nonsense=1");
        params.symbol().unwrap();
        let message = "Not all sent parameters were read; read '1' parameter(s) but was sent '2'.";
        assert_eq!(params.finish(), Err(ApiError::new(-1104, message)));
    }

    #[test]
    fn a_parameter_sent_twice_is_refused() {
        let request = RawRequest::new("GET", "/", "a=1&a=2", Stamp::default());
        assert_eq!(Params::parse(&request).unwrap_err().code, -1101);
    }

    #[test]
    fn the_query_wins_over_the_body() {
        let mut request = RawRequest::new("POST", "/", "a=query", Stamp::default());
        request.body = b"a=body&b=2".to_vec();
        let params = Params::parse(&request).unwrap();
        assert_eq!(
            (params.text("a"), params.text("b")),
            (Ok(Some("query")), Ok(Some("2")))
        );
    }

    #[test]
    fn decimals_are_plain_and_no_finer_than_eight_places() {
        let code = |query: &str| params(query).decimal("q").map_err(|error| error.code);
        assert_eq!(code("q=0.10000000000"), Ok(Some(Decimal::new(1, 1))));
        assert_eq!(code("q=1e3"), Err(-1100));
        assert_eq!(code("q=-1"), Err(-1100));
        assert_eq!(code("q=0.000000001"), Err(-1111));
        assert_eq!(code("q="), Err(-1105));
    }
}

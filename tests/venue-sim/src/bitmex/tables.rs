//! Table queries: what every listing endpoint takes to choose, cut and order its rows.

use serde_json::{Map, Value};

use super::errors::BitmexError;
use super::format::parse_time;
use super::params::Params;

/// Which rows of a table are wanted.
#[derive(Debug)]
pub(super) struct Query {
    filter: Map<String, Value>,
    columns: Vec<String>,
    count: usize,
    start: usize,
    reverse: bool,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
}

impl Query {
    /// Reads `filter`, `columns`, `count`, `start`, `reverse`, `startTime` and `endTime`.
    pub(super) fn read(params: &Params, default: usize, most: usize) -> Result<Self, BitmexError> {
        let mut filter = params.object("filter")?;
        let mut within = |name: &str| match filter.remove(name) {
            Some(Value::String(text)) => parse_time(&text),
            _ => None,
        };
        let (from, to) = (within("startTime"), within("endTime"));
        let count = match params.integer("count")? {
            None => default,
            Some(count @ 1..) => usize::try_from(count).unwrap_or(usize::MAX),
            Some(_) => return Err(BitmexError::invalid("count")),
        };
        if count > most {
            let message = format!("Maximum result count is {most}");
            return Err(BitmexError::validation(message));
        }
        let start = params.integer("start")?.unwrap_or_default();
        Ok(Self {
            filter,
            columns: params.list("columns"),
            count,
            start: usize::try_from(start).map_err(|_| BitmexError::invalid("start"))?,
            reverse: params.flag("reverse"),
            from_ms: params.time("startTime")?.or(from),
            to_ms: params.time("endTime")?.or(to),
        })
    }

    /// When the first row may be from, in milliseconds since the epoch.
    pub(super) fn earliest_ms(&self) -> Option<i64> {
        self.from_ms
    }

    /// The wanted rows of these, which are oldest first. `keys` are shown whatever columns are asked for; what
    /// starts with a dot is there to be filtered by, and never shown.
    pub(super) fn choose(&self, rows: Vec<Value>, keys: &[&str]) -> Value {
        let mut chosen: Vec<Value> = rows.into_iter().filter(|row| self.wants(row)).collect();
        if self.reverse {
            chosen.reverse();
        }
        let shown = chosen.into_iter().skip(self.start).take(self.count);
        Value::Array(shown.map(|row| self.cut(row, keys)).collect())
    }

    /// Whether a row is among those asked for, however many are.
    pub(super) fn wants(&self, row: &Value) -> bool {
        let time = row
            .get("timestamp")
            .and_then(Value::as_str)
            .and_then(parse_time);
        let in_range = time.is_none_or(|time| {
            self.from_ms.is_none_or(|from| time >= from) && self.to_ms.is_none_or(|to| time <= to)
        });
        in_range
            && self
                .filter
                .iter()
                .all(|(name, wanted)| matches(row, name, wanted))
    }

    fn cut(&self, row: Value, keys: &[&str]) -> Value {
        let Value::Object(fields) = row else {
            return row;
        };
        let shown = |name: &String| {
            let asked = self.columns.is_empty()
                || self.columns.contains(name)
                || keys.contains(&name.as_str());
            asked && !name.starts_with('.')
        };
        Value::Object(fields.into_iter().filter(|(name, _)| shown(name)).collect())
    }
}

fn matches(row: &Value, name: &str, wanted: &Value) -> bool {
    let hidden = format!(".{name}");
    let found = row.get(name).or_else(|| row.get(&hidden));
    let same = |wanted: &Value| match (found, wanted) {
        (Some(Value::String(found)), Value::String(wanted)) => found.eq_ignore_ascii_case(wanted),
        (Some(Value::Number(found)), Value::Number(wanted)) => found.as_f64() == wanted.as_f64(),
        (found, wanted) => found.unwrap_or(&Value::Null) == wanted,
    };
    match wanted {
        Value::Array(any) => any.iter().any(same),
        one => same(one),
    }
}

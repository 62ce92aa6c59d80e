//! Reads from the journal's projections.

use std::collections::HashMap;

use data_encoding::BASE64URL_NOPAD;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde::Serialize;

use super::StoreError;
use crate::model::{OrderId, OrderRecord, OrderState, Timestamp};

/// Which orders are wanted. Absent parts select everything.
#[derive(Debug, Clone, Default)]
pub struct OrderQuery {
    /// Whose; always given.
    pub tenant: String,
    /// Any of these ids.
    pub ids: Option<Vec<OrderId>>,
    /// At this venue, or asked for there.
    pub venue: Option<String>,
    /// Of this instrument.
    pub symbol: Option<String>,
    /// In any of these states.
    pub states: Option<Vec<OrderState>>,
    /// With this label.
    pub client_order_id: Option<String>,
    /// Created then or later.
    pub from: Option<Timestamp>,
    /// Created before.
    pub to: Option<Timestamp>,
    /// Not final.
    pub only_open: bool,
    /// After this place in the order of creation.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: usize,
}

/// A place in the order of creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    created_at: Timestamp,
    id: String,
}

/// A text is not a cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a next_cursor of an earlier page")]
pub struct CursorError;

impl Cursor {
    /// Opaque text for callers.
    pub fn encode(&self) -> String {
        BASE64URL_NOPAD.encode(format!("{}.{}", self.created_at.as_millis(), self.id).as_bytes())
    }

    /// The cursor of a text.
    ///
    /// # Errors
    /// [`CursorError`].
    pub fn decode(text: &str) -> Result<Self, CursorError> {
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| CursorError)?;
        let plain = String::from_utf8(bytes).map_err(|_| CursorError)?;
        let (millis, id) = plain.split_once('.').ok_or(CursorError)?;
        let created_at = Timestamp::from_millis(millis.parse().map_err(|_| CursorError)?);
        Ok(Self {
            created_at,
            id: id.to_owned(),
        })
    }
}

/// Orders in the order of their creation.
#[derive(Debug, Clone)]
pub struct OrderPage {
    /// The orders.
    pub records: Vec<OrderRecord>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// What a venue calls an order: its id is unique per instrument at least.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VenueOrderName {
    /// Unified symbol.
    pub symbol: String,
    /// The venue's id.
    pub venue_order_id: String,
}

/// One event of an order, as stored.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct StoredEvent {
    /// Place in the journal.
    pub sequence: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// The event.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

pub(super) fn order(
    connection: &Connection,
    id: &OrderId,
) -> Result<Option<OrderRecord>, StoreError> {
    let body = connection
        .prepare_cached("SELECT body FROM orders WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

pub(super) fn records(
    connection: &Connection,
    ids: &[OrderId],
) -> Result<HashMap<OrderId, OrderRecord>, StoreError> {
    let mut found = HashMap::with_capacity(ids.len());
    for id in ids {
        if let Some(record) = order(connection, id)? {
            found.insert(id.clone(), record);
        }
    }
    Ok(found)
}

pub(super) fn of_venue_ids(
    connection: &Connection,
    venue: &str,
    names: &[VenueOrderName],
) -> Result<HashMap<VenueOrderName, OrderId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT order_id FROM venue_orders WHERE venue = ?1 AND symbol = ?2 AND venue_order_id = ?3",
    )?;
    let mut found = HashMap::new();
    for name in names {
        let id = statement
            .query_row([venue, &name.symbol, &name.venue_order_id], |row| {
                row.get::<_, String>(0)
            })
            .optional()?;
        if let Some(id) = id {
            found.insert(name.clone(), OrderId::from_text(&id));
        }
    }
    Ok(found)
}

/// Open orders at a venue, whoever's they are.
pub(super) fn open_at(
    connection: &Connection,
    venue: &str,
    symbol: Option<&str>,
) -> Result<Vec<OrderRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM orders WHERE is_open AND venue = ?1 AND (?2 IS NULL OR symbol = ?2)
         ORDER BY created_at_ms, id",
    )?;
    let bodies = statement.query_map(params![venue, symbol], |row| row.get::<_, String>(0))?;
    bodies
        .map(|body| Ok(serde_json::from_str(&body?)?))
        .collect()
}

pub(super) fn unresolved(connection: &Connection) -> Result<Vec<OrderRecord>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM orders WHERE is_unresolved ORDER BY created_at_ms")?;
    let bodies = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut records = Vec::new();
    for body in bodies {
        // One entry that cannot be read must not keep all others from being followed.
        match serde_json::from_str(&body?) {
            Ok(record) => records.push(record),
            Err(error) => {
                tracing::error!(%error, "an unresolved order in the journal cannot be read")
            }
        }
    }
    Ok(records)
}

pub(super) fn events(
    connection: &Connection,
    id: &OrderId,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at_ms, kind, body FROM events WHERE order_id = ?1 ORDER BY seq",
    )?;
    let rows = statement.query_map([id.as_str()], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, String>(3)?,
        ))
    })?;
    rows.map(|row| {
        let (sequence, at_ms, kind, body) = row?;
        Ok(StoredEvent {
            sequence,
            at: Timestamp::from_millis(at_ms),
            kind,
            detail: serde_json::from_str(&body)?,
        })
    })
    .collect()
}

pub(super) fn page(connection: &Connection, query: &OrderQuery) -> Result<OrderPage, StoreError> {
    let mut sql = String::from("SELECT body FROM orders WHERE tenant = ?");
    let mut values: Vec<Value> = vec![query.tenant.clone().into()];
    let mut require = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(venue) = &query.venue {
        require(" AND (venue = ?", venue.clone().into());
        require(
            " OR id IN (SELECT order_id FROM moved_orders WHERE asked_for = ?))",
            venue.clone().into(),
        );
    }
    if let Some(symbol) = &query.symbol {
        require(" AND symbol = ?", symbol.clone().into());
    }
    if let Some(label) = &query.client_order_id {
        require(" AND client_order_id = ?", label.clone().into());
    }
    if let Some(from) = query.from {
        require(" AND created_at_ms >= ?", from.as_millis().into());
    }
    if let Some(to) = query.to {
        require(" AND created_at_ms < ?", to.as_millis().into());
    }
    if query.only_open {
        sql.push_str(" AND is_open");
    }
    if let Some(ids) = &query.ids {
        any_of(
            &mut sql,
            &mut values,
            "id",
            ids.iter().map(|id| id.as_str().to_owned()),
        );
    }
    if let Some(states) = &query.states {
        any_of(
            &mut sql,
            &mut values,
            "state",
            states.iter().map(|state| state.name().to_owned()),
        );
    }
    if let Some(after) = &query.after {
        sql.push_str(" AND (created_at_ms, id) > (?, ?)");
        values.push(after.created_at.as_millis().into());
        values.push(after.id.clone().into());
    }
    sql.push_str(" ORDER BY created_at_ms, id LIMIT ?");
    // One more than asked tells whether another page follows.
    values.push(
        i64::try_from(query.limit.saturating_add(1))
            .unwrap_or(i64::MAX)
            .into(),
    );

    let mut statement = connection.prepare_cached(&sql)?;
    let bodies = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(0))?;
    let mut records: Vec<OrderRecord> = bodies
        .map(|body| Ok(serde_json::from_str(&body?)?))
        .collect::<Result<_, StoreError>>()?;
    let more = records.len() > query.limit;
    records.truncate(query.limit);
    let next = records.last().filter(|_| more).map(|last| Cursor {
        created_at: last.order.created_at,
        id: last.order.id.as_str().to_owned(),
    });
    Ok(OrderPage { records, next })
}

fn any_of(
    sql: &mut String,
    values: &mut Vec<Value>,
    column: &str,
    wanted: impl Iterator<Item = String>,
) {
    let before = values.len();
    values.extend(wanted.map(Value::from));
    let places = vec!["?"; values.len() - before].join(", ");
    sql.push_str(&format!(" AND {column} IN ({places})"));
}

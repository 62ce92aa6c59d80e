//! Reads from the entries and the projections.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::project;
use crate::model::{AccessEvent, Halt, HaltEvent, OrderId, OrderRecord, OrderState, Timestamp};
use crate::store::query::readable;
use crate::store::{OrderPage, OrderQuery, StoreError, StoredEvent, VenueOrderName};

pub(super) fn order(
    connection: &Connection,
    id: &OrderId,
) -> Result<Option<OrderRecord>, StoreError> {
    Ok(project::order(connection, id.as_str())?.transpose()?)
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

pub(super) fn count_open(
    connection: &Connection,
    venue: Option<&str>,
    tenant: Option<&str>,
) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM orders
         WHERE is_open AND (?1 IS NULL OR venue = ?1) AND (?2 IS NULL OR tenant = ?2)",
    )?;
    let count: i64 = statement.query_row(params![venue, tenant], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

pub(super) fn open_by_state(
    connection: &Connection,
) -> Result<BTreeMap<(String, OrderState), u64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT venue, state, count(*) FROM orders WHERE is_open GROUP BY venue, state",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, i64>(2)?,
        ))
    })?;
    let mut counted = BTreeMap::new();
    for row in rows {
        let (venue, state, count) = row?;
        let state = OrderState::from_name(&state)
            .ok_or_else(|| StoreError::Failed(format!("an order has the state {state:?}")))?;
        counted.insert((venue, state), count.unsigned_abs());
    }
    Ok(counted)
}

pub(super) fn unresolved(connection: &Connection) -> Result<Vec<OrderRecord>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM orders WHERE is_unresolved ORDER BY created_at_ms")?;
    readable(statement.query_map([], |row| row.get::<_, String>(0))?)
}

/// Orders of which something was given up that is looked for still.
pub(super) fn watched(
    connection: &Connection,
    now: Timestamp,
) -> Result<Vec<OrderRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM orders WHERE watched_until_ms > ?1 ORDER BY watched_until_ms",
    )?;
    readable(statement.query_map([now.as_millis()], |row| row.get::<_, String>(0))?)
}

pub(super) fn events(
    connection: &Connection,
    id: &OrderId,
) -> Result<Vec<StoredEvent>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at_ms, kind, body FROM entries WHERE subject = ?1 ORDER BY seq",
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

/// Which venues' trading is stopped: entries of venues are few, and are never removed.
pub(super) fn halts(connection: &Connection) -> Result<BTreeMap<String, Halt>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM entries WHERE subject >= 'venue/' AND subject < 'venue0' ORDER BY seq",
    )?;
    let mut halts = BTreeMap::new();
    for body in statement.query_map([], |row| row.get::<_, String>(0))? {
        serde_json::from_str::<HaltEvent>(&body?)?.apply(&mut halts);
    }
    Ok(halts)
}

/// What was done to API keys: such entries are few, and are never removed.
pub(super) fn access(connection: &Connection) -> Result<Vec<AccessEvent>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM entries WHERE subject >= 'access/' AND subject < 'access0' ORDER BY seq",
    )?;
    let bodies = statement.query_map([], |row| row.get::<_, String>(0))?;
    bodies
        .map(|body| Ok(serde_json::from_str(&body?)?))
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
    let records = bodies
        .map(|body| Ok(serde_json::from_str(&body?)?))
        .collect::<Result<_, StoreError>>()?;
    Ok(OrderPage::of(records, query.limit))
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

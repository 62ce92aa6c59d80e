//! Reads from the entries and the projections.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::session::Session;
use crate::model::{AccessEvent, Halt, HaltEvent, OrderId, OrderRecord, OrderState, Timestamp};
use crate::store::query::readable;
use crate::store::{
    KeyName, OrderPage, OrderQuery, StoreError, StoredEvent, StoredKey, VenueOrderName,
};

pub(super) async fn order(
    session: &Session,
    id: &OrderId,
) -> Result<Option<OrderRecord>, StoreError> {
    if !can_be_stored(id.as_str()) {
        return Ok(None);
    }
    let row = session
        .first("SELECT body FROM orders WHERE id = $1", &[&id.as_str()])
        .await?;
    Ok(row
        .map(|row| serde_json::from_str(row.get(0)))
        .transpose()?)
}

pub(super) async fn records(
    session: &Session,
    ids: &[OrderId],
) -> Result<HashMap<OrderId, OrderRecord>, StoreError> {
    let ids = ids.iter().map(OrderId::as_str);
    let ids: Vec<&str> = ids.filter(|id| can_be_stored(id)).collect();
    let rows = session
        .rows("SELECT id, body FROM orders WHERE id = ANY($1)", &[&ids])
        .await?;
    let found = rows.iter().map(|row| {
        let record = serde_json::from_str(row.get(1))?;
        Ok((OrderId::from_text(row.get(0)), record))
    });
    found.collect()
}

pub(super) async fn of_venue_ids(
    session: &Session,
    venue: &str,
    names: &[VenueOrderName],
) -> Result<HashMap<VenueOrderName, OrderId>, StoreError> {
    let names = names
        .iter()
        .filter(|name| can_be_stored(&name.symbol) && can_be_stored(&name.venue_order_id));
    let names: Vec<&VenueOrderName> = names.collect();
    let symbols: Vec<&str> = names.iter().map(|name| name.symbol.as_str()).collect();
    let ids: Vec<&str> = names
        .iter()
        .map(|name| name.venue_order_id.as_str())
        .collect();
    let rows = session
        .rows(
            "SELECT symbol, venue_order_id, order_id FROM venue_orders
             WHERE venue = $1 AND (symbol, venue_order_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))",
            &[&venue, &symbols, &ids],
        )
        .await?;
    let found = rows.iter().map(|row| {
        let name = VenueOrderName {
            symbol: row.get(0),
            venue_order_id: row.get(1),
        };
        (name, OrderId::from_text(row.get(2)))
    });
    Ok(found.collect())
}

/// Open orders at a venue, whoever's they are.
pub(super) async fn open_at(
    session: &Session,
    venue: &str,
    symbol: Option<&str>,
) -> Result<Vec<OrderRecord>, StoreError> {
    let rows = session
        .rows(
            "SELECT body FROM orders WHERE is_open AND venue = $1 AND ($2::text IS NULL OR symbol = $2)
             ORDER BY created_at_ms, id",
            &[&venue, &symbol],
        )
        .await?;
    all(&rows)
}

fn all(rows: &[Row]) -> Result<Vec<OrderRecord>, StoreError> {
    let records = rows.iter().map(|row| serde_json::from_str(row.get(0)));
    Ok(records.collect::<Result<_, _>>()?)
}

fn each_readable(rows: &[Row]) -> Result<Vec<OrderRecord>, StoreError> {
    readable(rows.iter().map(|row| Ok::<_, StoreError>(row.get(0))))
}

pub(super) async fn count_open(
    session: &Session,
    venue: Option<&str>,
    tenant: Option<&str>,
) -> Result<u64, StoreError> {
    let row = session
        .one(
            "SELECT count(*) FROM orders
             WHERE is_open AND ($1::text IS NULL OR venue = $1) AND ($2::text IS NULL OR tenant = $2)",
            &[&venue, &tenant],
        )
        .await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

pub(super) async fn open_by_state(
    session: &Session,
) -> Result<BTreeMap<(String, OrderState), u64>, StoreError> {
    let sql = "SELECT venue, state, count(*) FROM orders WHERE is_open GROUP BY venue, state";
    let rows = session.rows(sql, &[]).await?;
    let counted = rows.iter().map(|row| {
        let (venue, state, count): (_, &str, i64) = (row.get(0), row.get(1), row.get(2));
        let state = OrderState::from_name(state)
            .ok_or_else(|| StoreError::Failed(format!("an order has the state {state:?}")))?;
        Ok(((venue, state), count.unsigned_abs()))
    });
    counted.collect()
}

pub(super) async fn unresolved(session: &Session) -> Result<Vec<OrderRecord>, StoreError> {
    let sql = "SELECT body FROM orders WHERE is_unresolved ORDER BY created_at_ms";
    each_readable(&session.rows(sql, &[]).await?)
}

/// Orders of which something was given up that is looked for still.
pub(super) async fn watched(
    session: &Session,
    now: Timestamp,
) -> Result<Vec<OrderRecord>, StoreError> {
    let sql = "SELECT body FROM orders WHERE watched_until_ms > $1 ORDER BY watched_until_ms";
    each_readable(&session.rows(sql, &[&now.as_millis()]).await?)
}

pub(super) async fn events(
    session: &Session,
    id: &OrderId,
) -> Result<Vec<StoredEvent>, StoreError> {
    if !can_be_stored(id.as_str()) {
        return Ok(Vec::new());
    }
    let rows = session
        .rows(
            "SELECT seq, at_ms, kind, body FROM entries WHERE subject = $1 ORDER BY seq",
            &[&id.as_str()],
        )
        .await?;
    let events = rows.iter().map(|row| {
        Ok(StoredEvent {
            sequence: row.get(0),
            at: Timestamp::from_millis(row.get(1)),
            kind: row.get(2),
            detail: serde_json::from_str(row.get(3))?,
        })
    });
    events.collect()
}

/// What is known of keys.
pub(super) async fn keys(
    session: &Session,
    names: &[&KeyName],
) -> Result<HashMap<KeyName, StoredKey>, StoreError> {
    let tenants: Vec<&str> = names.iter().map(|name| name.tenant.as_str()).collect();
    let keys: Vec<&str> = names.iter().map(|name| name.key.as_str()).collect();
    let rows = session
        .rows(
            "SELECT tenant, key, fingerprint, order_id, at_ms, answer FROM idempotency_keys
             WHERE (tenant, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
            &[&tenants, &keys],
        )
        .await?;
    let found = rows.iter().map(|row| {
        let name = KeyName {
            tenant: row.get(0),
            key: row.get(1),
        };
        let answer = row.get::<_, Option<&str>>(5).map(serde_json::from_str);
        let order_id = row.get::<_, Option<&str>>(3).map(OrderId::from_text);
        let key = StoredKey {
            fingerprint: row.get(2),
            order_id,
            at: Timestamp::from_millis(row.get(4)),
            answer: answer.transpose()?,
        };
        Ok((name, key))
    });
    found.collect()
}

/// Which venues' trading is stopped: entries of venues are few, and are never removed.
pub(super) async fn halts(session: &Session) -> Result<BTreeMap<String, Halt>, StoreError> {
    let sql =
        "SELECT body FROM entries WHERE subject >= 'venue/' AND subject < 'venue0' ORDER BY seq";
    let mut halts = BTreeMap::new();
    for row in session.rows(sql, &[]).await? {
        serde_json::from_str::<HaltEvent>(row.get(0))?.apply(&mut halts);
    }
    Ok(halts)
}

/// What was done to API keys: such entries are few, and are never removed.
pub(super) async fn access(session: &Session) -> Result<Vec<AccessEvent>, StoreError> {
    let sql =
        "SELECT body FROM entries WHERE subject >= 'access/' AND subject < 'access0' ORDER BY seq";
    let rows = session.rows(sql, &[]).await?;
    rows.iter()
        .map(|row| Ok(serde_json::from_str(row.get(0))?))
        .collect()
}

type Value = Box<dyn ToSql + Sync + Send>;

/// Whether a text can stand in the database, which holds every character but one.
pub(super) fn can_be_stored(text: &str) -> bool {
    !text.contains('\0')
}

pub(super) async fn page(session: &Session, query: &OrderQuery) -> Result<OrderPage, StoreError> {
    let texts = [&query.venue, &query.symbol, &query.client_order_id];
    if !texts.into_iter().flatten().all(|text| can_be_stored(text)) {
        return Ok(OrderPage::of(Vec::new(), query.limit));
    }
    let mut sql = String::from("SELECT body FROM orders WHERE tenant = $1");
    let mut values: Vec<Value> = vec![Box::new(query.tenant.clone())];
    let mut require = |condition: &str, value: Value| {
        values.push(value);
        let place = format!("${}", values.len());
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('?', &place));
    };
    if let Some(venue) = &query.venue {
        require(
            "(venue = ? OR id IN (SELECT order_id FROM moved_orders WHERE asked_for = ?))",
            Box::new(venue.clone()),
        );
    }
    if let Some(symbol) = &query.symbol {
        require("symbol = ?", Box::new(symbol.clone()));
    }
    if let Some(label) = &query.client_order_id {
        require("client_order_id = ?", Box::new(label.clone()));
    }
    if let Some(from) = query.from {
        require("created_at_ms >= ?", Box::new(from.as_millis()));
    }
    if let Some(to) = query.to {
        require("created_at_ms < ?", Box::new(to.as_millis()));
    }
    if let Some(ids) = &query.ids {
        let ids = ids.iter().filter(|id| can_be_stored(id.as_str()));
        let ids: Vec<String> = ids.map(ToString::to_string).collect();
        require("id = ANY(?)", Box::new(ids));
    }
    if let Some(states) = &query.states {
        let states: Vec<&'static str> = states.iter().map(|state| state.name()).collect();
        require("state = ANY(?)", Box::new(states));
    }
    if query.only_open {
        sql.push_str(" AND is_open");
    }
    if let Some(after) = &query.after {
        let since = after.created_at.as_millis();
        values.push(Box::new(since));
        values.push(Box::new(after.id.clone()));
        let (since, id) = (values.len() - 1, values.len());
        sql.push_str(&format!(" AND (created_at_ms, id) > (${since}, ${id})"));
    }
    // One more than asked tells whether another page follows.
    let limit = i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX);
    values.push(Box::new(limit));
    sql.push_str(&format!(
        " ORDER BY created_at_ms, id LIMIT ${}",
        values.len()
    ));
    let parameters: Vec<&(dyn ToSql + Sync)> = values
        .iter()
        .map(|value| -> &(dyn ToSql + Sync) { value.as_ref() })
        .collect();
    let rows = session.rows(&sql, &parameters).await?;
    Ok(OrderPage::of(all(&rows)?, query.limit))
}

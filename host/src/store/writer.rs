//! The one thread that writes. Whatever waits when it is free becomes one transaction, so that the cost
//! of making it durable is shared (group commit).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use crate::model::{Event, OrderId, OrderRecord, Timestamp, apply};
use crate::telemetry::Metrics;

/// Appends waiting for the writer. More than these wait at the door: backpressure.
pub(super) const QUEUE: usize = 1_024;

/// Appends that one transaction takes at most.
const GROUP: usize = 256;

/// Events of one order to be made durable together.
pub(super) struct Append {
    pub(super) order: OrderId,
    pub(super) events: Vec<Event>,
    pub(super) done: oneshot::Sender<Result<OrderRecord, StoreError>>,
}

/// Writes until all senders are gone.
pub(super) fn write_all(
    mut connection: Connection,
    mut queue: mpsc::Receiver<Append>,
    metrics: Arc<Metrics>,
) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.blocking_recv_many(&mut group, GROUP) > 0 {
        let started = Instant::now();
        let results = write_group(&mut connection, &group);
        metrics.journal_committed(started.elapsed());
        for (append, result) in group.drain(..).zip(results) {
            // A caller that stopped waiting has lost nothing: the events are durable.
            let _ = append.done.send(result);
        }
    }
}

fn write_group(
    connection: &mut Connection,
    group: &[Append],
) -> Vec<Result<OrderRecord, StoreError>> {
    let written = (|| {
        let mut transaction = connection.transaction()?;
        let mut results = Vec::with_capacity(group.len());
        for append in group {
            // One order's trouble is not another's: each has a savepoint of its own.
            let savepoint = transaction.savepoint()?;
            let result = write_events(&savepoint, append);
            if result.is_ok() {
                savepoint.commit()?;
            }
            results.push(result);
        }
        transaction.commit()?;
        Ok::<_, StoreError>(results)
    })();
    written.unwrap_or_else(|error| {
        tracing::error!(%error, "the journal cannot be written");
        group.iter().map(|_| Err(error.clone())).collect()
    })
}

fn write_events(connection: &Connection, append: &Append) -> Result<OrderRecord, StoreError> {
    let now = Timestamp::now();
    let id = append.order.as_str();
    let mut record: Option<OrderRecord> = connection
        .prepare_cached("SELECT body FROM orders WHERE id = ?1")?
        .query_row([id], |row| row.get::<_, String>(0))
        .optional()?
        .map(|body| serde_json::from_str(&body))
        .transpose()?;
    let known: HashSet<String> = record.iter().flat_map(venue_ids).cloned().collect();
    for event in &append.events {
        if let Event::Intent { record, .. } = event {
            refuse_used_label(connection, record)?;
        }
        record = Some(apply(record, event, now)?);
        connection
            .prepare_cached(
                "INSERT INTO events (order_id, at_ms, kind, body) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                id,
                now.as_millis(),
                event.kind(),
                serde_json::to_string(event)?
            ])?;
    }
    let record = record.ok_or_else(|| StoreError::Failed(format!("no events for order {id}")))?;
    project(connection, &record, &known)?;
    Ok(record)
}

fn refuse_used_label(connection: &Connection, record: &OrderRecord) -> Result<(), StoreError> {
    let Some(label) = &record.order.client_order_id else {
        return Ok(());
    };
    let used = connection
        .prepare_cached(
            "SELECT 1 FROM orders WHERE tenant = ?1 AND client_order_id = ?2 AND is_open LIMIT 1",
        )?
        .exists(params![record.tenant, label])?;
    if used {
        Err(StoreError::LabelInUse(label.clone()))
    } else {
        Ok(())
    }
}

/// Every id that the order has, or had, at its venue.
fn venue_ids(record: &OrderRecord) -> impl Iterator<Item = &String> {
    let past = record.past_legs.iter();
    let past = past.filter_map(|leg| leg.venue_order_id.as_ref());
    record.order.venue_order_id.iter().chain(past)
}

/// Writes the order as it is now; `known` are the ids at its venue that are written already.
fn project(
    connection: &Connection,
    record: &OrderRecord,
    known: &HashSet<String>,
) -> Result<(), StoreError> {
    let order = &record.order;
    connection
        .prepare_cached(
            "INSERT INTO orders (id, tenant, venue, symbol, state, is_open, is_unresolved, client_order_id, created_at_ms, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET
                venue = excluded.venue, symbol = excluded.symbol, state = excluded.state, is_open = excluded.is_open, is_unresolved = excluded.is_unresolved,
                body = excluded.body",
        )?
        .execute(params![
            order.id.as_str(),
            record.tenant,
            record.at_venue(),
            order.symbol,
            order.state.name(),
            !order.state.is_final(),
            record.is_unresolved(),
            order.client_order_id,
            order.created_at.as_millis(),
            serde_json::to_string(record)?,
        ])?;
    if !record.moved_to.is_empty() {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO moved_orders (order_id, asked_for) VALUES (?1, ?2)",
            )?
            .execute(params![order.id.as_str(), order.venue])?;
    }
    // A venue that begins its ids anew gives an old one to another order.
    for venue_order_id in venue_ids(record).filter(|id| !known.contains(id.as_str())) {
        connection
            .prepare_cached(
                "INSERT INTO venue_orders (venue, symbol, venue_order_id, order_id) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET order_id = excluded.order_id",
            )?
            .execute(params![record.at_venue(), order.symbol, venue_order_id, order.id.as_str()])?;
    }
    Ok(())
}

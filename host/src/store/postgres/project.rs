//! What is made from the entries: orders as they are now, their ids at venues, and idempotency keys.

use std::collections::BTreeSet;

use tokio_postgres::types::ToSql;

use super::batch::{Batch, Changed};
use super::chain;
use super::schema::SCHEMA;
use super::session::Session;
use crate::model::{OrderId, Timestamp};
use crate::store::chain::PAGE;
use crate::store::{ChainEntry, KeyName, StoreError, StoredKey};

/// Differences that are told in words; there may be as many as there are orders.
const DIFFERENCES: usize = 100;

impl Batch {
    /// Writes what has changed, in the transaction that is open.
    pub(super) async fn flush(&self, session: &Session) -> Result<(), StoreError> {
        tokio::try_join!(
            write_entries(session, &self.entries),
            self.write_orders(session),
            self.write_names(session),
            self.write_moved(session),
            self.write_keys(session),
            self.forget_keys(session),
        )?;
        Ok(())
    }

    async fn write_orders(&self, session: &Session) -> Result<(), StoreError> {
        if self.orders.is_empty() {
            return Ok(());
        }
        let all = self.orders.values();
        let texts = |of: fn(&Changed) -> &str| all.clone().map(of).collect::<Vec<&str>>();
        let flags = |of: fn(&Changed) -> bool| all.clone().map(of).collect::<Vec<bool>>();
        let times = |of: fn(&Changed) -> i64| all.clone().map(of).collect::<Vec<i64>>();
        let labels = all
            .clone()
            .map(|o| o.record.order.client_order_id.as_deref());
        let watched = all.clone().map(|o| o.record.looked_for_until());
        session
            .change(
                "INSERT INTO orders (id, tenant, venue, symbol, state, is_open, is_unresolved, client_order_id,
                    created_at_ms, body, updated_at_ms, watched_until_ms)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[],
                    $8::text[], $9::int8[], $10::text[], $11::int8[], $12::int8[])
                 ON CONFLICT (id) DO UPDATE SET
                    venue = excluded.venue, symbol = excluded.symbol, state = excluded.state,
                    is_open = excluded.is_open, is_unresolved = excluded.is_unresolved, body = excluded.body,
                    updated_at_ms = excluded.updated_at_ms, watched_until_ms = excluded.watched_until_ms",
                &[
                    &texts(|o| o.record.order.id.as_str()),
                    &texts(|o| &o.record.tenant),
                    &texts(|o| o.record.at_venue()),
                    &texts(|o| &o.record.order.symbol),
                    &texts(|o| o.record.order.state.name()),
                    &flags(|o| !o.record.order.state.is_final()),
                    &flags(|o| o.record.is_unresolved()),
                    &labels.collect::<Vec<_>>(),
                    &times(|o| o.record.order.created_at.as_millis()),
                    &texts(|o| &o.body),
                    &times(|o| o.at_ms),
                    &watched.map(|at| at.map(Timestamp::as_millis)).collect::<Vec<_>>(),
                ],
            )
            .await
            .map(drop)
    }

    async fn write_names(&self, session: &Session) -> Result<(), StoreError> {
        if self.names.is_empty() {
            return Ok(());
        }
        let names = self.names.keys();
        let venues: Vec<&str> = names.clone().map(|(venue, _, _)| venue.as_str()).collect();
        let symbols: Vec<&str> = names
            .clone()
            .map(|(_, symbol, _)| symbol.as_str())
            .collect();
        let ids: Vec<&str> = names.map(|(_, _, id)| id.as_str()).collect();
        let orders: Vec<&String> = self.names.values().collect();
        session
            .change(
                "INSERT INTO venue_orders (venue, symbol, venue_order_id, order_id)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
                 ON CONFLICT (venue, symbol, venue_order_id) DO UPDATE SET order_id = excluded.order_id",
                &[&venues, &symbols, &ids, &orders],
            )
            .await
            .map(drop)
    }

    async fn write_moved(&self, session: &Session) -> Result<(), StoreError> {
        let moved = self.orders.values().map(|changed| &changed.record);
        let moved = moved.filter(|record| record.moved_to.is_some());
        let (ids, venues): (Vec<&str>, Vec<&str>) = moved
            .map(|record| (record.order.id.as_str(), record.order.venue.as_str()))
            .unzip();
        if ids.is_empty() {
            return Ok(());
        }
        session
            .change(
                "INSERT INTO moved_orders (order_id, asked_for) SELECT * FROM unnest($1::text[], $2::text[])
                 ON CONFLICT DO NOTHING",
                &[&ids, &venues],
            )
            .await
            .map(drop)
    }

    async fn write_keys(&self, session: &Session) -> Result<(), StoreError> {
        let known = self.keys.iter();
        let known = known.filter_map(|(name, key)| Some((name, key.as_ref()?)));
        let known: Vec<(&KeyName, &StoredKey)> = known.collect();
        if known.is_empty() {
            return Ok(());
        }
        let answers = known.iter().map(|(_, key)| {
            let answer = key.answer.as_ref();
            answer.map(serde_json::to_string).transpose()
        });
        let answers: Vec<Option<String>> = answers.collect::<Result<_, _>>()?;
        let orders = known.iter().map(|(_, key)| key.order_id.as_ref());
        let orders: Vec<Option<&str>> = orders.map(|id| id.map(OrderId::as_str)).collect();
        let tenants: Vec<&str> = known.iter().map(|(name, _)| name.tenant.as_str()).collect();
        let keys: Vec<&str> = known.iter().map(|(name, _)| name.key.as_str()).collect();
        let prints: Vec<&str> = known
            .iter()
            .map(|(_, key)| key.fingerprint.as_str())
            .collect();
        let times: Vec<i64> = known.iter().map(|(_, key)| key.at.as_millis()).collect();
        session
            .change(
                "INSERT INTO idempotency_keys (tenant, key, fingerprint, order_id, at_ms, answer)
                 SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::text[])
                 ON CONFLICT (tenant, key) DO UPDATE SET fingerprint = excluded.fingerprint,
                    order_id = excluded.order_id, at_ms = excluded.at_ms, answer = excluded.answer",
                &[&tenants, &keys, &prints, &orders, &times, &answers],
            )
            .await
            .map(drop)
    }

    async fn forget_keys(&self, session: &Session) -> Result<(), StoreError> {
        let gone = self.keys.iter().filter(|(_, key)| key.is_none());
        forget_keys(session, gone.map(|(name, _)| name)).await
    }
}

/// Writes entries behind those that are there.
pub(super) async fn write_entries(
    session: &Session,
    entries: &[ChainEntry],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let numbers = |of: fn(&ChainEntry) -> i64| entries.iter().map(of).collect::<Vec<i64>>();
    let texts = |of: fn(&ChainEntry) -> &str| entries.iter().map(of).collect::<Vec<&str>>();
    let hashes: Vec<&[u8]> = entries.iter().map(|entry| entry.hash.as_bytes()).collect();
    session
        .change(
            "INSERT INTO entries (seq, subject, at_ms, kind, body, hash)
             SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::text[], $5::text[], $6::bytea[])",
            &[
                &numbers(|entry| entry.seq),
                &texts(|entry| &entry.subject),
                &numbers(|entry| entry.at_ms),
                &texts(|entry| &entry.kind),
                &texts(|entry| &entry.body),
                &hashes,
            ],
        )
        .await
        .map(drop)
}

async fn forget_keys(
    session: &Session,
    names: impl Iterator<Item = &KeyName> + Clone,
) -> Result<(), StoreError> {
    let tenants: Vec<&str> = names.clone().map(|name| name.tenant.as_str()).collect();
    let keys: Vec<&str> = names.map(|name| name.key.as_str()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    session
        .change(
            "DELETE FROM idempotency_keys
             WHERE (tenant, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
            &[&tenants, &keys],
        )
        .await
        .map(drop)
}

/// Takes orders out of the projections.
pub(super) async fn forget_orders(session: &Session, ids: &[&str]) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM orders WHERE id = ANY($1)",
        "DELETE FROM venue_orders WHERE order_id = ANY($1)",
        "DELETE FROM moved_orders WHERE order_id = ANY($1)",
    ] {
        session.change(sql, &[&ids]).await?;
    }
    Ok(())
}

/// Makes anew what is projected from the entries of some subjects.
pub(super) async fn renew(session: &Session, subjects: &BTreeSet<&str>) -> Result<(), StoreError> {
    let names = subjects.iter().map(|subject| KeyName::of_subject(subject));
    let names: Vec<KeyName> = names.flatten().collect();
    forget_keys(session, names.iter()).await?;
    let subjects: Vec<&str> = subjects.iter().copied().collect();
    forget_orders(session, &subjects).await?;
    let sql = format!(
        "SELECT {} FROM entries WHERE subject = ANY($1) ORDER BY seq",
        chain::ENTRY
    );
    let rows = session.rows(&sql, &[&subjects]).await?;
    let entries: Vec<ChainEntry> = rows.iter().map(chain::entry).collect::<Result<_, _>>()?;
    let mut batch = Batch::of_entries(session, &entries).await?;
    for entry in &entries {
        batch.replay(entry)?;
    }
    batch.flush(session).await
}

/// Makes all projections anew. What cannot be replayed is logged and left out.
pub(super) async fn rebuild(session: &Session) -> Result<(), StoreError> {
    for Table { name, .. } in TABLES {
        session.batch(&format!("DELETE FROM {name}")).await?;
    }
    for problem in replay_all(session).await? {
        tracing::error!(problem, "an entry cannot be replayed");
    }
    Ok(())
}

/// Replays every entry into the projections, which are empty. Returns what could not be replayed.
async fn replay_all(session: &Session) -> Result<Vec<String>, StoreError> {
    let (mut after, mut problems) = (0, Vec::new());
    loop {
        let page = chain::entries(session, after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.seq;
        let mut batch = Batch::of_entries(session, &page).await?;
        for entry in &page {
            if let Err(problem) = batch.replay(entry)
                && problems.len() < DIFFERENCES
            {
                problems.push(format!("entry {}: {problem}", entry.seq));
            }
        }
        batch.flush(session).await?;
    }
    session
        .batch(
            "DELETE FROM idempotency_keys WHERE at_ms < (SELECT keys_expired_before_ms FROM chain_head WHERE id = 1)",
        )
        .await?;
    Ok(problems)
}

/// A table that is projected.
struct Table {
    name: &'static str,
    /// What tells a row from others, in SQL.
    row: &'static str,
}

const TABLES: [Table; 4] = [
    Table {
        name: "orders",
        row: "id",
    },
    Table {
        name: "venue_orders",
        row: "venue || ' ' || symbol || ' ' || venue_order_id",
    },
    Table {
        name: "moved_orders",
        row: "order_id",
    },
    Table {
        name: "idempotency_keys",
        row: "tenant || ' ' || key",
    },
];

/// How the projections differ from a replay, in words. The connection is used for nothing else: temporary
/// tables hide the projections from it.
pub(super) async fn differences(session: &Session) -> Result<Vec<String>, StoreError> {
    chain::begin_view(session).await?;
    for Table { name, .. } in TABLES {
        session
            .batch(&format!(
                "CREATE TEMPORARY TABLE {name} (LIKE {SCHEMA}.{name} INCLUDING ALL) ON COMMIT DROP"
            ))
            .await?;
    }
    let mut found = replay_all(session).await?;
    let limit = i64::try_from(DIFFERENCES).unwrap_or(i64::MAX);
    let limit: &(dyn ToSql + Sync) = &limit;
    for Table { name, row } in TABLES {
        for (from, other, says) in [
            (SCHEMA, "pg_temp", "is not what the entries make of it"),
            (
                "pg_temp",
                SCHEMA,
                "is missing, or is not what the entries make of it",
            ),
        ] {
            let sql = format!(
                "SELECT {row} FROM (SELECT * FROM {from}.{name} EXCEPT SELECT * FROM {other}.{name}) AS differing LIMIT $1"
            );
            for differing in session.rows(&sql, &[limit]).await? {
                found.push(format!("{name}: {} {says}", differing.get::<_, &str>(0)));
            }
        }
    }
    found.dedup();
    Ok(found)
}

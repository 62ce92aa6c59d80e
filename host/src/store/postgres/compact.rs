//! Removes entries that nobody needs any more, so that what is left can still be verified: each run of
//! removed entries becomes one checkpoint with the hash of its last, and a new entry in the chain vouches
//! for all checkpoints there are.

use tokio_postgres::Row;

use super::batch::{head_at, next_entry};
use super::session::Session;
use super::{chain, project};
use crate::model::Timestamp;
use crate::store::subject::{Compacted, JOURNAL};
use crate::store::upkeep::{BATCH, KEY_MARGIN_MS};
use crate::store::{CHECKPOINT, Head, Removed, StoreError};

/// Forgets keys from before a time, a bounded number at once.
pub(super) async fn expire_keys(session: &Session, before: Timestamp) -> Result<usize, StoreError> {
    let (before, limit) = (before.as_millis(), i64::from(BATCH));
    let forgotten = session
        .change(
            "DELETE FROM idempotency_keys WHERE (tenant, key) IN
             (SELECT tenant, key FROM idempotency_keys WHERE at_ms < $1 LIMIT $2)",
            &[&before, &limit],
        )
        .await?;
    if forgotten == 0 {
        session
            .change(
                "UPDATE chain_head SET keys_expired_before_ms = greatest(keys_expired_before_ms, $1) WHERE id = 1",
                &[&before],
            )
            .await?;
    }
    Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
}

/// Removes what ended before a time, a bounded number of entries at once. Returns how many.
pub(super) async fn compact(
    session: &Session,
    head: &mut Head,
    ended_before: Timestamp,
) -> Result<usize, StoreError> {
    let mut removed = entries_of_keys(session, ended_before).await?;
    removed.extend(entries_of_orders(session, ended_before).await?);
    if removed.is_empty() {
        return Ok(0);
    }
    let count = removed.len();
    removed.extend(vouchers(session).await?);
    remove(session, &removed).await?;
    let (_, checkpoints) = chain::checkpoints(session).await?;
    let body = serde_json::to_string(&Compacted {
        removed: count,
        checkpoints,
    })?;
    let entry = next_entry(*head, Timestamp::now(), JOURNAL, "compacted", body);
    *head = head_at(*head, &entry);
    project::write_entries(session, &[entry]).await?;
    Ok(count)
}

/// Entries of keys that are forgotten, and old enough.
async fn entries_of_keys(
    session: &Session,
    ended_before: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let row = session
        .one(
            "SELECT keys_expired_before_ms FROM chain_head WHERE id = 1",
            &[],
        )
        .await?;
    let forgotten: i64 = row.get(0);
    let before = ended_before.as_millis().min(forgotten - KEY_MARGIN_MS);
    let rows = session
        .rows(
            "SELECT seq FROM (SELECT seq, at_ms FROM entries WHERE subject >= 'key/' AND subject < 'key0'
             ORDER BY seq LIMIT $2) AS oldest WHERE at_ms < $1",
            &[&before, &i64::from(BATCH)],
        )
        .await?;
    Ok(numbers(&rows))
}

/// All entries of orders that are over, which are forgotten with them.
async fn entries_of_orders(
    session: &Session,
    ended_before: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let over = session
        .rows(
            "SELECT id, (SELECT count(*) FROM entries WHERE subject = id) FROM orders
             WHERE NOT is_open AND NOT is_unresolved AND updated_at_ms < $1
             AND (watched_until_ms IS NULL OR watched_until_ms < $1)
             ORDER BY updated_at_ms LIMIT $2",
            &[&ended_before.as_millis(), &i64::from(BATCH)],
        )
        .await?;
    let (mut ids, mut entries) = (Vec::new(), 0);
    for row in &over {
        if entries >= i64::from(BATCH) {
            break;
        }
        ids.push(row.get::<_, &str>(0));
        entries += row.get::<_, i64>(1);
    }
    let rows = session
        .rows("SELECT seq FROM entries WHERE subject = ANY($1)", &[&ids])
        .await?;
    project::forget_orders(session, &ids).await?;
    Ok(numbers(&rows))
}

/// Entries that vouched for the checkpoints so far.
async fn vouchers(session: &Session) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT seq FROM entries WHERE subject = $1 AND kind = 'compacted'";
    Ok(numbers(&session.rows(sql, &[&JOURNAL]).await?))
}

fn numbers(rows: &[Row]) -> Vec<i64> {
    rows.iter().map(|row| row.get(0)).collect()
}

/// An entry that is removed, and the places of those beside it, with what stands there if it is a checkpoint.
#[derive(Debug)]
struct Place {
    seq: i64,
    before: Option<(i64, Option<Removed>)>,
    after: Option<(i64, Option<Removed>)>,
}

impl Place {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let beside = |seq: usize, body: usize| {
            let Some(seq) = row.get::<_, Option<i64>>(seq) else {
                return Ok(None);
            };
            let checkpoint = row.get::<_, Option<&str>>(body).map(serde_json::from_str);
            Ok::<_, StoreError>(Some((seq, checkpoint.transpose()?)))
        };
        Ok(Self {
            seq: row.get(0),
            before: beside(1, 2)?,
            after: beside(3, 4)?,
        })
    }
}

/// Makes each run of entries a checkpoint, and one with those beside it.
async fn remove(session: &Session, entries: &[i64]) -> Result<(), StoreError> {
    let rows = session
        .rows(
            "SELECT gone.seq, before.seq, before.checkpoint, after.seq, after.checkpoint
             FROM unnest($1::int8[]) AS gone (seq)
             LEFT JOIN LATERAL (SELECT seq, CASE WHEN kind = 'checkpoint' THEN body END AS checkpoint
                FROM entries WHERE entries.seq < gone.seq ORDER BY entries.seq DESC LIMIT 1) AS before ON true
             LEFT JOIN LATERAL (SELECT seq, CASE WHEN kind = 'checkpoint' THEN body END AS checkpoint
                FROM entries WHERE entries.seq > gone.seq ORDER BY entries.seq LIMIT 1) AS after ON true
             ORDER BY gone.seq",
            &[&entries],
        )
        .await?;
    let places: Vec<Place> = rows.iter().map(Place::of).collect::<Result<_, _>>()?;
    let (runs, gone) = runs(&places);
    let ends: Vec<i64> = runs.iter().map(|(end, _)| *end).collect();
    let bodies = runs.iter().map(|(_, run)| serde_json::to_string(run));
    let bodies: Vec<String> = bodies.collect::<Result<_, _>>()?;
    session
        .change("DELETE FROM entries WHERE seq = ANY($1)", &[&gone])
        .await?;
    session
        .change(
            "UPDATE entries SET subject = '', at_ms = 0, kind = $3, body = run.body
             FROM unnest($1::int8[], $2::text[]) AS run (seq, body) WHERE entries.seq = run.seq",
            &[&ends, &bodies, &CHECKPOINT],
        )
        .await
        .map(drop)
}

/// The checkpoints that removed entries become, each with its place, and the places that are empty then.
fn runs(places: &[Place]) -> (Vec<(i64, Removed)>, Vec<i64>) {
    let mut runs: Vec<(i64, Removed)> = Vec::new();
    let mut gone = Vec::new();
    for place in places {
        let before = place.before.map(|(seq, _)| seq);
        match runs.last_mut().filter(|(end, _)| Some(*end) == before) {
            Some((end, run)) => {
                gone.push(*end);
                *end = place.seq;
                run.entries += 1;
            }
            None => {
                let mut run = Removed {
                    first: place.seq,
                    entries: 1,
                };
                if let Some((seq, Some(earlier))) = place.before {
                    gone.push(seq);
                    run.first = earlier.first;
                    run.entries += earlier.entries;
                }
                runs.push((place.seq, run));
            }
        }
        if let (Some((seq, Some(later))), Some((end, run))) = (place.after, runs.last_mut()) {
            gone.push(*end);
            *end = seq;
            run.entries += later.entries;
        }
    }
    (runs, gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seq: i64, before: Option<i64>, after: Option<i64>) -> Place {
        Place {
            seq,
            before: before.map(|seq| (seq, None)),
            after: after.map(|seq| (seq, None)),
        }
    }

    fn checkpoint(first: i64, entries: i64) -> Option<Removed> {
        Some(Removed { first, entries })
    }

    #[test]
    fn entries_that_stand_beside_each_other_become_one_checkpoint_at_the_place_of_the_last() {
        let places = [
            place(2, Some(1), Some(3)),
            place(3, Some(2), Some(5)),
            place(7, Some(6), None),
        ];
        let (runs, gone) = runs(&places);
        let expected = [
            (3, checkpoint(2, 2).unwrap()),
            (7, checkpoint(7, 1).unwrap()),
        ];
        assert_eq!(runs, expected);
        assert_eq!(gone, [2]);
    }

    #[test]
    fn what_is_removed_between_two_checkpoints_joins_both() {
        let places = [
            Place {
                seq: 6,
                before: Some((5, checkpoint(1, 5))),
                after: Some((9, checkpoint(7, 2))),
            },
            Place {
                seq: 10,
                before: Some((9, checkpoint(7, 2))),
                after: None,
            },
        ];
        let (runs, gone) = runs(&places);
        assert_eq!(runs, [(10, checkpoint(1, 9).unwrap())]);
        assert_eq!(gone, [5, 6, 9]);
    }
}

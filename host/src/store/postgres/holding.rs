//! The lease: one row with a number that only ever grows, the epoch. Who took it last is the active gateway, and
//! every transaction that changes anything begins by making sure of that.

use tokio_postgres::Row;

use super::batch::{head_at, next_entry};
use super::session::Session;
use super::{chain, project};
use crate::config::LONGEST_LEASE;
use crate::model::Timestamp;
use crate::store::lease::boot_millis;
use crate::store::subject::{JOURNAL, Leased};
use crate::store::{Head, StoreError};

/// Asks whether an epoch is still the last, and keeps any other from beginning until the transaction ends. A
/// renewal changes no key and is not kept waiting; a take-over asks for the row for itself, and is.
pub(super) const FENCE: &str = "SELECT 1 FROM lease WHERE id = 1 AND epoch = $1 FOR KEY SHARE";

/// Asks how the lease stands, by the database's clock.
const LOOK: &str = "SELECT epoch, holder, expires_at < clock_timestamp() AS is_over, expires_at::text FROM lease WHERE id = 1";

/// Whoever did not renew a lease for so long, by the clock of who looks, has it no more: none is longer.
const LONGEST: u64 = LONGEST_LEASE.as_millis() as u64 * 11 / 10;

/// Another gateway's lease, as it was found when it was last seen to be renewed. The database's clock may be set back,
/// and would have a lease that nobody renews last for as long.
#[derive(Debug, Default)]
pub(super) struct Unrenewed {
    epoch: i64,
    until: String,
    /// By [`boot_millis`].
    since: u64,
}

impl Unrenewed {
    /// Takes in how the lease stands at a time of [`boot_millis`], and says whether it was not renewed for too long.
    fn is_over(&mut self, epoch: i64, until: &str, now: u64) -> bool {
        if (self.epoch, self.until.as_str()) != (epoch, until) {
            *self = Self {
                epoch,
                until: until.to_owned(),
                since: now,
            };
        }
        now - self.since > LONGEST
    }

    fn is_over_by(&mut self, row: &Row) -> bool {
        let is_unrenewed = self.is_over(row.get(0), row.get(3), boot_millis());
        row.get::<_, bool>(2) || is_unrenewed
    }
}

/// Seconds of a lease, for the database.
fn seconds(term: std::time::Duration) -> f64 {
    term.as_secs_f64()
}

/// A lease that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) epoch: i64,
    /// When it was asked for, by [`boot_millis`].
    pub(super) asked_at: u64,
    /// The end of the chain, which nobody else can move any more.
    pub(super) head: Head,
    /// What was not checked yet.
    pub(super) unchecked: Option<Head>,
}

/// Who has the lease by now.
pub(super) async fn holder(session: &Session) -> Result<String, StoreError> {
    Ok(session.one(LOOK, &[]).await?.get(1))
}

/// Takes the lease if nobody has it: the chain's newest `checked` entries are checked, and an entry says who writes
/// from here on. Where the chain is broken, the lease is not taken.
pub(super) async fn take(
    session: &Session,
    me: &str,
    term: std::time::Duration,
    checked: i64,
    others: &mut Unrenewed,
) -> Result<Option<Taken>, StoreError> {
    // Standbys look often; only one that finds it over asks for the row, for which commits have to wait.
    if !others.is_over_by(&session.one(LOOK, &[]).await?) {
        return Ok(None);
    }
    session.batch("BEGIN").await?;
    // Waits for a transaction of the last holder that is under way. A holder that was stopped in the middle of one
    // loses it after `idle_in_transaction_session_timeout`.
    let row = session.one(&format!("{LOOK} FOR UPDATE"), &[]).await?;
    if !others.is_over_by(&row) {
        session.batch("ROLLBACK").await?;
        return Ok(None);
    }
    let epoch = row.get::<_, i64>(0) + 1;
    let (mut head, unchecked) = chain::verify_newest(session, checked).await?;
    let body = serde_json::to_string(&Leased { holder: me, epoch })?;
    let entry = next_entry(head, Timestamp::now(), JOURNAL, "leased", body);
    head = head_at(head, &entry);
    project::write_entries(session, &[entry]).await?;
    chain::write_head(session, &head).await?;
    let asked_at = boot_millis();
    session
        .change(
            "UPDATE lease SET epoch = $1, holder = $2, expires_at = clock_timestamp() + make_interval(secs => $3)
             WHERE id = 1",
            &[&epoch, &me, &seconds(term)],
        )
        .await?;
    session.batch("COMMIT").await?;
    Ok(Some(Taken {
        epoch,
        asked_at,
        head,
        unchecked,
    }))
}

/// Renews the lease of an epoch, and gives the time of [`boot_millis`] at which that was asked for.
///
/// # Errors
/// [`StoreError::Fenced`] where another gateway has taken it.
pub(super) async fn renew(
    session: &Session,
    epoch: i64,
    term: std::time::Duration,
) -> Result<u64, StoreError> {
    let asked_at = boot_millis();
    let renewed = session
        .change(
            "UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => $2) WHERE id = 1 AND epoch = $1",
            &[&epoch, &seconds(term)],
        )
        .await?;
    if renewed == 0 {
        return Err(StoreError::Fenced(holder(session).await?));
    }
    Ok(asked_at)
}

/// Gives the lease of an epoch up: a standby takes it at once.
pub(super) async fn release(session: &Session, epoch: i64) -> Result<(), StoreError> {
    let sql = "UPDATE lease SET expires_at = '-infinity' WHERE id = 1 AND epoch = $1";
    session.change(sql, &[&epoch]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_nobody_renews_is_over_even_where_the_databases_clock_says_that_it_is_not() {
        let mut others = Unrenewed::default();
        for now in [1_000, 30_000, 1_000 + LONGEST] {
            assert!(!others.is_over(7, "in an hour", now), "{now}");
        }
        assert!(others.is_over(7, "in an hour", 1_001 + LONGEST));
        // It was renewed, or another has it.
        assert!(!others.is_over(7, "in an hour and a second", 2_000 + LONGEST));
        assert!(!others.is_over(8, "in an hour and a second", 3_000 + 2 * LONGEST));
    }
}

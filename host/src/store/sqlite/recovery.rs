//! What a failed commit came to, found out when the file is opened again.
//!
//! A commit that fails while the disk is told to keep it may be there or not. Those who waited for it
//! were told that it is not, and have sent nothing. So it is taken back before anything else is written:
//! what was refused must not be taken for something that was sent.

use rusqlite::{Connection, TransactionBehavior};

use super::{chain, project};
use crate::model::Timestamp;
use crate::store::subject::{JOURNAL, Recovered};
use crate::store::{Break, Head, StoreError, Walk};

/// Brings the journal back to `acknowledged`, and writes that it was away: the disk keeps entries again,
/// and nothing of a failed commit is left in the write-ahead log. Returns the head behind that entry.
pub(super) fn recover(
    connection: &mut Connection,
    acknowledged: Head,
    problem: &str,
) -> Result<Head, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut head = chain::head(&transaction)?
        .ok_or_else(|| StoreError::Broken(Break::at(0, "the chain has no head")))?;
    let mut taken_back = 0;
    if head != acknowledged {
        let surplus = chain::entries(&transaction, acknowledged.seq, usize::MAX)?;
        let mut walk = Walk::after(acknowledged);
        for entry in &surplus {
            walk.step(entry).map_err(StoreError::Broken)?;
        }
        if walk.head() != head || surplus.is_empty() {
            let text = "acknowledged entries are missing, or someone else has written";
            let place = acknowledged.seq.min(head.seq) + 1;
            return Err(StoreError::Broken(Break::at(place, text)));
        }
        // The journal's own entries go with what they tell of, such as entries that are gone.
        if surplus.iter().any(|entry| entry.subject != JOURNAL) {
            taken_back = surplus.len();
            transaction.execute("DELETE FROM entries WHERE seq > ?1", [acknowledged.seq])?;
            let mut subjects: Vec<&str> =
                surplus.iter().map(|entry| entry.subject.as_str()).collect();
            subjects.sort_unstable();
            subjects.dedup();
            for subject in subjects {
                project::renew(&transaction, subject)?;
            }
            head = acknowledged;
        }
    }
    let body = serde_json::to_string(&Recovered {
        problem,
        taken_back,
    })?;
    chain::write_entry(
        &transaction,
        &mut head,
        Timestamp::now(),
        (JOURNAL, "recovered", &body),
    )?;
    chain::write_head(&transaction, &head)?;
    transaction.commit()?;
    Ok(head)
}

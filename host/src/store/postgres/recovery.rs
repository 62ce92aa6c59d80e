//! What a failed commit came to, found out on a new connection.
//!
//! A commit whose connection broke may be there or not, and may even come while this looks: the server works
//! through what it was sent. Those who waited for it were told that it is not there, and have sent nothing. So the
//! head's row is locked, for which a commit under way is waited for, and what there is of it is taken back; an
//! entry that says so moves the head, so that one which comes after that finds another head than it knew and is
//! refused (see `Writer::in_transaction`).

use std::collections::BTreeSet;

use super::batch::{head_at, next_entry};
use super::session::Session;
use super::{chain, project};
use crate::model::Timestamp;
use crate::store::subject::{JOURNAL, Recovered};
use crate::store::{Break, Head, StoreError, Walk};

/// Brings the journal back to `acknowledged`, in the transaction that is open and holds the head's row, where
/// `found` stands; and writes that it was away. Returns the head behind that entry.
pub(super) async fn recover(
    session: &Session,
    acknowledged: Head,
    found: Head,
    problem: &str,
) -> Result<Head, StoreError> {
    let (mut head, mut taken_back) = (found, 0);
    if head != acknowledged {
        let surplus = chain::entries(session, acknowledged.seq, usize::MAX).await?;
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
            session
                .change("DELETE FROM entries WHERE seq > $1", &[&acknowledged.seq])
                .await?;
            let subjects = surplus.iter().map(|entry| entry.subject.as_str());
            project::renew(session, &subjects.collect::<BTreeSet<&str>>()).await?;
            head = acknowledged;
        }
    }
    let body = serde_json::to_string(&Recovered {
        problem,
        taken_back,
    })?;
    let entry = next_entry(head, Timestamp::now(), JOURNAL, "recovered", body);
    head = head_at(head, &entry);
    project::write_entries(session, &[entry]).await?;
    chain::write_head(session, &head).await?;
    Ok(head)
}

//! The one thread that writes. Whatever waits when it is free becomes one transaction, so that the cost
//! of making it durable is shared (group commit).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Savepoint, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::{Lock, chain, project, recovery, schema, unlock};
use crate::model::{Event, OrderId, OrderRecord, OrderState, Timestamp, apply};
use crate::store::condition::Watch;
use crate::store::names::venue_names;
use crate::store::{Commit, Head, StoreError};
use crate::telemetry::Metrics;

/// Work waiting for the writer. More than this waits at the door: backpressure.
pub(super) const QUEUE: usize = 1_024;

/// Commits that one transaction takes at most.
const GROUP: usize = 256;

/// Time between two tries to open a journal again that could not be written.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Free pages that are given back at a time.
const FREED_PAGES: u32 = 1_000;

/// What came of a commit: the order after it, if it is about one.
pub(super) type Committed = Result<Option<OrderRecord>, StoreError>;

/// States that orders entered, and their venues.
type Entered = Vec<(String, OrderState)>;

/// Work that has the writer to itself.
pub(super) type Job = Box<dyn FnOnce(&mut Writer) + Send>;

/// What the writer is asked to do.
pub(super) enum Work {
    Commit(Box<Commit>, oneshot::Sender<Committed>),
    Job(Job),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// Why a commit was not written: itself, or the disk.
enum NotWritten {
    /// This one cannot be written; others can.
    Refused(StoreError),
    /// Nothing can be written just now.
    Disk(rusqlite::Error),
}

impl From<rusqlite::Error> for NotWritten {
    fn from(error: rusqlite::Error) -> Self {
        Self::Disk(error)
    }
}

impl<E: Into<StoreError>> From<Refusal<E>> for NotWritten {
    fn from(Refusal(error): Refusal<E>) -> Self {
        Self::Refused(error.into())
    }
}

/// Something that is wrong with one commit.
struct Refusal<E>(E);

/// Writes to one database.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    /// Absent while the journal cannot be written.
    pub(super) connection: Option<Connection>,
    /// The end of everything that was acknowledged.
    pub(super) head: Head,
    /// How long a key is kept.
    pub(super) key_life: Duration,
    pub(super) watch: Arc<Watch>,
    pub(super) metrics: Arc<Metrics>,
    /// When it is worth trying again, and why it failed.
    pub(super) failed: Option<Failed>,
    pub(super) lock: Lock,
}

/// A failed write.
pub(super) struct Failed {
    pub(super) error: StoreError,
    /// Absent where only a person can help.
    pub(super) try_again: Option<Instant>,
}

impl Writer {
    /// Works until all senders are gone or it is told to end.
    pub(super) fn work(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut waiting = Vec::with_capacity(GROUP);
        let (mut group, mut callers) = (Vec::new(), Vec::new());
        while queue.blocking_recv_many(&mut waiting, GROUP) > 0 {
            for work in waiting.drain(..) {
                match work {
                    Work::Commit(commit, done) => {
                        group.push(*commit);
                        callers.push(done);
                    }
                    Work::Job(job) => {
                        self.write(&mut group, &mut callers);
                        job(&mut self);
                    }
                    Work::Close(done) => {
                        self.write(&mut group, &mut callers);
                        self.connection = None;
                        unlock(&self.lock);
                        let _ = done.send(Ok(()));
                        return;
                    }
                }
            }
            self.write(&mut group, &mut callers);
        }
    }

    fn write(&mut self, group: &mut Vec<Commit>, callers: &mut Vec<oneshot::Sender<Committed>>) {
        if group.is_empty() {
            return;
        }
        let started = Instant::now();
        let results = self.write_group(group);
        self.metrics.journal_committed(started.elapsed());
        group.clear();
        for (caller, result) in callers.drain(..).zip(results) {
            // A caller that stopped waiting has lost nothing: the events are durable.
            let _ = caller.send(result);
        }
    }

    pub(super) fn write_group(&mut self, group: &[Commit]) -> Vec<Committed> {
        let key_life = self.key_life;
        let mut entered = Entered::new();
        let written = self.in_transaction(|connection, head| {
            let mut results = Vec::with_capacity(group.len());
            for commit in group {
                // One commit's trouble is not another's: each has a savepoint of its own. The disk's
                // trouble is everyone's: the database may have given up the whole transaction.
                let savepoint = connection.savepoint()?;
                let (before, entered_before) = (*head, entered.len());
                match write_commit(&savepoint, head, commit, key_life, &mut entered) {
                    Ok(record) => {
                        savepoint.commit()?;
                        results.push(Ok(record));
                    }
                    Err(NotWritten::Refused(error)) => {
                        *head = before;
                        entered.truncate(entered_before);
                        drop(savepoint); // rolls back
                        results.push(Err(error));
                    }
                    Err(NotWritten::Disk(error)) => return Err(error),
                }
            }
            Ok(results)
        });
        match written {
            Ok(results) => {
                let done = group.iter().zip(&results);
                for (commit, _) in done.filter(|(_, result)| result.is_ok()) {
                    commit.is_done();
                }
                for (venue, state) in entered {
                    self.metrics.orders.entered(&venue, state);
                }
                results
            }
            Err(error) => group.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Does something in one transaction, at whose end the head stands where `work` moved it. After a
    /// failure nothing of it is there, or it is taken back before anything else is written.
    pub(super) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut rusqlite::Transaction<'_>, &mut Head) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let (connection, mut head) = self.connected()?;
        let done = (|| {
            let mut transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&mut transaction, &mut head)?;
            chain::write_head(&transaction, &head)?;
            transaction.commit()?;
            Ok(done)
        })();
        match done {
            Ok(done) => {
                self.head = head;
                Ok(done)
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// The connection, opened again if the last write failed, and the end of what was acknowledged.
    pub(super) fn connected(&mut self) -> Result<(&mut Connection, Head), StoreError> {
        if let Some(broken) = self.watch.broken() {
            return Err(StoreError::Broken(broken));
        }
        if self.connection.is_none() {
            if let Some(failed) = &self.failed
                && failed.try_again.is_none_or(|at| Instant::now() < at)
            {
                return Err(failed.error.clone());
            }
            let reopened = schema::reopen(&self.path).and_then(|mut connection| {
                let head = recovery::recover(&mut connection, self.head, &self.problem())?;
                Ok((connection, head))
            });
            let (connection, head) =
                reopened.inspect_err(|error| self.note_failure(error.clone(), false))?;
            tracing::warn!(path = %self.path.display(), "the journal takes entries again");
            self.watch.writable();
            self.failed = None;
            self.head = head;
            self.connection = Some(connection);
        }
        let head = self.head;
        let connection = self.connection.as_mut().map(|open| (open, head));
        connection.ok_or_else(|| StoreError::Failed("no connection".into()))
    }

    /// Gives back pages that are free, keeps the write-ahead log from growing, and returns how many bytes
    /// the journal takes: what is free within the file does not count.
    pub(super) fn tidy(&mut self) -> Result<u64, StoreError> {
        let log = wal_bytes(&self.path);
        let (connection, _) = self.connected()?;
        let tidied = (|| {
            connection.execute_batch(&format!("PRAGMA incremental_vacuum({FREED_PAGES})"))?;
            if log > schema::WAL_BYTES {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            }
            connection.query_row(
                "SELECT (page_count - freelist_count) * page_size
                 FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
                [],
                |row| row.get::<_, i64>(0),
            )
        })();
        match tidied {
            Ok(bytes) => Ok(u64::try_from(bytes).unwrap_or(0) + wal_bytes(&self.path)),
            Err(error) => Err(self.fail(&error)),
        }
    }

    fn problem(&self) -> String {
        let failed = self.failed.as_ref();
        failed.map_or_else(String::new, |failed| failed.error.to_string())
    }

    fn fail(&mut self, error: &rusqlite::Error) -> StoreError {
        // What the commit came to is not known: the connection's view of the file goes with it.
        self.connection = None;
        let is_damaged = chain::is_damage(error);
        let error = StoreError::Failed(error.to_string());
        self.note_failure(error.clone(), is_damaged);
        error
    }

    fn note_failure(&mut self, error: StoreError, is_for_good: bool) {
        tracing::error!(%error, is_for_good, "the journal cannot be written");
        self.metrics.journal.write_failed();
        match &error {
            StoreError::Broken(at) => self.watch.break_at(at.clone()),
            error => self.watch.unwritable(error.to_string()),
        }
        let try_again = (!is_for_good).then(|| Instant::now() + TRY_AGAIN);
        self.failed = Some(Failed { error, try_again });
    }
}

fn wal_bytes(path: &Path) -> u64 {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    std::fs::metadata(name).map_or(0, |metadata| metadata.len())
}

fn write_commit(
    connection: &Savepoint<'_>,
    head: &mut Head,
    commit: &Commit,
    key_life: Duration,
    entered: &mut Entered,
) -> Result<Option<OrderRecord>, NotWritten> {
    let now = Timestamp::now();
    let mut records = Vec::with_capacity(commit.orders.len());
    for (id, events) in &commit.orders {
        records.push(write_events(connection, head, (id, events), now, entered)?);
    }
    let claimed = commit.claimed();
    if let Some(event) = &claimed {
        let known = project::key(connection, event.name())?;
        if known.is_some_and(|known| now.since(known.at) < key_life) {
            return Err(Refusal(StoreError::KeyInUse).into());
        }
    }
    let released = commit.released();
    for event in claimed.iter().chain(&released).chain(&commit.key) {
        let subject = event.name().subject();
        let body = serde_json::to_string(event).map_err(Refusal)?;
        chain::write_entry(connection, head, now, (&subject, event.kind(), &body))?;
        project::key_happened(connection, event, now)?;
    }
    for (subject, kind, body) in commit.unprojected().map_err(Refusal)? {
        chain::write_entry(connection, head, now, (&subject, kind, &body))?;
    }
    Ok(records.into_iter().next())
}

fn write_events(
    connection: &Connection,
    head: &mut Head,
    (id, events): (&OrderId, &[Event]),
    now: Timestamp,
    entered: &mut Entered,
) -> Result<OrderRecord, NotWritten> {
    let id = id.as_str();
    let mut record = project::order(connection, id)?
        .transpose()
        .map_err(Refusal)?;
    let known = record.as_ref().map(venue_names).unwrap_or_default();
    for event in events {
        if let Event::Intent { record, .. } = event {
            refuse_used_label(connection, record)?;
        }
        let before = record.as_ref().map(|record| record.order.state);
        let after = apply(record, event, now).map_err(Refusal)?;
        if before != Some(after.order.state) {
            entered.push((after.at_venue().to_owned(), after.order.state));
        }
        record = Some(after);
        let body = serde_json::to_string(event).map_err(Refusal)?;
        chain::write_entry(connection, head, now, (id, event.kind(), &body))?;
    }
    let record =
        record.ok_or_else(|| Refusal(StoreError::Failed(format!("no events for order {id}"))))?;
    let body = serde_json::to_string(&record).map_err(Refusal)?;
    project::write_order(connection, &record, &body, now, &known)?;
    Ok(record)
}

fn refuse_used_label(connection: &Connection, record: &OrderRecord) -> Result<(), NotWritten> {
    let Some(label) = &record.order.client_order_id else {
        return Ok(());
    };
    let used = connection
        .prepare_cached(
            "SELECT 1 FROM orders WHERE tenant = ?1 AND client_order_id = ?2 AND is_open LIMIT 1",
        )?
        .exists(params![record.tenant, label])?;
    if used {
        Err(Refusal(StoreError::LabelInUse(label.clone())).into())
    } else {
        Ok(())
    }
}

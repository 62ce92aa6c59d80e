//! The one task that writes. Whatever waits when it is free becomes one transaction, so that the cost of making it
//! durable is shared (group commit). It takes and renews the lease too: a gateway whose writer hangs must not
//! keep it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::batch::Batch;
use super::holding::{self, FENCE, Taken, Unrenewed};
use super::session::{Parameters, Purpose, Server, Session};
use super::{chain, compact, project, recovery};
use crate::model::{OrderRecord, Timestamp};
use crate::store::chain::CHECKED_TAIL;
use crate::store::condition::Watch;
use crate::store::lease::{Lease, Standing};
use crate::store::{Break, Commit, Head, StoreError};
use crate::telemetry::Metrics;

/// Work waiting for the writer. More than this waits at the door: backpressure.
pub(super) const QUEUE: usize = 1_024;

/// Commits that one transaction takes at most.
const GROUP: usize = 256;

/// First and longest time between two tries to connect again.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How often a standby looks whether the lease is over.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Locks the head's row, so that a commit that is under way is waited for.
const LOCKED_HEAD: &str = "SELECT seq, hash, entries FROM chain_head WHERE id = 1 FOR UPDATE";

/// Who waits for the end of something.
pub(super) type Done<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
pub(super) enum Work {
    Commit(Box<Commit>, Done<Option<OrderRecord>>),
    Recover(Done<()>),
    Rebuild(Done<()>),
    ExpireKeys(Timestamp, Done<usize>),
    Compact(Timestamp, Done<usize>),
    Tidy(Done<u64>),
    Close(Done<()>),
}

/// Writes to one database.
pub(super) struct Writer {
    pub(super) server: Server,
    /// Absent while there is no connection.
    pub(super) session: Option<Session>,
    /// A connection that is being made.
    pub(super) connecting: Option<JoinHandle<Result<Session, StoreError>>>,
    /// How this gateway is called in the lease.
    pub(super) me: String,
    pub(super) term: Duration,
    pub(super) lease: Lease,
    pub(super) epoch: i64,
    /// The end of everything that was acknowledged.
    pub(super) head: Head,
    /// Where it is left what is to be checked beside the work.
    pub(super) unchecked: Arc<Mutex<Option<Head>>>,
    /// The lease of the gateway that has it, while this one waits.
    pub(super) others: Unrenewed,
    pub(super) checks_all: bool,
    /// How long a key is kept.
    pub(super) key_life: Duration,
    pub(super) watch: Arc<Watch>,
    pub(super) metrics: Arc<Metrics>,
    /// When it is worth trying again, and why it failed.
    pub(super) failed: Option<Failed>,
}

/// A failed write.
pub(super) struct Failed {
    error: StoreError,
    try_again: Instant,
    pause: Duration,
}

impl Writer {
    /// Works until all senders are gone or it is told to end, and gives up the lease then.
    pub(super) async fn work(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut waiting = Vec::with_capacity(GROUP);
        let mut due = Instant::now() + self.keeping_every();
        let closed = loop {
            let count = tokio::select! {
                biased;
                () = sleep_until(due) => {
                    self.keep().await;
                    due = Instant::now() + self.keeping_every();
                    continue;
                }
                count = queue.recv_many(&mut waiting, GROUP) => count,
            };
            if count == 0 {
                break None;
            }
            if let Some(done) = self.do_all(&mut waiting).await {
                break Some(done);
            }
        };
        let released = self.release().await;
        if let Some(done) = closed {
            let _ = done.send(released);
        }
    }

    /// Does what waits. Gives back who asked for the end.
    async fn do_all(&mut self, waiting: &mut Vec<Work>) -> Option<Done<()>> {
        let (mut group, mut callers) = (Vec::new(), Vec::new());
        for work in waiting.drain(..) {
            if let Work::Commit(commit, done) = work {
                group.push(*commit);
                callers.push(done);
                continue;
            }
            self.write(&mut group, &mut callers).await;
            // Who stopped waiting has lost nothing: it is done.
            match work {
                Work::Commit(..) => {}
                Work::Recover(done) => drop(done.send(self.connected().await)),
                Work::Rebuild(done) => drop(done.send(self.rebuild().await)),
                Work::ExpireKeys(before, done) => drop(done.send(self.expire_keys(before).await)),
                Work::Compact(before, done) => drop(done.send(self.compact(before).await)),
                Work::Tidy(done) => drop(done.send(self.size().await)),
                Work::Close(done) => return Some(done),
            }
        }
        self.write(&mut group, &mut callers).await;
        None
    }

    async fn write(
        &mut self,
        group: &mut Vec<Commit>,
        callers: &mut Vec<Done<Option<OrderRecord>>>,
    ) {
        if group.is_empty() {
            return;
        }
        let started = std::time::Instant::now();
        let results = self.write_group(group).await;
        self.metrics.journal_committed(started.elapsed());
        group.clear();
        for (caller, result) in callers.drain(..).zip(results) {
            // A caller that stopped waiting has lost nothing: the events are durable.
            let _ = caller.send(result);
        }
    }

    async fn write_group(
        &mut self,
        group: &[Commit],
    ) -> Vec<Result<Option<OrderRecord>, StoreError>> {
        let key_life = self.key_life;
        let written = self
            .in_transaction(async |session: &Session, head: &mut Head| {
                let mut batch = Batch::of_commits(session, *head, group).await?;
                let now = Timestamp::now();
                let results = group
                    .iter()
                    .map(|commit| batch.commit(commit, now, key_life));
                let results: Vec<_> = results.collect();
                batch.flush(session).await?;
                *head = batch.head;
                Ok((results, batch.entered))
            })
            .await;
        match written {
            Ok((results, entered)) => {
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

    async fn rebuild(&mut self) -> Result<(), StoreError> {
        let rebuilt = async |session: &Session, _: &mut Head| project::rebuild(session).await;
        self.in_transaction_within(None, rebuilt).await
    }

    async fn expire_keys(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        self.in_transaction(async |session: &Session, _: &mut Head| {
            compact::expire_keys(session, before).await
        })
        .await
    }

    async fn compact(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        let removed = self
            .in_transaction(async |session: &Session, head: &mut Head| {
                compact::compact(session, head, before).await
            })
            .await?;
        self.metrics.journal.removed(removed);
        Ok(removed)
    }

    /// How many bytes the tables take. The server gives back what is free by itself.
    async fn size(&mut self) -> Result<u64, StoreError> {
        self.in_transaction(async |session: &Session, _: &mut Head| {
            let row = session
                .one(
                    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::int8 FROM pg_class
                     WHERE relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)",
                    &[&super::schema::SCHEMA],
                )
                .await?;
            Ok(row.get::<_, i64>(0).unsigned_abs())
        })
        .await
    }

    /// Does something in one transaction, at whose end the head stands where `work` moved it. After a
    /// failure nothing of it is there, or it is taken back before anything else is written.
    async fn in_transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&Session, &mut Head) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.in_transaction_within(Some(self.term), work).await
    }

    async fn in_transaction_within<T>(
        &mut self,
        limit: Option<Duration>,
        work: impl AsyncFnOnce(&Session, &mut Head) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connected().await?;
        let Some(session) = &self.session else {
            return Err(StoreError::Failed("no connection".into()));
        };
        let (before, epoch) = (self.head, self.epoch);
        let done = async {
            let found = begin_fenced(session, epoch).await?;
            if found != before {
                let text = "someone else has written";
                return Err(StoreError::Broken(Break::at(before.seq + 1, text)));
            }
            let mut head = before;
            let done = work(session, &mut head).await?;
            if head != before {
                chain::write_head(session, &head).await?;
            }
            session.batch("COMMIT").await?;
            Ok((done, head))
        };
        match within(limit, done).await {
            Ok((done, head)) => {
                self.head = head;
                Ok(done)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Makes sure of a connection on which what was acknowledged is where the chain ends.
    pub(super) async fn connected(&mut self) -> Result<(), StoreError> {
        if let Some(broken) = self.watch.broken() {
            return Err(StoreError::Broken(broken));
        }
        match self.lease.standing() {
            Standing::Standby => return Err(StoreError::Standby),
            Standing::Lost(to) => return Err(StoreError::Fenced(to)),
            Standing::Active => {}
        }
        if self.session.as_ref().is_some_and(Session::is_closed) {
            // It ended while nothing was asked; what was asked before was answered.
            self.fail(StoreError::Failed("the connection ended".into()));
        }
        if self.session.is_some() {
            return Ok(());
        }
        let session = self.connect_again().await?;
        let (acknowledged, epoch) = (self.head, self.epoch);
        let problem = self.problem();
        let recovered = async {
            let found = begin_fenced(&session, epoch).await?;
            let head = recovery::recover(&session, acknowledged, found, &problem).await?;
            session.batch("COMMIT").await?;
            let asked_at = holding::renew(&session, epoch, self.term).await?;
            Ok((head, asked_at))
        };
        match within(Some(self.term), recovered).await {
            Ok((head, asked_at)) => {
                tracing::warn!(server = self.server.name, "the journal takes entries again");
                self.watch.writable();
                self.failed = None;
                self.head = head;
                self.session = Some(session);
                self.lease.hold(asked_at, self.term);
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// A new connection, once one could be made. Nobody is kept waiting for it.
    async fn connect_again(&mut self) -> Result<Session, StoreError> {
        match self.connecting.take() {
            Some(connecting) if connecting.is_finished() => {
                let ended = |_| Err(StoreError::Failed("a connection ended early".into()));
                let connected = connecting.await.unwrap_or_else(ended);
                return connected.map_err(|error| self.fail(error));
            }
            Some(connecting) => self.connecting = Some(connecting),
            None => {
                let is_due = |failed: &Failed| Instant::now() >= failed.try_again;
                if self.failed.as_ref().is_none_or(is_due) {
                    let server = self.server.clone();
                    let connect = async move { server.connect(Purpose::Writing).await };
                    self.connecting = Some(tokio::spawn(connect));
                }
            }
        }
        let failed = self.failed.as_ref().map(|failed| failed.error.clone());
        Err(failed.unwrap_or_else(|| StoreError::Failed("there is no connection yet".into())))
    }

    fn problem(&self) -> String {
        let failed = self.failed.as_ref();
        failed.map_or_else(String::new, |failed| failed.error.to_string())
    }

    fn fail(&mut self, error: StoreError) -> StoreError {
        // What a commit came to is not known: the connection goes with whatever it has open.
        self.session = None;
        match &error {
            StoreError::Fenced(to) => {
                tracing::error!(%error, "another gateway writes the journal now");
                self.lease.lose(to.clone());
                return error;
            }
            StoreError::Broken(at) => self.watch.break_at(at.clone()),
            error => {
                tracing::error!(%error, "the journal cannot be written");
                self.watch.unwritable(error.to_string());
            }
        }
        self.metrics.journal.write_failed();
        let last = self.failed.as_ref().map(|failed| failed.pause);
        let (first, longest) = TRY_AGAIN;
        let pause = last.map_or(first, |last| (last * 2).min(longest));
        self.failed = Some(Failed {
            error: error.clone(),
            try_again: Instant::now() + pause,
            pause,
        });
        error
    }

    /// How often the lease is looked after.
    fn keeping_every(&self) -> Duration {
        match self.lease.standing() {
            Standing::Standby => LOOK_EVERY,
            Standing::Active if self.session.is_none() => TRY_AGAIN.0,
            Standing::Active | Standing::Lost(_) => self.term / 5,
        }
    }

    /// Renews the lease, or takes it where it is over.
    async fn keep(&mut self) {
        match self.lease.standing() {
            Standing::Lost(_) => {}
            Standing::Standby => self.try_to_take(CHECKED_TAIL).await,
            Standing::Active => {
                if self.connected().await.is_err() {
                    return;
                }
                let Some(session) = &self.session else { return };
                let renewing = holding::renew(session, self.epoch, self.term);
                match within(Some(self.term), renewing).await {
                    Ok(asked_at) => self.lease.hold(asked_at, self.term),
                    Err(error) => drop(self.fail(error)),
                }
            }
        }
    }

    /// Takes the lease if nobody has it.
    pub(super) async fn try_to_take(&mut self, checked: i64) {
        if self.watch.broken().is_some() {
            return;
        }
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.session = None;
            match self.connect_again().await {
                Ok(session) => self.session = Some(session),
                Err(_) => return,
            }
        }
        let Some(session) = &self.session else { return };
        // What waits for the last holder's transaction may wait for as long as that is left idle.
        let limit = Some(self.term * 2);
        let taking = holding::take(session, &self.me, self.term, checked, &mut self.others);
        match within(limit, taking).await {
            Ok(Some(taken)) => self.taken(taken),
            Ok(None) => {
                self.failed = None;
                self.watch.writable();
            }
            Err(error) => drop(self.fail(error)),
        }
    }

    fn taken(&mut self, taken: Taken) {
        let Taken {
            epoch,
            asked_at,
            head,
            unchecked,
        } = taken;
        tracing::info!(
            epoch,
            holder = self.me,
            entries = head.entries,
            "this gateway writes the journal"
        );
        (self.epoch, self.head) = (epoch, head);
        let unchecked = unchecked.filter(|_| self.checks_all);
        self.watch.checking(unchecked.is_some());
        *self
            .unchecked
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = unchecked;
        self.failed = None;
        self.watch.writable();
        self.lease.hold(asked_at, self.term);
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        let is_active = self.lease.standing() == Standing::Active;
        self.lease.lapse();
        match &self.session {
            Some(session) if is_active => {
                within(Some(self.term), holding::release(session, self.epoch)).await
            }
            _ => Ok(()),
        }
    }
}

/// Begins a transaction that nothing comes of once another gateway has taken over, and gives the head, which
/// nobody else moves until its end.
async fn begin_fenced(session: &Session, epoch: i64) -> Result<Head, StoreError> {
    let with_epoch: Parameters<'_> = &[&epoch];
    let answers = session
        .begin([(FENCE, with_epoch), (LOCKED_HEAD, &[])])
        .await?;
    let [fence, head] = answers.as_slice() else {
        return Err(StoreError::Failed("an answer is missing".into()));
    };
    if fence.is_empty() {
        session.batch("ROLLBACK").await?;
        return Err(StoreError::Fenced(holding::holder(session).await?));
    }
    chain::head_of(head.first())
}

async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let Some(limit) = limit else {
        return work.await;
    };
    let late = |_| {
        let text = format!("the database did not answer within {limit:?}");
        Err(StoreError::Failed(text))
    };
    timeout(limit, work).await.unwrap_or_else(late)
}

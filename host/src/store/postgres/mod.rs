//! A journal in a PostgreSQL database that several gateways share: one writes, the others are its warm standbys.
//!
//! # Who writes
//! The lease is one row with an *epoch* that only ever grows. A gateway becomes active by adding one to it, which it
//! may do once the lease is over by the database's own clock, and then renews the lease five times within its
//! term. Nobody's clock is compared with another's.
//!
//! Every transaction that changes anything begins by reading the lease's row with its own epoch, `FOR KEY SHARE`.
//! A take-over asks for the same row `FOR UPDATE`. So either the transaction is first, and the take-over waits
//! for its end and then sees all of it; or the take-over is first, and the transaction finds another epoch, fails,
//! and has changed nothing. *A gateway that was fenced out can write nothing*, however long it was stopped or cut
//! off, and whatever its clock says. (A renewal changes no key and waits for neither. A holder that is stopped in the
//! middle of a transaction loses it when the server has heard nothing for the lease's term, or a take-over would wait
//! for ever.)
//!
//! # Who sends
//! An attempt is durable before a byte of it leaves, so a gateway that can write nothing can send nothing that it has
//! not journaled before. What is left is an attempt that was journaled before the take-over by a gateway that is
//! stopped just then, and is to be sent when it wakes. Three things stand against it:
//! - Between the journal's answer and the first byte the gateway asks its [`Lease`] once more, whose end is
//!   measured from *before* the last renewal was asked for, less a tenth for clocks that run apart, by
//!   `CLOCK_BOOTTIME`, which goes on while the process is stopped and while the machine sleeps. It drops an
//!   attempt too whose validity window is over by the venue's clock.
//! - A process may be stopped after those checks and before its write reaches the kernel; no check closes that
//!   gap. Then the venue does: the request carries its time and window and is signed, and the venue refuses it after
//!   its expiry.
//! - Within the window it may execute, and is no second order: the new active gateway finds the attempt in
//!   the journal without an outcome, which is *ambiguous*. An ambiguous place is never sent again, and is given up only
//!   when the venue's time has passed its expiry and the adapter's `settle`, and every way of asking has missed
//!   twice since. The caller's repetition with the same key finds the key claimed by that very order. So the venue
//!   gets at most one order for one key, and the gateway finds out about it.
//!
//! A gateway that loses its lease ends, with a message that says who has it: whatever it believes of orders in flight is
//! out of date, and starting anew, as a standby, is the one path that is always tested. One that only cannot reach the
//! database refuses orders, asks again and goes on if nobody has taken over.
//!
//! # What a commit came to
//! A connection may break before the server's answer to `COMMIT`. Those who wait are told that it failed, and nothing
//! is sent; before anything else is written, [`recovery`] finds out on a new connection whether it is there and takes it
//! back. A commit that is still on its way then is refused, because the head has moved.

mod batch;
mod chain;
mod compact;
mod holding;
mod project;
mod read;
mod recovery;
mod schema;
mod session;
mod tls;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use self::holding::Unrenewed;
use self::session::{Purpose, Server, Session};
use self::writer::{Done, Work, Writer};
use super::chain::checked_at_start;
use super::condition::Watch;
use super::lease::{Lease, Standing};
use super::{
    ChainEntry, Commit, Condition, Head, KeyName, OrderPage, OrderQuery, Store, StoreError, Stored,
    StoredEvent, StoredKey, VenueOrderName,
};
use crate::config::{StoreConfig, VerifyAtStart};
use crate::model::{AccessEvent, Halt, OrderId, OrderRecord, OrderState, Timestamp};
use crate::secrets::Secrets;
use crate::telemetry::Metrics;

/// Connections that read beside the writer.
const READERS: usize = 4;

/// How long after a connection could not be made another is tried, where nobody has one.
const TRIED_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A database on a server.
#[derive(Debug)]
pub(super) struct Postgres {
    work: mpsc::Sender<Work>,
    readers: Readers,
    lease: Lease,
    watch: Arc<Watch>,
    /// What was not checked when the lease was taken: the chain up to here.
    unchecked: Arc<Mutex<Option<Head>>>,
    key_life: Duration,
}

/// Connections to read on. Each is shared: the server answers one question after another.
#[derive(Debug)]
struct Readers {
    server: Server,
    /// Where the connections' tasks run: this is what keeps them going, whoever asks.
    runtime: Handle,
    sessions: [tokio::sync::Mutex<Option<Arc<Session>>>; READERS],
    next: AtomicUsize,
    purpose: Purpose,
    /// When the last connection could not be made, and why.
    failed: Mutex<Option<(Instant, String)>>,
}

impl Readers {
    fn of(server: Server, runtime: Handle, purpose: Purpose) -> Self {
        Self {
            server,
            runtime,
            sessions: Default::default(),
            next: AtomicUsize::new(0),
            purpose,
            failed: Mutex::default(),
        }
    }

    async fn session(&self) -> Result<Arc<Session>, StoreError> {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % READERS;
        let mut session = self.sessions[place].lock().await;
        match session.as_ref().filter(|session| !session.is_closed()) {
            Some(open) => Ok(open.clone()),
            None => {
                // Whoever waited while one could not be made does not wait for a try of their own.
                if let Some((at, problem)) = &*self.last_failure()
                    && at.elapsed() < TRIED_AGAIN_AFTER
                {
                    return Err(StoreError::Failed(problem.clone()));
                }
                let made = self.of_its_own(self.purpose).await;
                let failed = made.as_ref().err();
                *self.last_failure() = failed.map(|error| (Instant::now(), error.to_string()));
                let open = Arc::new(made?);
                *session = Some(open.clone());
                Ok(open)
            }
        }
    }

    fn last_failure(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that nobody else uses.
    async fn of_its_own(&self, purpose: Purpose) -> Result<Session, StoreError> {
        let server = self.server.clone();
        let connect = async move { server.connect(purpose).await };
        let connected = self.runtime.spawn(connect).await;
        // Where it could be reached before, that it cannot is a read that fails.
        connected
            .unwrap_or_else(|_| Err(StoreError::Failed("the journal was closed".into())))
            .map_err(|error| StoreError::Failed(error.to_string()))
    }
}

/// Runs the tasks of a journal on a thread of its own: nothing that keeps the gateway busy keeps its lease from being
/// renewed.
fn on_its_own_thread<T: Send + 'static, W>(
    start: impl AsyncFnOnce() -> Result<(T, W), StoreError> + Send + 'static,
    work: impl AsyncFnOnce(W) + Send + 'static,
) -> oneshot::Receiver<Result<(T, Handle), StoreError>> {
    let (tell, started) = oneshot::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let text = format!("cannot start the writer: {error}");
                let _ = tell.send(Err(StoreError::Failed(text)));
                return;
            }
        };
        runtime.block_on(async {
            match start().await {
                Ok((made, worker)) => {
                    let _ = tell.send(Ok((made, Handle::current())));
                    work(worker).await;
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        });
    };
    if let Err(error) = std::thread::Builder::new()
        .name("journal".into())
        .spawn(run)
    {
        tracing::error!(%error, "cannot start the journal's thread");
    }
    started
}

async fn started<T>(
    started: oneshot::Receiver<Result<(T, Handle), StoreError>>,
) -> Result<(T, Handle), StoreError> {
    let ended = |_| Err(StoreError::Failed("the writer could not be started".into()));
    started.await.unwrap_or_else(ended)
}

impl Postgres {
    /// Opens the database of a configuration, making the tables where they are not, and takes the lease if nobody has
    /// it; else the lease is taken when it can be. One whose chain is broken is opened, and takes no entries.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub(super) async fn open(
        config: &StoreConfig,
        secrets: &Secrets,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StoreError> {
        let server = Server::of(config, secrets)?;
        let watch = Arc::new(Watch::new(metrics.clone()));
        let (lease, unchecked) = (Lease::none(), Arc::default());
        let (work, queue) = mpsc::channel(writer::QUEUE);
        let mut writer = Writer {
            server: server.clone(),
            session: None,
            connecting: None,
            me: name_of_this_process(),
            term: config.lease(),
            lease: lease.clone(),
            epoch: 0,
            head: Head::empty(),
            unchecked: Arc::clone(&unchecked),
            others: Unrenewed::default(),
            checks_all: config.verify_at_start == VerifyAtStart::All,
            key_life: config.key_life(),
            watch: watch.clone(),
            metrics,
            failed: None,
        };
        let checked = checked_at_start(config);
        let start = async move || {
            let session = writer.server.connect(Purpose::Writing).await?;
            schema::make(&session, &writer.server.name).await?;
            writer.session = Some(session);
            writer.try_to_take(checked).await;
            Ok(((), writer))
        };
        let work_on = async move |writer: Writer| writer.work(queue).await;
        let ((), runtime) = started(on_its_own_thread(start, work_on)).await?;
        Ok(Self {
            work,
            readers: Readers::of(server, runtime, Purpose::Serving),
            lease,
            watch,
            unchecked,
            key_life: config.key_life(),
        })
    }

    /// Opens a database for reading beside its writer.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub(super) async fn open_to_read(
        config: &StoreConfig,
        secrets: &Secrets,
    ) -> Result<Self, StoreError> {
        let server = Server::of(config, secrets)?;
        let (work, mut queue) = mpsc::channel(1);
        let checked = server.clone();
        let start = async move || {
            let session = checked.connect(Purpose::Looking).await?;
            schema::check_version(&session, &checked.name).await?;
            Ok(((), ()))
        };
        let refuse = async move |()| while queue.recv().await.is_some() {};
        let ((), runtime) = started(on_its_own_thread(start, refuse)).await?;
        Ok(Self {
            work,
            readers: Readers::of(server, runtime, Purpose::Looking),
            lease: Lease::none(),
            watch: Arc::new(Watch::new(Arc::new(Metrics::default()))),
            unchecked: Arc::default(),
            key_life: config.key_life(),
        })
    }

    fn ask<T: Send + 'static>(&self, work: impl FnOnce(Done<T>) -> Work) -> Stored<'_, T> {
        let (done, result) = oneshot::channel();
        let work = work(done);
        async move {
            let closed = || StoreError::Failed("the writer has ended".into());
            self.work.send(work).await.map_err(|_| closed())?;
            result.await.map_err(|_| closed())?
        }
        .boxed()
    }
}

/// How this gateway is called in the lease: the machine and the process.
fn name_of_this_process() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}/{}", machine.trim(), std::process::id())
}

impl Store for Postgres {
    fn commit(&self, commit: Commit) -> Stored<'_, Option<OrderRecord>> {
        self.ask(|done| Work::Commit(Box::new(commit), done))
    }

    fn order(&self, id: &OrderId) -> Stored<'_, Option<OrderRecord>> {
        let id = id.clone();
        async move { read::order(&*self.readers.session().await?, &id).await }.boxed()
    }

    fn records(&self, ids: Vec<OrderId>) -> Stored<'_, HashMap<OrderId, OrderRecord>> {
        async move {
            if ids.is_empty() {
                return Ok(HashMap::new());
            }
            read::records(&*self.readers.session().await?, &ids).await
        }
        .boxed()
    }

    fn of_venue_ids(
        &self,
        venue: &str,
        names: Vec<VenueOrderName>,
    ) -> Stored<'_, HashMap<VenueOrderName, OrderId>> {
        let venue = venue.to_owned();
        async move { read::of_venue_ids(&*self.readers.session().await?, &venue, &names).await }
            .boxed()
    }

    fn open_at(&self, venue: &str, symbol: Option<&str>) -> Stored<'_, Vec<OrderRecord>> {
        let (venue, symbol) = (venue.to_owned(), symbol.map(str::to_owned));
        async move { read::open_at(&*self.readers.session().await?, &venue, symbol.as_deref()).await }
            .boxed()
    }

    fn count_open(&self, venue: Option<&str>, tenant: Option<&str>) -> Stored<'_, u64> {
        let (venue, tenant) = (venue.map(str::to_owned), tenant.map(str::to_owned));
        async move {
            let session = self.readers.session().await?;
            read::count_open(&session, venue.as_deref(), tenant.as_deref()).await
        }
        .boxed()
    }

    fn open_by_state(&self) -> Stored<'_, BTreeMap<(String, OrderState), u64>> {
        async move { read::open_by_state(&*self.readers.session().await?).await }.boxed()
    }

    fn orders(&self, query: OrderQuery) -> Stored<'_, OrderPage> {
        async move { read::page(&*self.readers.session().await?, &query).await }.boxed()
    }

    fn unresolved(&self) -> Stored<'_, Vec<OrderRecord>> {
        async move { read::unresolved(&*self.readers.session().await?).await }.boxed()
    }

    fn watched(&self, now: Timestamp) -> Stored<'_, Vec<OrderRecord>> {
        async move { read::watched(&*self.readers.session().await?, now).await }.boxed()
    }

    fn events(&self, id: &OrderId) -> Stored<'_, Vec<StoredEvent>> {
        let id = id.clone();
        async move { read::events(&*self.readers.session().await?, &id).await }.boxed()
    }

    fn key(&self, name: KeyName) -> Stored<'_, Option<StoredKey>> {
        async move {
            let session = self.readers.session().await?;
            let known = read::keys(&session, &[&name]).await?.remove(&name);
            Ok(known.filter(|known| Timestamp::now().since(known.at) < self.key_life))
        }
        .boxed()
    }

    fn halts(&self) -> Stored<'_, BTreeMap<String, Halt>> {
        async move { read::halts(&*self.readers.session().await?).await }.boxed()
    }

    fn access(&self) -> Stored<'_, Vec<AccessEvent>> {
        async move { read::access(&*self.readers.session().await?).await }.boxed()
    }

    fn entries(&self, after: i64, limit: usize) -> Stored<'_, Vec<ChainEntry>> {
        async move { chain::entries(&*self.readers.session().await?, after, limit).await }.boxed()
    }

    fn head(&self) -> Stored<'_, Head> {
        async move { chain::head(&*self.readers.session().await?).await }.boxed()
    }

    fn condition(&self) -> Condition {
        let condition = self.watch.condition();
        if !condition.is_writable() {
            return condition;
        }
        match self.lease.standing() {
            Standing::Standby => Condition::Standby,
            Standing::Lost(to) => Condition::Unwritable {
                problem: StoreError::Fenced(to).to_string(),
            },
            Standing::Active if !self.lease.is_held() => Condition::Unwritable {
                problem: "the lease could not be renewed".into(),
            },
            Standing::Active => condition,
        }
    }

    fn lease(&self) -> Lease {
        self.lease.clone()
    }

    fn close(&self) -> Stored<'_, ()> {
        self.ask(Work::Close)
    }

    fn recover(&self) -> Stored<'_, ()> {
        self.ask(Work::Recover)
    }

    fn check(&self) -> Stored<'_, ()> {
        async move {
            let session = self.readers.session().await?;
            session.one("SELECT 1", &[]).await.map(drop)
        }
        .boxed()
    }

    fn verify_rest(&self) -> Stored<'_, ()> {
        let unchecked = &self.unchecked;
        let unchecked = unchecked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(end) = unchecked else {
            return async { Ok(()) }.boxed();
        };
        async move {
            let result = async {
                let session = self.readers.of_its_own(Purpose::Looking).await?;
                chain::verify_up_to(&session, end).await
            };
            let result = result.await;
            match &result {
                Ok(()) => {}
                Err(StoreError::Broken(at)) => self.watch.break_at(at.clone()),
                // It could not be read, which says nothing of it: that is left to be done.
                Err(_) => {
                    let unchecked = self.unchecked.lock();
                    *unchecked.unwrap_or_else(PoisonError::into_inner) = Some(end);
                    return result;
                }
            }
            self.watch.checking(false);
            result
        }
        .boxed()
    }

    fn verify_all(&self) -> Stored<'_, Head> {
        async move { chain::verify_all(&self.readers.of_its_own(Purpose::Looking).await?).await }
            .boxed()
    }

    fn differences(&self) -> Stored<'_, Vec<String>> {
        async move { project::differences(&self.readers.of_its_own(Purpose::Looking).await?).await }
            .boxed()
    }

    fn rebuild(&self) -> Stored<'_, ()> {
        self.ask(Work::Rebuild)
    }

    fn expire_keys(&self, before: Timestamp) -> Stored<'_, usize> {
        self.ask(|done| Work::ExpireKeys(before, done))
    }

    fn compact(&self, ended_before: Timestamp) -> Stored<'_, usize> {
        self.ask(|done| Work::Compact(ended_before, done))
    }

    fn tidy(&self) -> Stored<'_, u64> {
        self.ask(Work::Tidy)
    }
}

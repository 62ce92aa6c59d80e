//! A journal in an embedded database: one file, one process, one thread that writes.

mod chain;
mod compact;
mod project;
mod read;
mod recovery;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use self::writer::{Work, Writer};
use super::chain::checked_at_start;
use super::condition::Watch;
use super::lease::Lease;
use super::{
    ChainEntry, Commit, Condition, Head, KeyName, OrderPage, OrderQuery, Store, StoreError, Stored,
    StoredEvent, StoredKey, VenueOrderName,
};
use crate::config::{StoreConfig, VerifyAtStart};
use crate::model::{AccessEvent, Halt, OrderId, OrderRecord, OrderState, Timestamp};
use crate::telemetry::Metrics;

/// Connections that read beside the writer.
const READERS: usize = 4;

/// An embedded database.
#[derive(Debug)]
pub(super) struct Sqlite {
    work: mpsc::Sender<Work>,
    readers: Arc<Readers>,
    watch: Arc<Watch>,
    /// What was not checked when it was opened: the chain up to here.
    unchecked: Mutex<Option<Head>>,
    key_life: Duration,
    lock: Lock,
}

/// What keeps other gateways from the file, until the journal is dropped or closed. Absent where it was opened for reading
/// only.
pub(super) type Lock = Arc<Mutex<Option<File>>>;

pub(super) fn unlock(lock: &Lock) {
    drop(lock.lock().unwrap_or_else(PoisonError::into_inner).take());
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        unlock(&self.lock);
    }
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn of(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_for_reading(&self.path)?,
        };
        let result = work(&connection)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS {
            idle.push(connection);
        }
        Ok(result)
    }
}

fn path_of(url: &str) -> &Path {
    Path::new(url.strip_prefix("sqlite://").unwrap_or(url))
}

impl Sqlite {
    /// Opens the file of a configuration, making it where it does not exist, and checks its chain. One
    /// whose chain is broken is opened, and takes no entries.
    ///
    /// # Errors
    /// [`StoreError::Open`] or [`StoreError::InUse`].
    pub(super) fn open(config: &StoreConfig, metrics: Arc<Metrics>) -> Result<Self, StoreError> {
        let path = path_of(&config.url);
        let lock = Arc::new(Mutex::new(Some(lock(path)?)));
        let connection = schema::open_for_writing(path)?;
        let watch = Arc::new(Watch::new(metrics.clone()));
        let checked = checked_at_start(config);
        let (head, unchecked) = match chain::verify_newest(&connection, checked) {
            Ok((head, unchecked)) => (head, unchecked),
            Err(StoreError::Broken(at)) => {
                watch.break_at(at);
                (Head::empty(), None)
            }
            Err(error) => return Err(error),
        };
        let unchecked = unchecked.filter(|_| config.verify_at_start == VerifyAtStart::All);
        watch.checking(unchecked.is_some());
        let key_life = config.key_life();
        let writer = Writer {
            path: path.to_owned(),
            connection: Some(connection),
            head,
            key_life,
            watch: watch.clone(),
            metrics,
            failed: None,
            lock: lock.clone(),
        };
        let (work, queue) = mpsc::channel(writer::QUEUE);
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.work(queue))
            .map_err(|error| StoreError::Failed(format!("cannot start the writer: {error}")))?;
        Ok(Self {
            work,
            readers: Readers::of(path),
            watch,
            unchecked: Mutex::new(unchecked),
            key_life,
            lock,
        })
    }

    /// Opens a file for reading beside its writer.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub(super) fn open_to_read(url: &str) -> Result<Self, StoreError> {
        let path = path_of(url);
        schema::check_version(path)?;
        let (work, _) = mpsc::channel(1);
        Ok(Self {
            work,
            readers: Readers::of(path),
            watch: Arc::new(Watch::new(Arc::new(Metrics::default()))),
            unchecked: Mutex::new(None),
            key_life: StoreConfig::default().key_life(),
            lock: Lock::default(),
        })
    }

    /// Reads beside the writer.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Stored<'_, T> {
        let readers = self.readers.clone();
        async move {
            tokio::task::spawn_blocking(move || readers.with(work))
                .await
                .unwrap_or_else(|_| Err(StoreError::Failed("a read ended early".into())))
        }
        .boxed()
    }

    /// Does something between two transactions of the writer.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Stored<'_, T> {
        let (done, result) = oneshot::channel();
        let job = Work::Job(Box::new(move |writer| {
            let _ = done.send(work(writer));
        }));
        self.ask(job, result)
    }

    fn ask<T: Send + 'static>(
        &self,
        work: Work,
        result: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Stored<'_, T> {
        async move {
            let closed = || StoreError::Failed("the writer has ended".into());
            self.work.send(work).await.map_err(|_| closed())?;
            result.await.map_err(|_| closed())?
        }
        .boxed()
    }
}

impl Store for Sqlite {
    fn commit(&self, commit: Commit) -> Stored<'_, Option<OrderRecord>> {
        let (done, result) = oneshot::channel();
        self.ask(Work::Commit(Box::new(commit), done), result)
    }

    fn order(&self, id: &OrderId) -> Stored<'_, Option<OrderRecord>> {
        let id = id.clone();
        self.read(move |connection| read::order(connection, &id))
    }

    fn records(&self, ids: Vec<OrderId>) -> Stored<'_, HashMap<OrderId, OrderRecord>> {
        if ids.is_empty() {
            return async { Ok(HashMap::new()) }.boxed();
        }
        self.read(move |connection| read::records(connection, &ids))
    }

    fn of_venue_ids(
        &self,
        venue: &str,
        names: Vec<VenueOrderName>,
    ) -> Stored<'_, HashMap<VenueOrderName, OrderId>> {
        let venue = venue.to_owned();
        self.read(move |connection| read::of_venue_ids(connection, &venue, &names))
    }

    fn open_at(&self, venue: &str, symbol: Option<&str>) -> Stored<'_, Vec<OrderRecord>> {
        let (venue, symbol) = (venue.to_owned(), symbol.map(str::to_owned));
        self.read(move |connection| read::open_at(connection, &venue, symbol.as_deref()))
    }

    fn count_open(&self, venue: Option<&str>, tenant: Option<&str>) -> Stored<'_, u64> {
        let (venue, tenant) = (venue.map(str::to_owned), tenant.map(str::to_owned));
        self.read(move |connection| {
            read::count_open(connection, venue.as_deref(), tenant.as_deref())
        })
    }

    fn open_by_state(&self) -> Stored<'_, BTreeMap<(String, OrderState), u64>> {
        self.read(read::open_by_state)
    }

    fn orders(&self, query: OrderQuery) -> Stored<'_, OrderPage> {
        self.read(move |connection| read::page(connection, &query))
    }

    fn unresolved(&self) -> Stored<'_, Vec<OrderRecord>> {
        self.read(read::unresolved)
    }

    fn watched(&self, now: Timestamp) -> Stored<'_, Vec<OrderRecord>> {
        self.read(move |connection| read::watched(connection, now))
    }

    fn events(&self, id: &OrderId) -> Stored<'_, Vec<StoredEvent>> {
        let id = id.clone();
        self.read(move |connection| read::events(connection, &id))
    }

    fn key(&self, name: KeyName) -> Stored<'_, Option<StoredKey>> {
        let life = self.key_life;
        self.read(move |connection| {
            let known = project::key(connection, &name)?;
            Ok(known.filter(|known| Timestamp::now().since(known.at) < life))
        })
    }

    fn halts(&self) -> Stored<'_, BTreeMap<String, Halt>> {
        self.read(read::halts)
    }

    fn access(&self) -> Stored<'_, Vec<AccessEvent>> {
        self.read(read::access)
    }

    fn entries(&self, after: i64, limit: usize) -> Stored<'_, Vec<ChainEntry>> {
        self.read(move |connection| chain::entries(connection, after, limit))
    }

    fn head(&self) -> Stored<'_, Head> {
        self.read(|connection| {
            let head = chain::head(connection)?;
            head.ok_or_else(|| StoreError::Failed("the chain has no head".into()))
        })
    }

    fn condition(&self) -> Condition {
        self.watch.condition()
    }

    fn lease(&self) -> Lease {
        Lease::for_ever() // the file is locked
    }

    fn close(&self) -> Stored<'_, ()> {
        let (done, result) = oneshot::channel();
        self.ask(Work::Close(done), result)
    }

    fn recover(&self) -> Stored<'_, ()> {
        self.write(|writer| writer.connected().map(drop))
    }

    fn check(&self) -> Stored<'_, ()> {
        // Unlike `SELECT 1` this reads the file.
        self.read(|connection| {
            let tables = "SELECT count(*) FROM sqlite_schema";
            Ok(connection.query_row(tables, [], |_| Ok(()))?)
        })
    }

    fn verify_rest(&self) -> Stored<'_, ()> {
        let unchecked = self
            .unchecked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(end) = unchecked else {
            return async { Ok(()) }.boxed();
        };
        let watch = self.watch.clone();
        self.read(move |connection| {
            let result = chain::verify_up_to(connection, end);
            if let Err(StoreError::Broken(at)) = &result {
                watch.break_at(at.clone());
            }
            watch.checking(false);
            result
        })
    }

    fn verify_all(&self) -> Stored<'_, Head> {
        self.read(chain::verify_all)
    }

    fn differences(&self) -> Stored<'_, Vec<String>> {
        let path = self.readers.path.clone();
        self.read(move |_| project::differences(&schema::open_for_reading(&path)?))
    }

    fn rebuild(&self) -> Stored<'_, ()> {
        self.write(|writer| {
            let rebuilt = writer.in_transaction(|transaction, _| Ok(project::rebuild(transaction)));
            rebuilt?
        })
    }

    fn expire_keys(&self, before: Timestamp) -> Stored<'_, usize> {
        self.write(move |writer| compact::expire_keys(writer, before))
    }

    fn compact(&self, ended_before: Timestamp) -> Stored<'_, usize> {
        self.write(move |writer| compact::compact(writer, ended_before))
    }

    fn tidy(&self) -> Stored<'_, u64> {
        self.write(Writer::tidy)
    }
}

/// Locks the journal for this process; the lock goes with the process, however it ends.
fn lock(path: &Path) -> Result<File, StoreError> {
    let open_error = |problem: std::io::Error| StoreError::Open {
        path: path.display().to_string(),
        problem: problem.to_string(),
    };
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        std::fs::create_dir_all(parent).map_err(open_error)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(name)
        .map_err(open_error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(open_error(error)),
    }
}

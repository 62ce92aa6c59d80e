//! The journal's handle: durable appends and reads, for any number of tasks.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::query::{self, OrderPage, OrderQuery, StoredEvent, VenueOrderName};
use super::writer::{self, Append};
use super::{StoreError, schema};
use crate::model::{Event, OrderId, OrderRecord, Timestamp};
use crate::telemetry::Metrics;

/// Connections that read beside the writer.
const READERS: usize = 4;

/// An append-only journal of order events in an embedded database, and the orders projected from it.
#[derive(Debug)]
pub struct Journal {
    appends: mpsc::Sender<Append>,
    readers: Arc<Readers>,
    _lock: File,
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Journal {
    /// Opens the journal of a `sqlite://PATH` URL, making it where it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Open`] or [`StoreError::InUse`].
    pub fn open(url: &str, metrics: Arc<Metrics>) -> Result<Self, StoreError> {
        let path = Path::new(url.strip_prefix("sqlite://").unwrap_or(url));
        let lock = lock(path)?;
        let connection = schema::open_for_writing(path)?;
        let (appends, queue) = mpsc::channel(writer::QUEUE);
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer::write_all(connection, queue, metrics))
            .map_err(|error| StoreError::Failed(format!("cannot start the writer: {error}")))?;
        let readers = Arc::new(Readers {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
        });
        Ok(Self {
            appends,
            readers,
            _lock: lock,
        })
    }

    /// Makes events of one order durable, all or none, and returns the order after them.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was stored.
    pub async fn append(
        &self,
        order: &OrderId,
        events: Vec<Event>,
    ) -> Result<OrderRecord, StoreError> {
        let closed = || StoreError::Failed("the writer has ended".into());
        let (done, result) = oneshot::channel();
        self.appends
            .send(Append {
                order: order.clone(),
                events,
                done,
            })
            .await
            .map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }

    /// The order of an id, whoever's it is.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>, StoreError> {
        let id = id.clone();
        self.read(move |connection| query::order(connection, &id))
            .await
    }

    /// The orders of some ids, whoever's they are; those that are not there are left out.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn records(
        &self,
        ids: Vec<OrderId>,
    ) -> Result<HashMap<OrderId, OrderRecord>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.read(move |connection| query::records(connection, &ids))
            .await
    }

    /// Which of our orders go by these names at a venue, their earlier legs included.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn of_venue_ids(
        &self,
        venue: &str,
        names: Vec<VenueOrderName>,
    ) -> Result<HashMap<VenueOrderName, OrderId>, StoreError> {
        let venue = venue.to_owned();
        self.read(move |connection| query::of_venue_ids(connection, &venue, &names))
            .await
    }

    /// Open orders at a venue, on one instrument or all, whoever's they are, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn open_at(
        &self,
        venue: &str,
        symbol: Option<&str>,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let (venue, symbol) = (venue.to_owned(), symbol.map(str::to_owned));
        self.read(move |connection| query::open_at(connection, &venue, symbol.as_deref()))
            .await
    }

    /// A page of a tenant's orders.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn orders(&self, query: OrderQuery) -> Result<OrderPage, StoreError> {
        self.read(move |connection| query::page(connection, &query))
            .await
    }

    /// Every order whose fate is open or whose change or cancel is not through, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn unresolved(&self) -> Result<Vec<OrderRecord>, StoreError> {
        self.read(query::unresolved).await
    }

    /// Every order of which something was given up that is looked for still, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn watched(&self, now: Timestamp) -> Result<Vec<OrderRecord>, StoreError> {
        self.read(move |connection| query::watched(connection, now))
            .await
    }

    /// Whether the journal can be read at all.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn check(&self) -> Result<(), StoreError> {
        self.read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?))
            .await
    }

    /// Everything that happened to an order, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn events(&self, id: &OrderId) -> Result<Vec<StoredEvent>, StoreError> {
        let id = id.clone();
        self.read(move |connection| query::events(connection, &id))
            .await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.readers.clone();
        tokio::task::spawn_blocking(move || readers.with(work))
            .await
            .unwrap_or_else(|_| Err(StoreError::Failed("a read ended early".into())))
    }
}

impl Readers {
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

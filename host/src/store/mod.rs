//! What must survive the process: a hash-chained journal of events, and the orders and idempotency keys
//! projected from it.

mod chain;
mod condition;
mod dependencies;
mod disk;
mod export;
mod journal;
mod keys;
mod lease;
mod names;
mod postgres;
mod query;
mod sqlite;
mod subject;
mod upkeep;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use chain::{Break, CHECKPOINT, ChainEntry, Content, Hash, Head, Removed, Walk, fingerprint};
pub use dependencies::Dependencies;
pub use disk::{DiskHealth, DiskStatus};
pub use export::{ExportError, ExportRange, Exported, export, verify_export, visit, visit_export};
pub use journal::{Commit, Condition, Journal};
pub use keys::{KeyClaim, KeyEvent, KeyName, StoredAnswer, StoredKey};
pub use lease::{Lease, Standing};
pub use query::{Cursor, CursorError, OrderPage, OrderQuery, StoredEvent, VenueOrderName};
pub use upkeep::Upkeep;

use crate::config::{Backend, StoreConfig};
use crate::model::{AccessEvent, Halt, OrderId, OrderRecord, OrderState, Timestamp};
use crate::secrets::Secrets;
use crate::telemetry::Metrics;

/// Why the store did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened or is not ours.
    #[error("store.url: cannot open {path}: {problem}")]
    Open {
        /// The file, or the server and its database.
        path: String,
        /// Why.
        problem: String,
    },
    /// Another gateway has it open.
    #[error("store.url: {0} is in use by another gateway")]
    InUse(String),
    /// Another gateway writes it, and this one does not yet.
    #[error("another gateway is active, and this one is its standby")]
    Standby,
    /// Another gateway has taken over from this one, which can never write again.
    #[error("{0} has taken over from this gateway")]
    Fenced(String),
    /// A read or write failed.
    #[error("journal: {0}")]
    Failed(String),
    /// The chain is broken: nothing is written any more.
    #[error("journal: {0}")]
    Broken(Break),
    /// The tenant has an open order with this label.
    #[error("client_order_id {0:?} is used by another open order")]
    LabelInUse(String),
    /// Another request holds this idempotency key.
    #[error("the Idempotency-Key is held by another request")]
    KeyInUse,
    /// Events that cannot follow each other.
    #[error("journal: {0}")]
    Lifecycle(#[from] crate::model::LifecycleError),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(format!("an entry cannot be read or written: {error}"))
    }
}

/// What a store's methods return.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Where a journal is kept. Everything a commit holds is durable when it returns, or nothing of it is;
/// after an error nothing of it is ever seen, unless the process ends before the store could find out
/// what became of it.
///
/// Every method that reads fails with [`StoreError::Failed`] and nothing else.
pub trait Store: fmt::Debug + Send + Sync {
    /// Makes a commit durable and returns the first order of it after it, if it is about any.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was stored.
    fn commit(&self, commit: Commit) -> Stored<'_, Option<OrderRecord>>;

    /// The order of an id, whoever's it is.
    fn order(&self, id: &OrderId) -> Stored<'_, Option<OrderRecord>>;

    /// The orders of some ids, whoever's they are; those that are not there are left out.
    fn records(&self, ids: Vec<OrderId>) -> Stored<'_, HashMap<OrderId, OrderRecord>>;

    /// Which of our orders go by these names at a venue, their earlier legs included.
    fn of_venue_ids(
        &self,
        venue: &str,
        names: Vec<VenueOrderName>,
    ) -> Stored<'_, HashMap<VenueOrderName, OrderId>>;

    /// Open orders at a venue, on one instrument or all, whoever's they are, oldest first.
    fn open_at(&self, venue: &str, symbol: Option<&str>) -> Stored<'_, Vec<OrderRecord>>;

    /// How many orders are open: at a venue or all, of a tenant or all.
    fn count_open(&self, venue: Option<&str>, tenant: Option<&str>) -> Stored<'_, u64>;

    /// How many orders are open, by venue and state; where there is none, nothing is said.
    fn open_by_state(&self) -> Stored<'_, BTreeMap<(String, OrderState), u64>>;

    /// A page of a tenant's orders.
    fn orders(&self, query: OrderQuery) -> Stored<'_, OrderPage>;

    /// Every order whose fate is open or whose change or cancel is not through, oldest first.
    fn unresolved(&self) -> Stored<'_, Vec<OrderRecord>>;

    /// Every order of which something was given up that is looked for still, oldest first.
    fn watched(&self, now: Timestamp) -> Stored<'_, Vec<OrderRecord>>;

    /// Everything that happened to an order, oldest first.
    fn events(&self, id: &OrderId) -> Stored<'_, Vec<StoredEvent>>;

    /// What is known of an idempotency key, unless it has expired.
    fn key(&self, name: KeyName) -> Stored<'_, Option<StoredKey>>;

    /// Which venues' trading is stopped.
    fn halts(&self) -> Stored<'_, BTreeMap<String, Halt>>;

    /// What operators did to API keys, oldest first.
    fn access(&self) -> Stored<'_, Vec<AccessEvent>>;

    /// Entries of the chain after a place, in their order.
    fn entries(&self, after: i64, limit: usize) -> Stored<'_, Vec<ChainEntry>>;

    /// Where the chain ends, by the store's own word.
    fn head(&self) -> Stored<'_, Head>;

    /// How the journal is, as far as is known now.
    fn condition(&self) -> Condition;

    /// This gateway's leave to write.
    fn lease(&self) -> Lease;

    /// Gives up the leave to write, once what was begun is durable: nothing is taken any more.
    fn close(&self) -> Stored<'_, ()>;

    /// Tries to write again, where the last write failed.
    fn recover(&self) -> Stored<'_, ()>;

    /// Whether the journal can be read at all.
    fn check(&self) -> Stored<'_, ()>;

    /// Checks what was not checked when the store was opened. Returns at once where nothing is left.
    fn verify_rest(&self) -> Stored<'_, ()>;

    /// Checks the whole chain.
    ///
    /// # Errors
    /// [`StoreError::Broken`], or where it cannot be read.
    fn verify_all(&self) -> Stored<'_, Head>;

    /// How the projections differ from a replay of the entries, in words.
    fn differences(&self) -> Stored<'_, Vec<String>>;

    /// Makes the projections anew from the entries.
    fn rebuild(&self) -> Stored<'_, ()>;

    /// Forgets a bounded number of idempotency keys from before a time. Returns how many, 0 where none is left.
    fn expire_keys(&self, before: Timestamp) -> Stored<'_, usize>;

    /// Removes a bounded number of entries that nobody needs any more: those of orders that ended before a
    /// time, and of keys that are forgotten. Returns how many, 0 where none is left.
    fn compact(&self, ended_before: Timestamp) -> Stored<'_, usize>;

    /// Gives back space that can be given back, and returns how many bytes the journal takes.
    fn tidy(&self) -> Stored<'_, u64>;
}

/// Opens the store of a configuration, making it where it does not exist. One that several gateways share is
/// opened by each; only that whose [`Lease`] is held can write.
///
/// # Errors
/// [`StoreError::Open`] or [`StoreError::InUse`].
pub async fn open(
    config: &StoreConfig,
    secrets: &Secrets,
    metrics: Arc<Metrics>,
) -> Result<Arc<Journal>, StoreError> {
    Ok(match config.backend() {
        Backend::Sqlite => Arc::new(sqlite::Sqlite::open(config, metrics)?),
        Backend::Postgres => Arc::new(postgres::Postgres::open(config, secrets, metrics).await?),
    })
}

/// Opens a store for reading only, beside whatever uses it.
///
/// # Errors
/// [`StoreError::Open`].
pub async fn open_to_read(
    config: &StoreConfig,
    secrets: &Secrets,
) -> Result<Arc<Journal>, StoreError> {
    Ok(match config.backend() {
        Backend::Sqlite => Arc::new(sqlite::Sqlite::open_to_read(&config.url)?),
        Backend::Postgres => Arc::new(postgres::Postgres::open_to_read(config, secrets).await?),
    })
}

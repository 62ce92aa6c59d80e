//! What must survive the process: the journal of order events and the orders projected from it.

mod journal;
mod query;
mod schema;
mod writer;

pub use journal::Journal;
pub use query::{Cursor, CursorError, OrderPage, OrderQuery, StoredEvent, VenueOrderName};

/// Why the store did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be opened or is not ours.
    #[error("store.url: cannot open {path}: {problem}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        problem: String,
    },
    /// Another gateway has it open.
    #[error("store.url: {0} is in use by another gateway")]
    InUse(String),
    /// A read or write failed.
    #[error("journal: {0}")]
    Failed(String),
    /// The tenant has an open order with this label.
    #[error("client_order_id {0:?} is used by another open order")]
    LabelInUse(String),
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

//! What is asked of a journal, and how it answers.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

use super::StoreError;
use crate::model::{OrderId, OrderRecord, OrderState, Timestamp};

/// Which orders are wanted. Absent parts select everything.
#[derive(Debug, Clone, Default)]
pub struct OrderQuery {
    /// Whose; always given.
    pub tenant: String,
    /// Any of these ids.
    pub ids: Option<Vec<OrderId>>,
    /// At this venue, or asked for there.
    pub venue: Option<String>,
    /// Of this instrument.
    pub symbol: Option<String>,
    /// In any of these states.
    pub states: Option<Vec<OrderState>>,
    /// With this label.
    pub client_order_id: Option<String>,
    /// Created then or later.
    pub from: Option<Timestamp>,
    /// Created before.
    pub to: Option<Timestamp>,
    /// Not final.
    pub only_open: bool,
    /// After this place in the order of creation.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: usize,
}

/// A place in the order of creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(super) created_at: Timestamp,
    pub(super) id: String,
}

/// A text is not a cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a next_cursor of an earlier page")]
pub struct CursorError;

impl Cursor {
    /// Opaque text for callers.
    pub fn encode(&self) -> String {
        BASE64URL_NOPAD.encode(format!("{}.{}", self.created_at.as_millis(), self.id).as_bytes())
    }

    /// The cursor of a text.
    ///
    /// # Errors
    /// [`CursorError`].
    pub fn decode(text: &str) -> Result<Self, CursorError> {
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| CursorError)?;
        let plain = String::from_utf8(bytes).map_err(|_| CursorError)?;
        let (millis, id) = plain.split_once('.').ok_or(CursorError)?;
        let created_at = Timestamp::from_millis(millis.parse().map_err(|_| CursorError)?);
        Ok(Self {
            created_at,
            id: id.to_owned(),
        })
    }
}

/// Orders in the order of their creation.
#[derive(Debug, Clone)]
pub struct OrderPage {
    /// The orders.
    pub records: Vec<OrderRecord>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl OrderPage {
    /// A page of records, of which there is one more than `limit` where another page follows.
    pub(super) fn of(mut records: Vec<OrderRecord>, limit: usize) -> Self {
        let more = records.len() > limit;
        records.truncate(limit);
        let next = records.last().filter(|_| more).map(|last| Cursor {
            created_at: last.order.created_at,
            id: last.order.id.as_str().to_owned(),
        });
        Self { records, next }
    }
}

/// The orders of some bodies. One that cannot be read must not keep all others from being followed.
pub(super) fn readable<E>(
    bodies: impl Iterator<Item = Result<String, E>>,
) -> Result<Vec<OrderRecord>, StoreError>
where
    StoreError: From<E>,
{
    let mut records = Vec::new();
    for body in bodies {
        match serde_json::from_str(&body?) {
            Ok(record) => records.push(record),
            Err(error) => {
                tracing::error!(%error, "an order in the journal that is to be followed cannot be read")
            }
        }
    }
    Ok(records)
}

/// What a venue calls an order: its id is unique per instrument at least.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VenueOrderName {
    /// Unified symbol.
    pub symbol: String,
    /// The venue's id.
    pub venue_order_id: String,
}

/// One event of an order, as stored.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct StoredEvent {
    /// Place in the journal.
    pub sequence: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// The event.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

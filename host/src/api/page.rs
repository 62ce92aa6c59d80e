//! Pages of items.

use serde::Serialize;
use utoipa::ToSchema;

use crate::market::Sourced;
use crate::reads::SourceStatus;

/// A page: items, and where the next page begins.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// Give it as `cursor` for the next page; `null` on the last.
    pub(super) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page that is all there is.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }
}

/// A page whose parts come from venues, each live or not.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SourcedPage<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// Give it as `cursor` for the next page; `null` on the last.
    pub(super) next_cursor: Option<String>,
    /// Where each part comes from.
    pub(super) sources: Vec<SourceStatus>,
}

/// A value from the first venue that gave it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SourcedItem<T> {
    /// The value.
    #[serde(flatten)]
    pub(super) item: T,
    /// The venues asked, in that order: the last one served, and the others did not, for the reason given.
    pub(super) sources: Vec<SourceStatus>,
}

impl<T: Clone> From<&Sourced<T>> for SourcedItem<T> {
    fn from(sourced: &Sourced<T>) -> Self {
        Self {
            item: (*sourced.value).clone(),
            sources: sourced.sources.clone(),
        }
    }
}

/// A page of what happened, from the journal or from a venue's own history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct HistoryPage<T> {
    /// The items.
    pub(super) items: Vec<T>,
    /// Give it as `cursor` for the next page; `null` on the last.
    pub(super) next_cursor: Option<String>,
    /// Only where a venue was asked: false where the range goes further back than it remembers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) complete: Option<bool>,
}

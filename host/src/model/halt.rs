//! A venue's trading, stopped by an operator.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// That nothing is placed or changed at a venue, until an operator resumes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Halt {
    /// Since when.
    pub since: Timestamp,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// Id of the key that asked for it.
    pub key_id: String,
}

/// What operators did about the trading at a venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HaltEvent {
    /// Trading was stopped.
    Halted {
        /// The venue.
        venue: String,
        /// The stop.
        halt: Halt,
        /// The request that asked for it.
        request_id: String,
    },
    /// Trading was allowed again.
    Resumed {
        /// The venue.
        venue: String,
        /// Id of the key that asked for it.
        key_id: String,
        /// The request that asked for it.
        request_id: String,
    },
}

impl HaltEvent {
    /// The venue.
    pub fn venue(&self) -> &str {
        match self {
            Self::Halted { venue, .. } | Self::Resumed { venue, .. } => venue,
        }
    }

    /// The kind's name in the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Halted { .. } => "halted",
            Self::Resumed { .. } => "resumed",
        }
    }

    /// What is halted after it, by venue.
    pub fn apply(self, halts: &mut BTreeMap<String, Halt>) {
        match self {
            Self::Halted { venue, halt, .. } => {
                halts.insert(venue, halt);
            }
            Self::Resumed { venue, .. } => {
                halts.remove(&venue);
            }
        }
    }
}

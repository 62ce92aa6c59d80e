//! What operators did to adapters' versions.

use serde::{Deserialize, Serialize};

/// Something that an operator did to an adapter's versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginEvent {
    /// The adapter.
    pub plugin: String,
    /// `install`, `promote`, `rollback`, `pin`, `unpin`, `remove` or `record`.
    pub action: String,
    /// The version that was named, by its SHA-256.
    pub version: Option<String>,
    /// Id of the key that asked for it.
    pub key_id: String,
    /// The request that asked for it.
    pub request_id: String,
}

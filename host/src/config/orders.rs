//! `[orders]`: how orders are named, and how those that rest are looked after.

use serde::{Deserialize, Serialize};

use super::{ConfigError, check_range};
use crate::model::IdPrefix;

/// `[orders]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrdersConfig {
    /// What the ids of this gateway's orders begin with. Gateways that share an account need different ones.
    pub id_prefix: IdPrefix,
    /// Time between two looks at a venue's open orders where the gateway has some there.
    pub refresh_open_ms: u64,
}

impl Default for OrdersConfig {
    fn default() -> Self {
        Self {
            id_prefix: IdPrefix::default(),
            refresh_open_ms: 30_000,
        }
    }
}

impl OrdersConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_range(
            "orders.refresh_open_ms",
            self.refresh_open_ms,
            1_000,
            300_000,
        )
    }
}

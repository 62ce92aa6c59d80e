//! `[orders]`: how orders are named.

use serde::Deserialize;

use crate::model::IdPrefix;

/// `[orders]`
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct OrdersConfig {
    /// What the ids of this gateway's orders begin with. Gateways that share an account need different ones.
    pub id_prefix: IdPrefix,
}

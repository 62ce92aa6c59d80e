//! `[venues.NAME.risk]` and `[tenants.NAME.risk]`: what orders are held to before anything is sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigError, QuotaConfig, check_range, value};
use crate::model::Decimal;

/// Limits of one venue or one tenant. Absent ones bind nothing; where both have one, both bind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskSettings {
    /// Largest value of one order, by the asset it is counted in: the quote asset, for quanto contracts the
    /// settle asset. Orders counted in an asset that is not named here are refused.
    pub max_notional: Option<BTreeMap<String, Decimal>>,
    /// How far through the market a limit price may go, in percent of the best price on the other side.
    pub price_collar_percent: Option<Decimal>,
    /// Orders open at once.
    pub max_open_orders: Option<u32>,
    /// Placements and amends within one second.
    pub max_orders_per_second: Option<u32>,
}

/// `[tenants.NAME]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantConfig {
    /// What its orders are held to, on all venues together.
    pub risk: RiskSettings,
    /// Requests that its keys may make together.
    pub quota: Option<QuotaConfig>,
}

impl TenantConfig {
    pub(super) fn check(&self, section: &str) -> Result<(), ConfigError> {
        if let Some(quota) = &self.quota {
            quota.check(&format!("{section}.quota"))?;
        }
        self.risk.check(section)
    }
}

impl RiskSettings {
    pub(super) fn check(&self, section: &str) -> Result<(), ConfigError> {
        let positive = |key: String, decimal: &Decimal| {
            if decimal.is_positive() {
                return Ok(());
            }
            let problem = "must be greater than zero".to_owned();
            Err(value(&key, &decimal.to_string(), problem))
        };
        for (asset, most) in self.max_notional.iter().flatten() {
            positive(format!("{section}.risk.max_notional.{asset}"), most)?;
        }
        if let Some(percent) = &self.price_collar_percent {
            positive(format!("{section}.risk.price_collar_percent"), percent)?;
        }
        for (key, most) in [
            ("max_open_orders", self.max_open_orders),
            ("max_orders_per_second", self.max_orders_per_second),
        ] {
            if let Some(most) = most {
                check_range(&format!("{section}.risk.{key}"), most.into(), 1, 1_000_000)?;
            }
        }
        Ok(())
    }
}

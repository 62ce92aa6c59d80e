//! The files of `monitoring/`, and a Prometheus that reads them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test support: what cannot be set up ends the test that wanted it"
)]

mod files;
mod guide;
mod prometheus;
mod promql;

pub use files::{DashboardQuery, Rule, dashboards, monitoring, panels_of, queries_of, rules};
pub use guide::{Guide, Kind};
pub use prometheus::{Prometheus, prometheus_is_here, promtool};
pub use promql::{Matcher, Query, Selector};

//! Which metrics CloudWatch is told, and by which of their labels. Each combination of a metric and values of its
//! labels costs money every hour there, so this is what alarms and a first look at an incident need; everything is
//! at `/metrics`.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Told as its growth since the report before.
    Counter,
    /// Told as it is.
    Gauge,
    /// Told as what was observed since the report before.
    Histogram,
}

/// A metric that is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    /// Its name, in `/metrics` without the suffix of its kind, and in CloudWatch.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The labels that are dimensions; over all others it is added up.
    pub labels: &'static [&'static str],
    /// CloudWatch's name of its unit.
    pub unit: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str]) -> Chosen {
    Chosen {
        name,
        kind: Kind::Counter,
        labels,
        unit: "Count",
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], unit: &'static str) -> Chosen {
    Chosen {
        name,
        kind: Kind::Gauge,
        labels,
        unit,
    }
}

const fn seconds(name: &'static str, labels: &'static [&'static str]) -> Chosen {
    Chosen {
        name,
        kind: Kind::Histogram,
        labels,
        unit: "Seconds",
    }
}

/// All of them.
pub(super) const CHOSEN: &[Chosen] = &[
    gauge("switchyard_active", &[], "None"),
    counter("switchyard_http_requests", &["status"]),
    seconds("switchyard_http_request_duration_seconds", &[]),
    counter("switchyard_venue_operations", &["venue", "outcome"]),
    seconds(
        "switchyard_venue_operation_duration_seconds",
        &["venue", "endpoint"],
    ),
    gauge(
        "switchyard_venue_endpoint_up",
        &["venue", "endpoint"],
        "None",
    ),
    gauge("switchyard_venue_halted", &["venue"], "None"),
    counter("switchyard_venue_retries", &["venue"]),
    gauge("switchyard_breaker_state", &["venue", "endpoint"], "None"),
    counter("switchyard_breaker_transitions", &["venue", "to"]),
    counter("switchyard_operations_shed", &["venue", "by"]),
    gauge("switchyard_bulkhead_waiting", &["venue"], "Count"),
    seconds("switchyard_limiter_wait_seconds", &["venue"]),
    counter("switchyard_orders", &["venue", "outcome"]),
    counter("switchyard_order_failovers", &["from", "to"]),
    gauge("switchyard_orders_unresolved", &["venue"], "Count"),
    seconds(
        "switchyard_order_reconciliation_duration_seconds",
        &["venue"],
    ),
    counter("switchyard_orders_not_placed", &["venue"]),
    counter("switchyard_orders_surfaced_late", &["venue"]),
    counter("switchyard_orders_adopted", &["venue"]),
    counter("switchyard_pre_trade_refusals", &["venue"]),
    counter("switchyard_adapter_failures", &["venue"]),
    counter("switchyard_adapter_requests_refused", &["venue"]),
    counter("switchyard_plugin_decode_fallbacks", &["plugin"]),
    seconds("switchyard_journal_commit_duration_seconds", &[]),
    gauge("switchyard_journal_size_bytes", &[], "Bytes"),
    gauge("switchyard_journal_broken", &[], "None"),
    counter("switchyard_journal_write_failures", &[]),
    gauge("switchyard_dependency_up", &["dependency"], "None"),
    counter("switchyard_log_lines_dropped", &[]),
];

/// Whether one of them has a label of this name.
pub fn is_emf_label(name: &str) -> bool {
    CHOSEN.iter().any(|chosen| chosen.labels.contains(&name))
}

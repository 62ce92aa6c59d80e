//! Calls that only operators may make, and the line that each of them leaves, however it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;

use super::Principal;
use super::audit::{self, Called};
use crate::telemetry::Metrics;

/// Whether a request is one that only operators may make. Of most routes their rule says so; where it depends on what is
/// asked for, the handler does.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct Privilege(Arc<AtomicBool>);

impl Privilege {
    /// Says that it is one, before anything of it is done.
    pub(in crate::api) fn mark_used(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn was_used(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A request that is being served. When it is over, and also when nobody waits for its end any more, it is written down
/// if it was privileged: who hangs up in time must not go unnoticed.
#[derive(Debug)]
pub(super) struct Pending<'a> {
    metrics: &'a Metrics,
    called: &'a Called,
    principal: &'a Principal,
    privilege: Privilege,
    status: Option<StatusCode>,
}

impl<'a> Pending<'a> {
    pub(super) fn begun(
        metrics: &'a Metrics,
        called: &'a Called,
        principal: &'a Principal,
        privilege: Privilege,
    ) -> Self {
        Self {
            metrics,
            called,
            principal,
            privilege,
            status: None,
        }
    }

    pub(super) fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.privilege.was_used() {
            audit::privileged(self.metrics, self.called, self.principal, self.status);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::model::{Role, VenueScope};

    fn counted(metrics: &Metrics) -> Vec<String> {
        let text = metrics.render_prometheus_text();
        let lines = text.lines();
        let lines = lines.filter(|line| line.starts_with("switchyard_privileged_calls_total"));
        lines.map(str::to_owned).collect()
    }

    /// What is counted of a call of `/r`.
    fn after(call: impl FnOnce(Pending<'_>, &Privilege)) -> Vec<String> {
        let metrics = Metrics::default();
        let called = Called {
            method: Method::DELETE,
            route: "/r".into(),
            path: "/r".into(),
            address: [127, 0, 0, 1].into(),
        };
        let principal = Principal {
            key_id: "k".into(),
            tenant: "t".into(),
            role: Role::Operator,
            venues: VenueScope::default(),
            quota: None,
        };
        let privilege = Privilege::default();
        let pending = Pending::begun(&metrics, &called, &principal, privilege.clone());
        call(pending, &privilege);
        counted(&metrics)
    }

    fn line(outcome: &str) -> Vec<String> {
        vec![format!(
            "switchyard_privileged_calls_total{{route=\"/r\",outcome=\"{outcome}\"}} 1"
        )]
    }

    #[test]
    fn a_privileged_call_is_written_down_however_it_ends() {
        let ok = after(|pending, privilege| {
            privilege.mark_used();
            pending.answered(StatusCode::ACCEPTED);
        });
        assert_eq!(ok, line("ok"));
        let failed = after(|pending, privilege| {
            privilege.mark_used();
            pending.answered(StatusCode::SERVICE_UNAVAILABLE);
        });
        assert_eq!(failed, line("failed"));
        let given_up = after(|pending, privilege| {
            privilege.mark_used();
            drop(pending);
        });
        assert_eq!(given_up, line("unknown"));
    }

    #[test]
    fn what_any_trader_may_do_is_not_written_down_as_privileged() {
        let none: Vec<String> = Vec::new();
        assert_eq!(after(|pending, _| pending.answered(StatusCode::OK)), none);
        assert_eq!(after(|pending, _| drop(pending)), none);
    }
}

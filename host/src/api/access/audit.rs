//! Writes down who was refused, and what operators did.

use std::net::IpAddr;

use axum::http::{Method, StatusCode};

use super::Principal;
use super::quota::Standing;
use crate::api::problem::Problem;
use crate::telemetry::{AUDIT_TARGET, Metrics};

/// What was called, and from where.
#[derive(Debug, Clone)]
pub(super) struct Called {
    pub(super) method: Method,
    /// The route's pattern.
    pub(super) route: String,
    /// What stood in its place: which venue, adapter, order or key was meant.
    pub(super) path: String,
    pub(super) address: IpAddr,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It showed nothing, or nothing that is a key.
    NoKey,
    /// Nobody has this key.
    UnknownKey,
    /// The key was accepted once.
    RevokedKey,
    /// The key or token was good until some time ago.
    Expired,
    /// The key is of a tenant that the configuration does not know any more.
    UnknownTenant,
    /// The token names a key that is not configured, as all do once their issuer has changed its keys.
    UnknownKid,
    /// The token is not one of the issuer's, or not for us.
    BadToken,
    /// The token is the issuer's, and says what cannot be.
    UnfitToken,
    /// The address tried keys out.
    LockedOut,
    /// The key made too many requests.
    Quota,
    /// The key's role is not enough.
    Role,
    /// The key is for other venues.
    Venue,
    /// What it asks for is more than the key may.
    Content,
    /// No keys are asked for, and a page of another origin made it.
    Origin,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::UnknownKey => "unknown_key",
            Self::RevokedKey => "revoked_key",
            Self::Expired => "expired",
            Self::UnknownTenant => "unknown_tenant",
            Self::UnknownKid => "unknown_kid",
            Self::BadToken => "bad_token",
            Self::UnfitToken => "unfit_token",
            Self::LockedOut => "locked_out",
            Self::Quota => "quota",
            Self::Role => "role",
            Self::Venue => "venue",
            Self::Content => "content",
            Self::Origin => "origin",
        }
    }

    /// Whether it is what someone would get who tries keys out.
    pub(super) fn is_a_guess(self) -> bool {
        matches!(self, Self::UnknownKey | Self::BadToken)
    }
}

/// Who a refused caller is, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) key_id: Option<String>,
    pub(super) tenant: Option<String>,
}

impl From<&Principal> for Who {
    fn from(principal: &Principal) -> Self {
        Self {
            key_id: Some(principal.key_id.clone()),
            tenant: Some(principal.tenant.clone()),
        }
    }
}

/// A refusal, on its way to the caller and the log.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) reason: Reason,
    pub(super) problem: Problem,
    pub(super) who: Who,
    pub(super) standing: Option<Standing>,
}

impl Denial {
    pub(super) fn of(reason: Reason, problem: Problem, principal: Option<&Principal>) -> Self {
        Self {
            reason,
            problem,
            who: principal.map(Who::from).unwrap_or_default(),
            standing: None,
        }
    }

    /// A refusal of someone whose key or token is known and not accepted.
    pub(super) fn of_known(reason: Reason, problem: Problem, who: Who) -> Self {
        Self {
            reason,
            problem,
            who,
            standing: None,
        }
    }
}

pub(super) fn denied(metrics: &Metrics, called: &Called, denial: &Denial) {
    write_down(metrics, called, denial.reason, &denial.who);
}

/// A handler refused what the head of the request did not tell.
pub(super) fn denied_by_handler(metrics: &Metrics, called: &Called, principal: &Principal) {
    write_down(metrics, called, Reason::Content, &Who::from(principal));
}

fn write_down(metrics: &Metrics, called: &Called, reason: Reason, who: &Who) {
    let reason = reason.name();
    tracing::warn!(
        target: AUDIT_TARGET,
        reason,
        method = %called.method,
        route = called.route,
        path = called.path,
        address = %called.address,
        key_id = who.key_id,
        tenant = who.tenant,
        "denied"
    );
    metrics.edge.denied(reason);
}

pub(super) fn locked_out(called: &Called) {
    tracing::error!(
        target: AUDIT_TARGET,
        path = called.path,
        address = %called.address,
        "an address tried too many keys, and is not listened to for a while"
    );
}

/// A call that only operators may make is over. It has no status where nobody waited for it: it may have been carried
/// out, wholly or in part, or not.
pub(super) fn privileged(
    metrics: &Metrics,
    called: &Called,
    principal: &Principal,
    status: Option<StatusCode>,
) {
    let outcome = match status {
        Some(status) if status.is_success() => "ok",
        Some(_) => "failed",
        None => "unknown",
    };
    tracing::info!(
        target: AUDIT_TARGET,
        method = %called.method,
        route = called.route,
        path = called.path,
        address = %called.address,
        key_id = %principal.key_id,
        tenant = %principal.tenant,
        outcome,
        status = status.map(|status| status.as_u16()),
        "privileged call"
    );
    metrics.edge.privileged(&called.route, outcome);
}

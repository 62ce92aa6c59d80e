//! Who calls, and what they may do: API keys and tokens, each with a tenant, a role and venues.
//!
//! Every route says in its declaration who may call it ([`Rule`]); [`guard`] holds each request to that, before
//! anything of it but its head is read. What is refused is written down, and so is what operators do.

mod administration;
mod audit;
mod browser;
mod client;
mod keyring;
mod lockout;
mod privileged;
mod quota;
mod rule;
mod token;

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

pub(super) use administration::{AdministrationError, KeyOrigin, KeyView, NewKey};
pub(super) use client::Peer;
pub use keyring::{Keyring, KeyringError};
pub(super) use privileged::Privilege;
pub(super) use rule::{Access, Rule};
pub use rule::{RouteRule, VenueRule};

use self::audit::{Called, Denial, Reason};
use self::lockout::Lockout;
use self::privileged::Pending;
use self::quota::{Quotas, Standing};
use super::caller::current_request_id;
use super::idempotency::current_claim;
use super::problem::Problem;
use super::slots::Urgency;
use super::state::AppState;
use crate::config::{Config, QuotaConfig};
use crate::model::{Asker, OrderRecord, Role, Timestamp, VenueScope};
use crate::orders::Caller;
use crate::reliability::holding;
use crate::secrets::Secrets;

/// Who was recognised, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) key_id: String,
    pub(super) tenant: String,
    pub(super) role: Role,
    pub(super) venues: VenueScope,
    /// Requests that it may make; absent: as many as it likes.
    quota: Option<QuotaConfig>,
}

impl Principal {
    /// On whose behalf an order operation is done.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            venues: self.venues.clone(),
            key_id: self.key_id.clone(),
            request_id: current_request_id(),
            claim: current_claim(),
        }
    }

    /// Who asks, for the journal.
    pub(super) fn asker(&self) -> Asker {
        Asker {
            key_id: self.key_id.clone(),
            request_id: current_request_id(),
        }
    }

    /// Whether it may see and change an order.
    pub(super) fn sees(&self, record: &OrderRecord) -> bool {
        self.caller().sees(record)
    }

    /// That it may reach a venue which the request names.
    pub(super) fn check_venue(&self, name: &str) -> Result<(), Problem> {
        if self.venues.covers(name) {
            return Ok(());
        }
        let key = &self.key_id;
        Err(Problem::forbidden(format!("key {key:?} may not reach the venue {name:?}")).at(name))
    }
}

/// What callers are held to, shared by all requests.
#[derive(Debug)]
pub struct Door {
    /// Who may call.
    pub keyring: Keyring,
    lockout: Lockout,
    quotas: Quotas,
}

impl Door {
    /// The door of a configuration.
    ///
    /// # Errors
    /// [`KeyringError`], naming the key.
    pub fn new(config: &Config, secrets: &Secrets) -> Result<Self, KeyringError> {
        Ok(Self {
            keyring: Keyring::new(&config.auth, secrets)?,
            lockout: Lockout::new(config.auth.lockout),
            quotas: Quotas::new(config),
        })
    }
}

/// Lets a request through if its caller may make it.
pub(super) async fn guard(
    State((state, rule)): State<(AppState, Rule)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let called = Called {
        method: parts.method.clone(),
        route: parts
            .extensions
            .get::<MatchedPath>()
            .map_or_else(String::new, |path| path.as_str().to_owned()),
        path: parts.uri.path().to_owned(),
        address: client::address(&parts, &state.server),
    };
    let entered = enter(&state, rule, &called, &mut parts).await;
    let (principal, standing) = match entered {
        Ok(entered) => entered,
        Err(denial) => {
            audit::denied(&state.metrics, &called, &denial);
            let standing = denial.standing.clone();
            return with_quota(standing.as_ref(), denial.problem.into_response());
        }
    };
    tracing::Span::current().record("tenant", &principal.tenant);
    tracing::debug!(key = %principal.key_id, tenant = %principal.tenant, "recognised");
    let share = state.slots.share(&principal.tenant, urgency(rule, &called));
    // Probes always have room.
    if share.is_none() && !called.route.starts_with("/health") {
        state.metrics.edge.shed();
        return with_quota(standing.as_ref(), Problem::overloaded().into_response());
    }
    let principal = Arc::new(principal);
    let privilege = Privilege::default();
    if rule.role() == Some(Role::Operator) {
        privilege.mark_used();
    }
    parts.extensions.insert(principal.clone());
    parts.extensions.insert(privilege.clone());
    let pending = Pending::begun(&state.metrics, &called, &principal, privilege);
    let request = Request::from_parts(parts, body);
    let response = holding(share, next.run(request)).await;
    if response.status() == StatusCode::FORBIDDEN {
        // What the head did not tell: the body's venue, or the orders of everyone.
        audit::denied_by_handler(&state.metrics, &called, &principal);
    }
    pending.answered(response.status());
    with_quota(standing.as_ref(), response)
}

/// What must go through where ordinary requests no longer do: what only operators may do, and cancels.
fn urgency(rule: Rule, called: &Called) -> Urgency {
    if rule.role() == Some(Role::Operator) {
        Urgency::Operator
    } else if rule.access == Access::Trade && called.method == Method::DELETE {
        Urgency::Cancel
    } else {
        Urgency::Ordinary
    }
}

/// Who makes a request, if they may.
async fn enter(
    state: &AppState,
    rule: Rule,
    called: &Called,
    parts: &mut Parts,
) -> Result<(Principal, Option<Standing>), Denial> {
    let door = &state.door;
    let principal = match door.keyring.recognise_open() {
        Some(principal) => {
            let checked = browser::check(parts, &state.server);
            checked.map_err(|problem| Denial::of(Reason::Origin, problem, None))?;
            principal
        }
        None => recognise(door, called, &parts.headers)?,
    };
    let standing = door
        .quotas
        .take(&principal, Instant::now())
        .map_err(|refused| {
            let problem = Problem::quota_exceeded(&refused.policy, refused.retry_after);
            let mut denial = Denial::of(Reason::Quota, problem, Some(&principal));
            denial.standing = Some(refused.standing);
            denial
        })?;
    let allowed = rule.check(&principal, parts).await;
    allowed.map_err(|(reason, problem)| {
        let mut denial = Denial::of(reason, problem, Some(&principal));
        denial.standing = standing.clone();
        denial
    })?;
    Ok((principal, standing))
}

fn recognise(door: &Door, called: &Called, headers: &HeaderMap) -> Result<Principal, Denial> {
    let shown = keyring::shown(headers)?;
    let hash = keyring::sha256(shown);
    let now = Instant::now();
    // Not even a right key is looked at unless it was right here before: one that was guessed must not be told from
    // others.
    if let Err(left) = door.lockout.check(called.address, &hash, now) {
        let problem = Problem::locked_out(left);
        return Err(Denial::of(Reason::LockedOut, problem, None));
    }
    let recognised = door.keyring.recognise(shown, &hash, Timestamp::now());
    match &recognised {
        Ok(who) => door
            .lockout
            .succeeded(called.address, &hash, &who.tenant, now),
        Err(denial) => {
            if denial.reason.is_a_guess() && door.lockout.failed(called.address, now) {
                audit::locked_out(called);
            }
        }
    }
    recognised
}

fn with_quota(standing: Option<&Standing>, mut response: Response) -> Response {
    if let Some(standing) = standing {
        standing.describe(response.headers_mut());
    }
    response
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Arc<Self>>()
            .map(|principal| Self::clone(principal))
            .ok_or_else(|| {
                Problem::internal("a handler that needs a caller is not behind the guard")
            })
    }
}

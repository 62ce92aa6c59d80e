//! API keys: made, listed, replaced and revoked while the gateway runs.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;
use utoipa::{IntoParams, ToSchema};

use super::selection::PathText;
use crate::api::access::{AdministrationError, KeyOrigin, KeyView, NewKey, Principal};
use crate::api::caller::{as_request, current_request_id};
use crate::api::extract::{StrictJson, StrictJsonOrNothing, StrictQuery};
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::model::{Role, Timestamp, VenueScope};
use crate::reliability::Detached;
use crate::store::StoreError;

/// Longest name of a key or tenant, in characters.
const MAX_NAME: usize = 64;

/// Longest time for which a replaced key is accepted, in seconds.
const MAX_GRACE_SECONDS: u64 = 7 * 86_400;

/// A key, without anything that could be shown as one.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ApiKeyView {
    /// Its name, in the log and the journal.
    id: String,
    /// Where it stands: `configured` (in the configuration) or `created` (in the journal).
    origin: &'static str,
    /// Whose orders it sees.
    tenant: String,
    /// What it may do.
    role: Role,
    /// The venues that it may reach; `null` for all.
    venues: Option<BTreeSet<String>>,
    /// Since when.
    created_at: Option<Timestamp>,
    /// When it was last replaced.
    rotated_at: Option<Timestamp>,
    /// Until when a key before it is accepted too: the last of them.
    previous_until: Option<Timestamp>,
    /// Until when it is accepted; `null` for ever.
    expires_at: Option<Timestamp>,
    /// Since when it is not accepted any more.
    revoked_at: Option<Timestamp>,
}

impl From<KeyView> for ApiKeyView {
    fn from(key: KeyView) -> Self {
        Self {
            id: key.id,
            origin: match key.origin {
                KeyOrigin::Configured => "configured",
                KeyOrigin::Created => "created",
            },
            tenant: key.tenant,
            role: key.role,
            venues: key.venues.names().cloned(),
            created_at: key.created_at,
            rotated_at: key.rotated_at,
            previous_until: key.previous_until,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A key that was just made. It is shown this once.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct NewKeyView {
    /// What to send as `Authorization: Bearer`. The gateway keeps its hash only.
    key: String,
    #[serde(flatten)]
    about: ApiKeyView,
}

impl std::fmt::Debug for NewKeyView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKeyView")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// Whose keys are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct KeysQuery {
    /// `own` (your tenant's keys) or `all` tenants'.
    #[serde(default)]
    scope: KeyScope,
}

/// Whose keys are meant.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum KeyScope {
    /// Your tenant's.
    #[default]
    Own,
    /// Everyone's.
    All,
}

impl KeyScope {
    fn tenant(self, principal: &Principal) -> Option<&str> {
        match self {
            Self::Own => Some(&principal.tenant),
            Self::All => None,
        }
    }
}

/// The keys of your tenant, or of all: those of the configuration and those that were made.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", security(("key" = [])), params(KeysQuery),
    responses((status = 200, body = Page<ApiKeyView>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    StrictQuery(query): StrictQuery<KeysQuery>,
) -> Json<Page<ApiKeyView>> {
    let keys = state.door.keyring.list(query.scope.tenant(&principal));
    Json(Page::whole(keys.into_iter().map(Into::into).collect()))
}

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewKeyBody {
    /// Its name: 1 to 64 of `[A-Za-z0-9_.-]`, never used before.
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    id: String,
    /// What it may do.
    role: Role,
    /// Whose orders it sees; your own tenant's where absent. A tenant that the configuration knows.
    tenant: Option<String>,
    /// The venues that it may reach; all where absent.
    venues: Option<BTreeSet<String>>,
    /// Until when it is accepted, RFC 3339; for ever where absent.
    expires_at: Option<Timestamp>,
}

/// Makes a key. The answer is the only place where it is ever shown.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", security(("key" = [])), request_body = NewKeyBody,
    responses((status = 201, body = NewKeyView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn create(
    State(state): State<AppState>,
    principal: Principal,
    StrictQuery(super::venues::NoParameters {}): StrictQuery<super::venues::NoParameters>,
    StrictJson(body): StrictJson<NewKeyBody>,
) -> Result<(StatusCode, HeaderMap, Json<NewKeyView>), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !(1..=MAX_NAME).contains(&body.id.len()) || !body.id.bytes().all(is_plain) {
        let problem = format!("must be 1 to {MAX_NAME} of [A-Za-z0-9_.-]");
        return Err(Problem::malformed("id", &body.id, problem));
    }
    let configured = state.venues.names();
    for name in body.venues.iter().flatten() {
        if !configured.contains(&name.as_str()) {
            let problem = format!("must be configured venues: {}", configured.join(", "));
            return Err(Problem::malformed("venues", name, problem));
        }
    }
    if let Some(until) = body.expires_at.filter(|until| *until <= Timestamp::now()) {
        let problem = "must lie ahead";
        return Err(Problem::malformed(
            "expires_at",
            &until.to_string(),
            problem,
        ));
    }
    let new = NewKey {
        id: body.id,
        tenant: body.tenant.unwrap_or_else(|| principal.tenant.clone()),
        role: body.role,
        venues: VenueScope::of(body.venues),
        expires_at: body.expires_at,
    };
    let tenant = new.tenant.clone();
    let asker = principal.asker();
    let created = to_its_end(state.orders.detached().clone(), async move {
        let keyring = &state.door.keyring;
        let created = keyring.create(&*state.journal, new, asker).await;
        created.map_err(|error| match error {
            AdministrationError::UnknownTenant => {
                Problem::malformed("tenant", &tenant, error.to_string())
            }
            other => other.into(),
        })
    });
    let (key, about) = created.await?;
    let shown = NewKeyView {
        key: key.expose_secret().to_owned(),
        about: about.into(),
    };
    Ok((StatusCode::CREATED, never_kept(), Json(shown)))
}

/// How a key is replaced. All of it may be left out, and the body too.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api) struct RotateBody {
    /// For how long the old key is accepted too, in seconds: 0 to 604800, 0 where absent. With 0, keys that were
    /// replaced before it end at once too; otherwise they keep their time.
    #[schema(maximum = 604_800)]
    grace_seconds: u64,
}

/// Replaces a key by a new one of the same name and rights. The answer is the only place where it is ever shown.
#[utoipa::path(post, path = "/v1/keys/{id}/rotate", tag = "keys", security(("key" = [])), request_body = Option<RotateBody>,
    params(("id" = String, Path, description = "Name of the key"), KeysQuery),
    responses((status = 200, body = NewKeyView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn rotate(
    State(state): State<AppState>,
    principal: Principal,
    PathText(id): PathText,
    StrictQuery(query): StrictQuery<KeysQuery>,
    StrictJsonOrNothing(body): StrictJsonOrNothing<RotateBody>,
) -> Result<(HeaderMap, Json<NewKeyView>), Problem> {
    let grace = body.grace_seconds;
    if grace > MAX_GRACE_SECONDS {
        let problem = format!("must be from 0 to {MAX_GRACE_SECONDS}");
        return Err(Problem::malformed(
            "grace_seconds",
            &grace.to_string(),
            problem,
        ));
    }
    let grace = Duration::from_secs(grace);
    let tenant = query.scope.tenant(&principal).map(str::to_owned);
    let asker = principal.asker();
    let rotated = to_its_end(state.orders.detached().clone(), async move {
        let which = (id.as_str(), tenant.as_deref());
        let keyring = &state.door.keyring;
        let rotated = keyring.rotate(&*state.journal, which, grace, asker).await;
        rotated.map_err(Problem::from)
    });
    let (key, about) = rotated.await?;
    let shown = NewKeyView {
        key: key.expose_secret().to_owned(),
        about: about.into(),
    };
    Ok((never_kept(), Json(shown)))
}

/// Revokes a key, and the one that it replaced: they are refused from the next request on. A key of the configuration is
/// refused too, for as long as this journal is used.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "keys", security(("key" = [])),
    params(("id" = String, Path, description = "Name of the key"), KeysQuery),
    responses((status = 200, body = ApiKeyView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn revoke(
    State(state): State<AppState>,
    principal: Principal,
    PathText(id): PathText,
    StrictQuery(query): StrictQuery<KeysQuery>,
) -> Result<Json<ApiKeyView>, Problem> {
    let tenant = query.scope.tenant(&principal).map(str::to_owned);
    let asker = principal.asker();
    let revoked = to_its_end(state.orders.detached().clone(), async move {
        let which = (id.as_str(), tenant.as_deref());
        let keyring = &state.door.keyring;
        let revoked = keyring.revoke(&*state.journal, which, asker).await;
        revoked.map_err(|error| match error {
            AdministrationError::Store(error @ (StoreError::Standby | StoreError::Fenced(_))) => {
                Problem::from(error)
            }
            AdministrationError::Store(error) => not_recorded(&id, &error),
            other => other.into(),
        })
    });
    Ok(Json(revoked.await?.into()))
}

fn not_recorded(id: &str, error: &StoreError) -> Problem {
    tracing::error!(id, %error, "a revocation could not be recorded");
    let detail = "the key is refused from now on, but that could not be recorded: it would not survive a restart";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "journal-unavailable", detail).retryable(None)
}

/// Carries a change through, in a task of its own: a caller that goes away in the middle does not keep what the journal
/// holds from being in force, nor the process that ends.
pub(super) async fn to_its_end<T: Send + 'static>(
    detached: Detached,
    change: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let change = as_request(current_request_id(), change).in_current_span();
    let changed = detached.spawn(change).await;
    changed.unwrap_or_else(|_| Err(Problem::internal("a change ended early")))
}

/// Nobody on the way may keep an answer that holds a key.
fn never_kept() -> HeaderMap {
    HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

impl From<AdministrationError> for Problem {
    fn from(error: AdministrationError) -> Self {
        let text = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, text.clone());
        match error {
            AdministrationError::NotFound(_) => Self::not_found(text),
            AdministrationError::Exists(_) => conflict("key-exists"),
            AdministrationError::Configured(_) => conflict("key-configured"),
            AdministrationError::Revoked(_) => conflict("key-revoked"),
            AdministrationError::TooMany => conflict("too-many-keys"),
            AdministrationError::UnknownTenant => Self::malformed_field("tenant", text),
            AdministrationError::Store(error) => Self::from(error),
            AdministrationError::Randomness(error) => Self::internal(&error.to_string()),
        }
    }
}

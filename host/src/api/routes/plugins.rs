//! Adapters' versions: seen, brought, promoted, rolled back, pinned and removed.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use switchyard_runtime::sha256_hex;
use tracing::Instrument as _;
use utoipa::{IntoParams, ToSchema};

use super::selection::PathText;
use super::venues::NoParameters;
use crate::api::access::Principal;
use crate::api::caller::{as_request, current_request_id};
use crate::api::extract::{StrictJsonOrNothing, StrictQuery, read_at_most};
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::model::PluginEvent;
use crate::orders::Caller;
use crate::plugin::{ManageError, PluginView, VersionState, Wish, WishError};
use crate::store::Commit;

/// The header that holds a detached signature: the text of `NAME.wasm.minisig`, in Base64.
const SIGNATURE_HEADER: &str = "x-plugin-signature";

/// All adapters that venues are configured with, and their versions.
#[utoipa::path(get, path = "/v1/plugins", tag = "plugins", security(("key" = [])),
    responses((status = 200, body = Page<PluginView>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn list(
    State(state): State<AppState>,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Json<Page<PluginView>> {
    Json(Page::whole(state.plugins.views(&state.venues)))
}

/// One adapter and its versions.
#[utoipa::path(get, path = "/v1/plugins/{name}", tag = "plugins", security(("key" = [])),
    params(("name" = String, Path, description = "Name of the adapter")),
    responses((status = 200, body = PluginView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn one(
    State(state): State<AppState>,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Json<PluginView>, Problem> {
    Ok(Json(state.plugins.view(&name, &state.venues)?))
}

/// A version that was brought.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Installed {
    /// Name of the adapter.
    name: String,
    /// SHA-256 of what was received.
    sha256: String,
    /// Where it is in its life.
    state: VersionState,
}

/// Brings a version, as a file in `plugins.directory` would. 202: it is on its way; `GET /v1/plugins/{name}` tells
/// how far it is. 200: it serves already. 422: it was refused. Venues that wait for their adapter go live with its first
/// version, which is compared with none.
#[utoipa::path(put, path = "/v1/plugins/{name}", tag = "plugins", security(("key" = [])),
    params(("name" = String, Path, description = "Name of the adapter"), ("X-Plugin-Signature" = Option<String>, Header, description = "The text of NAME.wasm.minisig in Base64, where plugins.trusted_keys asks for one")),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 200, body = Installed), (status = 202, body = Installed), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn install(
    State(state): State<AppState>,
    principal: Principal,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked = Asked::of(&state, &principal, "install", &name);
    let (bytes, signature) = asked.received(&headers, body).await?;
    let asked = asked.about(Some(sha256_hex(&bytes)));
    let (plugins, of, by) = (
        state.plugins.clone(),
        name.clone(),
        asked.caller.key_id.clone(),
    );
    let install = async move { plugins.install(&of, bytes, signature, &by).await };
    let (sha256, reached) = asked.done(install).await?;
    let status = match reached {
        VersionState::Active => StatusCode::OK,
        VersionState::Rejected | VersionState::Quarantined => {
            return Err(refused(&state, &name, &sha256));
        }
        _ => StatusCode::ACCEPTED,
    };
    let installed = Installed {
        name,
        sha256,
        state: reached,
    };
    Ok((status, Json(installed)).into_response())
}

fn refused(state: &AppState, name: &str, sha256: &str) -> Problem {
    let view = state.plugins.view(name, &state.venues).ok();
    let mut versions = view.into_iter().flat_map(|view| view.versions);
    let version = versions.find(|version| version.sha256 == sha256);
    let reason = version.map_or_else(|| "it was refused".into(), |version| version.reason);
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "plugin-rejected", reason)
}

fn signature(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Problem> {
    let Some(value) = headers.get(SIGNATURE_HEADER) else {
        return Ok(None);
    };
    let decoded = BASE64.decode(value.as_bytes());
    decoded.map(Some).map_err(|_| {
        let problem = "must be the text of a .minisig file in Base64";
        Problem::malformed_field("X-Plugin-Signature", problem)
    })
}

/// Which version.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api) struct VersionBody {
    /// Its SHA-256; see the operation for what is meant where it is left out.
    version: Option<String>,
}

macro_rules! wishes {
    ($($(#[$doc:meta])* $name:ident $path:literal => $wish:expr;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "plugins", security(("key" = [])), request_body = Option<VersionBody>,
            params(("name" = String, Path, description = "Name of the adapter")),
            responses((status = 200, body = PluginView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
        pub(in crate::api) async fn $name(
            State(state): State<AppState>,
            principal: Principal,
            PathText(name): PathText,
            StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
            StrictJsonOrNothing(body): StrictJsonOrNothing<VersionBody>,
        ) -> Result<Json<PluginView>, Problem> {
            let wish: fn(Option<String>) -> Wish = $wish;
            let version = body.version.clone();
            fulfil(&state, &principal, stringify!($name), &name, version.as_deref(), wish(body.version)).await
        }
    )+};
}

wishes! {
    /// Puts a version to work at once: the candidate where none is named. It approves one that waits for that, and
    /// goes past what a trial holds against one.
    promote "/v1/plugins/{name}/promote" => Wish::Promote;
    /// Puts an earlier version to work again, at once: the last good one where none is named.
    rollback "/v1/plugins/{name}/rollback" => Wish::RollBack;
    /// Holds the adapter to a version, the active one where none is named: newer ones are kept and not tried.
    pin "/v1/plugins/{name}/pin" => Wish::Pin;
    /// Lets newer versions serve again.
    unpin "/v1/plugins/{name}/unpin" => |_| Wish::Unpin;
}

/// The version to remove. A plugin itself is there as long as configuration names it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct RemoveQuery {
    /// Its SHA-256.
    #[param(required = true)]
    version: Option<String>,
}

/// Removes a version that is kept and does not serve.
#[utoipa::path(delete, path = "/v1/plugins/{name}", tag = "plugins", security(("key" = [])),
    params(("name" = String, Path, description = "Name of the adapter"), RemoveQuery),
    responses((status = 200, body = PluginView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = "5XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn remove(
    State(state): State<AppState>,
    principal: Principal,
    PathText(name): PathText,
    StrictQuery(query): StrictQuery<RemoveQuery>,
) -> Result<Json<PluginView>, Problem> {
    let Some(version) = query.version else {
        let venues = state.plugins.view(&name, &state.venues)?.venues.join(", ");
        let detail = format!(
            "configuration gives the plugin to {venues}; ?version=SHA256 removes a version that does not serve"
        );
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "plugin-conflict",
            detail,
        ));
    };
    let wish = Wish::Forget(version.clone());
    fulfil(&state, &principal, "remove", &name, Some(&version), wish).await
}

async fn fulfil(
    state: &AppState,
    principal: &Principal,
    action: &'static str,
    name: &str,
    version: Option<&str>,
    wish: Wish,
) -> Result<Json<PluginView>, Problem> {
    let asked = Asked::of(state, principal, action, name).about(version.map(str::to_owned));
    let (plugins, of, by) = (
        state.plugins.clone(),
        name.to_owned(),
        asked.caller.key_id.clone(),
    );
    let wished = async move { plugins.wish(&of, wish, &by).await };
    asked.done(wished).await?;
    Ok(Json(state.plugins.view(name, &state.venues)?))
}

/// Something that an operator asks for, which leaves a trace whatever becomes of it.
pub(super) struct Asked {
    state: AppState,
    caller: Caller,
    action: &'static str,
    name: String,
    version: Option<String>,
}

impl Asked {
    pub(super) fn of(
        state: &AppState,
        principal: &Principal,
        action: &'static str,
        name: &str,
    ) -> Self {
        Self {
            state: state.clone(),
            caller: principal.caller(),
            action,
            name: name.to_owned(),
            version: None,
        }
    }

    fn about(self, version: Option<String>) -> Self {
        Self { version, ..self }
    }

    /// A component, and its signature.
    async fn received(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Arc<[u8]>, Option<Vec<u8>>), Problem> {
        let received = async {
            self.state.plugins.view(&self.name, &self.state.venues)?;
            let signature = signature(headers)?;
            let limit = self.state.plugins.component_bytes();
            let limit = (limit, "a component", "plugins.component_bytes");
            let within = self.state.server.body_timeout();
            let bytes = read_at_most(limit, within, headers, body).await?;
            Ok((Arc::from(&*bytes), signature))
        };
        let received: Result<_, Problem> = received.await;
        received.inspect_err(|problem| self.refused(problem.detail()))
    }

    /// Does it to its end and takes note of it, though the caller may go away.
    pub(super) async fn done<T: Send + 'static>(
        self,
        work: impl Future<Output = Result<T, ManageError>> + Send + 'static,
    ) -> Result<T, Problem> {
        let work = async move {
            let result = work.await;
            match &result {
                Ok(_) => self.note().await,
                Err(error) => self.refused(&error.to_string()),
            }
            result
        };
        let work = as_request(current_request_id(), work).in_current_span();
        let done = tokio::spawn(work).await;
        Ok(done.map_err(|_| Problem::internal("a handler panicked"))??)
    }

    fn refused(&self, problem: &str) {
        tracing::warn!(plugin = self.name, action = self.action, version = self.version, key_id = %self.caller.key_id, problem, "what an operator wanted of an adapter was refused");
    }

    /// Keeps who did what in the journal. A journal that fails keeps nobody from rolling back.
    async fn note(self) {
        let Self {
            state,
            caller,
            action,
            name,
            version,
        } = self;
        tracing::warn!(plugin = name, action, version, key_id = %caller.key_id, "an operator changed an adapter");
        let event = PluginEvent {
            plugin: name.clone(),
            action: action.to_owned(),
            version,
            key_id: caller.key_id,
            request_id: caller.request_id,
        };
        if let Err(error) = state.journal.commit(Commit::of_plugin(event)).await {
            tracing::error!(plugin = name, action, %error, "what an operator did could not be recorded");
        }
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        let text = error.to_string();
        match error {
            ManageError::NoSuchPlugin { .. } | ManageError::Wish(WishError::NoSuchVersion(_)) => {
                Self::not_found(text)
            }
            ManageError::Wish(WishError::NotNow(_)) => {
                Self::new(StatusCode::CONFLICT, "plugin-conflict", text)
            }
            ManageError::Wish(WishError::Unusable(_)) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "plugin-rejected", text)
            }
            ManageError::Stopping => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", text).retryable(None)
            }
        }
    }
}

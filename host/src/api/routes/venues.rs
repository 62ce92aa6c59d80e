//! `GET /v1/venues`: what venues there are, what they can do, and how they are.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use switchyard_runtime::wit::descriptor::AmendMode;
use utoipa::ToSchema;

use super::selection::{PathText, venue_of_path};
use crate::api::access::Principal;
use crate::api::extract::StrictQuery;
use crate::api::page::Page;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::AppState;
use crate::model::{Halt, Product};
use crate::orders::Orders;
use crate::plugin::translate;
use crate::venue::{
    BreakerStatus, BucketStatus, BulkheadStatus, EndpointHealth, Venue, VenueStatus,
};

/// No parameters are taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NoParameters {}

/// The adapter version that serves a venue.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AdapterView {
    /// Stem of its file.
    name: String,
    /// Its own version.
    version: String,
    /// SHA-256 of the component.
    sha256: String,
}

/// One endpoint: what it serves and how it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct EndpointView {
    /// Products that trade on it.
    products: Vec<Product>,
    /// How open orders are changed: `native`, `cancel_replace` or `unsupported`.
    amend: &'static str,
    /// Whether the gateway knows what became of its open orders.
    reconciled: bool,
    /// How it is.
    #[serde(flatten)]
    health: EndpointHealth,
    /// How its breaker stands.
    breaker: Option<BreakerStatus>,
}

/// One venue.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct VenueView {
    /// Its name.
    name: String,
    /// Summary over its endpoints.
    status: VenueStatus,
    /// Its adapter.
    adapter: AdapterView,
    /// Interfaces of the contract that its adapter has.
    capabilities: Vec<String>,
    /// Whether the gateway holds credentials for it.
    has_account: bool,
    /// Whether the gateway knows what became of its open orders, on every endpoint. Until then no order is placed
    /// or changed there.
    reconciled: bool,
    /// How an operator stopped its trading; `null` while it is allowed.
    halt: Option<Halt>,
    /// Its endpoints, by alias.
    endpoints: BTreeMap<String, EndpointView>,
    /// Its rate-limit buckets, by name.
    #[schema(value_type = BTreeMap<String, BucketStatus>)]
    limits: indexmap::IndexMap<String, BucketStatus>,
    /// Operations under way.
    bulkhead: BulkheadStatus,
}

impl VenueView {
    pub(super) fn of(venue: &Venue, orders: &Orders) -> Self {
        let adapter = venue.adapter();
        let descriptor = adapter.descriptor();
        let endpoints: BTreeMap<String, EndpointView> = venue
            .health()
            .read()
            .into_iter()
            .map(|(alias, health)| {
                let declared = descriptor
                    .endpoints
                    .iter()
                    .find(|endpoint| endpoint.alias == alias);
                let products = declared.map_or_else(Vec::new, |endpoint| {
                    endpoint
                        .products
                        .iter()
                        .copied()
                        .map(translate::product)
                        .collect()
                });
                let rules = venue.rules(&alias);
                let breaker = venue.breaker(&alias);
                let amend = translate::amend_mode(
                    rules.map_or(AmendMode::Unsupported, |rules| rules.amend_mode),
                );
                let reconciled = orders.is_reconciled(venue.name(), &alias);
                (
                    alias,
                    EndpointView {
                        products,
                        amend,
                        reconciled,
                        health,
                        breaker,
                    },
                )
            })
            .collect();
        Self {
            name: venue.name().to_owned(),
            status: venue.status(),
            adapter: AdapterView {
                name: venue.adapter_name().to_owned(),
                version: descriptor.adapter_version.clone(),
                sha256: adapter.sha256().to_owned(),
            },
            capabilities: adapter
                .surface()
                .capabilities
                .iter()
                .map(ToString::to_string)
                .collect(),
            has_account: venue.has_account(),
            reconciled: endpoints.values().all(|endpoint| endpoint.reconciled),
            halt: venue.halt(),
            endpoints,
            limits: venue.limits(),
            bulkhead: venue.bulkhead(),
        }
    }
}

/// All venues whose adapters are here; `GET /health` shows those that wait for theirs too.
#[utoipa::path(get, path = "/v1/venues", tag = "venues", security(("key" = [])),
    responses((status = 200, body = Page<VenueView>), (status = "4XX", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn list(
    State(state): State<AppState>,
    principal: Principal,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Json<Page<VenueView>> {
    Json(Page::whole(
        state
            .venues
            .iter()
            .filter(|venue| principal.venues.covers(venue.name()))
            .map(|venue| VenueView::of(venue, &state.orders))
            .collect(),
    ))
}

/// One venue.
#[utoipa::path(get, path = "/v1/venues/{venue}", tag = "venues", security(("key" = [])),
    params(("venue" = String, Path, description = "Name of the venue")),
    responses((status = 200, body = VenueView), (status = "4XX", body = ProblemBody, content_type = "application/problem+json"), (status = 503, description = "It waits for its adapter", body = ProblemBody, content_type = "application/problem+json")))]
pub(in crate::api) async fn one(
    State(state): State<AppState>,
    PathText(name): PathText,
    StrictQuery(NoParameters {}): StrictQuery<NoParameters>,
) -> Result<Json<VenueView>, Problem> {
    let venue = venue_of_path(&state, &name)?;
    Ok(Json(VenueView::of(venue, &state.orders)))
}

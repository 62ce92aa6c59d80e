//! The OpenAPI description of the API, and a page to browse it.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::ProblemBody;
use super::routes::orders::{change, read};
use super::routes::{account, halting, health, instruments, market, venues};
use super::state::AppState;
use crate::orders::FieldProblem;

/// The API's description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Switchyard",
        description = "One fault-tolerant REST API in front of many exchanges. Prices and quantities are exact decimal strings; times are RFC 3339 in UTC; errors are RFC 9457 problem details."
    ),
    paths(
        venues::list, venues::one, halting::halt, halting::resume, instruments::list, market::tickers, market::order_book,
        market::candles, read::list, change::place, change::cancel_all, read::active, read::one, change::amend,
        change::cancel, read::events, account::balances, account::positions, read::fills, health::overall, health::live, health::ready, health::venue, health::metrics
    ),
    components(schemas(ProblemBody, FieldProblem, read::Source, change::ScopeName)),
    modifiers(&BearerKeys)
)]
pub(super) struct ApiDocumentation;

struct BearerKeys;

impl utoipa::Modify for BearerKeys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme(
            "key",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
    }
}

/// `/openapi.json` and `/docs`.
pub(super) fn router() -> Router<AppState> {
    let ui = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    Router::new().route("/openapi.json", get(openapi)).merge(ui)
}

async fn openapi() -> impl IntoResponse {
    Json(ApiDocumentation::openapi())
}

/// Answers are what their content type says.
pub(super) async fn no_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::router::routes;

    #[test]
    fn every_route_is_described_and_every_description_has_a_route() {
        let described: Vec<String> = ApiDocumentation::openapi()
            .paths
            .paths
            .keys()
            .cloned()
            .collect();
        let mut served: Vec<String> = routes().iter().map(|route| route.path.to_owned()).collect();
        served.dedup();
        served.sort();
        assert_eq!(described, served);
    }
}

//! The OpenAPI description of the API, and a page to browse it.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Object, Ref, RefOr, ResponseBuilder};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::ProblemBody;
use super::routes::orders::{change, read};
use super::routes::{account, halting, health, instruments, market, plugins, recording, venues};
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
        venues::list, venues::one, halting::halt, halting::resume,
        plugins::list, plugins::one, plugins::install, plugins::remove, plugins::promote, plugins::rollback,
        plugins::pin, plugins::unpin, recording::start, recording::show, recording::stop, instruments::list, market::tickers, market::order_book,
        market::candles, read::list, change::place, change::cancel_all, read::active, read::one, change::amend,
        change::cancel, read::events, account::balances, account::positions, read::fills, health::overall, health::live, health::ready, health::venue, health::metrics
    ),
    components(schemas(ProblemBody, FieldProblem, read::Source, change::ScopeName)),
    modifiers(&CommonParts)
)]
pub(super) struct ApiDocumentation;

/// What every operation has in common.
struct CommonParts;

impl utoipa::Modify for CommonParts {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme(
            "key",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        for item in openapi.paths.paths.values_mut() {
            let methods = [
                &mut item.get,
                &mut item.post,
                &mut item.patch,
                &mut item.put,
                &mut item.delete,
            ];
            methods
                .into_iter()
                .flatten()
                .for_each(describe_common_parts);
        }
    }
}

/// Headers that the gateway takes and gives everywhere, and the answer of a gateway that cannot.
fn describe_common_parts(operation: &mut Operation) {
    let text = || Object::with_type(Type::String);
    let deadline = ParameterBuilder::new()
        .name("X-Request-Timeout-Ms")
        .parameter_in(ParameterIn::Header)
        .description(Some("How long the caller waits: 1 to 60000 milliseconds"))
        .schema(Some(Object::with_type(Type::Integer)))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(deadline));
    let responses = &mut operation.responses.responses;
    responses.entry("5XX".to_owned()).or_insert_with(|| {
        let body = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ProblemBody")))
            .build();
        let described = ResponseBuilder::new()
            .description("")
            .content("application/problem+json", body);
        RefOr::T(described.build())
    });
    for (status, response) in responses {
        let RefOr::T(response) = response else {
            continue;
        };
        let mut header = |name: &str, description: &str| {
            let described = HeaderBuilder::new()
                .schema(Some(text()))
                .description(Some(description))
                .build();
            response
                .headers
                .insert(name.to_owned(), RefOr::T(described));
        };
        header("X-Request-Id", "The request's id, as in the log");
        if matches!(status.as_str(), "4XX" | "5XX") {
            header(
                "Retry-After",
                "Seconds after which the same request may succeed, where known",
            );
        }
        let takes_key = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(known) if known.name == "Idempotency-Key");
        if operation.parameters.iter().flatten().any(takes_key) {
            header(
                "Idempotent-Replayed",
                "`true` where the request was carried out before",
            );
        }
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

    #[test]
    fn every_operation_tells_of_its_headers_and_of_a_gateway_that_cannot() {
        let openapi = serde_json::to_value(ApiDocumentation::openapi()).unwrap();
        let place = &openapi["paths"]["/v1/orders"]["post"];
        let text = place.to_string();
        for header in [
            "X-Request-Timeout-Ms",
            "Idempotency-Key",
            "Retry-After",
            "Idempotent-Replayed",
            "X-Request-Id",
        ] {
            assert!(text.contains(header), "{header}");
        }
        let (paths, mut operations) = (openapi["paths"].as_object().unwrap(), 0);
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                assert!(!operation["responses"]["5XX"].is_null(), "{method} {path}");
                operations += 1;
            }
        }
        assert!(operations > paths.len());
    }
}

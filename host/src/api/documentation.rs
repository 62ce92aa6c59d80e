//! The OpenAPI description of the API, and a page to browse it.

mod problems;

use axum::response::IntoResponse;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Object, ObjectBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_swagger_ui::{Config, SwaggerUi};

use self::problems::About;
use super::problem::ProblemBody;
use super::routes::orders::{change, read};
use super::routes::{
    account, halting, health, instruments, keys, log_level, market, plugins, recording, venues,
};
use super::state::AppState;
use crate::config::MAX_REQUEST_TIMEOUT_MS;
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
        plugins::pin, plugins::unpin, recording::start, recording::show, recording::stop, keys::list, keys::create, keys::rotate, keys::revoke, log_level::show, log_level::change, instruments::list, market::tickers, market::order_book,
        market::candles, read::list, change::place, change::cancel_all, read::active, read::one, change::amend,
        change::cancel, read::events, account::balances, account::positions, read::fills, health::overall, health::live, health::ready, health::venue, health::metrics
    ),
    components(schemas(ProblemBody, FieldProblem, read::Source, change::ScopeName, keys::KeyScope)),
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
        for (path, item) in &mut openapi.paths.paths {
            let operations = [
                ("GET", &mut item.get),
                ("POST", &mut item.post),
                ("PATCH", &mut item.patch),
                ("PUT", &mut item.put),
                ("DELETE", &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    describe_common_parts(method, path, operation);
                }
            }
        }
    }
}

/// Headers that the gateway takes and gives everywhere, and each problem that the operation can answer with.
fn describe_common_parts(method: &str, path: &str, operation: &mut Operation) {
    let text = || Object::with_type(Type::String);
    let deadline = ParameterBuilder::new()
        .name("X-Request-Timeout-Ms")
        .parameter_in(ParameterIn::Header)
        .description(Some("How long the caller waits: 1 to 60000 milliseconds"))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1))
                .maximum(Some(MAX_REQUEST_TIMEOUT_MS)),
        ))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(deadline));
    let takes_key = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(known) if known.name == "Idempotency-Key");
    let takes_key = operation.parameters.iter().flatten().any(takes_key);
    let about = About {
        method,
        path,
        is_guarded: operation.security.is_some(),
        has_body: operation.request_body.is_some(),
        takes_key,
    };
    let responses = &mut operation.responses.responses;
    // What handlers say of a whole class is said of each status and code here.
    responses.retain(|status, _| !status.ends_with("XX"));
    for (status, codes) in about.problems() {
        let response = responses.entry(status.to_string()).or_insert_with(|| {
            let body = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("ProblemBody")))
                .build();
            let described = ResponseBuilder::new().content("application/problem+json", body);
            RefOr::T(described.build())
        });
        let RefOr::T(response) = response else {
            continue;
        };
        let codes = format!("`{}`", codes.join("`, `"));
        response.description = match response.description.as_str() {
            "" => codes,
            said => format!("{said}: {codes}"),
        };
    }
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
        header(
            "traceparent",
            "The request's place in its trace (W3C Trace Context)",
        );
        if operation.security.is_some() {
            header(
                "RateLimit-Policy",
                "The quotas that bind the key: requests `q` in `w` seconds",
            );
            header(
                "RateLimit",
                "What is left of them: requests `r`; they are full again in `t` seconds",
            );
        }
        if !status.starts_with('2') {
            header(
                "Retry-After",
                "Seconds after which the same request may succeed, where known",
            );
        }
        if takes_key {
            header(
                "Idempotent-Replayed",
                "`true` where the request was carried out before",
            );
        }
    }
}

/// `/docs`: a page to browse the description, and what it is made of.
pub(super) fn browser() -> Router<AppState> {
    SwaggerUi::new("/docs")
        .config(Config::from("/openapi.json"))
        .into()
}

pub(super) async fn openapi() -> impl IntoResponse {
    Json(ApiDocumentation::openapi())
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
        let served = routes().into_iter().map(|route| route.path.to_owned());
        let mut served: Vec<String> = served.filter(|path| path != "/openapi.json").collect();
        served.sort();
        served.dedup();
        assert_eq!(described, served);
    }

    #[test]
    fn every_operation_tells_of_its_headers_and_of_each_status_and_code_of_its_problems() {
        let openapi = serde_json::to_value(ApiDocumentation::openapi()).unwrap();
        let place = &openapi["paths"]["/v1/orders"]["post"];
        let text = place.to_string();
        for header in [
            "X-Request-Timeout-Ms",
            "Idempotency-Key",
            "Retry-After",
            "Idempotent-Replayed",
            "X-Request-Id",
            "RateLimit-Policy",
        ] {
            assert!(text.contains(header), "{header}");
        }
        let (paths, mut operations) = (openapi["paths"].as_object().unwrap(), 0);
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let responses = operation["responses"].as_object().unwrap();
                for (status, response) in responses {
                    let name = format!("{method} {path} {status}");
                    let number: u16 = status.parse().expect(&name);
                    let problem = &response["content"]["application/problem+json"];
                    assert_eq!(!problem.is_null(), number >= 400, "{name}");
                    let says = response["description"].as_str().unwrap_or_default();
                    assert_eq!(says.contains('`'), number >= 400, "{name}: {says}");
                }
                for wanted in ["400", "500", "504"] {
                    assert!(responses.contains_key(wanted), "{method} {path} {wanted}");
                }
                operations += 1;
            }
        }
        assert!(operations > paths.len());
    }
}

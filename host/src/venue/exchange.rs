//! Sends the requests of one step, each once, and says what is known where an answer is missing.

use futures_util::future::join_all;
use switchyard_runtime::wit::types as wit;
use switchyard_runtime::{Adapter, Operation, method_name};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use url::Url;

use super::http::SendError;
use super::registry::Venue;
use crate::model::{Failure, FailureCode, Fate};
use crate::reliability::Deadline;

/// Requests one step may send side by side.
const MAX_REQUESTS_PER_STEP: usize = 16;

impl Venue {
    /// Refuses what an adapter may not send, and finds the one request of a step that may change something.
    pub(super) fn mutating_request<O: Operation>(
        &self,
        adapter: &Adapter,
        requests: &[wit::HttpRequest],
    ) -> Result<Option<usize>, Failure> {
        let broken = |message: &str| {
            tracing::error!(venue = %self.name, operation = O::NAME, "{message}; nothing was sent");
            self.metrics.request_refused(&self.name);
            Failure::not_sent(FailureCode::AdapterFailed, message)
        };
        if requests.is_empty() || requests.len() > MAX_REQUESTS_PER_STEP {
            return Err(broken(&format!(
                "the adapter made {} requests in one step",
                requests.len()
            )));
        }
        let mut mutating = None;
        for (place, request) in requests.iter().enumerate() {
            let call = adapter
                .allowed_calls()
                .check(request)
                .map_err(|refused| broken(&refused.to_string()))?;
            if !self.endpoints.contains_key(&request.endpoint) {
                return Err(broken(
                    "the adapter made a request to an endpoint that is not configured",
                ));
            }
            // An adapter that forgets to say so must not get an order past the journal.
            let mutates = request.mutates
                || call.mutates
                || (O::CHANGES_STATE && request.method != wit::Method::Get);
            if mutates && (!O::CHANGES_STATE || mutating.replace(place).is_some()) {
                return Err(broken(
                    "the adapter made a state-changing request where none, or only one, is allowed",
                ));
            }
        }
        Ok(mutating)
    }

    /// Sends all requests of a step side by side.
    pub(super) async fn send_all(
        &self,
        requests: &[wit::HttpRequest],
        mutating: Option<usize>,
        deadline: Deadline,
    ) -> Result<Vec<wit::HttpResponse>, Failure> {
        let sends = requests.iter().map(|request| async move {
            let Some(origin) = self.endpoints.get(&request.endpoint) else {
                return Err(SendError::Target);
            };
            let span = http_span(origin, request);
            let sending = self.sender.send(origin, request, deadline);
            let result = sending.instrument(span.clone()).await;
            match &result {
                Ok(response) => span.record("http.response.status_code", response.status),
                Err(_) => span.record("otel.status_code", "ERROR"),
            };
            result
        });
        settle(join_all(sends).await, mutating)
    }
}

/// A request to a venue, for traces. Its query is left out, which holds the signature.
///
/// Source: OpenTelemetry's semantic conventions for HTTP clients.
fn http_span(origin: &Url, request: &wit::HttpRequest) -> Span {
    let path = request.path.split('?').next().unwrap_or_default();
    tracing::info_span!(
        "http",
        otel.name = format!("{} {path}", method_name(request.method)),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method_name(request.method),
        http.response.status_code = Empty,
        server.address = origin.host_str(),
        url.path = path
    )
}

/// The answers of a step, or its failure. What became of the request that changes something decides the
/// fate; once it went out, no failure beside it may claim that nothing happened.
fn settle(
    results: Vec<Result<wit::HttpResponse, SendError>>,
    mutating: Option<usize>,
) -> Result<Vec<wit::HttpResponse>, Failure> {
    let fate = match mutating.and_then(|place| results.get(place)) {
        Some(Err(error)) if error.was_not_sent() => Fate::NotSent,
        Some(_) => Fate::Unknown,
        None => Fate::NotSent,
    };
    // The mutating request's own failure says more than one beside it.
    let own = mutating.and_then(|place| results.get(place)?.as_ref().err());
    if let Some(error) = own.or_else(|| results.iter().find_map(|result| result.as_ref().err())) {
        return Err(Failure::new(code(error), fate, error.to_string()));
    }
    Ok(results.into_iter().flatten().collect())
}

fn code(error: &SendError) -> FailureCode {
    match error {
        SendError::Target => FailureCode::AdapterFailed,
        SendError::Connect(_) | SendError::Broken(_) => FailureCode::VenueUnavailable,
        SendError::Timeout => FailureCode::Timeout,
        SendError::TooLarge => FailureCode::MalformedResponse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Result<wit::HttpResponse, SendError> {
        Ok(wit::HttpResponse {
            status: 200,
            headers: vec![],
            body: vec![],
        })
    }

    fn connect() -> Result<wit::HttpResponse, SendError> {
        Err(SendError::Connect("refused".into()))
    }

    fn fate(results: Vec<Result<wit::HttpResponse, SendError>>, mutating: Option<usize>) -> Fate {
        settle(results, mutating).unwrap_err().fate
    }

    #[test]
    fn a_read_that_fails_beside_an_order_that_went_out_never_makes_it_not_sent() {
        assert_eq!(fate(vec![answer(), connect()], Some(0)), Fate::Unknown);
        assert_eq!(fate(vec![connect(), answer()], Some(1)), Fate::Unknown);
        assert_eq!(
            fate(vec![Err(SendError::Timeout), connect()], Some(0)),
            Fate::Unknown
        );
    }

    #[test]
    fn an_order_that_certainly_did_not_go_out_is_not_sent_whatever_happened_beside_it() {
        assert_eq!(fate(vec![connect(), answer()], Some(0)), Fate::NotSent);
        assert_eq!(
            fate(vec![connect(), Err(SendError::Timeout)], Some(0)),
            Fate::NotSent
        );
    }

    #[test]
    fn reads_alone_change_nothing() {
        assert_eq!(
            fate(vec![Err(SendError::Timeout), answer()], None),
            Fate::NotSent
        );
        assert_eq!(settle(vec![answer(), answer()], None).unwrap().len(), 2);
    }
}

//! From a request to what goes out on the connection, through the fault it meets, if any.

use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::time::sleep;

use super::{Answer, Protocol, RawRequest, Venue};
use crate::faults::{ExecutionFate, FaultAction};
use crate::truth::SeenRequest;

const ERROR_PAGE: &str = "<html>\r\n<head><title>Bad Gateway</title></head>\r\n<body>\r\n<center><h1>The server \
    could not satisfy the request</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n";

/// What the connection is to do.
#[derive(Debug)]
pub enum Dispatched {
    /// Send this.
    Send(Answer),
    /// Send the head and a part of this, then close.
    SendTruncated(Answer),
    /// Close without a byte.
    Close,
}

/// Handles a request to the end. The caller may go away; what was received is executed all the same.
pub(super) async fn dispatch(venue: Arc<Venue>, request: RawRequest) -> Dispatched {
    let seen = venue.requests.arrived(SeenRequest {
        at_ms: request.arrived.wall_us / 1000,
        method: request.method.clone(),
        path: request.path.clone(),
        query: redacted(&request.query),
        body: redacted(&String::from_utf8_lossy(&request.body)),
        status: None,
        fault: None,
    });
    let fault = venue
        .faults
        .strike(&request.method, &request.path, symbol(&request).as_deref());
    let fault_name = fault.as_ref().map(fault_name);
    let dispatched = match fault {
        None => Dispatched::Send(execute(&venue, &request)),
        Some(fault) => strike(&venue, request, fault).await,
    };
    let status = match &dispatched {
        Dispatched::Send(answer) | Dispatched::SendTruncated(answer) => Some(answer.status),
        Dispatched::Close => None,
    };
    venue.requests.answered(seen, status, fault_name);
    dispatched
}

async fn strike(venue: &Arc<Venue>, request: RawRequest, fault: FaultAction) -> Dispatched {
    let protocol = protocol(venue, &request.path);
    match fault {
        FaultAction::DelayBefore { ms } => {
            sleep(Duration::from_millis(ms)).await;
            Dispatched::Send(execute(venue, &request))
        }
        FaultAction::DelayAfter { ms } => {
            let answer = execute(venue, &request);
            sleep(Duration::from_millis(ms)).await;
            Dispatched::Send(answer)
        }
        FaultAction::DropBefore => Dispatched::Close,
        FaultAction::ExecuteThenDrop => {
            execute(venue, &request);
            Dispatched::Close
        }
        FaultAction::Status {
            status,
            retry_after,
            body,
        } => {
            let body = body
                .or_else(|| protocol.map(|p| p.error_body(status)))
                .unwrap_or_default();
            let answer = Answer::json(status, body);
            Dispatched::Send(match retry_after {
                Some(seconds) => answer.with("retry-after", &seconds.to_string()),
                None => answer,
            })
        }
        FaultAction::UnknownOutcome { status, execution } => {
            let body = protocol
                .map(Protocol::unknown_outcome_body)
                .unwrap_or_default();
            match execution {
                ExecutionFate::Executed => drop(execute(venue, &request)),
                ExecutionFate::NotExecuted => {}
                ExecutionFate::Late { ms } => execute_later(Arc::clone(venue), request, ms),
            }
            Dispatched::Send(Answer::json(status, body))
        }
        FaultAction::GarbageBody { bytes } => {
            let answer = execute(venue, &request);
            Dispatched::Send(Answer {
                body: venue.faults.garbage(bytes),
                ..answer
            })
        }
        FaultAction::TruncatedBody => Dispatched::SendTruncated(execute(venue, &request)),
        FaultAction::HtmlErrorPage { status } => {
            let page = Answer {
                status,
                headers: Vec::new(),
                body: ERROR_PAGE.into(),
            };
            Dispatched::Send(page.with("content-type", "text/html"))
        }
        FaultAction::ExecuteLate { ms, drop_after_ms } => {
            execute_later(Arc::clone(venue), request, ms);
            sleep(Duration::from_millis(drop_after_ms)).await;
            Dispatched::Close
        }
    }
}

fn execute_later(venue: Arc<Venue>, request: RawRequest, ms: u64) {
    tokio::spawn(async move {
        sleep(Duration::from_millis(ms)).await;
        execute(&venue, &request);
    });
}

fn execute(venue: &Venue, request: &RawRequest) -> Answer {
    match protocol(venue, &request.path) {
        Some(protocol) => protocol.handle(request),
        None => Answer {
            status: 404,
            headers: Vec::new(),
            body: b"<html><body>404 Not Found</body></html>".into(),
        }
        .with("content-type", "text/html"),
    }
}

fn protocol<'a>(venue: &'a Venue, path: &str) -> Option<&'a dyn Protocol> {
    venue
        .protocols
        .iter()
        .find(|protocol| protocol.serves(path))
        .map(AsRef::as_ref)
}

/// The `symbol` parameter, wherever it was sent.
fn symbol(request: &RawRequest) -> Option<String> {
    let body = std::str::from_utf8(&request.body).unwrap_or_default();
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(body) {
        return fields.get("symbol")?.as_str().map(str::to_owned);
    }
    let raw = request
        .query
        .split('&')
        .chain(body.split('&'))
        .find_map(|pair| pair.strip_prefix("symbol="))?;
    Some(percent_decode_str(raw).decode_utf8_lossy().into_owned())
}

fn redacted(pairs: &str) -> String {
    let redact = |pair: &str| match pair.split_once('=') {
        Some((name @ ("signature" | "apiKey" | "api_key"), _)) => format!("{name}=REDACTED"),
        _ => pair.to_owned(),
    };
    pairs.split('&').map(redact).collect::<Vec<_>>().join("&")
}

fn fault_name(fault: &FaultAction) -> String {
    match fault {
        FaultAction::DelayBefore { .. } => "delay_before",
        FaultAction::DelayAfter { .. } => "delay_after",
        FaultAction::DropBefore => "drop_before",
        FaultAction::ExecuteThenDrop => "execute_then_drop",
        FaultAction::Status { .. } => "status",
        FaultAction::UnknownOutcome { .. } => "unknown_outcome",
        FaultAction::GarbageBody { .. } => "garbage_body",
        FaultAction::TruncatedBody => "truncated_body",
        FaultAction::HtmlErrorPage { .. } => "html_error_page",
        FaultAction::ExecuteLate { .. } => "execute_late",
    }
    .to_owned()
}

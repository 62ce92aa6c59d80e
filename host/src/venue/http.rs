//! Sends what adapters encode: to the configured origin only, once, following nothing.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use switchyard_runtime::wit::types::{HttpRequest, HttpResponse, Method};
use url::Url;

use crate::reliability::Deadline;

/// Time to establish a connection. A connection that was never made carried nothing: failing early
/// here is what makes a failure certain.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections kept open per origin while idle.
const IDLE_CONNECTIONS: usize = 32;

/// How long an idle connection is kept. Shorter than venues keep theirs, so that a request rarely meets
/// a connection that the other side is just closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Largest answer accepted, in bytes. The longest lists of instruments have about 15 MB.
const MAX_RESPONSE_BYTES: usize = 64 * 1024 * 1024;

/// Why no answer was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// The target would have been changed on its way into a URL: nothing was sent.
    #[error("the path cannot be sent as it was signed")]
    Target,
    /// No connection: nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The deadline passed, perhaps after the request went out.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke, perhaps after the request went out.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer is larger than accepted.
    #[error("the answer is larger than {MAX_RESPONSE_BYTES} bytes")]
    TooLarge,
}

impl SendError {
    /// Whether it is certain that no byte of the request went out.
    pub(crate) fn was_not_sent(&self) -> bool {
        matches!(self, Self::Target | Self::Connect(_))
    }
}

/// The HTTP client of the whole process.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    client: reqwest::Client,
}

impl Sender {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        // Another part of the process may have installed one; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .user_agent(concat!("switchyard/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// Sends one request to an origin and reads the whole answer.
    pub(crate) async fn send(
        &self,
        origin: &Url,
        request: &HttpRequest,
        deadline: Deadline,
    ) -> Result<HttpResponse, SendError> {
        let url = target(origin, &request.path)?;
        let mut builder = self.client.request(method(request.method), url);
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| SendError::Target)?;
            let value = HeaderValue::from_str(value).map_err(|_| SendError::Target)?;
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        deadline
            .bound(exchange(builder))
            .await
            .map_err(|_| SendError::Timeout)?
    }
}

async fn exchange(builder: reqwest::RequestBuilder) -> Result<HttpResponse, SendError> {
    let mut response = builder.send().await.map_err(send_error)?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(send_error)? {
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse {
        status,
        headers,
        body,
    })
}

fn send_error(error: reqwest::Error) -> SendError {
    // The URL in reqwest's message holds the query, and with it the signature.
    let error = error.without_url();
    if error.is_connect() {
        SendError::Connect(root_cause(&error))
    } else if error.is_timeout() {
        SendError::Timeout
    } else {
        SendError::Broken(root_cause(&error))
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// The URL of a path on an origin, if the URL standard leaves the path byte for byte as it was: what
/// arrives must be what was signed.
fn target(origin: &Url, path: &str) -> Result<Url, SendError> {
    let text = format!("{}{path}", origin.as_str().trim_end_matches('/'));
    let url = Url::parse(&text).map_err(|_| SendError::Target)?;
    let same_origin = url.origin() == origin.origin();
    let same_path = &url[url::Position::BeforePath..] == path;
    if same_origin && same_path {
        Ok(url)
    } else {
        Err(SendError::Target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_as(path: &str) -> Result<String, SendError> {
        target(&Url::parse("http://127.0.0.1:9101").unwrap(), path).map(|url| url.to_string())
    }

    #[test]
    fn percent_encoded_text_arrives_as_it_was_signed() {
        let path = "/order?symbol=%EF%BC%91&x=a%2Fb%26c%27";
        assert_eq!(sent_as(path), Ok(format!("http://127.0.0.1:9101{path}")));
    }

    #[test]
    fn a_path_that_a_url_would_change_or_that_leaves_the_origin_is_not_sent() {
        for path in [
            "/a/../b",
            "/a?x='",
            "@evil.example/",
            ":1/",
            "/a#b c",
            "/a?x=\u{e4}",
        ] {
            assert_eq!(sent_as(path), Err(SendError::Target), "{path}");
        }
    }
}

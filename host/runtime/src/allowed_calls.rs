//! The requests an adapter declared it would make, and the gate that drops every other one.

use crate::bindings::exports::switchyard::adapter::descriptor::{AllowedCall, Descriptor};
use crate::bindings::switchyard::adapter::types::{HttpRequest, Method};

/// Headers that belong to the connection or to the host; an adapter that could set them could reach
/// another site or split a request.
const HOST_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Stands for one whole path segment in a pattern.
const ANY_SEGMENT: &str = "{}";

/// Why a request was dropped unsent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedRequest {
    /// Not in the list of allowed calls.
    #[error("{method} {path} on endpoint {endpoint:?} is not among the adapter's allowed calls")]
    NotAllowed {
        /// HTTP method.
        method: &'static str,
        /// Path without its query.
        path: String,
        /// Endpoint alias.
        endpoint: String,
    },
    /// The target could be read as another host or another path.
    #[error(
        "the path {0:?} is not origin-form: it must begin with a single '/' and hold only percent-encoded text without dot segments"
    )]
    NotOriginForm(String),
    /// A header that only the host may set, or one that is not a header.
    #[error("the header {0:?} may not be set by an adapter")]
    Header(String),
}

/// The calls of one adapter version.
#[derive(Debug, Clone)]
pub struct AllowedCalls {
    calls: Vec<AllowedCall>,
}

impl AllowedCalls {
    pub(crate) fn new(descriptor: &Descriptor) -> Self {
        Self {
            calls: descriptor.allowed_calls.clone(),
        }
    }

    /// Whether a request may be sent as it is, and then the call that allows it.
    ///
    /// # Errors
    /// [`RefusedRequest`], which names what was wrong.
    pub fn check(&self, request: &HttpRequest) -> Result<&AllowedCall, RefusedRequest> {
        if !is_origin_form(&request.path) {
            return Err(RefusedRequest::NotOriginForm(shown(without_query(
                &request.path,
            ))));
        }
        if let Some((name, _)) = request
            .headers
            .iter()
            .find(|(name, value)| !is_safe_header(name, value))
        {
            return Err(RefusedRequest::Header(shown(name)));
        }
        let path = without_query(&request.path);
        let allowed = self.calls.iter().find(|call| {
            call.endpoint == request.endpoint
                && call.method == request.method
                && matches(&call.path, path)
        });
        allowed.ok_or_else(|| RefusedRequest::NotAllowed {
            method: method_name(request.method),
            path: shown(path),
            endpoint: shown(&request.endpoint),
        })
    }
}

/// Most characters of an adapter's own text that a refusal repeats.
const MAX_SHOWN: usize = 128;

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

/// The method as RFC 9110 writes it.
pub fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

/// What is wrong with a path pattern, if anything.
pub(crate) fn pattern_problem(pattern: &str) -> Option<&'static str> {
    if pattern.contains('?') {
        return Some("a pattern has no query");
    }
    if !is_origin_form(&pattern.replace(ANY_SEGMENT, "x")) {
        return Some("a pattern is an origin-form path whose wildcards are whole segments, `{}`");
    }
    None
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut pattern = pattern.split('/');
    let mut path = path.split('/');
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(ANY_SEGMENT), Some(segment)) if !segment.is_empty() => {}
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return false,
        }
    }
}

fn is_origin_form(target: &str) -> bool {
    let path = without_query(target);
    let plain = |c: u8| {
        c.is_ascii_graphic()
            && !matches!(
                c,
                b'\\' | b'#' | b'"' | b'<' | b'>' | b'{' | b'}' | b'^' | b'`' | b'|'
            )
    };
    target.starts_with('/')
        && !path.contains("//")
        && target.bytes().all(plain)
        && !path.split('/').any(is_dot_segment)
        && !contains_ignore_case(path, "%2f")
        && !contains_ignore_case(path, "%5c")
}

fn is_dot_segment(segment: &str) -> bool {
    let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
    decoded == "." || decoded == ".."
}

fn contains_ignore_case(text: &str, wanted: &str) -> bool {
    text.to_ascii_lowercase().contains(wanted)
}

fn is_safe_header(name: &str, value: &str) -> bool {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    !name.is_empty()
        && name.bytes().all(token)
        && !HOST_HEADERS.contains(&name.to_ascii_lowercase().as_str())
        && value
            .bytes()
            .all(|c| c == b'\t' || (b' '..=b'~').contains(&c))
}

fn without_query(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> AllowedCalls {
        let call = |method, path: &str| AllowedCall {
            mutates: method != Method::Get,
            endpoint: "spot".into(),
            method,
            path: path.into(),
        };
        AllowedCalls {
            calls: vec![
                call(Method::Get, "/v1/time"),
                call(Method::Delete, "/v1/orders/{}"),
            ],
        }
    }

    fn request(method: Method, path: &str) -> HttpRequest {
        HttpRequest {
            endpoint: "spot".into(),
            method,
            path: path.into(),
            headers: vec![],
            body: vec![],
            costs: vec![],
            mutates: false,
        }
    }

    fn checked(request: &HttpRequest) -> Result<(), RefusedRequest> {
        calls().check(request).map(drop)
    }

    #[test]
    fn declared_calls_pass_with_any_query_and_any_single_segment() {
        for (method, path) in [
            (Method::Get, "/v1/time"),
            (Method::Get, "/v1/time?x=%2F%2F&y=a//b/../c"),
            (Method::Delete, "/v1/orders/42?symbol=A"),
        ] {
            assert_eq!(checked(&request(method, path)), Ok(()), "{path}");
        }
    }

    #[test]
    fn other_methods_paths_and_endpoints_are_dropped() {
        for (method, path) in [
            (Method::Post, "/v1/time"),
            (Method::Get, "/v1/times"),
            (Method::Get, "/v1/time/"),
            (Method::Delete, "/v1/orders/"),
            (Method::Delete, "/v1/orders/42/all"),
            (Method::Get, "/v1/withdraw"),
        ] {
            let refused = checked(&request(method, path));
            assert!(
                matches!(refused, Err(RefusedRequest::NotAllowed { .. })),
                "{path}: {refused:?}"
            );
        }
        let elsewhere = HttpRequest {
            endpoint: "margin".into(),
            ..request(Method::Get, "/v1/time")
        };
        assert!(calls().check(&elsewhere).is_err());
    }

    #[test]
    fn a_path_that_could_leave_the_origin_is_dropped() {
        for path in [
            "http://evil.example/v1/time",
            "//evil.example/v1/time",
            "v1/time",
            "",
            "/v1/../v1/time",
            "/v1/%2e%2E/time",
            "/v1/./time",
            "/v1//time",
            "/v1\\time",
            "/v1/time#x",
            "/v1/ti me",
            "/v1/time\r\nHost: evil.example",
            "/v1/orders/a%2fb",
            "/v1/tïme",
            "@evil.example/",
        ] {
            let refused = checked(&request(Method::Get, path));
            assert!(
                matches!(refused, Err(RefusedRequest::NotOriginForm(_))),
                "{path}: {refused:?}"
            );
        }
    }

    #[test]
    fn headers_of_the_connection_and_split_headers_are_dropped() {
        for (name, value) in [
            ("Host", "evil.example"),
            ("content-length", "1"),
            ("Transfer-Encoding", "chunked"),
            ("x-ok", "a\r\nhost: evil"),
            ("bad name", "x"),
            ("", "x"),
            ("x-text", "ä"),
        ] {
            let headers = vec![(name.to_owned(), value.to_owned())];
            let refused = checked(&HttpRequest {
                headers,
                ..request(Method::Get, "/v1/time")
            });
            assert_eq!(refused, Err(RefusedRequest::Header(name.into())));
        }
    }

    #[test]
    fn a_refusal_never_repeats_the_query_where_a_signature_stands() {
        let refused = checked(&request(Method::Get, "/v1/withdraw?signature=abc"));
        assert!(!refused.unwrap_err().to_string().contains("abc"));
    }
}

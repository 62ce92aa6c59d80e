//! Building requests and reading the headers of answers.

use crate::types::{Cost, HttpRequest, HttpResponse, Method};

/// A request of this method to `path` on the origin that `endpoint` names.
///
/// Everything but GET is taken to change state; [`HttpRequest::reads`] says otherwise.
pub fn request(method: Method, endpoint: &str, path: impl Into<String>) -> HttpRequest {
    HttpRequest {
        endpoint: endpoint.to_owned(),
        method,
        path: path.into(),
        headers: Vec::new(),
        body: Vec::new(),
        costs: Vec::new(),
        mutates: method != Method::Get,
    }
}

/// A GET that changes nothing.
pub fn get(endpoint: &str, path: impl Into<String>) -> HttpRequest {
    request(Method::Get, endpoint, path)
}

impl HttpRequest {
    /// The same request with another header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request declaring what it spends of a bucket.
    #[must_use]
    pub fn cost(mut self, bucket: &str, amount: u32) -> Self {
        self.costs.push(Cost {
            bucket: bucket.to_owned(),
            amount,
        });
        self
    }

    /// The same request with a body of this content type.
    #[must_use]
    pub fn content(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("content-type", content_type)
    }

    /// The same request, known to change nothing whatever its method.
    #[must_use]
    pub fn reads(mut self) -> Self {
        self.mutates = false;
        self
    }
}

/// The first header of this name, without regard to case.
pub fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
    response
        .headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

//! Requests and answers as protocols see them, without a network.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};

use crate::clock::Stamp;

/// A request, byte for byte as it was sent.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path.
    pub path: String,
    /// What follows `?`, still encoded.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Who sent it.
    pub peer: IpAddr,
    /// When it arrived.
    pub arrived: Stamp,
}

impl RawRequest {
    /// A request without headers or body, from the loopback address.
    #[must_use]
    pub fn new(method: &str, path: &str, query: &str, arrived: Stamp) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            arrived,
        }
    }

    /// A header, if it was sent and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An answer before any fault has touched it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers beside those of HTTP itself.
    pub headers: Vec<(&'static str, HeaderValue)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer in JSON.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let content_type = HeaderValue::from_static("application/json;charset=UTF-8");
        Self {
            status,
            headers: vec![("content-type", content_type)],
            body: body.into(),
        }
    }

    /// Adds a header whose value is made of visible ASCII; any other value is left out.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

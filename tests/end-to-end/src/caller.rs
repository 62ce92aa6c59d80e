//! Someone who calls the gateway's API, and what it answers.

use std::ops::Index;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::configuration::Key;
use crate::eventually::eventually;

/// Longer than any request of these tests may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A caller with a key, or without one.
#[derive(Debug, Clone)]
pub struct Caller {
    client: reqwest::Client,
    base: String,
    key: Option<String>,
}

impl Caller {
    /// Someone without a key.
    pub fn anonymous(base: &str) -> Self {
        Self::by(reqwest::Client::builder, base)
    }

    /// Someone without a key who knows the gateway's certificate, in PEM.
    pub fn trusting(base: &str, certificate: &str) -> Self {
        let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
        let client = || reqwest::Client::builder().add_root_certificate(certificate);
        Self::by(client, base)
    }

    fn by(client: impl FnOnce() -> reqwest::ClientBuilder, base: &str) -> Self {
        // Another part of the process may have installed one; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = client()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self {
            client,
            base: base.to_owned(),
            key: None,
        }
    }

    /// The same caller with this key.
    #[must_use]
    pub fn with(&self, key: Key) -> Self {
        self.showing(key.key)
    }

    /// The same caller showing this as its key.
    #[must_use]
    pub fn showing(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    /// Where the gateway is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request that a test may add to.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The same with a JSON body.
    pub fn request_with(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> reqwest::RequestBuilder {
        self.request(method, path)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Waits until the gateway says it is ready.
    pub async fn until_ready(&self) {
        eventually("the gateway is ready", || async {
            let answer = self.get("/health/ready").await;
            if answer.status == 200 {
                Ok(())
            } else {
                Err(answer.text)
            }
        })
        .await;
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }

    /// `POST path` with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    /// `POST path` with text that claims to be JSON.
    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        self.send_text(Method::POST, path, body).await
    }

    async fn send_text(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = self
            .request(method, path)
            .header("content-type", "application/json");
        Answer::to(request.body(body.to_owned())).await
    }

    /// `PATCH /v1/orders/ID`.
    pub async fn amend(&self, id: &str, change: &Value) -> Answer {
        let path = format!("/v1/orders/{id}");
        self.send_text(Method::PATCH, &path, &change.to_string())
            .await
    }

    /// `POST /v1/orders`.
    pub async fn place(&self, order: &Value) -> Answer {
        self.post("/v1/orders", order).await
    }

    /// `GET /v1/orders/ID`.
    pub async fn order(&self, id: &str) -> Answer {
        self.get(&format!("/v1/orders/{id}")).await
    }

    /// `DELETE /v1/orders/ID`.
    pub async fn cancel(&self, id: &str) -> Answer {
        self.delete(&format!("/v1/orders/{id}")).await
    }
}

/// An answer of the gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    json: Value,
}

impl Answer {
    /// Sends a request and reads the whole answer.
    pub async fn to(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            text,
            json,
        }
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The answer, if it is a problem of this status and code, in the form all problems have.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, &self["code"]),
            (status, &Value::from(code)),
            "{}",
            self.text
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self["status"], status);
        assert_eq!(self["type"], format!("urn:switchyard:problem:{code}"));
        assert_eq!(self["request_id"].as_str(), self.header("x-request-id"));
        assert!(self["retryable"].is_boolean(), "{}", self.text);
        self
    }

    /// The fields that a problem names.
    pub fn fields_at_fault(&self) -> Vec<&str> {
        let errors = self["errors"].as_array();
        errors
            .into_iter()
            .flatten()
            .filter_map(|error| error["field"].as_str())
            .collect()
    }

    /// The `id` of an order.
    #[track_caller]
    pub fn id(&self) -> String {
        self.text_of("id")
    }

    /// A field that holds text.
    #[track_caller]
    pub fn text_of(&self, field: &str) -> String {
        match self[field].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("no text in {field}: {}", self.text),
        }
    }

    /// The `items` of a page.
    #[track_caller]
    pub fn items(&self) -> &[Value] {
        match self["items"].as_array() {
            Some(items) => items,
            None => panic!("no items: {}", self.text),
        }
    }

    /// The ids of a page's items, in their order.
    #[track_caller]
    pub fn ids(&self) -> Vec<&str> {
        self.items()
            .iter()
            .filter_map(|item| item["id"].as_str())
            .collect()
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.json[field]
    }
}

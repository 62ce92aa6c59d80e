//! Calls a gateway's REST API.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use super::CommandError;

/// How long the gateway may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A gateway, as the holder of a key meets it.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    origin: String,
    key: Option<String>,
}

/// What the gateway answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl Answer {
    /// The body; `null` where it is no JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Api {
    pub(super) fn new(origin: String, key: Option<String>) -> Result<Self, CommandError> {
        Ok(Self {
            client: Client::builder().no_proxy().build()?,
            origin,
            key,
        })
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) async fn wait_until_ready(&self) -> Result<(), CommandError> {
        let ready = async {
            loop {
                let answer = self
                    .client
                    .get(format!("{}/health/ready", self.origin))
                    .send()
                    .await;
                if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let late = || {
            format!(
                "the gateway was not ready within {} s",
                READY_WITHIN.as_secs()
            )
        };
        Ok(tokio::time::timeout(READY_WITHIN, ready)
            .await
            .map_err(|_| late())?)
    }

    /// Makes a request. An answer that is an error is an answer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, CommandError> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.origin));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await?;
        Ok(Answer {
            status: answer.status(),
            text: answer.text().await?,
        })
    }
}

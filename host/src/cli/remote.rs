//! A running gateway, asked through its API.

use std::path::PathBuf;

use clap::Args;
use reqwest::{Certificate, Client, Method, Response};
use serde_json::Value;

use super::CommandError;

/// Which gateway, and as whom.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The gateway.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    gateway: String,
    /// Environment variable that holds an API key of role operator (for status: viewer).
    #[arg(long, value_name = "NAME", default_value = "SWITCHYARD_KEY")]
    key_env: String,
    /// Certificate, in PEM, that the gateway's is checked with where no public authority vouches for it.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Remote {
    pub(super) async fn get(&self, path: &str) -> Result<Value, CommandError> {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Value, CommandError> {
        let key = std::env::var(&self.key_env)
            .map_err(|_| format!("{} must hold an API key (--key-env)", self.key_env))?;
        let url = format!("{}{path}", self.gateway.trim_end_matches('/'));
        // One may be installed already; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder();
        if let Some(ca) = &self.ca {
            let pem = std::fs::read(ca).map_err(|error| format!("{}: {error}", ca.display()))?;
            client = client.add_root_certificate(Certificate::from_pem(&pem)?);
        }
        let mut request = client
            .build()?
            .request(method, url)
            .bearer_auth(key)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        answered(request.send().await?).await
    }
}

async fn answered(response: Response) -> Result<Value, CommandError> {
    let status = response.status();
    let body: Value = serde_json::from_slice(&response.bytes().await?)?;
    if status.is_success() {
        return Ok(body);
    }
    let (code, detail) = (text(&body["code"]), text(&body["detail"]));
    Err(format!("{status} {code}: {detail}").into())
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

//! `switchyard health`: what a container's health check runs.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::{Certificate, Client, Url};

use super::CommandError;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// What to ask. A standby is alive and not ready: a health check that replaces what fails it asks /health/live.
    #[arg(
        long,
        value_name = "URL",
        env = "SWITCHYARD_HEALTH_URL",
        default_value = "http://127.0.0.1:8080/health/live"
    )]
    url: Url,
    /// How long the answer may take, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    timeout_ms: u64,
    /// Certificate, in PEM, that the gateway's is checked with where no public authority vouches for it.
    #[arg(long, value_name = "FILE", env = "SWITCHYARD_HEALTH_CA")]
    ca: Option<PathBuf>,
}

/// An error unless the answer is a success.
pub(super) async fn ask(args: HealthArgs) -> Result<(), CommandError> {
    // One may be installed already; either will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = Client::builder()
        .no_proxy()
        .timeout(Duration::from_millis(args.timeout_ms));
    if let Some(ca) = &args.ca {
        let pem = std::fs::read(ca).map_err(|error| format!("{}: {error}", ca.display()))?;
        client = client.add_root_certificate(Certificate::from_pem(&pem)?);
    }
    let asked = client.build()?.get(args.url.clone()).send().await;
    let answer = asked.map_err(|error| {
        let why = if error.is_timeout() {
            format!("no answer within {} ms", args.timeout_ms)
        } else {
            root_cause(&error)
        };
        format!("{}: {why}", args.url)
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    // The problem's text says why; a standby's says that it is one.
    let body = answer.text().await.unwrap_or_default();
    Err(format!("{}: {status} {body}", args.url).into())
}

/// What the error comes from: the library's own message only names the URL again.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

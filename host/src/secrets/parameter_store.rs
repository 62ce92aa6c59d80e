//! Secrets in AWS Systems Manager Parameter Store, decrypted by it. Region, credentials and endpoint come from
//! where AWS' own tools look for them: environment, profile, the task's or machine's role.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use secrecy::zeroize::Zeroizing;

use super::SecretError;
use crate::config::SecretRef;

/// Tries of one question. Those that the service throttled or could not answer are repeated after exponential backoff
/// with full jitter.
const ATTEMPTS: u32 = 5;

/// Longest wait between two tries.
const LONGEST_BACKOFF: Duration = Duration::from_secs(4);

/// Time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time for one try.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for all of them.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a parameter could not be read. Never holds its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// There is none of the name.
    Missing,
    /// The service cannot be reached, or refuses.
    Away(String),
}

impl Problem {
    /// The error for one of the secrets in the parameter.
    pub(super) fn at(&self, place: &SecretRef) -> SecretError {
        match self {
            Self::Missing => SecretError::Missing(place.clone()),
            Self::Away(problem) => SecretError::Away {
                at: place.clone(),
                problem: problem.clone(),
            },
        }
    }
}

/// A connection to the service.
#[derive(Debug)]
pub(super) struct ParameterStore {
    client: Client,
}

impl ParameterStore {
    /// Finds region and credentials. Nothing is asked of the service yet.
    pub(super) async fn connect() -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let retry = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_max_backoff(LONGEST_BACKOFF);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(TIMEOUT);
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .retry_config(retry)
            .timeout_config(timeouts.build())
            .load()
            .await;
        Self {
            client: Client::new(&config),
        }
    }

    /// Reads a parameter, decrypted. The library's own buffers are not zeroised; what leaves here is.
    pub(super) async fn read(&self, name: &str) -> Result<Zeroizing<String>, Problem> {
        if self.client.config().region().is_none() {
            let problem = "no AWS region is configured; set AWS_REGION".to_owned();
            return Err(Problem::Away(problem));
        }
        let asked = self.client.get_parameter().name(name).with_decryption(true);
        let answer = asked.send().await.map_err(|error| problem_of(&error))?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value.map(Zeroizing::new).ok_or(Problem::Missing)
    }
}

/// What went wrong, in words that cannot hold the secret: an answer that cannot be read is not shown.
fn problem_of(error: &SdkError<GetParameterError>) -> Problem {
    Problem::Away(match error {
        SdkError::ServiceError(refused) => {
            let said = refused.err();
            if said.is_parameter_not_found() {
                return Problem::Missing;
            }
            match (said.code(), said.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, _) => unread(refused.raw()),
            }
        }
        SdkError::TimeoutError(_) => "it does not answer".to_owned(),
        SdkError::DispatchFailure(failure) => failure.as_connector_error().map_or_else(
            || "it cannot be reached".to_owned(),
            |error| with_causes(error),
        ),
        SdkError::ConstructionFailure(_) => with_causes(error),
        SdkError::ResponseError(answer) => unread(answer.raw()),
        _ => "its answer cannot be read".to_owned(),
    })
}

fn unread(answer: &HttpResponse) -> String {
    format!("its answer, HTTP {}, cannot be read", answer.status())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

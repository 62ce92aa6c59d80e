//! `switchyard plugin check --against URL`: an order's life at a venue, step by step, through a gateway of the
//! command's own.
//!
//! Most steps go through the gateway's REST API, as a caller's would. What the gateway itself would refuse
//! before the venue sees it (a symbol that is not listed, a quantity off the lot) is asked of the venue behind it.

mod desk;
mod errors;
mod life;
mod orders;
mod private;
mod reads;

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use switchyard_conformance::{CaseResult, Finding, Identity, Report, Verdict, live_cases};
use url::Url;

use super::CommandError;
use life::Life;
use private::PrivateGateway;

/// Which venue, and as whom.
#[derive(Debug, Args)]
#[group(requires = "against")]
pub(super) struct LiveOptions {
    /// Run an order's life against the venue (a simulator, a testnet) at this origin, instead of the cases
    /// that need none. Orders are placed, filled and cancelled with the account's money.
    #[arg(long, value_name = "URL", conflicts_with_all = ["cases", "bless", "seed"])]
    against: Option<Url>,
    /// Another origin for one of the adapter's endpoints.
    #[arg(long, value_name = "ALIAS=URL", requires = "against")]
    endpoint: Vec<String>,
    /// Where the API key is, as in a configuration: env:NAME or file:PATH.
    #[arg(long, value_name = "PLACE", requires = "secret")]
    api_key: Option<String>,
    /// Where the secret is.
    #[arg(long, value_name = "PLACE", requires = "api_key")]
    secret: Option<String>,
    /// The unified symbol that is traded [default: the first spot one that fits].
    #[arg(long, requires = "against")]
    symbol: Option<String>,
}

/// [`LiveOptions`] with a venue.
#[derive(Debug)]
pub(super) struct LiveArgs {
    against: Url,
    endpoint: Vec<String>,
    api_key: Option<String>,
    secret: Option<String>,
    symbol: Option<String>,
}

impl LiveOptions {
    /// What to run, where a venue is named.
    pub(super) fn named(&self) -> Option<LiveArgs> {
        Some(LiveArgs {
            against: self.against.clone()?,
            endpoint: self.endpoint.clone(),
            api_key: self.api_key.clone(),
            secret: self.secret.clone(),
            symbol: self.symbol.clone(),
        })
    }
}

/// Why a step did not pass.
#[derive(Debug)]
enum Stop {
    /// It does not apply here.
    Skip(String),
    /// The rule is broken.
    Fail(Box<Finding>),
}

impl Stop {
    fn skip(reason: impl Into<String>) -> Self {
        Self::Skip(reason.into())
    }

    fn fail(sent: impl Into<String>, came_back: impl Into<String>, expected: &str) -> Self {
        Self::Fail(Box::new(Finding {
            on: "the live venue".to_owned(),
            sent: sent.into(),
            came_back: came_back.into(),
            expected: expected.to_owned(),
        }))
    }
}

/// What a call that got no answer at all means: the gateway is this command's own.
impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::fail(
            "a call of the gateway's API",
            error.to_string(),
            "an answer",
        )
    }
}

/// Runs every step and reports.
pub(super) fn check_live(file: &Path, args: &LiveArgs) -> Result<Report, CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(file, args))
}

async fn run(file: &Path, args: &LiveArgs) -> Result<Report, CommandError> {
    let started = Instant::now();
    let gateway = PrivateGateway::start(file, args).await?;
    let mut report = Report {
        file: file.display().to_string(),
        identity: Some(Identity::from(&*gateway.adapter)),
        seed: 0,
        recordings: 0,
        unrecorded: Vec::new(),
        results: Vec::new(),
        took: Duration::ZERO,
    };
    let mut life = Life::new(&gateway, args);
    for case in live_cases() {
        let began = Instant::now();
        let verdict = match life.step(case.id).await {
            Ok(looked_at) => Verdict::Passed { looked_at },
            Err(Stop::Skip(reason)) => Verdict::Skipped { reason },
            Err(Stop::Fail(finding)) => Verdict::Failed {
                findings: vec![*finding],
                more: 0,
            },
        };
        report.results.push(CaseResult {
            case,
            verdict,
            took: began.elapsed(),
        });
    }
    drop(life);
    gateway.stop(!report.passed()).await?;
    report.took = started.elapsed();
    Ok(report)
}

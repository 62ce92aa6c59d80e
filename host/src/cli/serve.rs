//! `switchyard serve`: the gateway, until it is told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::CommandError;
use super::configured::Configured;
use crate::config::{Config, Finding, Stage};
use crate::gateway::Gateway;
use crate::plugin::compile::CompileIn;
use crate::telemetry::{LogTarget, start_logging};

/// How long threads that wait for a disk may hold the process at its end. One that is gone for good never answers.
const LAST_THREADS: Duration = Duration::from_secs(2);

pub(super) fn serve(
    configured: &Configured,
    listen: Option<SocketAddr>,
) -> Result<(), CommandError> {
    let mut layers = configured.layers()?;
    if let Some(listen) = listen {
        layers = layers.with_flag("--listen", "server.listen", &listen.to_string());
    }
    let config = layers.config()?;
    let broken = broken_rules(&config, configured.stage)?;
    let otlp = config.telemetry.otlp.as_ref();
    // Dropped after all else.
    let _logging = start_logging(&config.log, otlp, LogTarget::StandardOutput)?;
    for finding in broken {
        let (rule, key) = (finding.rule.name(), finding.key);
        tracing::warn!(
            rule,
            key,
            acknowledged = finding.acknowledged,
            "{}",
            finding.problem
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served: Result<(), CommandError> = runtime.block_on(async {
        let stop = stop_signal()?;
        let gateway = Gateway::start(&config, CompileIn::own_child()).await?;
        let address = gateway.address()?;
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
        gateway.serve(stop).await?;
        tracing::info!("stopped");
        Ok(())
    });
    // Dropped, it would wait for them without end.
    runtime.shutdown_timeout(LAST_THREADS);
    served
}

/// The rules of the stage that do not hold, and are no reason not to start.
fn broken_rules(config: &Config, stage: Option<Stage>) -> Result<Vec<Finding>, CommandError> {
    let findings = match stage {
        None | Some(Stage::Dev) => return Ok(Vec::new()),
        Some(Stage::Staging) => return Ok(config.findings()),
        Some(Stage::Production) => config.findings(),
    };
    let refused = findings.iter().filter(|finding| !finding.acknowledged);
    let refused: Vec<String> = refused
        .map(|finding| {
            let (rule, key) = (finding.rule.name(), &finding.key);
            format!("{key}: {} ({rule})", finding.problem)
        })
        .collect();
    if refused.is_empty() {
        return Ok(findings);
    }
    let refused = refused.join("; ");
    Err(format!("the rules of production do not hold; change this, or name the rule in stage.acknowledge: {refused}").into())
}

/// Ready when the process is asked to end (SIGTERM, SIGINT).
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

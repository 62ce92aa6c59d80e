//! `switchyard serve`: the gateway, until it is told to stop.

use std::net::SocketAddr;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use super::CommandError;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::plugin::compile::CompileIn;
use crate::telemetry::{LogTarget, start_logging};

pub(super) fn serve(config: &Path, listen: Option<SocketAddr>) -> Result<(), CommandError> {
    let mut config = Config::load(config)?;
    if let Some(listen) = listen {
        config.server.listen = listen;
        config.check()?;
    }
    start_logging(&config.log, LogTarget::StandardOutput)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let stop = stop_signal()?;
            let gateway = Gateway::start(&config, CompileIn::own_child()).await?;
            let address = gateway.address()?;
            tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
            gateway.serve(stop).await;
            tracing::info!("stopped");
            Ok(())
        })
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

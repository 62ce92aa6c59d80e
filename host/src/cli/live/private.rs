//! A gateway of this command's own, for one adapter, on a loopback port that the system chooses.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use switchyard_runtime::{Adapter, CodeCache, Runtime};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::LiveArgs;
use crate::cli::CommandError;
use crate::cli::api_client::Api;
use crate::cli::configuration::{VenueText, quoted};
use crate::config::{Config, PluginsConfig};
use crate::gateway::Gateway;
use crate::plugin::compile::CompileIn;
use crate::store::StoreError;
use crate::telemetry::{LogTarget, Logging, start_logging};
use crate::venue::Venue;

/// What the venue is called at the gateway.
pub(super) const VENUE: &str = "live";

/// What the adapter's file is called there.
const ADAPTER: &str = "adapter";

/// Every look is at the venue.
const NO_CACHE: &str = "[cache]\nticker_ms = 0\norderbook_ms = 0\nbalances_ms = 0\npositions_ms = 0\n\
                        active_orders_ms = 0\nstale_while_revalidate_ms = 0\nstale_if_error_ms = 0\n";

/// A gateway that serves in this process until it is stopped.
pub(super) struct PrivateGateway {
    pub(super) api: Api,
    pub(super) venue: Arc<Venue>,
    pub(super) adapter: Arc<Adapter>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), StoreError>>,
    directory: TempDir,
    _logging: Logging,
}

impl PrivateGateway {
    /// Starts a gateway whose only venue is the adapter in front of the URL, with a journal of its own.
    pub(super) async fn start(file: &Path, args: &LiveArgs) -> Result<Self, CommandError> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("plugins"))?;
        let bytes =
            fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        fs::write(path("plugins").join(format!("{ADAPTER}.wasm")), &bytes)?;
        // Compiled once: the gateway finds the machine code in the cache.
        let cache = CodeCache::open(&path("code-cache"))?;
        let runtime = Runtime::new(PluginsConfig::default().limits(), Some(cache))?;
        let adapter = tokio::task::spawn_blocking(move || runtime.load(&bytes)).await??;
        let text = configuration(directory.path(), &adapter, args)?;
        let config = Config::from_toml(&text, "the configuration of the live check")?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path("gateway.log"))?;
        let logging = start_logging(&config.log, None, LogTarget::File(log))?;
        let gateway = Gateway::start(&config, CompileIn::own_child()).await?;
        let api = Api::new(format!("http://{}", gateway.address()?), None)?;
        let venue = gateway.venue(VENUE).ok_or("the gateway has no venue")?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(gateway.serve(async {
            let _ = stopped.await;
        }));
        Ok(Self {
            api,
            venue,
            adapter,
            stop,
            serving,
            directory,
            _logging: logging,
        })
    }

    /// Stops it. Its journal and log are kept where something is to be looked up in them.
    pub(super) async fn stop(self, keep: bool) -> Result<(), CommandError> {
        let _ = self.stop.send(());
        self.serving.await??;
        if keep {
            let kept = self.directory.keep();
            eprintln!("the gateway's journal and log are in {}", kept.display());
        }
        Ok(())
    }
}

fn configuration(
    directory: &Path,
    adapter: &Adapter,
    args: &LiveArgs,
) -> Result<String, CommandError> {
    let path = |name: &str| quoted(&directory.join(name).display().to_string());
    let journal = directory.join("journal.db");
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nrequest_timeout_ms = 15000\n\n[auth]\nmode = \"open\"\n\n\
         [plugins]\ndirectory = {}\ncode_cache = {}\nstate_directory = {}\napproval = \"auto\"\n\n[store]\nurl = {}\n\n{NO_CACHE}",
        path("plugins"),
        path("code-cache"),
        path("plugin-state"),
        quoted(&format!("sqlite://{}", journal.display())),
    );
    let mut endpoints = BTreeMap::new();
    for endpoint in &adapter.descriptor().endpoints {
        endpoints.insert(endpoint.alias.clone(), args.against.to_string());
    }
    for named in &args.endpoint {
        let (alias, url) = named
            .split_once('=')
            .ok_or_else(|| format!("--endpoint {named}: write ALIAS=URL"))?;
        if !endpoints.contains_key(alias) {
            let known: Vec<&String> = endpoints.keys().collect();
            return Err(format!("--endpoint {named}: the adapter has {known:?}").into());
        }
        endpoints.insert(alias.to_owned(), url.to_owned());
    }
    for origin in endpoints.values_mut() {
        // What the parser writes behind an authority; the configuration wants a bare origin.
        origin.truncate(origin.trim_end_matches('/').len());
    }
    let venue = VenueText {
        name: VENUE,
        adapter: ADAPTER,
        credentials: args.api_key.as_deref().zip(args.secret.as_deref()),
        endpoints: &endpoints,
    };
    text.push_str(&venue.to_string());
    Ok(text)
}

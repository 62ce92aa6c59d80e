//! `switchyard demo`: simulated venues, the gateway in front of them, and an order's life shown live.
//!
//! The simulator is a program of its own beside this one. It announces its venues, with everything a
//! configuration needs, in one line of JSON; nothing here knows what they are.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::CommandError;
use super::configuration::{VenueText, quoted};
use super::serve::stop_signal;
use super::walkthrough::{Shown, walk_through};
use crate::config::Config;
use crate::gateway::Gateway;
use crate::plugin::compile::CompileIn;
use crate::telemetry::{LogTarget, start_logging};

/// How long the simulator may take to announce itself.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(20);

/// The simulator's program, where it is not named.
const SIMULATOR: &str = "switchyard-venue-sim";

/// Options of `switchyard demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where the gateway listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Directory of built adapters.
    #[arg(long, default_value = "plugins/dist")]
    plugins: PathBuf,
    /// The simulator's program [default: beside this one].
    #[arg(long)]
    simulator: Option<PathBuf>,
    /// Directory for configuration, journal and log of the demo.
    #[arg(long, default_value = "target/demo")]
    directory: PathBuf,
    /// End after the order was shown instead of staying up.
    #[arg(long)]
    once: bool,
}

/// What the simulator says of itself.
#[derive(Debug, Deserialize)]
struct Announcement {
    venues: Vec<AnnouncedVenue>,
    control: String,
}

#[derive(Debug, Deserialize)]
struct AnnouncedVenue {
    name: String,
    adapter: String,
    endpoints: BTreeMap<String, String>,
    credentials: AnnouncedCredentials,
    demo: Vec<AnnouncedOrder>,
}

#[derive(Debug, Deserialize)]
struct AnnouncedCredentials {
    api_key: String,
    secret: String,
}

#[derive(Debug, Deserialize)]
struct AnnouncedOrder {
    symbol: String,
    quantity: String,
}

pub(super) fn demo(args: &DemoArgs) -> Result<(), CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(args))
}

async fn run(args: &DemoArgs) -> Result<(), CommandError> {
    let stop = stop_signal()?;
    fs::create_dir_all(&args.directory)?;
    let (_simulator, announcement) = start_simulator(args.simulator.as_deref()).await?;
    let key = random_key()?;
    let path = args.directory.join("switchyard.toml");
    fs::write(&path, configuration(args, &announcement, &key)?)?;
    let config = Config::load(&path)?;
    let log = args.directory.join("gateway.log");
    let _logging = start_logging(
        &config.log,
        None,
        LogTarget::File(OpenOptions::new().create(true).append(true).open(&log)?),
    )?;

    let gateway = Gateway::start(&config, CompileIn::own_child()).await?;
    let address = gateway.address()?;
    println!(
        "switchyard {} listens on http://{address}",
        env!("CARGO_PKG_VERSION")
    );
    println!("  API key (operator, tenant \"demo\"): {key}");
    println!("  browse the API: http://{address}/docs");
    println!("  configuration:  {}", path.display());
    println!("  gateway's log:  {}", log.display());
    println!(
        "  simulated venues take faults on command at {}\n",
        announcement.control
    );

    let shown: Vec<Shown> = announcement
        .venues
        .iter()
        .flat_map(|venue| venue.demo.iter().map(move |order| (venue, order)))
        .map(|(venue, order)| Shown {
            venue: venue.name.clone(),
            symbol: order.symbol.clone(),
            quantity: order.quantity.clone(),
        })
        .collect();
    let (ended, ends) = tokio::sync::oneshot::channel::<()>();
    let once = args.once;
    let serving = tokio::spawn(gateway.serve(async move {
        // A walk-through that failed drops its end, and the gateway stops with it.
        match ends.await {
            Ok(()) if !once => stop.await,
            _ => {}
        }
    }));
    walk_through(&format!("http://{address}"), &key, &shown).await?;
    if !once {
        println!("The gateway stays up; end it with Ctrl-C.");
    }
    let _ = ended.send(());
    serving.await??;
    Ok(())
}

/// Starts the simulator and reads its announcement. It ends with this process: its standard input does.
async fn start_simulator(named: Option<&Path>) -> Result<(Child, Announcement), CommandError> {
    let program = match named {
        Some(program) => program.to_owned(),
        None => std::env::current_exe()?.with_file_name(SIMULATOR),
    };
    let mut child = Command::new(&program)
        .args(["--listen", "127.0.0.1:0", "--announce", "--exit-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            format!(
                "cannot start the simulator {}: {error}; `make demo` builds it",
                program.display()
            )
        })?;
    let stdout = child
        .stdout
        .take()
        .ok_or("the simulator has no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(ANNOUNCED_WITHIN, lines.next_line())
        .await
        .map_err(|_| "the simulator did not announce itself in time")??
        .ok_or("the simulator ended before it announced itself")?;
    Ok((child, serde_json::from_str(&line)?))
}

fn random_key() -> Result<String, CommandError> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(format!("demo-{}", HEXLOWER.encode(&bytes)))
}

/// A configuration for the announced venues, with their secrets in files of their own.
fn configuration(
    args: &DemoArgs,
    announcement: &Announcement,
    key: &str,
) -> Result<String, CommandError> {
    let directory = fs::canonicalize(&args.directory)?;
    let hash = HEXLOWER.encode(digest(&SHA256, key.as_bytes()).as_ref());
    let mut text = format!(
        "[server]\nlisten = \"{}\"\n\n[plugins]\ndirectory = {}\ncode_cache = {}\n\n[store]\nurl = {}\n\n\
         [[auth.keys]]\nid = \"demo\"\nhash = \"{hash}\"\ntenant = \"demo\"\nrole = \"operator\"\n",
        args.listen,
        quoted(&args.plugins.display().to_string()),
        quoted(&directory.join("code-cache").display().to_string()),
        quoted(&format!(
            "sqlite://{}",
            directory.join("journal.db").display()
        )),
    );
    for venue in &announcement.venues {
        let api_key = directory.join(format!("{}.key", venue.name));
        let secret = directory.join(format!("{}.secret", venue.name));
        write_private(&api_key, &venue.credentials.api_key)?;
        write_private(&secret, &venue.credentials.secret)?;
        let (api_key, secret) = (
            format!("file:{}", api_key.display()),
            format!("file:{}", secret.display()),
        );
        let venue = VenueText {
            name: &venue.name,
            adapter: &venue.adapter,
            credentials: Some((&api_key, &secret)),
            endpoints: &venue.endpoints,
        };
        text.push_str(&venue.to_string());
    }
    Ok(text)
}

fn write_private(path: &Path, secret: &str) -> std::io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(secret.as_bytes())
}

//! The simulated venue as a program, for demonstrations and for tests in other languages.

use std::io::Read;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;
use switchyard_venue_sim::{SimConfig, StartError, VenueSim};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// A simulated exchange that speaks Binance's spot and futures REST APIs, and BitMEX's on request, with faults on command under /_control.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9101")]
    listen: SocketAddr,
    /// Also start BitMEX, on this address; port 0 takes a free one. With --announce it is started anyway.
    #[arg(long, value_name = "LISTEN")]
    bitmex: Option<SocketAddr>,
    /// Listen even where others can reach the venue.
    #[arg(long)]
    allow_remote: bool,
    /// Seed of the market; a random one is drawn and printed when absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Milliseconds between market steps; 0 keeps the market still.
    #[arg(long, default_value_t = 500)]
    market_interval_ms: u64,
    /// Print one line of JSON on standard output once listening.
    #[arg(long)]
    announce: bool,
    /// Exit when standard input closes, so that the venue does not outlive its launcher.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0} can be reached from elsewhere; add --allow-remote if that is meant")]
    Remote(SocketAddr),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] std::io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Failure> {
    let mut addresses = options.bitmex.iter().chain([&options.listen]);
    if let Some(remote) = addresses.find(|address| !address.ip().is_loopback())
        && !options.allow_remote
    {
        return Err(Failure::Remote(*remote));
    }
    // Ready before anything is announced, so that a launcher's first signal is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let seed = options.seed.unwrap_or_else(rand::random);
    let started = |config: SimConfig, listen| {
        VenueSim::start(SimConfig {
            seed,
            listen,
            market_interval_ms: Some(options.market_interval_ms).filter(|ms| *ms > 0),
            ..config
        })
    };
    let sim = started(SimConfig::default(), options.listen).await?;
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let bitmex = match options.bitmex.or(options.announce.then_some(anywhere)) {
        Some(listen) => Some(started(SimConfig::bitmex(), listen).await?),
        None => None,
    };
    tracing::info!(
        "Binance spot, USD-M and COIN-M futures on {} with seed {seed}; control on {}/_control",
        sim.url(),
        sim.url()
    );
    if let Some(bitmex) = &bitmex {
        let url = bitmex.url();
        tracing::info!("BitMEX on {url}; control on {url}/_control");
    }
    if options.announce {
        println!("{}", announcement(&sim, bitmex.as_ref()));
    }
    tokio::select! {
        _ = terminate.recv() => tracing::info!("terminated"),
        _ = interrupt.recv() => tracing::info!("interrupted"),
        () = stdin_closed(options.exit_with_stdin) => tracing::info!("standard input closed"),
    }
    sim.shutdown().await;
    if let Some(bitmex) = bitmex {
        bitmex.shutdown().await;
    }
    Ok(())
}

/// What a launcher needs to know, without knowing any venue.
fn announcement(sim: &VenueSim, bitmex: Option<&VenueSim>) -> serde_json::Value {
    let credentials = |sim: &VenueSim| {
        let credentials = sim.credentials();
        json!({ "api_key": credentials.api_key, "secret": credentials.secret })
    };
    let mut venues = vec![json!({
        "name": "binance",
        "adapter": "binance",
        "endpoints": { "spot": sim.url(), "usdm": sim.url(), "coinm": sim.url() },
        "credentials": credentials(sim),
        "demo": [
            { "symbol": "BTC/USDT", "quantity": "0.010" },
            { "symbol": "BTC/USDT:USDT", "quantity": "0.010" },
            { "symbol": "BTC/USD:BTC", "quantity": "5" },
        ],
    })];
    venues.extend(bitmex.map(|bitmex| {
        json!({
            "name": "bitmex",
            "adapter": "bitmex",
            "endpoints": { "rest": bitmex.url() },
            "credentials": credentials(bitmex),
            "demo": [{ "symbol": "BTC/USD:BTC", "quantity": "500" }],
            "control": format!("{}/_control", bitmex.url()),
        })
    }));
    json!({ "venues": venues, "control": format!("{}/_control", sim.url()) })
}

/// Ends when standard input does; never, if not asked to watch it.
async fn stdin_closed(watch: bool) {
    if !watch {
        return std::future::pending().await;
    }
    let (closed, wait) = oneshot::channel();
    // A thread of its own: a blocked read must not hold up the runtime's shutdown.
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while matches!(std::io::stdin().read(&mut buffer), Ok(read) if read > 0) {}
        let _ = closed.send(());
    });
    let _ = wait.await;
}

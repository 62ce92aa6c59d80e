//! The command line: `serve`, `demo`, and what works with gateways, configurations, the journal and adapters.

mod api_client;
mod config_check;
mod configuration;
mod configured;
mod demo;
mod health;
mod journal;
mod journal_replay;
mod keys;
mod live;
mod plugin_build;
mod plugin_check;
mod plugin_compile;
mod plugin_inspect;
mod plugin_new;
mod plugin_record;
mod plugin_remote;
mod remote;
mod serve;
mod walkthrough;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::plugin::compile::CompileJob;

/// One fault-tolerant REST API in front of many exchanges.
#[derive(Debug, Parser)]
#[command(name = "switchyard", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve {
        #[command(flatten)]
        configured: configured::Configured,
        /// Listen here instead of where the configuration says.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// Ask a gateway how it is: exit code 0 where it answers well, 1 where not. For containers, which have no curl.
    Health(health::HealthArgs),
    /// Run the gateway in front of simulated venues, show an order's life, and stay up.
    Demo(demo::DemoArgs),
    /// Work with configurations.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Work with the journal.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Work with adapters.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Make, list, replace and revoke API keys at a running gateway.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show every value and where it comes from, and whether the gateway would start with them.
    Check(config_check::CheckArgs),
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Bring a version to a running gateway, and show how it fares until it serves or is refused.
    Install(plugin_remote::InstallArgs),
    /// Put an earlier version to work again at a running gateway.
    Rollback(plugin_remote::RollbackArgs),
    /// Show the versions of a running gateway's adapters.
    Status(plugin_remote::StatusArgs),
    New(plugin_new::NewArgs),
    /// Build an adapter's project into a component.
    Build {
        /// Directory with an adapter.toml, or a crate.
        #[arg(value_name = "DIR", default_value = ".")]
        directory: PathBuf,
        /// Directory that gets the component [default: DIR/dist].
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Show what a component is: imports, exports, descriptor, size, hash.
    Inspect {
        /// The component.
        file: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Judge a component, in whatever language it was written, by the contract and its recorded exchanges.
    Check(plugin_check::CheckArgs),
    /// Write recorded cases of what a running gateway's adapter does.
    Record(plugin_record::RecordArgs),
    /// Compile the component on standard input into a code cache, within limits; `serve` starts it.
    #[command(hide = true)]
    Compile(CompileJob),
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve { configured, listen } => serve::serve(&configured, listen),
        Command::Config(ConfigCommand::Check(args)) => waiting(config_check::check(args)),
        Command::Health(args) => waiting(health::ask(args)),
        Command::Demo(args) => demo::demo(&args),
        Command::Journal(command) => journal::run(command),
        Command::Keys(command) => waiting(keys::run(command)),
        Command::Plugin(PluginCommand::Install(args)) => waiting(plugin_remote::install(args)),
        Command::Plugin(PluginCommand::Rollback(args)) => waiting(plugin_remote::rollback(args)),
        Command::Plugin(PluginCommand::Status(args)) => waiting(plugin_remote::status(args)),
        Command::Plugin(PluginCommand::New(args)) => plugin_new::new(&args).map_err(Into::into),
        Command::Plugin(PluginCommand::Build { directory, out }) => {
            plugin_build::build(&directory, out.as_deref()).map_err(Into::into)
        }
        Command::Plugin(PluginCommand::Inspect { file, json }) => {
            plugin_inspect::inspect(&file, json).map_err(Into::into)
        }
        Command::Plugin(PluginCommand::Check(args)) => plugin_check::check(&args),
        Command::Plugin(PluginCommand::Record(args)) => waiting(plugin_record::record(args)),
        Command::Plugin(PluginCommand::Compile(job)) => return plugin_compile::compile(&job),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command that waits for others.
fn waiting(command: impl Future<Output = Result<(), CommandError>>) -> Result<(), CommandError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

/// Prints a command's result. A reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// What ends a command: a message for the person who typed it.
type CommandError = Box<dyn std::error::Error + Send + Sync>;

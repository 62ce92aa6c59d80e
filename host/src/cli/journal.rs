//! `switchyard journal`: verify the journal's chain and projections, and export it.

use std::fs::File;
use std::io::{BufReader, BufWriter, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};

use super::configured::Configured;
use super::{CommandError, print};
use crate::config::{Backend, SecretRef, StoreConfig, VerifyAtStart};
use crate::model::{OrderId, Timestamp};
use crate::secrets::{NamedSecretError, Secrets};
use crate::store::{self, ExportError, ExportRange, Standing};
use crate::telemetry::Metrics;

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Check the chain, and that orders and keys are what the entries make of them. A gateway on a file must not run, nor
    /// one that is active where they are made anew.
    Verify {
        #[command(flatten)]
        which: Which,
        /// Make orders and keys anew from the entries, if the chain holds.
        #[arg(long)]
        rebuild: bool,
        /// Check an exported file instead.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "store", "rebuild"])]
        export: Option<PathBuf>,
    },
    /// Write entries to standard output, one JSON object a line, with their hashes. The gateway may run.
    Export {
        #[command(flatten)]
        which: Which,
        /// From the first entry written then or later (RFC 3339).
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// To the last entry written before (RFC 3339).
        #[arg(long, value_name = "TIME")]
        to: Option<Timestamp>,
        /// Of this order only.
        #[arg(long, value_name = "ID")]
        order: Option<String>,
        /// The form of the lines.
        #[arg(long, default_value = "jsonl")]
        format: ExportFormat,
    },
    /// Run what was said to and by venues through adapters, and show what they would do otherwise: nothing is
    /// sent. The gateway may run. Exit code 1 where anything differs.
    Replay(super::journal_replay::ReplayArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ExportFormat {
    /// One JSON object a line.
    Jsonl,
}

/// Which journal.
#[derive(Debug, Args)]
pub(super) struct Which {
    #[command(flatten)]
    configured: Configured,
    /// The journal itself. The password of a PostgreSQL user is then in the environment, as `PGPASSWORD`.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    store: Option<String>,
}

impl Which {
    pub(super) fn find(&self) -> Result<StoreConfig, CommandError> {
        let config = match &self.store {
            Some(url) => StoreConfig {
                url: url.clone(),
                password: std::env::var_os("PGPASSWORD")
                    .map(|_| SecretRef::Environment("PGPASSWORD".into())),
                ..StoreConfig::default()
            },
            None => self.configured.load()?.store,
        };
        config.check()?;
        // What is not there must not be made.
        if let Some(path) = config.url.strip_prefix("sqlite://")
            && !Path::new(path).is_file()
        {
            return Err(format!("there is no journal {path}").into());
        }
        Ok(config)
    }
}

pub(super) fn run(command: JournalCommand) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match command {
        JournalCommand::Verify {
            export: Some(file), ..
        } => verify_export(&file),
        JournalCommand::Verify { which, rebuild, .. } => runtime.block_on(verify(&which, rebuild)),
        JournalCommand::Export {
            which,
            from,
            to,
            order,
            format: ExportFormat::Jsonl,
        } => {
            let order = order.map(|id| OrderId::from_text(&id));
            runtime.block_on(export(&which, ExportRange { from, to, order }))
        }
        JournalCommand::Replay(args) => runtime.block_on(super::journal_replay::replay(args)),
    }
}

/// What is needed to open a journal.
pub(super) async fn secrets_of(config: &StoreConfig) -> Result<Secrets, NamedSecretError> {
    let password = config.password.iter();
    let named = password.map(|place| (StoreConfig::PASSWORD.to_owned(), place.clone()));
    Secrets::read(named.collect()).await
}

async fn verify(which: &Which, rebuild: bool) -> Result<(), CommandError> {
    let config = StoreConfig {
        verify_at_start: VerifyAtStart::Tail, // everything is checked below
        ..which.find()?
    };
    let journal = if rebuild || config.backend() == Backend::Sqlite {
        let journal = store::open(
            &config,
            &secrets_of(&config).await?,
            Arc::new(Metrics::default()),
        )
        .await?;
        if journal.lease().standing() == Standing::Standby {
            return Err("the journal is in use by another gateway".into());
        }
        journal
    } else {
        store::open_to_read(&config, &secrets_of(&config).await?).await? // one view of it is checked, whoever writes meanwhile
    };
    let head = journal.verify_all().await?;
    print(&format!(
        "the chain holds: {} entries, the last is number {}\nhead {}\n",
        head.entries, head.seq, head.hash
    ))?;
    if rebuild {
        journal.rebuild().await?;
        print("orders and keys were made anew\n")?;
    }
    let differences = journal.differences().await?;
    if differences.is_empty() {
        print("orders and keys are what the entries make of them\n")?;
        return Ok(());
    }
    for difference in &differences {
        print(&format!("{difference}\n"))?;
    }
    let text = "orders or keys are not what the entries make of them; --rebuild makes them anew";
    Err(text.into())
}

fn verify_export(file: &Path) -> Result<(), CommandError> {
    let input = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let exported = store::verify_export(BufReader::new(input))?;
    print(&format!(
        "the export holds: {} entries\nhead {} at number {}\n",
        exported.lines, exported.head_hash, exported.head_seq
    ))?;
    Ok(())
}

async fn export(which: &Which, range: ExportRange) -> Result<(), CommandError> {
    let config = which.find()?;
    let journal = store::open_to_read(&config, &secrets_of(&config).await?).await?;
    let mut output = BufWriter::new(stdout());
    match store::export(&*journal, range, &mut output).await {
        // A reader that has seen enough is no error.
        Err(ExportError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        exported => Ok(exported.map(drop)?),
    }
}

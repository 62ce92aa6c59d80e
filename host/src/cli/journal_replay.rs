//! `switchyard journal replay`: what another version of an adapter would have made of the journaled exchanges.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Deserialize;
use switchyard_runtime::{Adapter, Difference, Exchange};

use super::journal::Which;
use super::{CommandError, plugin_inspect, print};
use crate::model::{OrderId, Timestamp};
use crate::store::{self, ChainEntry, ExportError, ExportRange};

/// What is replayed, and on what.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    which: Which,
    /// An exported file instead, which is verified first.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "store", "from", "to", "order"])]
    export: Option<PathBuf>,
    /// From the first entry written then or later (RFC 3339).
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// To the last entry written before (RFC 3339).
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Of this order only.
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// A component to replay on; once for each venue that is of interest.
    #[arg(long, value_name = "FILE", required = true)]
    adapter: Vec<PathBuf>,
}

/// The body of an entry that holds an exchange.
#[derive(Deserialize)]
struct Entry {
    exchange: Exchange,
}

/// Adapters by the venue they are for, and what came of the exchanges so far.
struct Replay {
    adapters: BTreeMap<String, Arc<Adapter>>,
    replayed: u64,
    differ: u64,
    others: u64,
}

pub(super) async fn replay(args: ReplayArgs) -> Result<(), CommandError> {
    let mut replay = Replay::on(&args.adapter)?;
    match &args.export {
        Some(file) => {
            let open = || File::open(file).map_err(|error| format!("{}: {error}", file.display()));
            store::verify_export(BufReader::new(open()?))?;
            store::visit_export(BufReader::new(open()?), |entry| replay.entry(&entry))?;
        }
        None => {
            let config = args.which.find()?;
            let secrets = super::journal::secrets_of(&config).await?;
            let journal = store::open_to_read(&config, &secrets).await?;
            let range = ExportRange {
                from: args.from,
                to: args.to,
                order: args.order.map(|id| OrderId::from_text(&id)),
            };
            store::visit(&*journal, &range, |entry| replay.entry(&entry)).await?;
        }
    }
    replay.conclude()
}

impl Replay {
    fn on(files: &[PathBuf]) -> Result<Self, CommandError> {
        let mut adapters = BTreeMap::new();
        for file in files {
            let adapter = plugin_inspect::load(file)?;
            let venue = adapter.descriptor().venue.clone();
            if adapters.insert(venue.clone(), adapter).is_some() {
                return Err(format!("--adapter: there are two for {venue}").into());
            }
        }
        Ok(Self {
            adapters,
            replayed: 0,
            differ: 0,
            others: 0,
        })
    }

    fn entry(&mut self, entry: &ChainEntry) -> Result<(), ExportError> {
        if entry.kind != "exchanged" {
            return Ok(());
        }
        let exchange = match serde_json::from_str::<Entry>(&entry.body) {
            Ok(entry) => entry.exchange,
            Err(error) => return self.show(entry, "an exchange", &[format!("  {error}\n")]),
        };
        let Some(adapter) = self.adapters.get(&exchange.adapter) else {
            self.others += 1;
            return Ok(());
        };
        let texts: Vec<String> = match switchyard_runtime::replay(adapter, &exchange) {
            Ok(differences) => differences.iter().map(text_of).collect(),
            Err(error) => vec![format!("  {error}\n")],
        };
        let Exchange {
            operation,
            adapter_version,
            adapter_sha256,
            ..
        } = &exchange;
        let what = format!("{operation}, recorded with {adapter_version} ({adapter_sha256})");
        self.show(entry, &what, &texts)
    }

    fn show(
        &mut self,
        entry: &ChainEntry,
        what: &str,
        texts: &[String],
    ) -> Result<(), ExportError> {
        self.replayed += 1;
        if texts.is_empty() {
            return Ok(());
        }
        self.differ += 1;
        let head = format!("entry {} of {}: {what}\n", entry.seq, entry.subject);
        Ok(print(&(head + &texts.concat()))?)
    }

    fn conclude(&self) -> Result<(), CommandError> {
        for (venue, adapter) in &self.adapters {
            let version = &adapter.descriptor().adapter_version;
            print(&format!("on {venue} {version} ({})\n", adapter.sha256()))?;
        }
        let Self {
            replayed,
            differ,
            others,
            ..
        } = self;
        print(&format!(
            "exchanges: {replayed} replayed, {differ} differ, {others} of other adapters\n"
        ))?;
        if *differ > 0 {
            return Err(format!("{differ} of {replayed} exchanges differ").into());
        }
        Ok(())
    }
}

fn text_of(difference: &Difference) -> String {
    let Difference {
        at,
        recorded,
        replayed,
    } = difference;
    format!("  {at}\n    recorded {recorded}\n    replayed {replayed}\n")
}

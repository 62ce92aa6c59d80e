//! `switchyard plugin record`: recorded cases of what a running gateway's adapter does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use switchyard_conformance::Recording;
use switchyard_runtime::Exchange;

use super::remote::Remote;
use super::{CommandError, print};
use crate::model::Timestamp;

/// How often what was kept is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// The adapter.
    name: String,
    /// Directory of recorded exchanges that gets the files.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// For how long, 1 to 3600. Use the gateway meanwhile: what is not asked for is not recorded.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many exchanges of each operation, 1 to 10.
    #[arg(long, default_value_t = 3)]
    each: u64,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn record(args: RecordArgs) -> Result<(), CommandError> {
    let RecordArgs {
        name,
        out,
        seconds,
        each,
        remote,
    } = args;
    let path = format!("/v1/plugins/{name}/recording");
    let body = json!({ "seconds": seconds, "each": each }).to_string();
    let headers = [("content-type", "application/json".to_owned())];
    remote
        .send(Method::POST, &path, &headers, body.into())
        .await?;
    let mut kept = remote.get(&path).await?;
    while kept["running"] == true {
        tokio::time::sleep(ASK_EVERY).await;
        kept = remote.get(&path).await?;
    }
    remote.send(Method::DELETE, &path, &[], Vec::new()).await?;
    let exchanges: Vec<Exchange> = serde_json::from_value(kept["exchanges"].take())?;
    let now = Timestamp::now();
    for exchange in exchanges {
        let file = write(&out, recording(exchange, &now.to_string()))?;
        print(&format!("{}\n", file.display()))?;
    }
    eprintln!(
        "These files hold what the venue answers about your account: amounts, ids, orders. Keys and signatures are \
         taken out. Look through them before you share them."
    );
    Ok(())
}

fn recording(exchange: Exchange, at: &str) -> Recording {
    let statuses: Vec<String> = exchange
        .answers
        .iter()
        .map(|answer| answer.status.to_string())
        .collect();
    let result = match exchange.meaning.as_ref() {
        Some(Value::Object(meaning)) => meaning.keys().next().cloned(),
        _ => None,
    };
    let result = result.unwrap_or_else(|| "nothing".to_owned());
    let statuses = statuses.join(" and ");
    let operation = &exchange.operation;
    Recording {
        name: String::new(),
        title: format!("{operation} answered with {statuses}: {result}"),
        source: format!(
            "recorded from a running gateway at {at}, adapter {}",
            exchange.adapter_version
        ),
        exchange,
    }
}

/// Writes a file under the next number of its operation.
fn write(out: &Path, recording: Recording) -> Result<PathBuf, CommandError> {
    let directory = out.join(&recording.exchange.operation);
    std::fs::create_dir_all(&directory)?;
    let number = |name: &str| name.split('-').next()?.parse::<u32>().ok();
    let mut last = 0;
    for entry in std::fs::read_dir(&directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        last = last.max(number(&name).unwrap_or_default());
    }
    let endpoint = &recording.exchange.context.endpoint;
    let path = directory.join(format!("{:03}-{endpoint}-recorded.json", last + 1));
    std::fs::write(&path, recording.to_text())?;
    Ok(path)
}

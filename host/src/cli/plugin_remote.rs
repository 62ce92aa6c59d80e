//! `switchyard plugin install | rollback | status`: the versions of a running gateway's adapters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use data_encoding::BASE64;
use reqwest::Method;
use serde_json::{Value, json};

use super::remote::{Remote, text};
use super::{CommandError, print};
use crate::plugin::signature::SIGNATURE_EXTENSION;

/// How often a version that is on its way is asked about.
const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// The component. What lies beside it as FILE.minisig goes with it.
    file: PathBuf,
    /// The adapter's name where it is not the stem of the file.
    #[arg(long)]
    name: Option<String>,
    /// Do not wait until it serves or is refused.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// The adapter.
    name: String,
    /// SHA-256 of the version that is to serve [default: the last good one].
    #[arg(long, value_name = "SHA256")]
    version: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The adapter; all where none is named.
    name: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn install(args: InstallArgs) -> Result<(), CommandError> {
    let name = match args.name {
        Some(name) => name,
        None => stem(&args.file)?,
    };
    let bytes = read(&args.file)?;
    let mut headers = vec![("content-type", "application/wasm".to_owned())];
    let mut beside = args.file.clone().into_os_string();
    beside.push(".");
    beside.push(SIGNATURE_EXTENSION);
    if Path::new(&beside).exists() {
        let signature = read(Path::new(&beside))?;
        headers.push(("x-plugin-signature", BASE64.encode(&signature)));
    }
    let path = format!("/v1/plugins/{name}");
    let sent = args.remote.send(Method::PUT, &path, &headers, bytes);
    let installed = sent.await?;
    let sha256 = installed["sha256"].as_str().unwrap_or_default().to_owned();
    print(&format!("{name} {sha256}\n"))?;
    let mut shown = 0;
    loop {
        let plugin = args.remote.get(&path).await?;
        let version = version(&plugin, &sha256).unwrap_or(&Value::Null);
        let history = version["history"].as_array().cloned().unwrap_or_default();
        for step in history.iter().skip(shown) {
            print(&format!(
                "  {}: {}\n",
                text(&step["state"]),
                text(&step["reason"])
            ))?;
        }
        shown = shown.max(history.len());
        match version["state"].as_str() {
            Some("active") => return Ok(()),
            Some("rejected" | "quarantined") | None => {
                return Err(format!("{name} was not replaced").into());
            }
            Some("awaiting_approval") => return Ok(()),
            _ if args.no_wait => return Ok(()),
            _ => tokio::time::sleep(ASK_EVERY).await,
        }
    }
}

pub(super) async fn rollback(args: RollbackArgs) -> Result<(), CommandError> {
    let path = format!("/v1/plugins/{}/rollback", args.name);
    let body = match args.version {
        Some(version) => json!({ "version": version }),
        None => json!({}),
    };
    let headers = [("content-type", "application/json".to_owned())];
    let body = body.to_string().into_bytes();
    let plugin = args
        .remote
        .send(Method::POST, &path, &headers, body)
        .await?;
    print(&status_of(&plugin))?;
    Ok(())
}

pub(super) async fn status(args: StatusArgs) -> Result<(), CommandError> {
    let plugins = match &args.name {
        Some(name) => vec![args.remote.get(&format!("/v1/plugins/{name}")).await?],
        None => {
            let page = args.remote.get("/v1/plugins").await?;
            page["items"].as_array().cloned().unwrap_or_default()
        }
    };
    for plugin in &plugins {
        print(&status_of(plugin))?;
    }
    Ok(())
}

fn status_of(plugin: &Value) -> String {
    let venues = plugin["venues"].as_array().into_iter().flatten();
    let venues: Vec<&str> = venues.filter_map(Value::as_str).collect();
    let mut lines = format!(
        "{} (venues: {})\n",
        text(&plugin["name"]),
        venues.join(", ")
    );
    for (what, value) in [
        ("pinned to", &plugin["pinned"]),
        ("file", &plugin["file_problem"]),
    ] {
        if let Some(value) = value.as_str() {
            lines.push_str(&format!("  {what}: {value}\n"));
        }
    }
    for version in plugin["versions"].as_array().into_iter().flatten() {
        let of = |field: &str| text(&version[field]);
        lines.push_str(&format!(
            "  {:<17} {:<8} {} {} {}\n",
            of("state"),
            of("version"),
            of("sha256"),
            of("at"),
            of("reason")
        ));
    }
    lines
}

fn version<'a>(plugin: &'a Value, sha256: &str) -> Option<&'a Value> {
    let mut versions = plugin["versions"].as_array()?.iter();
    versions.find(|version| version["sha256"] == sha256)
}

fn read(file: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn stem(file: &Path) -> Result<String, CommandError> {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.map(str::to_owned);
    stem.ok_or_else(|| format!("{}: --name must say whose version it is", file.display()).into())
}

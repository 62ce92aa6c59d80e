//! `switchyard keys create | list | rotate | revoke`: the API keys of a running gateway.

use clap::{Args, Subcommand, ValueEnum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use super::remote::{Remote, text};
use super::{CommandError, print};
use crate::model::{Role, Timestamp};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key, and print it: it is not to be had again.
    Create(CreateArgs),
    /// List the keys.
    List {
        #[command(flatten)]
        of: OfWhom,
        #[command(flatten)]
        remote: Remote,
    },
    /// Replace a key by a new one of the same rights, and print that.
    Rotate {
        /// Name of the key.
        id: String,
        /// For how long the old key is accepted too, in seconds; 0 ends those replaced before it too.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        grace: u64,
        #[command(flatten)]
        of: OfWhom,
        #[command(flatten)]
        remote: Remote,
    },
    /// Revoke a key: it is refused from now on.
    Revoke {
        /// Name of the key.
        id: String,
        #[command(flatten)]
        of: OfWhom,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Name of the key.
    id: String,
    /// What it may do.
    #[arg(long)]
    role: RoleName,
    /// Whose orders it sees [default: your own tenant's].
    #[arg(long)]
    tenant: Option<String>,
    /// A venue that it may reach; may be repeated [default: all].
    #[arg(long = "venue", value_name = "VENUE")]
    venues: Vec<String>,
    /// Until when it is accepted (RFC 3339) [default: for ever].
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    #[command(flatten)]
    remote: Remote,
}

/// Whose keys are meant.
#[derive(Debug, Args)]
pub(super) struct OfWhom {
    /// All tenants' keys, and not your own tenant's only.
    #[arg(long)]
    all: bool,
}

impl OfWhom {
    fn query(&self) -> &'static str {
        if self.all { "?scope=all" } else { "" }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    Viewer,
    Trader,
    Operator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Trader => Self::Trader,
            RoleName::Operator => Self::Operator,
        }
    }
}

pub(super) async fn run(command: KeysCommand) -> Result<(), CommandError> {
    let json = [("content-type", "application/json".to_owned())];
    let shown = match command {
        KeysCommand::Create(args) => {
            let mut body = json!({ "id": args.id, "role": Role::from(args.role) });
            if let Some(tenant) = args.tenant {
                body["tenant"] = tenant.into();
            }
            if !args.venues.is_empty() {
                body["venues"] = args.venues.into();
            }
            if let Some(until) = args.expires {
                body["expires_at"] = json!(until);
            }
            let body = body.to_string().into_bytes();
            let made = args.remote.send(Method::POST, "/v1/keys", &json, body);
            format!("{}\n", text(&made.await?["key"]))
        }
        KeysCommand::List { of, remote } => {
            let page = remote.get(&format!("/v1/keys{}", of.query())).await?;
            let items = page["items"].as_array().into_iter().flatten();
            items.map(line).collect()
        }
        KeysCommand::Rotate {
            id,
            grace,
            of,
            remote,
        } => {
            let path = format!("/v1/keys/{}/rotate{}", escaped(&id), of.query());
            let body = json!({ "grace_seconds": grace }).to_string().into_bytes();
            let made = remote.send(Method::POST, &path, &json, body).await?;
            format!("{}\n", text(&made["key"]))
        }
        KeysCommand::Revoke { id, of, remote } => {
            let path = format!("/v1/keys/{}{}", escaped(&id), of.query());
            let revoked = remote.send(Method::DELETE, &path, &[], Vec::new());
            line(&revoked.await?)
        }
    };
    Ok(print(&shown)?)
}

fn escaped(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

fn line(key: &Value) -> String {
    let venues = key["venues"].as_array();
    let venues = venues.map(|names| {
        let names = names.iter().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(",")
    });
    let until = match (&key["revoked_at"], &key["expires_at"]) {
        (Value::String(at), _) => format!("revoked {at}"),
        (_, Value::String(at)) => format!("until {at}"),
        _ => "valid".to_owned(),
    };
    let of = |field: &str| text(&key[field]);
    format!(
        "{:<24} {:<10} {:<16} {:<8} {:<16} {until}\n",
        of("id"),
        of("origin"),
        of("tenant"),
        of("role"),
        venues.as_deref().unwrap_or("all venues")
    )
}

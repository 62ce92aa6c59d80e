//! `switchyard config check`: every value and where it comes from, and what is wrong with them.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use super::configured::Configured;
use super::{CommandError, print};
use crate::config::{Finding, Setting, Stage, explain};
use crate::secrets;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    configured: Configured,
    /// How the result is shown.
    #[arg(long, value_enum, default_value = "table")]
    format: CheckFormat,
    /// Also read every secret from where it is, to see whether it is there; it is not shown.
    #[arg(long)]
    read_secrets: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CheckFormat {
    Table,
    Json,
}

/// What was found out.
#[derive(Debug, Default, Serialize)]
struct Report {
    ok: bool,
    stage: Option<Stage>,
    files: Vec<String>,
    /// Why there is no configuration; the rest is empty then.
    error: Option<String>,
    settings: Vec<Setting>,
    findings: Vec<Finding>,
    /// By key: null where the secret could be read, else why not. Absent where that was not tried.
    secrets: Option<BTreeMap<String, Option<String>>>,
}

/// Checks a configuration.
///
/// # Errors
/// That it is not in order: what is wrong is printed by then.
pub(super) async fn check(args: CheckArgs) -> Result<(), CommandError> {
    let report = report(&args).await;
    print(&match args.format {
        CheckFormat::Table => report.table(),
        CheckFormat::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
    })?;
    if report.ok {
        Ok(())
    } else {
        Err("the configuration is not in order".into())
    }
}

async fn report(args: &CheckArgs) -> Report {
    let stage = args.configured.stage;
    let loaded = args.configured.layers().and_then(|layers| {
        let config = layers.config()?;
        Ok((layers, config))
    });
    let (layers, config) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            return Report {
                stage,
                error: Some(error.to_string()),
                ..Report::default()
            };
        }
    };
    let findings = match stage {
        Some(Stage::Dev) => Vec::new(),
        Some(Stage::Staging | Stage::Production) | None => config.findings(),
    };
    let secrets = if args.read_secrets {
        let tried = secrets::try_all(&config).await;
        let tried = tried.into_iter();
        let said = tried.map(|(key, result)| (key, result.err().map(|error| error.to_string())));
        Some(said.collect::<BTreeMap<_, _>>())
    } else {
        None
    };
    let is_refused = stage == Some(Stage::Production) && findings.iter().any(|f| !f.acknowledged);
    let is_missing = secrets.iter().flatten().any(|(_, error)| error.is_some());
    Report {
        ok: !is_refused && !is_missing,
        stage,
        files: layers
            .files()
            .iter()
            .map(|f| f.display().to_string())
            .collect(),
        error: None,
        settings: explain(&layers, &config),
        findings,
        secrets,
    }
}

impl Report {
    fn table(&self) -> String {
        if let Some(error) = &self.error {
            return format!("{error}\n");
        }
        let rows = self.settings.iter().map(|setting| {
            let value = match &setting.value {
                Value::Null => "-".to_owned(),
                value => value.to_string(),
            };
            [setting.key.clone(), value, setting.from.to_string()]
        });
        let rows: Vec<[String; 3]> = [["key", "value", "from"].map(str::to_owned)]
            .into_iter()
            .chain(rows)
            .collect();
        let width = |column: usize| {
            let widths = rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or_default()
        };
        let (key, value) = (width(0), width(1));
        let mut text = String::new();
        for [a, b, c] in &rows {
            text.push_str(&format!("{a:key$}  {b:value$}  {c}\n"));
        }
        if let Some(secrets) = &self.secrets {
            text.push('\n');
            for (name, error) in secrets {
                let said = error.as_deref().unwrap_or("can be read");
                text.push_str(&format!("{name}: {said}\n"));
            }
        }
        if !self.findings.is_empty() {
            text.push('\n');
        }
        for finding in &self.findings {
            let weight = match (finding.acknowledged, self.stage) {
                (true, _) => "acknowledged",
                (false, Some(Stage::Production)) => "error",
                (false, Some(_)) => "warning",
                (false, None) => "remark",
            };
            let (rule, key) = (finding.rule.name(), &finding.key);
            text.push_str(&format!("{weight}: {rule}: {key}: {}\n", finding.problem));
        }
        text
    }
}

//! Recorded exchanges: one to a file, `cases/<operation>/<name>.json`, to be read and diffed by people.
//!
//! A file says where its answer comes from, and holds an [`Exchange`] in which the version of the adapter is
//! left out, because it would change with every build. What the adapter is expected to send (`requests`,
//! `signed`, `lookups`) and to make of the answers (`meaning`) can be filled in by [`bless`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use switchyard_runtime::wit::types::Context;
use switchyard_runtime::{
    Adapter, Answer, Difference, Exchange, Lookup, NamedOperation, SentRequest, replay, rerun,
};

use crate::stage;

/// What stands for the API key in a recording.
pub(crate) const API_KEY: &str = "[api-key]";

/// Names of the parts of an exchange that a file may have.
const PARTS: [&str; 13] = [
    "operation",
    "adapter",
    "adapter_version",
    "adapter_sha256",
    "context",
    "command",
    "state",
    "lookups",
    "signed",
    "requests",
    "answers",
    "unanswered",
    "meaning",
];

/// One recorded exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// Where it was read, from the directory of recordings on.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// The document that its answer comes from, or how it was captured.
    pub source: String,
    /// What was asked, sent, answered and meant.
    pub exchange: Exchange,
}

/// A recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file or directory cannot be read or written.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold a recording.
    #[error("{path}: {problem}")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    source: String,
    exchange: Map<String, Value>,
}

/// A file as it is written: in the order in which it is read best.
#[derive(Serialize)]
struct Written<'a> {
    title: &'a str,
    source: &'a str,
    exchange: WrittenExchange<'a>,
}

#[derive(Serialize)]
struct WrittenExchange<'a> {
    operation: &'a str,
    adapter: &'a str,
    context: &'a Context,
    command: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: &'a Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    lookups: &'a [Lookup],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    signed: &'a [String],
    requests: &'a [SentRequest],
    answers: &'a [Answer],
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: &'a Option<Value>,
}

impl Recording {
    /// Reads a file's text.
    ///
    /// # Errors
    /// In words.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut parts = file.exchange;
        if let Some(odd) = parts.keys().find(|part| !PARTS.contains(&part.as_str())) {
            return Err(format!("exchange.{odd}: there is no such part"));
        }
        for (part, default) in [
            ("adapter", Value::from("")),
            ("adapter_version", Value::from("")),
            ("adapter_sha256", Value::from("")),
            ("requests", Value::Array(Vec::new())),
            ("answers", Value::Array(Vec::new())),
        ] {
            parts.entry(part).or_insert(default);
        }
        let exchange: Exchange = serde_json::from_value(Value::Object(parts))
            .map_err(|error| format!("exchange: {error}"))?;
        if NamedOperation::find(&exchange.operation).is_none() {
            let operation = &exchange.operation;
            return Err(format!("exchange.operation: there is no {operation:?}"));
        }
        Ok(Self {
            name: name.to_owned(),
            title: file.title,
            source: file.source,
            exchange,
        })
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let Exchange {
            operation,
            adapter,
            context,
            command,
            state,
            lookups,
            signed,
            requests,
            answers,
            meaning,
            ..
        } = &self.exchange;
        let (command, meaning) = (&sorted(command), &meaning.as_ref().map(sorted));
        let written = Written {
            title: &self.title,
            source: &self.source,
            exchange: WrittenExchange {
                operation,
                adapter,
                context,
                command,
                state,
                lookups,
                signed,
                requests,
                answers,
                meaning,
            },
        };
        // Texts, numbers and lists of them always are JSON.
        let text = serde_json::to_string_pretty(&written).unwrap_or_default();
        text + "\n"
    }

    /// Takes what the adapter does now for what it is expected to do, and says what that changes.
    ///
    /// # Errors
    /// Where the adapter cannot be asked, in words.
    pub fn bless(&mut self, adapter: &Adapter) -> Result<Vec<Difference>, String> {
        let differences = replay(adapter, &self.exchange).map_err(|error| error.to_string())?;
        let rerun = rerun(adapter, &self.exchange).map_err(|error| error.to_string())?;
        // What only an answer's reading looks up stays as it was written where the encode was refused.
        self.exchange.adapter = adapter.descriptor().venue.clone();
        self.exchange.requests = rerun.requests.unwrap_or_default();
        self.exchange.signed = rerun.signed;
        self.exchange.lookups = rerun.lookups;
        self.exchange.meaning = rerun.meaning;
        Ok(differences)
    }
}

/// A value with the names in it in order, whether or not this build of `serde_json` keeps them as they came.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(sorted).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            let sorted = fields
                .into_iter()
                .map(|(name, value)| (name.clone(), sorted(value)));
            sorted.collect()
        }
        other => other.clone(),
    }
}

/// Reads every `.json` file below a directory, in the order of their names.
///
/// # Errors
/// [`RecordingError`] for the first file that cannot be used.
pub fn read_recordings(directory: &Path) -> Result<Vec<Recording>, RecordingError> {
    let mut recordings = Vec::new();
    for path in files_below(directory)? {
        let text = std::fs::read_to_string(&path).map_err(|source| RecordingError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let name = path.strip_prefix(directory).unwrap_or(&path);
        let name = name.display().to_string();
        let recording = Recording::parse(&name, &text);
        recordings.push(recording.map_err(|problem| RecordingError::Malformed { path, problem })?);
    }
    Ok(recordings)
}

/// Blesses every recording below a directory, writes those that change, and gives the changes by file.
///
/// # Errors
/// [`RecordingError`]; files before the one at fault are written.
pub fn bless(
    directory: &Path,
    adapter: &Adapter,
) -> Result<Vec<(String, Vec<Difference>)>, RecordingError> {
    let patient = stage::patient(adapter);
    let adapter = &patient.map_err(|problem| RecordingError::Malformed {
        path: directory.to_owned(),
        problem,
    })?;
    let mut changed = Vec::new();
    for mut recording in read_recordings(directory)? {
        let path = directory.join(&recording.name);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let differences = recording.bless(adapter);
        let differences = differences.map_err(|problem| RecordingError::Malformed {
            path: path.clone(),
            problem,
        })?;
        let text = recording.to_text();
        if text != before || !differences.is_empty() {
            let written = std::fs::write(&path, text);
            written.map_err(|source| RecordingError::Unreadable { path, source })?;
            changed.push((recording.name, differences));
        }
    }
    Ok(changed)
}

fn files_below(directory: &Path) -> Result<BTreeSet<PathBuf>, RecordingError> {
    let unreadable = |source| RecordingError::Unreadable {
        path: directory.to_owned(),
        source,
    };
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.insert(path);
        }
    }
    Ok(files)
}

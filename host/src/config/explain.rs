//! Every value of a configuration, with where it comes from.

use serde::Serialize;
use serde_json::Value;

use super::{Config, Layers, Origin};

/// What stands for a value that is not to be seen.
const HIDDEN: &str = "(not shown)";

/// One value. Secrets are never among them: where they are is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// The key, dotted.
    pub key: String,
    /// What it holds; null where it is absent.
    pub value: Value,
    /// Where it comes from.
    pub from: Origin,
}

/// Every value, those that nobody set too.
pub fn explain(layers: &Layers, config: &Config) -> Vec<Setting> {
    let figment = layers.figment();
    let mut settings = Vec::new();
    // A configuration that was read can be written: its keys are texts, and its numbers finite.
    let values = serde_json::to_value(config).unwrap_or_default();
    leaves(
        &mut Vec::new(),
        String::new(),
        values,
        &mut |path, key, value| {
            let value = presentable(path, value);
            let from = layers.origin_of(&figment, path);
            settings.push(Setting { key, value, from });
        },
    );
    settings
}

/// Calls `found` with the path, the dotted key and the value of everything that is no section.
fn leaves(
    path: &mut Vec<String>,
    key: String,
    value: Value,
    found: &mut impl FnMut(&[String], String, Value),
) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                path.push(name);
                leaves(path, key, value, found);
                path.pop();
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, value) in items.into_iter().enumerate() {
                path.push(index.to_string());
                leaves(path, format!("{key}[{index}]"), value, found);
                path.pop();
            }
        }
        value => found(path, key, value),
    }
}

/// Without what helps to guess a key, and without a password that a URL holds.
fn presentable(path: &[String], value: Value) -> Value {
    if path.last().is_some_and(|name| name == "hash") {
        return HIDDEN.into();
    }
    let holds_password = |text: &str| {
        let url = url::Url::parse(text);
        url.is_ok_and(|url| url.password().is_some())
    };
    match &value {
        Value::String(text) if holds_password(text) => HIDDEN.into(),
        _ => value,
    }
}

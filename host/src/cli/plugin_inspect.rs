//! `switchyard plugin inspect`: what a component is, judged by the code that will run it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use switchyard_runtime::{Adapter, LoadError, Runtime, method_name};

use crate::config::PluginsConfig;
use crate::plugin::translate::{amend_mode, bucket_scope};

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum InspectError {
    #[error("cannot read {path}: {source}")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot print: {0}")]
    Unprintable(std::io::Error),
    #[error("{path} is not a usable adapter: {source}")]
    Refused { path: PathBuf, source: LoadError },
}

pub(super) fn inspect(file: &Path, as_json: bool) -> Result<(), InspectError> {
    let adapter = load(file)?;
    let text = if as_json {
        format!("{:#}\n", to_json(&adapter))
    } else {
        to_text(file, &adapter)
    };
    super::print(&text).map_err(InspectError::Unprintable)
}

pub(super) fn load(file: &Path) -> Result<Arc<Adapter>, InspectError> {
    let bytes = std::fs::read(file).map_err(|source| InspectError::Unreadable {
        path: file.into(),
        source,
    })?;
    load_bytes(file, &bytes)
}

/// The adapter in a component that is, or is to be, in this file.
pub(super) fn load_bytes(file: &Path, bytes: &[u8]) -> Result<Arc<Adapter>, InspectError> {
    Runtime::new(PluginsConfig::default().limits(), None)
        .and_then(|runtime| runtime.load(bytes))
        .map_err(|source| InspectError::Refused {
            path: file.into(),
            source,
        })
}

/// The same facts for a person.
pub(super) fn to_text(file: &Path, adapter: &Adapter) -> String {
    let descriptor = adapter.descriptor();
    let mut text = format!(
        "{}\n  contract  switchyard:adapter {} ({})\n  venue     {} (adapter {})\n  size      {} bytes\n  sha256    {}\n",
        file.display(),
        contract(adapter),
        adapter
            .surface()
            .capabilities
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
        descriptor.venue,
        descriptor.adapter_version,
        adapter.size_bytes(),
        adapter.sha256()
    );
    let mut list = |title: &str, lines: Vec<String>| {
        for (index, line) in lines.iter().enumerate() {
            text.push_str(&format!(
                "  {:<9} {line}\n",
                if index == 0 { title } else { "" }
            ));
        }
    };
    list("imports", adapter.surface().imports.clone());
    list("exports", adapter.surface().exports.clone());
    list(
        "endpoints",
        descriptor
            .endpoints
            .iter()
            .map(|e| format!("{}: {} ({})", e.alias, e.description, names(&e.products)))
            .collect(),
    );
    list(
        "calls",
        descriptor
            .allowed_calls
            .iter()
            .map(|call| {
                let changes = if call.mutates {
                    "  (may change something)"
                } else {
                    ""
                };
                format!(
                    "{:<6} {}:{}{changes}",
                    method_name(call.method),
                    call.endpoint,
                    call.path
                )
            })
            .collect(),
    );
    list(
        "buckets",
        descriptor
            .buckets
            .iter()
            .map(|b| {
                format!(
                    "{}: {} per {} s, by {}",
                    b.name,
                    b.limit,
                    b.window_ms / 1_000,
                    bucket_scope(b.scope)
                )
            })
            .collect(),
    );
    list(
        "amend",
        descriptor
            .endpoint_rules
            .iter()
            .map(|r| format!("{}: {}", r.endpoint, amend_mode(r.amend_mode)))
            .collect(),
    );
    text
}

fn to_json(adapter: &Adapter) -> Value {
    let descriptor = adapter.descriptor();
    json!({
        "contract": contract(adapter),
        "venue": descriptor.venue,
        "version": descriptor.adapter_version,
        "size_bytes": adapter.size_bytes(),
        "sha256": adapter.sha256(),
        "imports": adapter.surface().imports,
        "exports": adapter.surface().exports,
        "capabilities": adapter.surface().capabilities.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "endpoints": descriptor.endpoints.iter().map(|e| json!({
            "alias": e.alias, "description": e.description, "products": products(&e.products),
        })).collect::<Vec<_>>(),
        "allowed_calls": descriptor.allowed_calls.iter().map(|c| json!({
            "endpoint": c.endpoint, "method": method_name(c.method), "path": c.path, "mutates": c.mutates,
        })).collect::<Vec<_>>(),
        "buckets": descriptor.buckets.iter().map(|b| json!({
            "name": b.name, "scope": bucket_scope(b.scope), "limit": b.limit, "window_ms": b.window_ms,
        })).collect::<Vec<_>>(),
        "endpoint_rules": descriptor.endpoint_rules.iter().map(|r| json!({
            "endpoint": r.endpoint, "amend": amend_mode(r.amend_mode), "settle_ms": r.settle_ms,
            "max_window_ms": r.max_window_ms, "reduce_only": r.reduce_only,
        })).collect::<Vec<_>>(),
    })
}

/// The contract version the component was built against: its descriptor carries it.
fn contract(adapter: &Adapter) -> &str {
    let mut exports = adapter.surface().exports.iter();
    exports
        .find_map(|export| export.strip_prefix("switchyard:adapter/descriptor@"))
        .unwrap_or_default()
}

fn products(products: &[switchyard_runtime::wit::types::Product]) -> Vec<Value> {
    products
        .iter()
        .filter_map(|p| serde_json::to_value(crate::plugin::translate::product(*p)).ok())
        .collect()
}

fn names(list: &[switchyard_runtime::wit::types::Product]) -> String {
    products(list)
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

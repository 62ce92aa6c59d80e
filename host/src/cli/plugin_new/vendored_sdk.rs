//! The Rust SDK as it goes into a project: the sources as they are, and a manifest that stands alone.

use toml::{Table, Value};

macro_rules! sources {
    ($($file:literal),+) => {
        /// The SDK's modules, by file name.
        pub(super) const SOURCES: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../../../plugins/sdk/src/", $file)))),+];
    };
}

sources!(
    "adapter.rs",
    "bindings.rs",
    "context.rs",
    "decimal.rs",
    "errors.rs",
    "export.rs",
    "json.rs",
    "lib.rs",
    "query.rs",
    "request.rs",
    "testing.rs",
    "time.rs"
);

const MANIFEST: &str = include_str!("../../../../plugins/sdk/Cargo.toml");
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// The SDK's manifest with everything in it that it has from its workspace; its own tests stay behind.
pub(super) fn manifest() -> String {
    let mut manifest = parsed(MANIFEST);
    let workspace = parsed(WORKSPACE).remove("workspace");
    let inherited = |section: &str, key: &str| {
        let entry = workspace.as_ref()?.get(section)?.get(key)?;
        Some(entry.clone())
    };
    manifest.remove("dev-dependencies");
    manifest.remove("lints");
    if let Some(Value::Table(package)) = manifest.get_mut("package") {
        for (key, value) in package.iter_mut() {
            resolve(value, || inherited("package", key));
        }
    }
    if let Some(Value::Table(dependencies)) = manifest.get_mut("dependencies") {
        for (key, value) in dependencies.iter_mut() {
            resolve(value, || inherited("dependencies", key));
        }
    }
    manifest.to_string()
}

/// Puts the workspace's entry in the place of `{ workspace = true, ... }`; the rest of what stands there adds
/// to it, as Cargo has it.
fn resolve(value: &mut Value, inherited: impl FnOnce() -> Option<Value>) {
    let Some(own) = value.as_table().filter(|own| own.contains_key("workspace")) else {
        return;
    };
    let Some(entry) = inherited() else { return };
    let mut own = own.clone();
    own.remove("workspace");
    if own.is_empty() {
        *value = entry;
        return;
    }
    let mut merged = match entry {
        Value::Table(table) => table,
        version => Table::from_iter([("version".to_owned(), version)]),
    };
    for (key, addition) in own {
        match (merged.get_mut(&key), addition) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (_, addition) => {
                merged.insert(key, addition);
            }
        }
    }
    *value = Value::Table(merged);
}

/// Cargo has read both when this program was built.
fn parsed(text: &str) -> Table {
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_that_go_into_a_project_are_all_of_the_sdk() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk/src");
        let mut there: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        let vendored: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
        assert_eq!(vendored, there);
    }

    #[test]
    fn nothing_in_a_projects_sdk_refers_to_a_workspace() {
        let manifest = manifest();
        assert!(!manifest.contains("workspace"), "{manifest}");
        let manifest = parsed(&manifest);
        let json = &manifest["dependencies"]["serde_json"];
        assert_eq!(json["version"].as_str(), Some("1"));
        assert_eq!(json["features"][0].as_str(), Some("raw_value"));
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
        assert_eq!(
            manifest["dependencies"]["ring"]["optional"].as_bool(),
            Some(true)
        );
    }
}

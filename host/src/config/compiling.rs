//! How adapters are compiled, and where their machine code is kept.

use std::path::{Path, PathBuf};

use super::{Config, ConfigError, PluginsConfig, check_range};
use crate::plugin::compile::CompileLimits;

/// Directory of machine code beside the journal.
const CODE_CACHE: &str = "switchyard-code-cache";

/// Directory of adapters' versions beside the journal.
const PLUGIN_STATE: &str = "switchyard-plugins";

/// Least address space for a compiler: the program itself and a small adapter take less than half of it.
const LEAST_MEMORY_BYTES: u64 = 256 << 20;

impl Config {
    /// Where compiled machine code is kept: beside the journal's file, unless configuration says otherwise.
    pub fn code_cache(&self) -> PathBuf {
        let configured = self.plugins.code_cache.clone();
        configured.unwrap_or_else(|| self.beside_journal(CODE_CACHE))
    }

    /// Where versions of adapters are kept: beside the journal's file, unless configuration says otherwise.
    pub fn plugin_state_directory(&self) -> PathBuf {
        let configured = self.plugins.state_directory.clone();
        configured.unwrap_or_else(|| self.beside_journal(PLUGIN_STATE))
    }

    fn beside_journal(&self, name: &str) -> PathBuf {
        let file = self.store.url.strip_prefix("sqlite://");
        // A journal on a server has nothing beside it; the working directory has.
        file.map_or_else(
            || PathBuf::from(name),
            |file| Path::new(file).with_file_name(name),
        )
    }
}

impl PluginsConfig {
    /// What compiling an adapter may use.
    pub fn compile_limits(&self) -> CompileLimits {
        CompileLimits {
            core_percent: self.compile_core_percent,
            ..CompileLimits::new(self.compile_memory_bytes, self.compile_seconds)
        }
    }

    pub(super) fn check_compiling(&self) -> Result<(), ConfigError> {
        check_range(
            "plugins.compile_memory_bytes",
            self.compile_memory_bytes,
            LEAST_MEMORY_BYTES,
            1 << 40,
        )?;
        check_range("plugins.compile_seconds", self.compile_seconds, 1, 3_600)?;
        // With less, the time by the clock would be over before the processor time.
        check_range(
            "plugins.compile_core_percent",
            self.compile_core_percent.into(),
            20,
            100,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "[auth]\nmode = \"open\"\n";
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn config(text: &str) -> Result<Config, String> {
        Config::from_toml(&format!("{OPEN}{text}"), "test.toml").map_err(|error| error.to_string())
    }

    #[test]
    fn machine_code_is_kept_beside_the_journal_or_where_configuration_says() {
        for (text, directory) in [
            ("", "switchyard-code-cache"),
            (
                "[store]\nurl = \"sqlite:///var/lib/gateway/journal.db\"",
                "/var/lib/gateway/switchyard-code-cache",
            ),
            (
                "[store]\nurl = \"sqlite://data/journal.db\"",
                "data/switchyard-code-cache",
            ),
            (
                "[store]\nurl = \"postgres://gateway@db/journal\"",
                "switchyard-code-cache",
            ),
            ("[plugins]\ncode_cache = \"/var/cache/x\"", "/var/cache/x"),
        ] {
            assert_eq!(config(text).unwrap().code_cache(), Path::new(directory));
        }
    }

    #[test]
    fn compiling_has_the_documented_limits_and_they_can_be_set_within_reason() {
        let default = config("").unwrap().plugins;
        assert_eq!(default.compile_limits(), CompileLimits::default());
        assert_eq!(default.compile_memory_bytes, 2_147_483_648);
        assert_eq!(default.compile_seconds, 120);
        assert_eq!(default.compile_core_percent, 50);
        assert!(!default.trusted_keys.are_asked_for());

        let set = config(
            "[plugins]\ncompile_memory_bytes = 536870912\ncompile_seconds = 7\ncompile_core_percent = 80",
        );
        assert_eq!(
            set.unwrap().plugins.compile_limits(),
            CompileLimits {
                core_percent: 80,
                ..CompileLimits::new(512 << 20, 7)
            }
        );
        for (key, text) in [
            ("compile_memory_bytes", "1000000"),
            ("compile_seconds", "0"),
            ("compile_seconds", "3601"),
            ("compile_core_percent", "19"),
            ("compile_core_percent", "101"),
        ] {
            let refused = config(&format!("[plugins]\n{key} = {text}")).unwrap_err();
            assert!(refused.contains(&format!("plugins.{key}")), "{refused}");
        }
    }

    #[test]
    fn a_trusted_key_must_be_one() {
        let keys = config(&format!("[plugins]\ntrusted_keys = [{KEY:?}]"));
        assert!(keys.unwrap().plugins.trusted_keys.are_asked_for());
        for text in ["", "nonsense", &KEY[..55], &KEY.replace("RWQ", "AAA")] {
            let refused = config(&format!("[plugins]\ntrusted_keys = [{text:?}]")).unwrap_err();
            assert!(
                refused.contains("plugins.trusted_keys") && refused.contains("minisign"),
                "{refused}"
            );
        }
    }
}

//! `[plugins]`: adapters, their versions, and what they may use.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switchyard_runtime::Limits;

use super::{ConfigError, check_range};
use crate::plugin::compile::CompileLimits;
use crate::plugin::signature::TrustedKeys;

/// `[plugins]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsConfig {
    /// Directory of `NAME.wasm` files.
    pub directory: PathBuf,
    /// Who approves the calls that a version declares and the one before it did not.
    pub approval: Approval,
    /// Directory of compiled machine code; absent means one beside the journal.
    pub code_cache: Option<PathBuf>,
    /// Address space of the process that compiles an adapter.
    pub compile_memory_bytes: u64,
    /// Processor time for compiling an adapter, in seconds; ten times as much may go by.
    pub compile_seconds: u64,
    /// Share of one core's time that this takes while the gateway serves, in percent.
    pub compile_core_percent: u8,
    /// Minisign public keys; where there are any, an adapter must be signed by one of them.
    pub trusted_keys: TrustedKeys,
    /// Processor time of one encode or decode, in milliseconds.
    pub call_deadline_ms: u64,
    /// Processor time of one decode of a listing, in milliseconds.
    pub bulk_call_deadline_ms: u64,
    /// Processor time to make an instance, in milliseconds.
    pub instantiate_deadline_ms: u64,
    /// Linear memory of one instance.
    pub memory_bytes: usize,
    /// Instances of one adapter alive at once.
    pub instances_per_adapter: usize,
    /// Calls after which an instance is replaced.
    pub uses_per_instance: u64,
    /// Largest component file.
    pub component_bytes: usize,
    /// Time between two looks at the directory where no event says that it changed, in milliseconds; 0
    /// relies on events, as long as they can be had.
    pub poll_ms: u64,
    /// How long a file must stay as it is before it is taken, in milliseconds.
    pub settle_ms: u64,
    /// Directory of versions that are kept; absent means one beside the journal.
    pub state_directory: Option<PathBuf>,
    /// Versions kept beside those that are needed.
    pub keep_versions: usize,
    /// Calls within a minute that the active version may fail to complete before the one before it returns.
    pub traps_allowed: usize,
    /// Share of the reads that a new version serves before it serves all, from 0 to 1; 0 promotes at once what
    /// was validated.
    pub canary_share: f64,
    /// How a new version is tried.
    pub trial: TrialSettings,
}

/// `[plugins.trial]`: what a new version of an adapter goes through before it serves.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrialSettings {
    /// Newest exchanges of the journal that it replays first.
    pub replay: usize,
    /// Calls after which a canary is judged.
    pub calls: u32,
    /// Time after which it is judged whatever it did, in milliseconds.
    pub time_ms: u64,
    /// Share of exchanges that it may do otherwise than the active version, in percent.
    pub max_difference_percent: u8,
    /// Time it may take for them, in percent of the active version's.
    pub max_slowdown_percent: u32,
}

impl Default for TrialSettings {
    fn default() -> Self {
        Self {
            replay: 500,
            calls: 200,
            time_ms: 5_000,
            max_difference_percent: 10,
            max_slowdown_percent: 300,
        }
    }
}

/// Who approves an adapter's declared calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Nobody: for development.
    Auto,
    /// An operator: a version that wants more than the last approved one waits.
    Manual,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        let limits = Limits::default();
        let compile = CompileLimits::default();
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            directory: "plugins/dist".into(),
            approval: Approval::Auto,
            code_cache: None,
            compile_memory_bytes: compile.memory_bytes,
            compile_seconds: compile.cpu_seconds,
            compile_core_percent: compile.core_percent,
            trusted_keys: TrustedKeys::default(),
            call_deadline_ms: millis(limits.call_deadline),
            bulk_call_deadline_ms: millis(limits.bulk_call_deadline),
            instantiate_deadline_ms: millis(limits.instantiate_deadline),
            memory_bytes: limits.memory_bytes,
            instances_per_adapter: limits.instances_per_adapter,
            uses_per_instance: limits.uses_per_instance,
            component_bytes: limits.component_bytes,
            poll_ms: 2_000,
            settle_ms: 100,
            state_directory: None,
            keep_versions: 10,
            traps_allowed: 5,
            canary_share: 0.1,
            trial: TrialSettings::default(),
        }
    }
}

impl PluginsConfig {
    /// The runtime's view of these settings.
    pub fn limits(&self) -> Limits {
        Limits {
            call_deadline: Duration::from_millis(self.call_deadline_ms),
            bulk_call_deadline: Duration::from_millis(self.bulk_call_deadline_ms),
            instantiate_deadline: Duration::from_millis(self.instantiate_deadline_ms),
            memory_bytes: self.memory_bytes,
            instances_per_adapter: self.instances_per_adapter,
            uses_per_instance: self.uses_per_instance,
            component_bytes: self.component_bytes,
            ..Limits::default()
        }
    }
}

impl PluginsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        for (key, number, least, most) in [
            ("call_deadline_ms", self.call_deadline_ms, 1, 10_000),
            (
                "bulk_call_deadline_ms",
                self.bulk_call_deadline_ms,
                1,
                60_000,
            ),
            (
                "instantiate_deadline_ms",
                self.instantiate_deadline_ms,
                1,
                60_000,
            ),
            ("memory_bytes", number(self.memory_bytes), 1 << 20, 4 << 30),
            (
                "instances_per_adapter",
                number(self.instances_per_adapter),
                1,
                128,
            ),
            ("uses_per_instance", self.uses_per_instance, 1, u64::MAX),
            ("component_bytes", number(self.component_bytes), 1, 1 << 30),
            ("poll_ms", self.poll_ms, 0, 3_600_000),
            ("settle_ms", self.settle_ms, 10, 60_000),
        ] {
            check_range(&format!("plugins.{key}"), number, least, most)?;
        }
        let trial = &self.trial;
        for (key, number, least, most) in [
            ("keep_versions", number(self.keep_versions), 0, 1_000),
            ("traps_allowed", number(self.traps_allowed), 0, 1_000_000),
            ("trial.replay", number(trial.replay), 0, 10_000),
            ("trial.calls", trial.calls.into(), 1, 1_000_000),
            ("trial.time_ms", trial.time_ms, 1, 86_400_000),
            (
                "trial.max_difference_percent",
                trial.max_difference_percent.into(),
                0,
                100,
            ),
            (
                "trial.max_slowdown_percent",
                trial.max_slowdown_percent.into(),
                1,
                100_000,
            ),
        ] {
            check_range(&format!("plugins.{key}"), number, least, most)?;
        }
        if !(0.0..=1.0).contains(&self.canary_share) {
            let share = self.canary_share.to_string();
            let problem = "must be from 0 to 1".to_owned();
            return Err(super::value("plugins.canary_share", &share, problem));
        }
        self.check_compiling()
    }
}

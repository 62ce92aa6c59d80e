//! What is measured of adapters' versions.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use switchyard_runtime::Adapter;

/// A step in a version's life.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StepLabels {
    plugin: String,
    state: &'static str,
}

/// A version that serves.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VersionLabels {
    plugin: String,
    version: String,
    sha256: String,
}

/// A plugin.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PluginLabels {
    plugin: String,
}

/// Handles to the metrics of adapters' versions.
#[derive(Debug)]
pub struct PluginMetrics {
    steps: Family<StepLabels, Counter>,
    active: Family<VersionLabels, Gauge>,
    fallbacks: Family<PluginLabels, Counter>,
}

impl PluginMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            steps: Family::default(),
            active: Family::default(),
            fallbacks: Family::default(),
        };
        registry.register(
            "plugin_version_steps",
            "Steps in the lives of adapters' versions",
            this.steps.clone(),
        );
        registry.register(
            "plugin_active",
            "1 for the version of an adapter that serves",
            this.active.clone(),
        );
        registry.register(
            "plugin_decode_fallbacks",
            "Answers that only an earlier version could read",
            this.fallbacks.clone(),
        );
        this
    }

    /// Counts a step in a version's life.
    pub fn stepped(&self, plugin: &str, state: &'static str) {
        let plugin = plugin.to_owned();
        self.steps
            .get_or_create(&StepLabels { plugin, state })
            .inc();
    }

    /// Notes which version serves, in place of `before`.
    pub fn serves(&self, plugin: &str, adapter: &Adapter, before: Option<&Adapter>) {
        let version = |adapter: &Adapter| adapter.descriptor().adapter_version.clone();
        if let Some(before) = before {
            // Versions come and go: what serves no more is shown no more.
            let labels = labels(plugin, &version(before), before.sha256());
            self.active.remove(&labels);
        }
        self.serving(plugin, &version(adapter), adapter.sha256());
        let plugin = plugin.to_owned();
        drop(self.fallbacks.get_or_create(&PluginLabels { plugin }));
    }

    pub(super) fn serving(&self, plugin: &str, version: &str, sha256: &str) {
        self.active
            .get_or_create(&labels(plugin, version, sha256))
            .set(1);
    }

    /// Counts an answer that only an earlier version could read.
    pub fn fell_back(&self, plugin: &str) {
        let plugin = plugin.to_owned();
        self.fallbacks.get_or_create(&PluginLabels { plugin }).inc();
    }
}

fn labels(plugin: &str, version: &str, sha256: &str) -> VersionLabels {
    VersionLabels {
        plugin: plugin.to_owned(),
        version: version.to_owned(),
        sha256: sha256.chars().take(12).collect(),
    }
}

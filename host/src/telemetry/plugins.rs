//! What is measured of adapters' versions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};
use switchyard_runtime::{Adapter, Usage};

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

/// Instances of a plugin.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InstanceLabels {
    plugin: String,
    state: &'static str,
}

/// What a plugin's versions use.
#[derive(Debug, Default)]
struct Used {
    /// Of the versions that may be called still.
    versions: Vec<Arc<Usage>>,
    /// Spent by those that are gone.
    time_before: Duration,
}

impl Used {
    /// Keeps no more of a version that is gone than the time it took.
    fn forget_the_gone(&mut self) {
        let Self {
            versions,
            time_before,
        } = self;
        versions.retain(|usage| {
            let is_alive = Arc::strong_count(usage) > 1;
            if !is_alive {
                *time_before += usage.time_in_calls();
            }
            is_alive
        });
    }

    fn sum(&self, of: fn(&Usage) -> u64) -> u64 {
        self.versions.iter().map(|usage| of(usage)).sum()
    }
}

/// Reads what adapters use when somebody asks.
#[derive(Debug, Clone, Default)]
struct UsageCollector(Arc<Mutex<BTreeMap<String, Used>>>);

impl UsageCollector {
    fn watch(&self, plugin: &str, usage: &Arc<Usage>) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.entry(plugin.to_owned()).or_default();
        used.forget_the_gone();
        if !used.versions.iter().any(|known| Arc::ptr_eq(known, usage)) {
            used.versions.push(usage.clone());
        }
    }
}

impl Collector for UsageCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.values_mut().for_each(Used::forget_the_gone);
        let number = |count: u64| ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
        let mut instances = encoder.encode_descriptor(
            "adapter_instances",
            "Instances of adapters' versions that serve or drain",
            None,
            MetricType::Gauge,
        )?;
        for (plugin, used) in used.iter() {
            let busy = used.sum(Usage::busy);
            let idle = used.sum(Usage::instances).saturating_sub(busy);
            for (state, count) in [("busy", busy), ("idle", idle)] {
                let plugin = plugin.clone();
                number(count)
                    .encode(instances.encode_family(&InstanceLabels { plugin, state })?)?;
            }
        }
        let mut memory = encoder.encode_descriptor(
            "adapter_memory",
            "Linear memory of those instances",
            Some(&Unit::Bytes),
            MetricType::Gauge,
        )?;
        for (plugin, used) in used.iter() {
            let plugin = plugin.clone();
            number(used.sum(Usage::memory_bytes))
                .encode(memory.encode_family(&PluginLabels { plugin })?)?;
        }
        let mut time = encoder.encode_descriptor(
            "adapter_wasm",
            "Time spent inside of adapters, without the wait for an instance",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?;
        for (plugin, used) in used.iter() {
            let plugin = plugin.clone();
            let now: Duration = used
                .versions
                .iter()
                .map(|usage| usage.time_in_calls())
                .sum();
            ConstCounter::new((used.time_before + now).as_secs_f64())
                .encode(time.encode_family(&PluginLabels { plugin })?)?;
        }
        Ok(())
    }
}

/// Handles to the metrics of adapters' versions.
#[derive(Debug)]
pub struct PluginMetrics {
    steps: Family<StepLabels, Counter>,
    active: Family<VersionLabels, Gauge>,
    fallbacks: Family<PluginLabels, Counter>,
    usage: UsageCollector,
}

impl PluginMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            steps: Family::default(),
            active: Family::default(),
            fallbacks: Family::default(),
            usage: UsageCollector::default(),
        };
        registry.register_collector(Box::new(this.usage.clone()));
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
    pub fn serves(&self, plugin: &str, adapter: &Arc<Adapter>, before: Option<&Adapter>) {
        let version = |adapter: &Adapter| adapter.descriptor().adapter_version.clone();
        if let Some(before) = before {
            // Versions come and go: what serves no more is shown no more.
            let labels = labels(plugin, &version(before), before.sha256());
            self.active.remove(&labels);
        }
        self.serving(plugin, &version(adapter), adapter.sha256());
        self.usage.watch(plugin, adapter.usage());
        for state in ["active", "rejected", "quarantined"] {
            let plugin = plugin.to_owned();
            // What has never happened reads 0, so that its first time shows as a change.
            drop(self.steps.get_or_create(&StepLabels { plugin, state }));
        }
        let plugin = plugin.to_owned();
        drop(self.fallbacks.get_or_create(&PluginLabels { plugin }));
    }

    #[cfg(test)]
    pub(super) fn uses(&self, plugin: &str, usage: &Arc<Usage>) {
        self.usage.watch(plugin, usage);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_gone_is_forgotten_and_its_time_is_not() {
        let collector = UsageCollector::default();
        let (serving, gone) = (Arc::new(Usage::default()), Arc::new(Usage::default()));
        collector.watch("p", &gone);
        collector.watch("p", &serving);
        collector.watch("p", &serving);
        let versions = |collector: &UsageCollector| collector.0.lock().unwrap()["p"].versions.len();
        assert_eq!(versions(&collector), 2, "each is counted once");
        drop(gone);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(collector.clone()));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert_eq!(versions(&collector), 1);
        assert!(
            text.contains("adapter_wasm_seconds_total{plugin=\"p\"} "),
            "{text}"
        );
        assert!(
            text.contains("adapter_instances{plugin=\"p\",state=\"busy\"} 0"),
            "{text}"
        );
    }
}

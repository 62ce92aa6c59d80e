//! Metrics as documents of the Embedded Metric Format.
//!
//! Sources: Amazon CloudWatch User Guide, "Specification: Embedded metric format" (structure and limits). What a
//! histogram looks like (`Values`, `Counts`, `Min`, `Max`, `Sum`) is as in PutMetricData's MetricDatum, and as
//! AWS' own libraries and the CloudWatch agent write it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::samples::samples;
use super::selection::{CHOSEN, Chosen, Kind};
use crate::config::EmfConfig;
use crate::model::Timestamp;

/// Values of a metric's labels, in the order of [`Chosen::labels`].
type LabelValues = Vec<String>;

/// Names and values, sorted.
type Dimensions = Vec<(String, String)>;

/// What a metric came to since the process began.
#[derive(Debug, Clone, Default)]
struct Total {
    /// Of a counter or a gauge; of a histogram, the sum of what was observed.
    value: f64,
    /// Observations up to a bound, by the bound's bits: of numbers that are not negative these sort as they do.
    up_to: BTreeMap<u64, f64>,
}

/// Which sample of a metric it is.
#[derive(Debug, Clone, Copy)]
enum Part {
    Value,
    Bucket,
}

/// Makes documents, each of what is new since the one before.
#[derive(Debug)]
pub(super) struct Documents {
    namespace: String,
    dimensions: Dimensions,
    parts: HashMap<String, (usize, Part)>,
    before: BTreeMap<(usize, LabelValues), Total>,
}

impl Documents {
    pub(super) fn new(config: &EmfConfig) -> Self {
        let mut parts = HashMap::new();
        for (index, chosen) in CHOSEN.iter().enumerate() {
            let name = chosen.name;
            match chosen.kind {
                Kind::Gauge => parts.insert(name.to_owned(), (index, Part::Value)),
                Kind::Counter => parts.insert(format!("{name}_total"), (index, Part::Value)),
                Kind::Histogram => {
                    parts.insert(format!("{name}_sum"), (index, Part::Value));
                    parts.insert(format!("{name}_bucket"), (index, Part::Bucket))
                }
            };
        }
        Self {
            namespace: config.namespace.clone(),
            dimensions: config.dimensions.clone().into_iter().collect(),
            parts,
            before: BTreeMap::new(),
        }
    }

    /// The documents, each one line, of what OpenMetrics text holds beyond that of the last call.
    pub(super) fn next(&mut self, text: &str, at: Timestamp) -> Vec<String> {
        let now = self.totals(text);
        let mut groups: BTreeMap<Dimensions, Vec<(&Chosen, Value)>> = BTreeMap::new();
        for (key @ (index, values), total) in &now {
            let Some(chosen) = CHOSEN.get(*index) else {
                continue;
            };
            let told = match chosen.kind {
                Kind::Gauge => number(total.value),
                Kind::Counter => number(grown(total.value, self.before.get(key), |t| t.value)),
                Kind::Histogram => observed(total, self.before.get(key)),
            };
            if let Some(told) = told {
                let mut dimensions = self.dimensions.clone();
                let labels = chosen.labels.iter().zip(values);
                dimensions.extend(labels.map(|(name, value)| ((*name).to_owned(), value.clone())));
                groups.entry(dimensions).or_default().push((chosen, told));
            }
        }
        self.before = now;
        let groups = groups.iter();
        groups
            .map(|(dimensions, metrics)| self.document(dimensions, metrics, at))
            .collect()
    }

    fn totals(&self, text: &str) -> BTreeMap<(usize, LabelValues), Total> {
        let mut totals: BTreeMap<(usize, LabelValues), Total> = BTreeMap::new();
        for sample in samples(text) {
            let Some((index, part)) = self.parts.get(sample.name) else {
                continue;
            };
            let Some(chosen) = CHOSEN.get(*index) else {
                continue;
            };
            let labels = chosen.labels.iter();
            // CloudWatch takes no dimension without a value.
            let value = |label: &&str| match sample.label(label) {
                "" => "-".to_owned(),
                value => value.to_owned(),
            };
            let total = totals
                .entry((*index, labels.map(value).collect()))
                .or_default();
            match part {
                Part::Value => total.value += sample.value,
                Part::Bucket => {
                    if let Ok(bound) = sample.label("le").parse::<f64>() {
                        *total.up_to.entry(bound.to_bits()).or_default() += sample.value;
                    }
                }
            }
        }
        totals
    }

    /// Metrics of the same dimensions.
    fn document(
        &self,
        dimensions: &Dimensions,
        metrics: &[(&Chosen, Value)],
        at: Timestamp,
    ) -> String {
        let names: Vec<&String> = dimensions.iter().map(|(name, _)| name).collect();
        let told = metrics.iter();
        let definitions: Vec<Value> = told
            .map(|(chosen, _)| json!({"Name": chosen.name, "Unit": chosen.unit}))
            .collect();
        let mut root = Map::new();
        root.insert(
            "_aws".into(),
            json!({
                "Timestamp": at.as_millis(),
                "CloudWatchMetrics": [
                    {"Namespace": self.namespace, "Dimensions": [names], "Metrics": definitions},
                ],
            }),
        );
        for (name, value) in dimensions {
            root.insert(name.clone(), value.as_str().into());
        }
        for (chosen, value) in metrics {
            root.insert(chosen.name.into(), value.clone());
        }
        Value::Object(root).to_string()
    }
}

/// How much a total grew; all of it, where it began anew.
fn grown(now: f64, before: Option<&Total>, of: impl Fn(&Total) -> f64) -> f64 {
    let before = before.map_or(0.0, of);
    if now >= before { now - before } else { now }
}

/// What a histogram observed since: each bucket's observations count as its upper bound, so no percentile is told
/// smaller than it is; sum and count are exact. None where nothing was observed.
fn observed(now: &Total, before: Option<&Total>) -> Option<Value> {
    let sum = grown(now.value, before, |total| total.value);
    let (mut values, mut counts) = (Vec::new(), Vec::new());
    let (mut least, mut most, mut count) = (None, 0.0_f64, 0.0);
    let mut lower = 0.0;
    for (bits, up_to) in &now.up_to {
        let bound = f64::from_bits(*bits);
        let all = grown(*up_to, before, |total| {
            total.up_to.get(bits).copied().unwrap_or(0.0)
        });
        let new = all - count;
        if new > 0.0 {
            least.get_or_insert(lower);
            count = all;
            // Beyond the last bound nothing is known but the mean, which may lie above it.
            most = if bound.is_finite() {
                bound
            } else {
                f64::max(lower, sum / count)
            };
            values.push(number(most)?);
            counts.push(number(new)?);
        }
        lower = bound;
    }
    Some(json!({
        "Values": values,
        "Counts": counts,
        "Min": number(least?)?,
        "Max": number(most)?,
        "Sum": number(sum)?,
        "Count": number(count)?,
    }))
}

/// A number in JSON, whole ones without a point; none where it is no number.
fn number(value: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Some((value as i64).into());
    }
    serde_json::Number::from_f64(value).map(Value::Number)
}

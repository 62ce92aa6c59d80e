//! `monitoring/METRICS.md`, which a test of the gateway holds to what the gateway exposes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::files::{monitoring, rules};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows: asked for with `rate` or `increase`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Buckets of a histogram; the name without a suffix is no series.
    Bucket,
    /// Sum or count of a histogram, which only grow.
    Total,
    /// Made by a recording rule, or by Prometheus itself.
    Recorded,
}

/// Every series that can be asked for: its kind and its labels, without those that Prometheus adds.
#[derive(Debug)]
pub struct Guide(BTreeMap<String, (Kind, BTreeSet<String>)>);

impl Guide {
    /// Reads the tables of `METRICS.md` and adds what recording rules make.
    pub fn read() -> Self {
        let text = fs::read_to_string(monitoring().join("METRICS.md")).unwrap();
        let mut series = BTreeMap::new();
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let name = cells[1].trim_matches('`');
            let labels = cells[3].split('`').skip(1).step_by(2);
            let labels: BTreeSet<String> = labels.map(str::to_owned).collect();
            let mut with_bound = labels.clone();
            with_bound.insert("le".to_owned());
            let mut add = |suffix: &str, kind, labels: &BTreeSet<String>| {
                series.insert(format!("{name}{suffix}"), (kind, labels.clone()));
            };
            match cells[2] {
                "counter" => add("_total", Kind::Counter, &labels),
                "info" => add("_info", Kind::Gauge, &labels),
                "gauge" => add("", Kind::Gauge, &labels),
                "histogram" => {
                    add("_bucket", Kind::Bucket, &with_bound);
                    add("_sum", Kind::Total, &labels);
                    add("_count", Kind::Total, &labels);
                }
                other => panic!("{name} is of no known kind: {other}"),
            }
        }
        assert!(series.len() > 50, "the tables are read: {}", series.len());
        series.insert("up".to_owned(), (Kind::Recorded, BTreeSet::new()));
        for rule in rules("recording.rules.yml") {
            // level:metric:operation, where the level says which labels are left.
            let level = rule.name.split(':').next().unwrap();
            let labels = level.split('_').map(str::to_owned).collect();
            series.insert(rule.name, (Kind::Recorded, labels));
        }
        Self(series)
    }

    /// The kind and labels of a series, if there is one of that name.
    pub fn series(&self, name: &str) -> Option<(Kind, &BTreeSet<String>)> {
        self.0.get(name).map(|(kind, labels)| (*kind, labels))
    }
}

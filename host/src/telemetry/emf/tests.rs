use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, mpsc};

use serde_json::{Value, json};

use super::documents::Documents;
use super::selection::{CHOSEN, Kind};
use super::*;
use crate::telemetry::HttpLabels;

/// Metrics that one directive may name.
const MAX_METRICS: usize = 100;

/// Largest document, in bytes: container runtimes cut lines at 16 KiB, and half a document is none.
const MAX_BYTES: usize = 16 * 1024;

/// The schema of the specification (Amazon CloudWatch User Guide, "Specification: Embedded metric format"), with
/// today's limit of 30 dimensions and the limits that are told beside it: 100 metrics, and what a value may be.
fn schema() -> jsonschema::Validator {
    let units = "^(Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|\
                 Megabits|Gigabits|Terabits|Percent|Count|(Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|\
                 Kilobits|Megabits|Gigabits|Terabits|Count)/Second|None)$";
    let numbers =
        json!({"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 100});
    let name = json!({"type": "string", "minLength": 1, "maxLength": 255});
    let schema = json!({
        "type": "object",
        "required": ["_aws"],
        "properties": {
            "_aws": {
                "type": "object",
                "required": ["Timestamp", "CloudWatchMetrics"],
                "additionalProperties": false,
                "properties": {
                    "Timestamp": {"type": "integer", "minimum": 1_000_000_000_000_i64},
                    "CloudWatchMetrics": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["Namespace", "Dimensions", "Metrics"],
                            "additionalProperties": false,
                            "properties": {
                                "Namespace": name,
                                "Dimensions": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": {"type": "array", "maxItems": 30, "uniqueItems": true, "items": name},
                                },
                                "Metrics": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": 100,
                                    "items": {
                                        "type": "object",
                                        "required": ["Name"],
                                        "additionalProperties": false,
                                        "properties": {
                                            "Name": name,
                                            "Unit": {"type": "string", "pattern": units},
                                            "StorageResolution": {"enum": [1, 60]},
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
        "patternProperties": {
            "^switchyard_": {
                "anyOf": [
                    {"type": "number"},
                    {
                        "type": "object",
                        "required": ["Values", "Counts", "Min", "Max", "Sum", "Count"],
                        "additionalProperties": false,
                        "properties": {
                            "Values": numbers,
                            "Counts": numbers,
                            "Min": {"type": "number"},
                            "Max": {"type": "number"},
                            "Sum": {"type": "number"},
                            "Count": {"type": "number"},
                        },
                    },
                ],
            },
        },
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 1024},
    });
    jsonschema::validator_for(&schema).unwrap()
}

/// Documents that keep to the specification, read.
#[track_caller]
fn read(lines: &[String]) -> Vec<Value> {
    let schema = schema();
    let check = |line: &String| {
        assert!(line.len() <= MAX_BYTES && !line.contains('\n'), "{line}");
        let document: Value = serde_json::from_str(line).unwrap();
        let problems: Vec<String> = schema
            .iter_errors(&document)
            .map(|e| e.to_string())
            .collect();
        assert!(problems.is_empty(), "{problems:?}\n{line}");
        // What a schema cannot say: everything that is named is there, and nothing else.
        let directive = &document["_aws"]["CloudWatchMetrics"][0];
        let strings = |list: &Value| -> Vec<String> {
            let list = list.as_array().unwrap().iter();
            list.map(|name| name.as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let mut named = strings(&directive["Dimensions"][0]);
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!(metrics.len() <= MAX_METRICS);
        named.extend(metrics.iter().flat_map(|m| strings(&json!([m["Name"]]))));
        named.push("_aws".into());
        named.sort();
        let mut members: Vec<String> = document.as_object().unwrap().keys().cloned().collect();
        members.sort();
        assert_eq!(members, named, "{line}");
        document
    };
    lines.iter().map(check).collect()
}

fn documents() -> Documents {
    Documents::new(&EmfConfig::default())
}

fn at() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_123)
}

/// What a metric came to over all documents that have these dimensions.
fn told(documents: &[Value], name: &str, dimensions: &[(&str, &str)]) -> Vec<Value> {
    let matches = |document: &&Value| {
        let mut dimensions = dimensions.iter();
        dimensions.all(|(name, value)| document[name] == *value)
    };
    let found = documents.iter().filter(matches);
    found.filter_map(|d| d.get(name).cloned()).collect()
}

#[test]
fn counters_are_told_by_their_growth_and_gauges_as_they_are() {
    let mut documents = documents();
    let first = "switchyard_orders_total{venue=\"v\",outcome=\"refused\"} 5\nswitchyard_orders_unresolved{venue=\"v\"} 4\n";
    let second = first.replace(" 5", " 7").replace(" 4", " 1");
    let dimensions = [("venue", "v"), ("outcome", "refused")];
    for (text, orders, unresolved) in [
        (first, 5, 4),
        (first, 0, 4),
        (&second, 2, 1),
        // Begun anew, as a counter does whose owner was replaced.
        (first, 5, 4),
    ] {
        let report = read(&documents.next(text, at()));
        let grew = told(&report, "switchyard_orders", &dimensions);
        assert_eq!(grew, [json!(orders)]);
        let open = told(&report, "switchyard_orders_unresolved", &[("venue", "v")]);
        assert_eq!(open, [json!(unresolved)]);
        assert_eq!(report[0]["_aws"]["Timestamp"], 1_790_000_000_123_i64);
        assert_eq!(
            report[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"],
            "Switchyard"
        );
    }
}

#[test]
fn labels_that_are_no_dimension_are_added_up() {
    let text = "switchyard_http_requests_total{route=\"/a\",method=\"GET\",status=\"200\"} 5\n\
                switchyard_http_requests_total{route=\"/b\",method=\"GET\",status=\"200\"} 6\n\
                switchyard_http_requests_total{route=\"/b\",method=\"GET\",status=\"503\"} 1\n";
    let report = read(&documents().next(text, at()));
    let requests = |status| told(&report, "switchyard_http_requests", &[("status", status)]);
    assert_eq!(
        (requests("200"), requests("503")),
        (vec![json!(11)], vec![json!(1)])
    );
}

#[test]
fn a_histogram_is_told_by_what_it_observed_since() {
    let histogram = |a: u32, b: u32, inf: u32, sum: f64| {
        format!(
            "switchyard_journal_commit_duration_seconds_sum {sum}\n\
             switchyard_journal_commit_duration_seconds_count {inf}\n\
             switchyard_journal_commit_duration_seconds_bucket{{le=\"0.001\"}} {a}\n\
             switchyard_journal_commit_duration_seconds_bucket{{le=\"0.5\"}} {b}\n\
             switchyard_journal_commit_duration_seconds_bucket{{le=\"+Inf\"}} {inf}\n"
        )
    };
    let mut documents = documents();
    let mut next = |text: &str| {
        let report = read(&documents.next(text, at()));
        told(&report, "switchyard_journal_commit_duration_seconds", &[])
    };
    assert_eq!(
        next(&histogram(0, 0, 0, 0.0)),
        [] as [Value; 0],
        "nothing observed, nothing told"
    );
    let expected = json!({"Values": [0.001, 0.5], "Counts": [2, 1], "Min": 0, "Max": 0.5, "Sum": 0.25, "Count": 3});
    assert_eq!(next(&histogram(2, 3, 3, 0.25)), [expected]);
    // One between the bounds, and one far beyond the last.
    let expected = json!({"Values": [0.5, 4.0], "Counts": [1, 1], "Min": 0.001, "Max": 4.0, "Sum": 8.0, "Count": 2});
    let later = next(&histogram(2, 4, 5, 8.25));
    assert_eq!(later[0]["Count"], 2);
    assert_eq!(later[0]["Max"].as_f64(), expected["Max"].as_f64());
    assert_eq!(later[0]["Counts"], expected["Counts"]);
    assert_eq!(later[0]["Min"], expected["Min"]);
    assert_eq!(later[0]["Sum"].as_f64(), expected["Sum"].as_f64());
    assert_eq!(next(&histogram(2, 4, 5, 8.25)), [] as [Value; 0]);
}

#[test]
fn what_is_configured_is_a_dimension_of_everything() {
    let config = EmfConfig {
        namespace: "Desk/Switchyard".into(),
        dimensions: BTreeMap::from([("stage".to_owned(), "production".to_owned())]),
        ..EmfConfig::default()
    };
    let text = "switchyard_journal_broken 0\nswitchyard_venue_halted{venue=\"\"} 1\n";
    let report = read(&Documents::new(&config).next(text, at()));
    assert_eq!(report.len(), 2);
    for document in &report {
        assert_eq!(document["stage"], "production");
        let namespace = &document["_aws"]["CloudWatchMetrics"][0]["Namespace"];
        assert_eq!(namespace, "Desk/Switchyard");
    }
    // CloudWatch refuses a dimension without a value.
    assert_eq!(
        told(&report, "switchyard_venue_halted", &[("venue", "-")]).len(),
        1
    );
}

#[test]
fn the_largest_document_is_a_line_that_container_runtimes_do_not_cut() {
    let longest = |i: usize| (format!("d{i}{}", "x".repeat(253)), "y".repeat(255));
    let config = EmfConfig {
        dimensions: (0..10).map(longest).collect(),
        ..EmfConfig::default()
    };
    let mut text = String::new();
    for chosen in CHOSEN {
        let name = chosen.name;
        // Labels that more than one metric has, so that these are in one document.
        let labels: String = (chosen.labels.iter().map(|l| format!("{l}=\"v\","))).collect();
        match chosen.kind {
            Kind::Counter => text.push_str(&format!("{name}_total{{{labels}}} 1.5\n")),
            Kind::Gauge => text.push_str(&format!("{name}{{{labels}}} 1.5\n")),
            Kind::Histogram => {
                for i in 1..=50 {
                    let bound = f64::from(i) / 7.0;
                    text.push_str(&format!("{name}_bucket{{{labels}le=\"{bound}\"}} {i}\n"));
                }
            }
        }
    }
    let report = read(&Documents::new(&config).next(&text, at()));
    let metrics = |document: &Value| {
        let metrics = &document["_aws"]["CloudWatchMetrics"][0]["Metrics"];
        metrics.as_array().unwrap().len()
    };
    assert_eq!(report.iter().map(metrics).sum::<usize>(), CHOSEN.len());
}

#[test]
fn everything_that_is_chosen_is_a_metric_of_the_gateway() {
    let listed = include_str!("../../../../monitoring/METRICS.md");
    for chosen in CHOSEN {
        let row = format!("| `{}` |", chosen.name);
        let row = listed.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("{} is not listed", chosen.name));
        let kind = match chosen.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(columns[2], kind, "{row}");
        for label in chosen.labels {
            let has = columns[3].contains(&format!("`{label}`")) || columns[3] == "as above";
            assert!(has, "{label}: {row}");
        }
    }
}

fn placed() -> HttpLabels {
    HttpLabels {
        route: "/v1/orders".into(),
        method: "POST",
        status: 201,
    }
}

#[test]
fn the_real_registry_reads_as_documents() {
    let metrics = Metrics::default();
    metrics.answered(placed(), Duration::from_millis(3));
    metrics.journal_committed(Duration::from_millis(2));
    let report = read(&documents().next(&metrics.render(), at()));
    assert_eq!(
        told(&report, "switchyard_http_requests", &[("status", "201")]),
        [json!(1)]
    );
    let took = told(&report, "switchyard_http_request_duration_seconds", &[]);
    assert_eq!(took[0]["Values"], json!([0.005]));
    assert_eq!(took[0]["Sum"], 0.003);
    let committed = told(&report, "switchyard_journal_commit_duration_seconds", &[]);
    assert_eq!(committed[0]["Count"], 1);
}

/// Output that takes what it is given in one piece, as standard output does.
#[derive(Clone, Default)]
struct Pieces(Arc<Mutex<Vec<String>>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = String::from_utf8(bytes.to_vec()).unwrap();
        self.0.lock().unwrap().push(piece);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn counted() -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::default());
    metrics.answered(placed(), Duration::from_millis(3));
    metrics
}

#[test]
fn the_end_of_the_process_is_reported_too_and_each_line_is_written_at_once() {
    let output = Pieces::default();
    let reporter = EmfReporter::start(&EmfConfig::default(), counted(), output.clone());
    drop(reporter.unwrap());
    let pieces = output.0.lock().unwrap().clone();
    assert!(!pieces.is_empty());
    let lines: Vec<String> = pieces
        .iter()
        .map(|piece| piece.strip_suffix('\n').unwrap().to_owned())
        .collect();
    let report = read(&lines);
    let requests = told(&report, "switchyard_http_requests", &[("status", "201")]);
    assert_eq!(requests, [json!(1)]);
}

/// Output that nobody reads: it takes nothing until it is let go.
struct Stuck(mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn output_that_nobody_reads_does_not_keep_the_process_from_ending() {
    let (_let_go, stuck) = mpsc::channel();
    let reporter = EmfReporter::start(&EmfConfig::default(), counted(), Stuck(stuck)).unwrap();
    let began = std::time::Instant::now();
    drop(reporter);
    assert!(began.elapsed() < LAST_REPORT * 3);
}

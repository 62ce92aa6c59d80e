use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use switchyard_runtime::Usage;
use switchyard_test_needs::left_out;

use super::*;
use crate::model::OrderState;
use crate::telemetry::{
    BucketLabels, Dependency, FailoverLabels, OrderLabels, PriorityLabels, ReadLabels, RetryLabels,
    TransitionLabels,
};

/// One sample of everything: what has none is not shown.
fn sampled() -> Metrics {
    let (metrics, venue, took) = (Metrics::default(), || "v".to_owned(), Duration::ZERO);
    let at = EndpointLabels {
        venue: venue(),
        endpoint: "e".into(),
    };
    metrics.answered(
        HttpLabels {
            route: "/".into(),
            method: "GET",
            status: 200,
        },
        took,
    );
    metrics.venue_called(
        VenueCallLabels {
            venue: venue(),
            endpoint: "e".into(),
            operation: "o",
            outcome: "ok",
        },
        took,
    );
    let call = AdapterCallLabels {
        venue: venue(),
        operation: "o",
        phase: CallPhase::Encode,
    };
    metrics.adapter_called(call, took, Some("trap"));
    metrics.request_refused("v");
    metrics.endpoint_probed(&at, true, Some(-250));
    metrics.listed(&at, 1);
    metrics.watch("v");
    metrics.orders.placed(&OrderLabels {
        venue: venue(),
        outcome: "refused",
    });
    metrics.orders.entered("v", OrderState::Filled);
    metrics.orders.open(&BTreeMap::new());
    let reliability = &metrics.reliability;
    reliability.retried(&RetryLabels {
        venue: venue(),
        endpoint: "e".into(),
        operation: "o",
        reason: "r",
    });
    let opened = TransitionLabels {
        venue: venue(),
        endpoint: "e".into(),
        to: "open",
    };
    reliability.breaker_changed(&opened, 2);
    let bucket = BucketLabels {
        venue: venue(),
        bucket: "b".into(),
    };
    reliability.limit_is(&bucket, 1, 2);
    let read = PriorityLabels {
        venue: venue(),
        priority: "read",
    };
    reliability.waited(&read, took);
    reliability.bulkhead_is("v", 1, 1);
    reliability.shed("v", "breaker");
    reliability.overstepped("v", "max_notional");
    reliability.halted("v", true);
    let elsewhere = FailoverLabels {
        from: venue(),
        to: venue(),
        reason: "r",
    };
    reliability.failed_over(&elsewhere);
    let stale = ReadLabels {
        venue: venue(),
        kind: "ticker",
        source: "stale",
    };
    metrics.reads.answered(&stale, Some(took));
    metrics.reads.failed_over(&elsewhere);
    metrics.edge.privileged("/v1/keys", "ok");
    metrics.plugins.stepped("p", "active");
    metrics.plugins.fell_back("p");
    metrics.plugins.serving("p", "1.0.0", "00");
    metrics.plugins.uses("p", &Arc::new(Usage::default()));
    let source = crate::telemetry::SecretSource::File;
    let rotated = crate::telemetry::SecretOutcome::Rotated;
    metrics.secrets.read(source, rotated);
    metrics.secrets.failing(source, 1);
    metrics.dependencies.is_up(Dependency::Disk, true);
    metrics.dependencies.disk_free(Some(1));
    metrics.fates.resolved("v", took);
    metrics
}

/// Name, kind and labels of a metric.
type Described = (String, String, BTreeSet<String>);

/// The words in backquotes of a table's cell.
fn quoted(cell: &str) -> impl Iterator<Item = String> + '_ {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

fn listed() -> BTreeSet<Described> {
    let guide = include_str!("../../../../monitoring/METRICS.md");
    let rows = guide.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = quoted(cells[1]).next().unwrap();
        assert!(!cells[4].is_empty(), "{name} is explained");
        (name, cells[2].to_owned(), quoted(cells[3]).collect())
    })
    .collect()
}

/// The names in braces of a sample, without that of a histogram's bounds.
fn labels(sample: &str) -> BTreeSet<String> {
    let inside = sample
        .split_once('{')
        .and_then(|(_, rest)| rest.rsplit_once('}'));
    let pairs = inside.map_or("", |(inside, _)| inside);
    let names = pairs.split("\",").filter_map(|pair| pair.split_once('='));
    let names = names.map(|(name, _)| name.to_owned());
    names
        .filter(|name| !name.is_empty() && name != "le")
        .collect()
}

fn shown(text: &str) -> BTreeSet<Described> {
    let mut shown: Vec<Described> = Vec::new();
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, kind) = told.split_once(' ').unwrap();
            shown.push((name.to_owned(), kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let (name, _, known) = shown.last_mut().unwrap();
            assert!(line.starts_with(name.as_str()), "{line} is of {name}");
            known.extend(labels(line));
        }
    }
    shown.into_iter().collect()
}

#[tokio::test]
async fn the_monitoring_guide_lists_every_metric_that_there_is_and_no_other() {
    assert_eq!(shown(&sampled().render()), listed());
}

#[tokio::test]
async fn both_forms_tell_the_same_samples() {
    let metrics = sampled();
    let samples = |text: &str| -> Vec<String> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        // The time that passes between the two is measured as well.
        let names = samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned());
        names.collect()
    };
    let (open, plain) = (metrics.render(), metrics.render_prometheus_text());
    assert!(open.ends_with("# EOF\n"));
    assert_eq!(samples(&open), samples(&plain));
    assert!(open.contains("switchyard_venue_clock_skew_seconds{venue=\"v\",endpoint=\"e\"} -0.25"));
}

/// A family without samples is passed over, so a gateway that nothing has happened to yet shows little of what there is.
#[tokio::test]
async fn promtool_finds_nothing_to_say_against_any_metric_that_there_is() {
    let begun = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = begun else {
        left_out("promtool is not installed (Debian: apt-get install prometheus)");
        return;
    };
    let text = sampled().render_prometheus_text();
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let linted = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&linted.stderr).into_owned()
        + &String::from_utf8_lossy(&linted.stdout);
    assert!(linted.status.success() && said.is_empty(), "{said}\n{text}");
}

#[test]
fn what_is_free_on_a_disk_that_does_not_answer_is_not_told() {
    let metrics = Metrics::default();
    let told = || metrics.render().contains("switchyard_disk_free_bytes{");
    assert!(!told());
    metrics.dependencies.disk_free(Some(1));
    assert!(told());
    metrics.dependencies.disk_free(None);
    assert!(!told());
}

/// Alerts wait for the first of these: a series that begins with 1 has never changed.
#[test]
fn what_must_never_happen_reads_0_before_it_does() {
    let metrics = Metrics::default();
    metrics.watch("v");
    let text = metrics.render();
    for name in [
        "adapter_requests_refused",
        "orders_adopted",
        "orders_not_placed",
        "orders_surfaced_late",
    ] {
        let line = format!("switchyard_{name}_total{{venue=\"v\"}} 0\n");
        assert!(text.contains(&line), "{name}: {text}");
    }
}

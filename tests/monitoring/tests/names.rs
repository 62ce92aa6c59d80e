//! Every query of a dashboard or a rule is about metrics and labels that the gateway exposes, and every alert has an
//! entry in the runbook.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use switchyard::model::FailureCode;
use switchyard_monitoring::{
    Guide, Kind, Query, Rule, dashboards, monitoring, panels_of, queries_of, rules,
};

/// Labels that Prometheus puts on whatever it scrapes, or an alert on itself.
const ADDED: [&str; 2] = ["job", "instance"];

/// Functions for what only grows.
const FOR_COUNTERS: [&str; 3] = ["rate", "irate", "increase"];

/// Functions that work on what goes up and down, over a range.
const FOR_GAUGES: [&str; 4] = ["changes", "deriv", "avg_over_time", "max_over_time"];

/// What is wrong with a query, in words.
fn faults(guide: &Guide, query: &str) -> Vec<String> {
    let (query, mut faults) = (Query::parse(query), Vec::new());
    let mut known: BTreeSet<&str> = ADDED.into();
    if query.selectors.is_empty() {
        faults.push("it reads nothing".to_owned());
    }
    for selector in &query.selectors {
        let name = &selector.name;
        let Some((kind, labels)) = guide.series(name) else {
            faults.push(format!("there is no {name}"));
            continue;
        };
        known.extend(labels.iter().map(String::as_str));
        for matcher in &selector.matchers {
            let label = matcher.label.as_str();
            if !labels.contains(label) && !ADDED.contains(&label) {
                faults.push(format!("{name} has no label {label}"));
            }
            faults.extend(unknown_codes(label, &matcher.value));
        }
        let function = selector.function.as_deref().unwrap_or_default();
        let grows = matches!(kind, Kind::Counter | Kind::Bucket | Kind::Total);
        let fits = match selector.is_range {
            true if grows => FOR_COUNTERS.contains(&function),
            true => FOR_GAUGES.contains(&function),
            // How much a counter has come to since the start is no measure of anything but itself.
            false => !grows || function == "count",
        };
        if !fits {
            faults.push(format!("{name} is {kind:?} and is read by {function:?}"));
        }
    }
    for label in query.labels {
        if !known.contains(label.as_str()) {
            faults.push(format!("nothing that it reads has the label {label}"));
        }
    }
    faults
}

/// Codes in a matcher's value that no operation can end with.
fn unknown_codes(label: &str, value: &str) -> Vec<String> {
    let is_code = |code: &str| {
        let words = ["ok", "acknowledged", "refused", "not_sent", "unknown"];
        let adapter = ["trap", "deadline", "memory", "busy", "no_capability"];
        let door = ["locked_out"];
        words.contains(&code)
            || door.contains(&code)
            || adapter.contains(&code)
            || serde_json::from_value::<FailureCode>(json!(code)).is_ok()
    };
    if !matches!(label, "outcome" | "reason") || value.starts_with('$') {
        return Vec::new();
    }
    let unknown = value.split('|').filter(|code| !is_code(code));
    unknown
        .map(|code| format!("{label} is never {code}"))
        .collect()
}

#[test]
fn what_is_wrong_with_a_query_is_found() {
    let guide = Guide::read();
    for (query, expected) in [
        (
            "rate(switchyard_no_such_total[5m])",
            "there is no switchyard_no_such_total",
        ),
        (
            "rate(switchyard_orders[5m])",
            "there is no switchyard_orders",
        ),
        (
            "switchyard_breaker_state{tenant=\"a\"}",
            "switchyard_breaker_state has no label tenant",
        ),
        (
            "sum by (bucket) (rate(switchyard_orders_total[5m]))",
            "nothing that it reads has the label bucket",
        ),
        (
            "switchyard_orders_total > 3",
            "switchyard_orders_total is Counter and is read by \"\"",
        ),
        (
            "rate(switchyard_venue_operations_total{outcome=\"bad\"}[5m])",
            "outcome is never bad",
        ),
        ("vector(1)", "it reads nothing"),
    ] {
        assert_eq!(faults(&guide, query), [expected], "{query}");
    }
    assert!(
        faults(
            &guide,
            "sum by (job) (rate(switchyard_orders_total{venue=~\"$venue\"}[$__rate_interval]))"
        )
        .is_empty()
    );
}

#[test]
fn every_rule_reads_what_the_gateway_exposes() {
    let guide = Guide::read();
    for rule in all_rules() {
        let faults = faults(&guide, &rule.expr);
        assert!(faults.is_empty(), "{}: {faults:?}", rule.name);
    }
}

#[test]
fn every_dashboard_reads_what_the_gateway_exposes() {
    let guide = Guide::read();
    let mut queries = 0;
    for (file, dashboard) in dashboards() {
        for query in queries_of(&dashboard) {
            let faults = faults(&guide, &query.expr);
            assert!(faults.is_empty(), "{file}: {}: {faults:?}", query.place);
            queries += 1;
        }
    }
    assert!(queries > 50, "{queries} queries");
}

/// Metrics that nobody looks at are not worth their cost.
#[test]
fn every_metric_is_on_a_dashboard_or_in_a_rule() {
    let mut read: BTreeSet<String> = BTreeSet::new();
    let exprs = all_rules().into_iter().map(|rule| rule.expr);
    let dashboards = dashboards();
    let shown = dashboards
        .iter()
        .flat_map(|(_, dashboard)| queries_of(dashboard));
    for expr in exprs.chain(shown.map(|query| query.expr)) {
        let selectors = Query::parse(&expr).selectors;
        read.extend(selectors.into_iter().map(|selector| selector.name));
    }
    let table = fs::read_to_string(monitoring().join("METRICS.md")).unwrap();
    let names = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let unread: Vec<&str> = names
        .filter(|name| {
            let series = ["", "_total", "_info", "_bucket", "_sum", "_count"];
            !series
                .iter()
                .any(|end| read.contains(&format!("{name}{end}")))
        })
        .collect();
    assert_eq!(unread, [""; 0]);
}

fn all_rules() -> Vec<Rule> {
    let mut all = rules("recording.rules.yml");
    all.extend(rules("alerts.rules.yml"));
    all
}

#[test]
fn every_alert_says_how_bad_it_is_and_has_an_entry_in_the_runbook() {
    let runbook = fs::read_to_string(monitoring().join("RUNBOOK.md")).unwrap();
    let mut entries: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in runbook.split("\n## ").skip(1) {
        let (name, text) = entry.split_once('\n').unwrap();
        entries.insert(name.trim(), text);
    }
    let alerts = rules("alerts.rules.yml");
    for alert in &alerts {
        let name = alert.name.as_str();
        let severity = alert.note("severity");
        assert!(
            severity.is_some_and(|severity| ["critical", "warning", "info"].contains(&severity)),
            "{name}: {severity:?}"
        );
        for told in ["summary", "description"] {
            assert!(
                alert.note(told).is_some_and(|text| text.len() > 20),
                "{name}: {told}"
            );
        }
        let link = format!("monitoring/RUNBOOK.md#{}", name.to_lowercase());
        assert_eq!(alert.note("runbook_url"), Some(link.as_str()));
        let entry = entries
            .remove(name)
            .unwrap_or_else(|| panic!("no entry for {name}"));
        for part in ["**Means.**", "**Costs.**", "**Do.**"] {
            assert!(entry.contains(part), "{name} says {part}");
        }
    }
    let more: Vec<_> = entries.keys().collect();
    assert!(more.is_empty(), "entries of no alert: {more:?}");
}

#[test]
fn every_alert_has_a_test_of_its_rule() {
    let tests = fs::read_to_string(monitoring().join("prometheus/tests/alerts.yml")).unwrap();
    for alert in rules("alerts.rules.yml") {
        let tested = tests
            .matches(&format!("alertname: {}\n", alert.name))
            .count();
        assert!(
            tested >= 2,
            "{}: when it fires and when it does not, {tested}",
            alert.name
        );
    }
}

#[test]
fn dashboards_load_without_edits() {
    let mut uids = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        let uid = dashboard["uid"].as_str().unwrap();
        assert!(uids.insert(uid.to_owned()), "{file}: {uid} is taken");
        assert_eq!(uid, format!("switchyard-{file}"));
        assert_eq!(
            dashboard["id"],
            Value::Null,
            "the database that imports it numbers it"
        );
        assert!(dashboard["schemaVersion"].as_u64() >= Some(36), "{file}");
        assert!(
            dashboard.get("__inputs").is_none(),
            "{file} asks for nothing"
        );
        let mut ids = BTreeSet::new();
        let mut taken: Vec<(String, [u64; 4])> = Vec::new();
        for panel in panels_of(&dashboard) {
            let title = panel["title"].as_str().unwrap().to_owned();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: {title}");
            assert_eq!(
                panel["datasource"]["uid"], "${datasource}",
                "{file}: {title}"
            );
            assert!(
                panel["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{file}: {title}"
            );
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(x + w <= 24, "{file}: {title} is wider than the screen");
            for (other, [ox, oy, ow, oh]) in &taken {
                let is_apart = x >= ox + ow || *ox >= x + w || y >= oy + oh || *oy >= y + h;
                assert!(is_apart, "{file}: {title} lies on {other}");
            }
            taken.push((title, [x, y, w, h]));
        }
        // Every variable that a query names is one of the dashboard.
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let known: Vec<&str> = variables
            .iter()
            .map(|v| v["name"].as_str().unwrap())
            .collect();
        for query in queries_of(&dashboard) {
            for part in query
                .expr
                .split('$')
                .skip(1)
                .filter(|part| !part.starts_with("__"))
            {
                let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = &part[..end.unwrap_or(part.len())];
                assert!(known.contains(&name), "{file}: {}: ${name}", query.place);
            }
        }
    }
    assert_eq!(
        uids.into_iter().collect::<Vec<_>>(),
        ["adapter", "orders", "overview", "venue"].map(|name| format!("switchyard-{name}"))
    );
}

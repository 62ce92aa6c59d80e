//! Rules and dashboards as they are in the repository.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The directory `monitoring`.
pub fn monitoring() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../monitoring")
}

/// A rule of Prometheus.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// `record` or `alert`.
    pub kind: String,
    /// What it records or is called.
    pub name: String,
    /// Its query.
    pub expr: String,
    /// Its labels and annotations: key and text.
    pub notes: Vec<(String, String)>,
}

impl Rule {
    /// A label's or annotation's text.
    pub fn note(&self, key: &str) -> Option<&str> {
        let mut notes = self.notes.iter();
        let found = notes.find(|(known, _)| known == key);
        found.map(|(_, text)| text.as_str())
    }
}

/// The rules of a file of `monitoring/prometheus`, in the plain layout that the files there have: `- record:` or
/// `- alert:`, then its keys, a query of several lines below `expr: |`.
pub fn rules(file: &str) -> Vec<Rule> {
    let text = fs::read_to_string(monitoring().join("prometheus").join(file)).unwrap();
    let mut rules: Vec<Rule> = Vec::new();
    let mut in_query = false;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let told = line.trim();
        if told.starts_with('#') || told.is_empty() {
            continue;
        }
        if let Some((kind, name)) = told
            .strip_prefix("- ")
            .and_then(|told| told.split_once(": "))
            .filter(|(kind, _)| matches!(*kind, "record" | "alert"))
        {
            in_query = false;
            rules.push(Rule {
                kind: kind.to_owned(),
                name: name.to_owned(),
                ..Rule::default()
            });
            continue;
        }
        let Some(rule) = rules.last_mut() else {
            continue;
        };
        if in_query && indent >= 10 {
            rule.expr.push_str(told);
            rule.expr.push('\n');
            continue;
        }
        in_query = false;
        match told.split_once(": ") {
            Some(("expr", "|")) => in_query = true,
            Some(("expr", query)) => query.clone_into(&mut rule.expr),
            Some((key, text)) => {
                let text = text.trim_matches('"').to_owned();
                rule.notes.push((key.to_owned(), text));
            }
            None => {}
        }
    }
    assert_eq!(
        rules.len(),
        text.lines()
            .filter(|line| line.contains("- record: ") || line.contains("- alert: "))
            .count(),
        "{file} is laid out as it is read here"
    );
    for rule in &rules {
        assert!(!rule.expr.is_empty(), "{file}: {} has a query", rule.name);
    }
    rules
}

/// Every dashboard with the name of its file.
pub fn dashboards() -> Vec<(String, Value)> {
    let directory = monitoring().join("grafana/dashboards");
    let files = fs::read_dir(directory).unwrap();
    let mut dashboards: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let dashboard = serde_json::from_str(&text);
            (
                name.clone(),
                dashboard.unwrap_or_else(|error| panic!("{name}: {error}")),
            )
        })
        .collect();
    dashboards.sort_by(|(a, _), (b, _)| a.cmp(b));
    dashboards
}

/// A query of a dashboard: of a panel, or of a variable.
#[derive(Debug, Clone)]
pub struct DashboardQuery {
    /// Where it is.
    pub place: String,
    /// The query as it is written, with Grafana's variables in it.
    pub expr: String,
}

impl DashboardQuery {
    /// The query as Grafana asks it, with all venues and a range of 5 minutes chosen.
    pub fn as_asked(&self) -> String {
        self.expr
            .replace("$__rate_interval", "5m")
            .replace("$__range", "1h")
            .replace("$__interval", "1m")
            .split('$')
            .enumerate()
            .map(|(part, text)| match part {
                0 => text.to_owned(),
                _ => {
                    let name = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    format!(".*{}", &text[name.unwrap_or(text.len())..])
                }
            })
            .collect()
    }
}

/// The queries of a dashboard's panels and variables.
pub fn queries_of(dashboard: &Value) -> Vec<DashboardQuery> {
    let mut queries = Vec::new();
    for panel in panels_of(dashboard) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push(DashboardQuery {
                place: panel["title"].as_str().unwrap().to_owned(),
                expr: target["expr"].as_str().unwrap().to_owned(),
            });
        }
    }
    let variables = dashboard["templating"]["list"].as_array().into_iter();
    for variable in variables.flatten().filter(|v| v["type"] == "query") {
        // label_values(SERIES, LABEL) is Grafana's own; what it asks for is the series by that label.
        let query = variable["query"]["query"].as_str().unwrap();
        let inside = query
            .strip_prefix("label_values(")
            .and_then(|q| q.strip_suffix(')'));
        let (series, label) = inside.and_then(|inside| inside.rsplit_once(", ")).unwrap();
        queries.push(DashboardQuery {
            place: format!("variable {}", variable["name"]),
            expr: format!("count by ({label}) ({series})"),
        });
    }
    queries
}

/// The panels of a dashboard, those within rows included, without the rows.
pub fn panels_of(dashboard: &Value) -> Vec<&Value> {
    let all = dashboard["panels"].as_array().into_iter().flatten();
    let inside = all.clone().filter_map(|panel| panel["panels"].as_array());
    let panels = all.chain(inside.flatten());
    panels.filter(|panel| panel["type"] != "row").collect()
}

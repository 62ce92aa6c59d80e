//! `[telemetry]`: what is told of the gateway, beside its logs and `/metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, check_range, value};
use crate::telemetry::is_emf_label;

/// Dimensions that configuration may add: with a metric's own labels they stay far below CloudWatch's 30.
const MAX_DIMENSIONS: usize = 10;

/// Longest value of a dimension, in bytes. CloudWatch takes more; container runtimes cut lines at 16 KiB.
const MAX_VALUE: usize = 255;

/// `[telemetry]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Metrics on standard output for CloudWatch; none where absent.
    pub emf: Option<EmfConfig>,
    /// Traces for a collector; none where absent.
    pub otlp: Option<OtlpConfig>,
}

/// `[telemetry.otlp]`: traces for a collector of OpenTelemetry, by OTLP over HTTP.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    /// Where the collector is, without the path `/v1/traces`.
    pub endpoint: String,
    /// Which part of the traces that begin here are sent, 0 to 1. Callers' traces are sent where they say so.
    #[serde(default = "every_trace")]
    pub sample_ratio: f64,
}

fn every_trace() -> f64 {
    1.0
}

impl OtlpConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let is_address = url::Url::parse(&self.endpoint).is_ok_and(|url| {
            let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
            let is_bare = url.query().is_none() && url.fragment().is_none();
            is_http && is_bare && url.username().is_empty() && url.password().is_none()
        });
        if !is_address {
            let problem = "must be an http or https URL without user, query and fragment, such as http://127.0.0.1:4318";
            return Err(value(
                "telemetry.otlp.endpoint",
                &self.endpoint,
                problem.into(),
            ));
        }
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            let ratio = self.sample_ratio.to_string();
            let problem = "must be from 0 to 1";
            return Err(value("telemetry.otlp.sample_ratio", &ratio, problem.into()));
        }
        Ok(())
    }
}

/// `[telemetry.emf]`: metrics in CloudWatch's Embedded Metric Format, between the log's lines.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmfConfig {
    /// Namespace of the metrics in CloudWatch.
    pub namespace: String,
    /// Seconds between two reports.
    pub interval_seconds: u64,
    /// Dimensions of every metric, such as the stage.
    pub dimensions: BTreeMap<String, String>,
}

impl Default for EmfConfig {
    fn default() -> Self {
        Self {
            namespace: "Switchyard".into(),
            interval_seconds: 60,
            dimensions: BTreeMap::new(),
        }
    }
}

impl EmfConfig {
    /// Time between two reports.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_seconds)
    }

    /// What CloudWatch takes is in the reference of its API: MetricDatum, Dimension, PutMetricData.
    fn check(&self) -> Result<(), ConfigError> {
        let is_name = |text: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/#:".contains(c);
            (1..=255).contains(&text.len()) && text.chars().all(allowed)
        };
        let namespace = &self.namespace;
        if !is_name(namespace) || namespace.starts_with(':') || namespace.starts_with("AWS/") {
            let problem =
                "must be 1 to 255 of [A-Za-z0-9._-/#:], and not begin with AWS/ or a colon";
            return Err(value("telemetry.emf.namespace", namespace, problem.into()));
        }
        check_range(
            "telemetry.emf.interval_seconds",
            self.interval_seconds,
            1,
            3_600,
        )?;
        if self.dimensions.len() > MAX_DIMENSIONS {
            let problem = format!("has more than {MAX_DIMENSIONS} entries");
            return Err(value("telemetry.emf.dimensions", "{...}", problem));
        }
        for (name, text) in &self.dimensions {
            let key = format!("telemetry.emf.dimensions.{name}");
            let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic());
            let is_taken = is_emf_label(name) || name.starts_with("switchyard_");
            if !is_name(name) || !starts_well || is_taken {
                let problem = "is no name for a dimension: a letter, then [A-Za-z0-9._-/#:], and not what a metric or its label is called";
                return Err(value(&key, text, problem.into()));
            }
            let is_text = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
            if !is_text || text.trim().is_empty() || text.len() > MAX_VALUE {
                let problem = "must be 1 to 255 printable ASCII characters";
                return Err(value(&key, text, problem.into()));
            }
        }
        Ok(())
    }
}

impl TelemetryConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.emf.as_ref().map_or(Ok(()), EmfConfig::check)?;
        self.otlp.as_ref().map_or(Ok(()), OtlpConfig::check)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn read(text: &str) -> Result<Config, String> {
        let text = format!("[auth]\nmode = \"open\"\n{text}");
        Config::from_toml(&text, "test.toml").map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_reported_to_cloudwatch_unless_configured() {
        assert!(read("").unwrap().telemetry.emf.is_none());
        let emf = read("[telemetry.emf]").unwrap().telemetry.emf.unwrap();
        assert_eq!(
            (emf.namespace.as_str(), emf.interval_seconds),
            ("Switchyard", 60)
        );
    }

    #[test]
    fn a_collector_that_there_cannot_be_is_refused_at_the_start() {
        assert!(read("").unwrap().telemetry.otlp.is_none());
        let otlp = read("[telemetry.otlp]\nendpoint = \"http://127.0.0.1:4318\"");
        assert_eq!(otlp.unwrap().telemetry.otlp.unwrap().sample_ratio, 1.0);
        let good = "endpoint = \"https://collector.example\"";
        for (text, key) in [
            ("sample_ratio = 0.5".to_owned(), "endpoint"),
            ("endpoint = \"4318\"".to_owned(), "telemetry.otlp.endpoint"),
            (
                "endpoint = \"grpc://collector.example\"".to_owned(),
                "telemetry.otlp.endpoint",
            ),
            (
                "endpoint = \"https://user:word@collector.example\"".to_owned(),
                "telemetry.otlp.endpoint",
            ),
            (
                format!("{good}\nsample_ratio = 1.5"),
                "telemetry.otlp.sample_ratio",
            ),
            (
                format!("{good}\nsample_ratio = nan"),
                "telemetry.otlp.sample_ratio",
            ),
        ] {
            let error = read(&format!("[telemetry.otlp]\n{text}")).unwrap_err();
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn what_cloudwatch_would_refuse_is_refused_at_the_start() {
        for (text, key) in [
            ("namespace = \"AWS/ECS\"", "telemetry.emf.namespace"),
            ("namespace = \"\"", "telemetry.emf.namespace"),
            ("namespace = \"two words\"", "telemetry.emf.namespace"),
            ("interval_seconds = 0", "telemetry.emf.interval_seconds"),
            ("dimensions.venue = \"x\"", "telemetry.emf.dimensions.venue"),
            ("dimensions._aws = \"x\"", "telemetry.emf.dimensions._aws"),
            (
                "dimensions.switchyard_orders = \"x\"",
                "telemetry.emf.dimensions.switchyard_orders",
            ),
            ("dimensions.stage = \" \"", "telemetry.emf.dimensions.stage"),
            ("dimensions.stage = \"ü\"", "telemetry.emf.dimensions.stage"),
        ] {
            let error = read(&format!("[telemetry.emf]\n{text}")).unwrap_err();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}

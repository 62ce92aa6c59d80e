//! The two forms in which metrics are read: OpenMetrics, and Prometheus' own text for readers that do not ask
//! for the former.

/// Metrics in OpenMetrics text, as Prometheus' text format 0.0.4 has them: there a counter's name includes
/// `_total`, an info is a gauge, and units and the end are not told.
///
/// Source: OpenMetrics 1.0.0 and the Prometheus exposition formats; names change as the Prometheus client
/// libraries change them.
pub(super) fn as_prometheus_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(told) = line.strip_prefix("# HELP ") {
            help = told.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|told| told.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            text.push_str(&format!(
                "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"
            ));
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_prometheus_text_are_those_of_the_samples() {
        let open_metrics = "\
# HELP a_b Counted.
# TYPE a_b counter
a_b_total{x=\"# TYPE\"} 1
# HELP c_seconds Timed, in all.
# TYPE c_seconds histogram
# UNIT c_seconds seconds
c_seconds_sum 0.5
c_seconds_count 1
c_seconds_bucket{le=\"+Inf\"} 1
# HELP d The running version.
# TYPE d info
d_info{version=\"1\"} 1
# EOF
";
        let expected = "\
# HELP a_b_total Counted.
# TYPE a_b_total counter
a_b_total{x=\"# TYPE\"} 1
# HELP c_seconds Timed, in all.
# TYPE c_seconds histogram
c_seconds_sum 0.5
c_seconds_count 1
c_seconds_bucket{le=\"+Inf\"} 1
# HELP d_info The running version.
# TYPE d_info gauge
d_info{version=\"1\"} 1
";
        assert_eq!(as_prometheus_text(open_metrics), expected);
    }
}

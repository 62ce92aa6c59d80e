//! A log line as one flat JSON object: the line's own fields, and those of the spans that it is in.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_serde::fields::AsMap as _;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Fields that are for the exporter of traces only.
const OF_TRACES: &str = "otel.";

/// Writes lines. Spans' fields must be formatted as JSON.
#[derive(Debug)]
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        // The inner word goes before the outer.
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<N>>();
            let formatted = formatted.map(|formatted| serde_json::from_str(&formatted.fields));
            if let Some(Ok(Value::Object(of_span))) = formatted {
                fields.extend(of_span);
            }
        }
        if let Ok(Value::Object(own)) = serde_json::to_value(event.field_map()) {
            fields.extend(own);
        }
        let of = event.metadata();
        write!(writer, "{{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", of.level())?;
        let target = Value::from(of.target());
        for (name, value) in [("target".to_owned(), target)].into_iter().chain(fields) {
            if !name.starts_with(OF_TRACES) && !["timestamp", "level"].contains(&name.as_str()) {
                write!(writer, ",{}:{value}", Value::from(name))?;
            }
        }
        writeln!(writer, "}}")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::JsonFields;

    use super::*;
    use crate::telemetry::spans::{order_span, request_span};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_its_own_fields_and_those_of_the_request_and_the_order_that_it_is_about() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(JsonLine)
            .fmt_fields(JsonFields::new())
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let request = request_span("r-1", "POST /v1/orders");
            request.record("tenant", "a\"b");
            let _request = request.entered();
            let _order = order_span("place", "o-1", "a\"b").entered();
            tracing::info!(venue = "sim", millis = 1.5, "venue call");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
        for (field, value) in [
            ("level", Value::from("INFO")),
            ("target", Value::from(module_path!())),
            ("message", Value::from("venue call")),
            ("request_id", Value::from("r-1")),
            ("tenant", Value::from("a\"b")),
            ("order_id", Value::from("o-1")),
            ("venue", Value::from("sim")),
            ("millis", Value::from(1.5)),
        ] {
            assert_eq!(line[field], value, "{field}: {text}");
        }
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(!text.contains("otel"), "{text}");
    }
}

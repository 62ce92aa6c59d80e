//! Structured logs on standard output: one JSON object a line, or text for people. And the traces beside them.

use std::fs::File;
use std::io::stdout;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, reload};

use super::json_line::JsonLine;
use super::log_filter::{LogFilter, LogFilterError};
use super::log_sink::LogSink;
use super::traces::Traces;
use crate::config::{LogConfig, LogFormat, OtlpConfig};

/// The log's level in this process, once logging was started.
static LEVEL: OnceLock<LogLevel> = OnceLock::new();

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not one.
    #[error(
        "configuration: log.level = {0:?} is not a filter such as \"info\" or \"switchyard=debug,info\": {1}"
    )]
    Filter(String, LogFilterError),
    /// Traces cannot be sent.
    #[error("configuration: telemetry.otlp: {0}")]
    Otlp(String),
    /// Something else in the process logs already.
    #[error("logging was started twice")]
    Started,
}

/// Where log lines go.
#[derive(Debug)]
pub enum LogTarget {
    /// Standard output, where containers expect it.
    StandardOutput,
    /// A file.
    File(File),
}

/// What is logged by now.
#[derive(Debug)]
pub struct LogLevel {
    configured: String,
    current: Mutex<LogFilter>,
    handle: reload::Handle<LogFilter, Registry>,
}

impl LogLevel {
    /// That of this process; none where something else logs.
    pub fn of_process() -> Option<&'static Self> {
        LEVEL.get()
    }

    /// The filter of the configuration.
    pub fn configured(&self) -> &str {
        &self.configured
    }

    /// The filter that is in force.
    pub fn current(&self) -> String {
        let current = self.current.lock();
        current
            .unwrap_or_else(PoisonError::into_inner)
            .text()
            .to_owned()
    }

    /// Puts another filter in force, and gives the one before.
    pub fn change(&self, filter: LogFilter) -> String {
        let current = self.current.lock();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        // It fails only where the log is gone, with the process.
        let _ = self.handle.reload(filter.clone());
        std::mem::replace(&mut *current, filter).text().to_owned()
    }
}

/// What logs in this process. The last traces are sent and the last lines written when it is dropped, which may take
/// some seconds: not on a thread that runs tasks.
#[derive(Debug)]
#[must_use]
pub struct Logging {
    // What is said while the last traces are sent is a line, too.
    _traces: Option<Traces>,
    _lines: LogSink,
}

/// Starts logging for the whole process, and the export of traces if there is a collector. It ends with what is
/// returned.
///
/// # Errors
/// [`LoggingError`].
pub fn start_logging(
    config: &LogConfig,
    otlp: Option<&OtlpConfig>,
    target: LogTarget,
) -> Result<Logging, LoggingError> {
    let filter: LogFilter = config
        .level
        .parse()
        .map_err(|error| LoggingError::Filter(config.level.clone(), error))?;
    let (sink, writer) = match target {
        LogTarget::StandardOutput => LogSink::start(stdout()),
        LogTarget::File(file) => LogSink::start(file),
    };
    LogSink::count_dropped(&writer);
    // What cannot be written must not be complained of where nothing can be written either: that is a panic.
    let lines = fmt::layer::<Registry>()
        .with_writer(writer)
        .log_internal_errors(false);
    let lines = match config.format {
        LogFormat::Json => lines
            .event_format(JsonLine)
            .fmt_fields(JsonFields::new())
            .boxed(),
        LogFormat::Text => lines.boxed(),
    };
    let (reloaded, handle) = reload::Layer::new(filter.clone());
    let traces = otlp.map(Traces::start).transpose();
    let (traces, tracer) = traces.map_err(LoggingError::Otlp)?.unzip();
    let spans = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // Lines stay in the log; libraries' spans may hold what must not leave the process.
            .with_filter(filter_fn(|of| {
                of.is_span() && of.target().starts_with("switchyard")
            }))
    });
    tracing_subscriber::registry()
        .with(lines.with_filter(reloaded))
        .with(spans)
        .try_init()
        .map_err(|_| LoggingError::Started)?;
    let level = LogLevel {
        configured: config.level.clone(),
        current: Mutex::new(filter),
        handle,
    };
    LEVEL.set(level).map_err(|_| LoggingError::Started)?;
    Ok(Logging {
        _traces: traces,
        _lines: sink,
    })
}

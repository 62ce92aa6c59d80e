//! Structured logs on standard output: one JSON object a line, or text for people.

use std::fs::File;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{LogConfig, LogFormat};

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not one.
    #[error(
        "configuration: log.level = {0:?} is not a filter such as \"info\" or \"switchyard=debug,info\": {1}"
    )]
    Filter(String, tracing_subscriber::filter::ParseError),
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

/// Starts logging for the whole process.
///
/// # Errors
/// [`LoggingError`].
pub fn start_logging(config: &LogConfig, target: LogTarget) -> Result<(), LoggingError> {
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|error| LoggingError::Filter(config.level.clone(), error))?;
    let writer = match target {
        LogTarget::StandardOutput => BoxMakeWriter::new(std::io::stdout),
        LogTarget::File(file) => BoxMakeWriter::new(Mutex::new(file)),
    };
    let builder = fmt().with_env_filter(filter).with_writer(writer);
    let started = match config.format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
        LogFormat::Text => builder.try_init(),
    };
    started.map_err(|_| LoggingError::Started)
}

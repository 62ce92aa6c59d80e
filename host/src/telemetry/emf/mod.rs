//! Metrics for CloudWatch in the Embedded Metric Format: lines on standard output, between those of the log, which
//! CloudWatch Logs turns into metrics. Nothing has to run beside the gateway for it.

mod documents;
mod samples;
mod selection;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use documents::Documents;
pub use selection::is_emf_label;

use super::Metrics;
use crate::config::EmfConfig;
use crate::model::Timestamp;

/// How long the last report may take at the end of the process.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// Reports until it is dropped, and then once more. It does so on a thread of its own: output that nobody reads
/// holds up nothing else.
#[derive(Debug)]
pub struct EmfReporter {
    stop: Option<Sender<()>>,
    ended: Receiver<()>,
}

impl EmfReporter {
    /// Begins to report to `output`, which must take each call of `write_all` as a whole, as standard output does:
    /// others write lines there too.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(
        config: &EmfConfig,
        metrics: Arc<Metrics>,
        mut output: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let (end, ended) = channel();
        let mut documents = Documents::new(config);
        let interval = config.interval();
        thread::Builder::new().name("emf".into()).spawn(move || {
            loop {
                let waited: Result<(), RecvTimeoutError> = stopped.recv_timeout(interval);
                let report = documents.next(&metrics.render(), Timestamp::now());
                // Where nothing can be written there is nobody to tell.
                let _ = write_lines(&mut output, report);
                if waited != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            let _ = end.send(());
        })?;
        Ok(Self {
            stop: Some(stop),
            ended,
        })
    }
}

impl Drop for EmfReporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.ended.recv_timeout(LAST_REPORT);
    }
}

fn write_lines(output: &mut impl Write, lines: Vec<String>) -> io::Result<()> {
    for mut line in lines {
        line.push('\n');
        output.write_all(line.as_bytes())?;
    }
    output.flush()
}

//! Where log lines go: by a bounded queue to a thread of their own. Where what reads them stands still or is gone,
//! lines are dropped and counted, and no request waits.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::ConstCounter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::process::tell;

/// Lines that wait to be written; more are dropped. An order has about ten, of some 300 bytes.
const QUEUE: usize = 16_384;

/// How long the last lines may take at the end of the process.
const LAST_LINES: Duration = Duration::from_millis(1_500);

/// The lines that this process dropped, once it logs.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Writes what waits when it is dropped, for a second at most.
#[derive(Debug)]
pub(super) struct LogSink(Option<WorkerGuard>);

impl LogSink {
    /// Begins to write lines to `output`.
    pub(super) fn start(output: impl Write + Send + 'static) -> (Self, NonBlocking) {
        Self::of(output, QUEUE)
    }

    fn of(output: impl Write + Send + 'static, queue: usize) -> (Self, NonBlocking) {
        let (lines, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(queue)
            .thread_name("log")
            .finish(output);
        (Self(Some(guard)), lines)
    }

    /// Has the lines that are dropped in front of this writer counted as those of the process.
    pub(super) fn count_dropped(lines: &NonBlocking) {
        let _ = DROPPED.set(lines.error_counter());
    }
}

impl Drop for LogSink {
    fn drop(&mut self) {
        // With a full queue the guard itself prints to standard output, which may be what stands still.
        let guard = self.0.take();
        let (end, ended) = channel::<()>();
        let written = thread::Builder::new()
            .name("last-lines".into())
            .spawn(move || {
                drop(guard);
                drop(end);
            });
        if written.is_ok() {
            let _ = ended.recv_timeout(LAST_LINES);
        }
    }
}

/// Log lines that were dropped.
#[derive(Debug)]
pub(super) struct LogCollector;

impl Collector for LogCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let dropped = DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
        tell(
            &mut encoder,
            (
                "log_lines_dropped",
                "Log lines that were not written because the log was read too slowly",
                None,
            ),
            &ConstCounter::<u64>::new(dropped.try_into().unwrap_or(u64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, pipe};
    use std::time::Instant;

    use super::*;

    #[test]
    fn lines_in_front_of_a_reader_that_stands_still_are_dropped_and_counted_and_the_rest_is_written()
     {
        let (mut reader, writer) = pipe().unwrap();
        let (sink, mut lines) = LogSink::of(writer, 8);
        let line = [b'x'; 4_096];
        // A pipe takes 64 KiB and the queue 8 lines; the writing thread holds one.
        for _ in 0..100 {
            lines.write_all(&line).unwrap();
        }
        let dropped = lines.error_counter().dropped_lines();
        assert!((75..100).contains(&dropped), "{dropped}");

        let read = thread::spawn(move || {
            let mut text = Vec::new();
            reader.read_to_end(&mut text).map(|_| text.len())
        });
        drop(sink);
        drop(lines);
        assert_eq!(read.join().unwrap().unwrap(), (100 - dropped) * line.len());
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_stands_still() {
        let (reader, writer) = pipe().unwrap();
        let (sink, mut lines) = LogSink::of(writer, 8);
        for _ in 0..100 {
            lines.write_all(&[b'x'; 4_096]).unwrap();
        }
        let began = Instant::now();
        drop(sink);
        assert!(began.elapsed() < LAST_LINES * 10);
        drop(reader);
    }

    #[test]
    fn a_reader_that_is_gone_ends_nothing() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let (sink, mut lines) = LogSink::of(Gone, 8);
        for _ in 0..100 {
            lines.write_all(b"line\n").unwrap();
        }
        drop(sink);
    }
}

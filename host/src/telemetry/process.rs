//! What the process takes of its machine, and how busy its runtime is: read when somebody asks.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;

/// Tells one metric.
pub(super) fn tell(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): (&str, &str, Option<Unit>),
    metric: &impl EncodeMetric,
) -> fmt::Result {
    let told = encoder.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?;
    metric.encode(told)
}

/// The process, under the names that all Prometheus client libraries use. What the system does not tell is
/// left out.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name, help, unit, value: Option<f64>| match value {
            Some(value) => tell(
                &mut encoder,
                (name, help, unit),
                &ConstGauge::<f64>::new(value),
            ),
            None => Ok(()),
        };
        let usage = MemoryUsage::read();
        let memory = |bytes: fn(&MemoryUsage) -> u64| usage.as_ref().map(|u| bytes(u) as f64);
        gauge(
            "process_resident_memory",
            "Memory of the process that is in RAM",
            Some(Unit::Bytes),
            memory(|usage| usage.resident),
        )?;
        gauge(
            "process_virtual_memory",
            "Address space of the process; adapters reserve most of it and use little",
            Some(Unit::Bytes),
            memory(|usage| usage.address_space),
        )?;
        gauge(
            "process_open_fds",
            "Open file descriptors",
            None,
            entries_of("/proc/self/fd"),
        )?;
        gauge(
            "process_max_fds",
            "File descriptors that may be open",
            None,
            getrlimit(Resource::Nofile).current.map(|most| most as f64),
        )?;
        gauge(
            "process_threads",
            "Threads of the process",
            None,
            entries_of("/proc/self/task"),
        )?;
        gauge(
            "process_start_time",
            "When the process began, in Unix time",
            Some(Unit::Seconds),
            started_at(),
        )?;
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        tell(
            &mut encoder,
            ("process_cpu", "Processor time used", Some(Unit::Seconds)),
            &ConstCounter::<f64>::new(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9),
        )
    }
}

/// Of `/proc/self/statm` (proc(5)), in bytes.
struct MemoryUsage {
    address_space: u64,
    resident: u64,
}

impl MemoryUsage {
    fn read() -> Option<Self> {
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        let mut pages = statm.split(' ').map(str::parse::<u64>);
        let mut bytes = || Some(pages.next()?.ok()? * u64::try_from(page_size()).ok()?);
        Some(Self {
            address_space: bytes()?,
            resident: bytes()?,
        })
    }
}

fn entries_of(directory: &str) -> Option<f64> {
    Some(std::fs::read_dir(directory).ok()?.count() as f64)
}

/// In seconds since 1970: the machine's start (`/proc/stat`), and the process' own after that
/// (`/proc/self/stat`, field 22; proc(5)).
fn started_at() -> Option<f64> {
    let machine = std::fs::read_to_string("/proc/stat").ok()?;
    let machine: f64 = machine
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .parse()
        .ok()?;
    let process = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name, which may hold anything; the third follows its last bracket.
    let (_, fields) = process.rsplit_once(") ")?;
    let ticks: f64 = fields.split(' ').nth(19)?.parse().ok()?;
    Some(machine + ticks / clock_ticks_per_second() as f64)
}

/// The runtime that serves requests.
#[derive(Debug)]
pub(super) struct RuntimeCollector(Handle);

impl RuntimeCollector {
    /// The runtime that this is called on, if it is on one.
    pub(super) fn of_this() -> Option<Self> {
        Handle::try_current().ok().map(Self)
    }
}

impl Collector for RuntimeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let runtime = self.0.metrics();
        let workers = runtime.num_workers();
        for (name, help, value) in [
            (
                "tokio_workers",
                "Threads that serve requests and everything else",
                workers,
            ),
            (
                "tokio_alive_tasks",
                "Tasks that have not ended",
                runtime.num_alive_tasks(),
            ),
            (
                "tokio_global_queue_depth",
                "Tasks that wait for any of the threads",
                runtime.global_queue_depth(),
            ),
        ] {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            tell(
                &mut encoder,
                (name, help, None),
                &ConstGauge::<i64>::new(value),
            )?;
        }
        let busy: Duration = (0..workers)
            .map(|worker| runtime.worker_total_busy_duration(worker))
            .sum();
        tell(
            &mut encoder,
            (
                "tokio_busy",
                "Time that the threads were at work, added up",
                Some(Unit::Seconds),
            ),
            &ConstCounter::<f64>::new(busy.as_secs_f64()),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_process_is_measured_as_the_system_has_it() {
        let usage = MemoryUsage::read().unwrap();
        assert!(usage.resident > 1024 * 1024 && usage.resident < usage.address_space);
        let file = std::fs::File::open("/dev/null").unwrap();
        let with_file = entries_of("/proc/self/fd").unwrap();
        assert!(with_file > 3.0, "{with_file}");
        drop(file);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - started_at().unwrap();
        assert!((-5.0..3_600.0).contains(&age), "{age} s old");
    }
}

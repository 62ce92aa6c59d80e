//! What one version of an adapter uses, over all its instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};

/// Counted as it happens; read at any time, by whoever keeps it, also after the adapter is gone.
#[derive(Debug, Default)]
pub struct Usage {
    instances: AtomicU64,
    busy: AtomicU64,
    memory_bytes: AtomicU64,
    nanos_in_calls: AtomicU64,
}

impl Usage {
    /// Instances alive, at work or not.
    pub fn instances(&self) -> u64 {
        self.instances.load(Ordering::Relaxed)
    }

    /// Instances that are serving a call.
    pub fn busy(&self) -> u64 {
        self.busy.load(Ordering::Relaxed)
    }

    /// Linear memory of all instances alive, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Time spent inside of calls, by the wall clock, without the wait for an instance.
    pub fn time_in_calls(&self) -> Duration {
        Duration::from_nanos(self.nanos_in_calls.load(Ordering::Relaxed))
    }

    /// A call begins, until what is returned is dropped.
    pub(crate) fn call(&self) -> RunningCall<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        RunningCall {
            usage: self,
            started: Instant::now(),
        }
    }
}

/// A call under way.
pub(crate) struct RunningCall<'a> {
    usage: &'a Usage,
    started: Instant,
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        let nanos = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.usage
            .nanos_in_calls
            .fetch_add(nanos, Ordering::Relaxed);
        self.usage.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bounds what an instance takes, and counts it for as long as the instance lives.
pub(crate) struct InstanceLimits {
    limits: StoreLimits,
    usage: Arc<Usage>,
    /// Linear memory it has, in bytes.
    held: u64,
    /// What the last growth that was permitted added, which may fail yet.
    last_growth: u64,
}

impl InstanceLimits {
    pub(crate) fn new(memory_bytes: usize, usage: &Arc<Usage>) -> Self {
        usage.instances.fetch_add(1, Ordering::Relaxed);
        Self {
            limits: StoreLimitsBuilder::new()
                .memory_size(memory_bytes)
                .trap_on_grow_failure(true)
                .build(),
            usage: usage.clone(),
            held: 0,
            last_growth: 0,
        }
    }

    /// Linear memory that the instance has, in bytes. It never gives any back.
    pub(crate) fn memory_bytes(&self) -> usize {
        usize::try_from(self.held).unwrap_or(usize::MAX)
    }
}

impl Drop for InstanceLimits {
    fn drop(&mut self) {
        self.usage
            .memory_bytes
            .fetch_sub(self.held, Ordering::Relaxed);
        self.usage.instances.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ResourceLimiter for InstanceLimits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.last_growth = 0;
        let is_permitted = self.limits.memory_growing(current, desired, maximum)?;
        if is_permitted {
            self.last_growth = u64::try_from(desired.saturating_sub(current)).unwrap_or(0);
            self.held += self.last_growth;
            self.usage
                .memory_bytes
                .fetch_add(self.last_growth, Ordering::Relaxed);
        }
        Ok(is_permitted)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let undone = std::mem::take(&mut self.last_growth);
        self.held -= undone;
        self.usage.memory_bytes.fetch_sub(undone, Ordering::Relaxed);
        self.limits.memory_grow_failed(error)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.limits.table_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 * 1024;

    #[test]
    fn memory_counts_while_its_instance_lives_and_a_growth_that_failed_does_not() {
        let usage = Arc::new(Usage::default());
        let mut first = InstanceLimits::new(4 * PAGE, &usage);
        assert!(first.memory_growing(0, PAGE, None).unwrap());
        assert!(first.memory_growing(PAGE, 3 * PAGE, None).unwrap());
        assert_eq!(usage.memory_bytes(), 3 * PAGE as u64);
        let failed = first.memory_grow_failed(wasmtime::Error::msg("no memory"));
        assert!(failed.is_err(), "a growth that fails is a trap");
        assert_eq!(usage.memory_bytes(), PAGE as u64);
        assert!(first.memory_growing(PAGE, 5 * PAGE, None).is_err());
        let _ = first.memory_grow_failed(wasmtime::Error::msg("refused"));
        assert_eq!(usage.memory_bytes(), PAGE as u64);

        let mut second = InstanceLimits::new(4 * PAGE, &usage);
        assert!(second.memory_growing(0, PAGE, None).unwrap());
        assert_eq!(
            (usage.instances(), usage.memory_bytes()),
            (2, 2 * PAGE as u64)
        );
        drop(first);
        assert_eq!((usage.instances(), usage.memory_bytes()), (1, PAGE as u64));
    }

    #[test]
    fn a_call_counts_as_busy_until_it_ends_and_its_time_adds_up() {
        let usage = Usage::default();
        let call = usage.call();
        assert_eq!((usage.busy(), usage.time_in_calls()), (1, Duration::ZERO));
        drop(call);
        let first = usage.time_in_calls();
        drop(usage.call());
        assert_eq!(usage.busy(), 0);
        assert!(first > Duration::ZERO && usage.time_in_calls() > first);
    }
}

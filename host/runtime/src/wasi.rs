//! WASI for components whose toolchain insists on it: everything is there, and everything is empty.
//!
//! No file, environment variable, argument or socket exists; standard input is closed and output goes
//! nowhere; clocks stand still and random numbers repeat, because an adapter's time and identity come
//! from its context alone; and waiting traps, because a wait inside of a host function is the one thing
//! an epoch cannot interrupt.

use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx};

use crate::imports::InstanceState;

/// A clock that stands at the Unix epoch.
struct StoppedClock;

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StoppedClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// A context with nothing in it.
pub(crate) fn empty_context() -> WasiCtx {
    WasiCtx::builder()
        .wall_clock(StoppedClock)
        .monotonic_clock(StoppedClock)
        .secure_random(wasmtime_wasi::random::Deterministic::new(vec![0]))
        .insecure_random(wasmtime_wasi::random::Deterministic::new(vec![0]))
        .insecure_random_seed(0)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

/// Offers WASI 0.2 to components that import it, with every way to wait replaced by a trap.
pub(crate) fn add_to_linker(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    let mut poll = linker.instance("wasi:io/poll@0.2.12")?;
    for wait in ["poll", "[method]pollable.block"] {
        poll.func_new(wait, |_, _, _, _| {
            Err(wasmtime::Error::msg(
                "an adapter may not wait: wasi:io/poll is not available",
            ))
        })?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

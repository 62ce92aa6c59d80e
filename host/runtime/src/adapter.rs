//! One loaded version of an adapter, and calls into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::ResourceTable;

use crate::allowed_calls::AllowedCalls;
use crate::bindings::exports::switchyard::adapter::{account, descriptor, market, trading};
use crate::bindings::switchyard::adapter::types::{Context, Error, HttpRequest, HttpResponse};
use crate::contract::{Capability, Surface};
use crate::deadline::CallBudget;
use crate::descriptor_rules::check_descriptor;
use crate::engine::Limits;
use crate::error::{CallError, LoadError};
use crate::imports::{CallScope, Catalogue, EmptyCatalogue, InstanceState, LogSink, SilentLog};
use crate::operation::{Called, Operation, Step};
use crate::pool::{Checkout, Pool, PoolStatus};
use crate::signing::Signer;
use crate::usage::{InstanceLimits, Usage};
use crate::wasi;

/// What the memory limiter says when it stops an instance; wasmtime gives it no type of its own.
const MEMORY_LIMIT_MESSAGE: &str = "forcing trap when growing memory";

/// What one call into an adapter may know and reach.
#[derive(Clone)]
pub struct Call {
    /// Time, identity and instrument.
    pub context: Context,
    /// Signs for the account; `None` refuses every signature.
    pub signer: Option<Arc<dyn Signer>>,
    /// Names and scales what lists contain.
    pub catalogue: Arc<dyn Catalogue>,
    /// Takes the adapter's log lines.
    pub log: Arc<dyn LogSink>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("endpoint", &self.context.endpoint)
            .finish_non_exhaustive()
    }
}

/// Where each exported interface is in the component; read once, used for every instance.
struct ExportIndices {
    descriptor: descriptor::GuestIndices,
    market: Option<market::GuestIndices>,
    trading: Option<trading::GuestIndices>,
    account: Option<account::GuestIndices>,
}

/// The exported functions of one instance.
pub(crate) struct Exports {
    descriptor: descriptor::Guest,
    market: Option<market::Guest>,
    trading: Option<trading::Guest>,
    account: Option<account::Guest>,
}

impl Exports {
    pub(crate) fn market(&self) -> Result<&market::Guest, CallError> {
        self.market
            .as_ref()
            .ok_or(CallError::NoCapability(Capability::Market.name()))
    }

    pub(crate) fn trading(&self) -> Result<&trading::Guest, CallError> {
        self.trading
            .as_ref()
            .ok_or(CallError::NoCapability(Capability::Trading.name()))
    }

    pub(crate) fn account(&self) -> Result<&account::Guest, CallError> {
        self.account
            .as_ref()
            .ok_or(CallError::NoCapability(Capability::Account.name()))
    }
}

struct Instance {
    store: Store<InstanceState>,
    exports: Exports,
    uses: u64,
}

/// One version of an adapter, compiled, checked and described, with its pool of warm instances.
pub struct Adapter {
    pre: InstancePre<InstanceState>,
    indices: ExportIndices,
    surface: Surface,
    descriptor: descriptor::Descriptor,
    allowed_calls: AllowedCalls,
    sha256: String,
    size_bytes: usize,
    limits: Limits,
    pool: Pool<Box<Instance>>,
    usage: Arc<Usage>,
    memory_bytes: AtomicUsize,
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adapter")
            .field("venue", &self.descriptor.venue)
            .field("version", &self.descriptor.adapter_version)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

impl Adapter {
    pub(crate) fn new(
        pre: InstancePre<InstanceState>,
        surface: Surface,
        sha256: String,
        size_bytes: usize,
        limits: Limits,
    ) -> Result<Self, LoadError> {
        let indices = ExportIndices::new(&pre, &surface)?;
        let usage = Arc::new(Usage::default());
        let instantiate_within = |deadline| instantiate(&pre, &indices, &limits, deadline, &usage);
        let mut first = instantiate_within(limits.instantiate_deadline)?;
        let Instance { store, exports, .. } = &mut first;
        let described = exports.descriptor.call_describe(&mut *store);
        let descriptor =
            described.map_err(|error| LoadError::Describe(call_error(error, &limits, store)))?;
        check_descriptor(&descriptor, &surface)?;
        // Instances are made between calls, on a caller's thread: that may take no longer than a call. The
        // first one is not kept, because it paid for what is done once; this one opens the pool.
        let second = instantiate_within(limits.call_deadline).map_err(LoadError::SlowInstance)?;
        drop(first);
        let pool = Pool::new(limits.instances_per_adapter, limits.call_deadline);
        pool.open_with(Box::new(second));
        let allowed_calls = AllowedCalls::new(&descriptor);
        Ok(Self {
            pre,
            indices,
            surface,
            descriptor,
            allowed_calls,
            sha256,
            size_bytes,
            limits,
            pool,
            usage,
            memory_bytes: AtomicUsize::new(0),
        })
    }

    /// The same component within other limits, with a pool of its own. No memory beyond what its runtime
    /// was made for can be given.
    ///
    /// # Errors
    /// [`LoadError`], as when it is loaded.
    pub fn within(&self, limits: Limits) -> Result<Self, LoadError> {
        let (surface, sha256) = (self.surface.clone(), self.sha256.clone());
        Self::new(self.pre.clone(), surface, sha256, self.size_bytes, limits)
    }

    /// What the adapter says of itself.
    pub fn descriptor(&self) -> &descriptor::Descriptor {
        &self.descriptor
    }

    /// The requests it may make.
    pub fn allowed_calls(&self) -> &AllowedCalls {
        &self.allowed_calls
    }

    /// What it imports and exports.
    pub fn surface(&self) -> &Surface {
        &self.surface
    }

    /// SHA-256 of the component, lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Size of the component in bytes.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Whether it exports a capability.
    pub fn offers(&self, capability: Capability) -> bool {
        self.surface.capabilities.contains(&capability)
    }

    /// Instances alive and idle.
    pub fn pool_status(&self) -> PoolStatus {
        self.pool.status()
    }

    /// What it uses, over all its instances.
    pub fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// Linear memory of the instance that completed a call last, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// What a call may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The requests of one step of an operation, for the host to send.
    ///
    /// # Errors
    /// The outer error is the host's ([`CallError`]: the call did not complete), the inner one the
    /// adapter's answer.
    pub fn encode<O: Operation>(
        &self,
        call: &Call,
        command: &O::Command,
        state: Option<&Vec<u8>>,
    ) -> Result<Result<Vec<HttpRequest>, Error>, CallError> {
        self.run(call, self.limits.call_deadline, |exports, store| {
            O::call_encode(exports, store, &call.context, command, state)
        })
    }

    /// What the answers of one step mean.
    ///
    /// # Errors
    /// As [`Adapter::encode`].
    pub fn decode<O: Operation>(
        &self,
        call: &Call,
        command: &O::Command,
        state: Option<&Vec<u8>>,
        responses: &[HttpResponse],
    ) -> Result<Result<Step<O::Output>, Error>, CallError> {
        let deadline = if O::BULK {
            self.limits.bulk_call_deadline
        } else {
            self.limits.call_deadline
        };
        self.run(call, deadline, |exports, store| {
            O::call_decode(exports, store, &call.context, command, state, responses)
        })
    }

    fn run<T: Send>(
        &self,
        call: &Call,
        deadline: Duration,
        work: impl FnOnce(&Exports, &mut Store<InstanceState>) -> Called<T> + Send,
    ) -> Result<Result<T, Error>, CallError> {
        if self.surface.imports_wasi {
            // WASI's synchronous shims block on futures, which a runtime's own thread may not do.
            outside_async(|| self.run_here(call, deadline, work))
        } else {
            self.run_here(call, deadline, work)
        }
    }

    fn run_here<T>(
        &self,
        call: &Call,
        deadline: Duration,
        work: impl FnOnce(&Exports, &mut Store<InstanceState>) -> Called<T>,
    ) -> Result<Result<T, Error>, CallError> {
        let mut instance = self.check_out()?;
        let scope = CallScope {
            signer: call.signer.clone(),
            catalogue: call.catalogue.clone(),
            log: call.log.clone(),
            lines_written: 0,
        };
        let Instance {
            store,
            exports,
            uses,
        } = &mut *instance;
        *uses += 1;
        store.data_mut().scope = Some(scope);
        begin(store, deadline, self.limits.wall_factor);
        let running = self.usage.call();
        let called = work(exports, store);
        drop(running);
        store.data_mut().scope = None;
        let memory_bytes = store.data().limits.memory_bytes();
        self.memory_bytes.store(memory_bytes, Ordering::Relaxed);
        match called {
            Ok(Ok(answer)) => {
                if instance.uses < self.limits.uses_per_instance {
                    self.pool.check_in(instance);
                } else {
                    self.discard(instance);
                }
                Ok(answer)
            }
            Ok(Err(error)) => {
                let error = call_error(error, &self.limits, &instance.store);
                self.discard(instance);
                Err(error)
            }
            Err(no_capability) => {
                self.pool.check_in(instance);
                Err(no_capability)
            }
        }
    }

    fn check_out(&self) -> Result<Box<Instance>, CallError> {
        match self.pool.check_out()? {
            Checkout::Warm(instance) => Ok(instance),
            Checkout::Vacant => instantiate(
                &self.pre,
                &self.indices,
                &self.limits,
                self.limits.call_deadline,
                &self.usage,
            )
            .map(Box::new)
            .inspect_err(|_| self.pool.vacate()),
        }
    }

    fn discard(&self, instance: Box<Instance>) {
        drop(instance); // frees its slot in the allocator before the place is given away
        self.pool.vacate();
    }
}

impl ExportIndices {
    fn new(pre: &InstancePre<InstanceState>, surface: &Surface) -> Result<Self, LoadError> {
        let has = |capability| surface.capabilities.contains(&capability);
        let mismatch = |error: wasmtime::Error| LoadError::ContractMismatch(format!("{error:#}"));
        Ok(Self {
            descriptor: descriptor::GuestIndices::new(pre).map_err(mismatch)?,
            market: has(Capability::Market)
                .then(|| market::GuestIndices::new(pre))
                .transpose()
                .map_err(mismatch)?,
            trading: has(Capability::Trading)
                .then(|| trading::GuestIndices::new(pre))
                .transpose()
                .map_err(mismatch)?,
            account: has(Capability::Account)
                .then(|| account::GuestIndices::new(pre))
                .transpose()
                .map_err(mismatch)?,
        })
    }

    fn load(
        &self,
        store: &mut Store<InstanceState>,
        instance: &wasmtime::component::Instance,
    ) -> wasmtime::Result<Exports> {
        Ok(Exports {
            descriptor: self.descriptor.load(&mut *store, instance)?,
            market: self
                .market
                .as_ref()
                .map(|i| i.load(&mut *store, instance))
                .transpose()?,
            trading: self
                .trading
                .as_ref()
                .map(|i| i.load(&mut *store, instance))
                .transpose()?,
            account: self
                .account
                .as_ref()
                .map(|i| i.load(&mut *store, instance))
                .transpose()?,
        })
    }
}

fn instantiate(
    pre: &InstancePre<InstanceState>,
    indices: &ExportIndices,
    limits: &Limits,
    deadline: Duration,
    usage: &Arc<Usage>,
) -> Result<Instance, CallError> {
    let state = InstanceState {
        limits: InstanceLimits::new(limits.memory_bytes, usage),
        budget: CallBudget::start(deadline, limits.wall_factor),
        scope: None,
        wasi: wasi::empty_context(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(pre.engine(), state);
    store.limiter(|state| &mut state.limits);
    store.epoch_deadline_callback(|mut context| {
        let budget = &mut context.data_mut().budget;
        Ok(if budget.is_spent() {
            UpdateDeadline::Interrupt
        } else {
            UpdateDeadline::Continue(1)
        })
    });
    begin(&mut store, deadline, limits.wall_factor);
    let loaded = pre
        .instantiate(&mut store)
        .and_then(|instance| indices.load(&mut store, &instance));
    match loaded {
        Ok(exports) => Ok(Instance {
            store,
            exports,
            uses: 0,
        }),
        Err(error) => Err(call_error(error, limits, &store)),
    }
}

fn begin(store: &mut Store<InstanceState>, deadline: Duration, wall_factor: u32) {
    store.data_mut().budget = CallBudget::start(deadline, wall_factor);
    store.set_epoch_deadline(1);
}

fn call_error(error: wasmtime::Error, limits: &Limits, store: &Store<InstanceState>) -> CallError {
    if matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt)) {
        return CallError::DeadlineExceeded(store.data().budget.allowed());
    }
    let text = format!("{error:#}");
    if text.contains(MEMORY_LIMIT_MESSAGE) {
        return CallError::MemoryExceeded {
            limit_bytes: limits.memory_bytes,
        };
    }
    CallError::Trap(text)
}

/// Runs blocking work where blocking is allowed, whatever thread this is.
fn outside_async<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Err(_) => work(),
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        Ok(_) => std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }),
    }
}

/// A call that may sign nothing, look nothing up and log nothing: for checks.
impl From<Context> for Call {
    fn from(context: Context) -> Self {
        Self {
            context,
            signer: None,
            catalogue: Arc::new(EmptyCatalogue),
            log: Arc::new(SilentLog),
        }
    }
}

//! Why an adapter was not loaded, or a call into it failed.

use std::time::Duration;

/// Why a component is not a usable adapter. Each message is written for the adapter's author.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no WebAssembly component.
    #[error("not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// The component imports something that is not part of the contract.
    #[error(
        "imports {import:?}, which the host does not provide; an adapter may import only \
         switchyard:adapter/{{signer,catalogue,log,types}}@{ours} and wasi:{{cli,clocks,filesystem,io,random,sockets}}@0.2"
    )]
    ForbiddenImport {
        /// The import's full name.
        import: String,
        /// The contract version of this host.
        ours: &'static str,
    },
    /// The component was built against another major version of the contract.
    #[error(
        "built against contract {theirs} ({interface}), this host speaks {ours}: another major version is not compatible"
    )]
    WrongMajor {
        /// The interface that carries the version.
        interface: String,
        /// The component's version.
        theirs: String,
        /// The host's version.
        ours: &'static str,
    },
    /// The component needs a newer minor version of the contract than this host has.
    #[error("imports {interface}@{theirs}, this host provides {ours}: upgrade the host")]
    NewerMinor {
        /// The interface that carries the version.
        interface: String,
        /// The component's version.
        theirs: String,
        /// The host's version.
        ours: &'static str,
    },
    /// The component does not export `descriptor`.
    #[error("does not export switchyard:adapter/descriptor@{ours}, which every adapter must")]
    NoDescriptor {
        /// The contract version of this host.
        ours: &'static str,
    },
    /// An interface is exported, but not with the contract's functions and types.
    #[error("does not fit the contract: {0}")]
    ContractMismatch(String),
    /// The descriptor contradicts itself or breaks a rule of the contract.
    #[error("descriptor: {0}")]
    Descriptor(String),
    /// Making another instance takes longer than a call may.
    #[error(
        "making an instance takes too long: {0}; do less in initialisation (plugins.call_deadline_ms bounds it)"
    )]
    SlowInstance(CallError),
    /// The first call, which asks for the descriptor, failed.
    #[error("could not read the descriptor: {0}")]
    Describe(#[from] CallError),
    /// The engine could not be set up, or the compiler failed.
    #[error("engine: {0}")]
    Engine(String),
}

/// Why a call into an adapter gave nothing. An error that the adapter itself *returns* is not one of these.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The adapter used more processor time than its deadline allows.
    #[error("the adapter was stopped after {} ms", .0.as_millis())]
    DeadlineExceeded(Duration),
    /// The adapter asked for more memory than its limit allows.
    #[error("the adapter was stopped at its memory limit of {limit_bytes} bytes")]
    MemoryExceeded {
        /// The limit.
        limit_bytes: usize,
    },
    /// The adapter trapped (panicked, divided by zero, ran out of stack, broke the ABI).
    #[error("the adapter trapped: {0}")]
    Trap(String),
    /// No instance became free in time.
    #[error("all {0} instances of the adapter are busy")]
    PoolExhausted(usize),
    /// The adapter does not export the capability that the operation belongs to.
    #[error("the adapter does not offer {0}")]
    NoCapability(&'static str),
}

impl CallError {
    /// The kind of it, from a closed set: for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DeadlineExceeded(_) => "deadline",
            Self::MemoryExceeded { .. } => "memory",
            Self::Trap(_) => "trap",
            Self::PoolExhausted(_) => "busy",
            Self::NoCapability(_) => "no_capability",
        }
    }
}

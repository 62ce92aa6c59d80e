//! The projects that `plugin new` makes. All four speak to the same venue and answer the same recorded cases.

use crate::cli::plugin_build::Language;

/// A file of a project: its path there, and its text.
type File = (&'static str, &'static str);

macro_rules! files {
    ($room:literal: $($path:literal $(= $source:literal)?),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../plugins/templates/", $room, "/", files!(@source $path $($source)?))))),+]
    };
    (@source $path:literal $source:literal) => { $source };
    (@source $path:literal) => { $path };
}

const RUST: &[File] = files!("rust":
    ".gitignore" = "gitignore",
    "Cargo.toml",
    "README.md",
    "adapter.toml",
    "src/answers.rs",
    "src/describe.rs",
    "src/lib.rs",
    "src/market.rs",
    "src/orders.rs",
    "src/signing.rs",
);

const PYTHON: &[File] = files!("python":
    ".gitignore" = "gitignore",
    "README.md",
    "adapter.toml",
    "src/answers.py",
    "src/app.py",
    "src/describe.py",
    "src/market.py",
    "src/orders.py",
);

const JAVASCRIPT: &[File] = files!("javascript":
    ".gitignore" = "gitignore",
    "README.md",
    "adapter.toml",
    "src/adapter.js",
    "src/answers.js",
    "src/describe.js",
    "src/market.js",
    "src/orders.js",
);

const C: &[File] = files!("c":
    ".gitignore" = "gitignore",
    "README.md",
    "adapter.toml",
    "src/adapter.c",
    "src/adapter.h",
    "src/answers.c",
    "src/describe.c",
    "src/json.c",
    "src/market.c",
    "src/memory.c",
    "src/orders.c",
    "src/text.c",
);

/// Exchanges that hold in every language.
pub(super) const CASES: &[File] = files!("cases":
    "cases/cancel/001-by-venue-id.json" = "cancel/001-by-venue-id.json",
    "cases/cancel/002-already-final.json" = "cancel/002-already-final.json",
    "cases/get-order-book/001-two-levels.json" = "get-order-book/001-two-levels.json",
    "cases/get-order/001-by-client-id.json" = "get-order/001-by-client-id.json",
    "cases/get-order/002-not-found.json" = "get-order/002-not-found.json",
    "cases/get-ticker/001-two-sided.json" = "get-ticker/001-two-sided.json",
    "cases/get-ticker/002-one-sided.json" = "get-ticker/002-one-sided.json",
    "cases/get-time/001-time.json" = "get-time/001-time.json",
    "cases/list-instruments/001-two.json" = "list-instruments/001-two.json",
    "cases/list-open/001-on-the-endpoint.json" = "list-open/001-on-the-endpoint.json",
    "cases/list-open/002-on-an-instrument.json" = "list-open/002-on-an-instrument.json",
    "cases/place/001-limit-order.json" = "place/001-limit-order.json",
    "cases/place/002-market-order.json" = "place/002-market-order.json",
    "cases/place/003-post-only-order.json" = "place/003-post-only-order.json",
    "cases/place/004-insufficient-funds.json" = "place/004-insufficient-funds.json",
    "cases/place/005-outcome-unknown.json" = "place/005-outcome-unknown.json",
    "cases/place/006-rate-limited.json" = "place/006-rate-limited.json",
    "cases/place/007-bad-gateway.json" = "place/007-bad-gateway.json",
);

pub(super) fn of(language: Language) -> &'static [File] {
    match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::Javascript => JAVASCRIPT,
        Language::C => C,
    }
}

//! The descriptor's words, as JSON has them.

use switchyard_runtime::wit::descriptor::{AmendMode, BucketScope};

/// How open orders are changed.
pub fn amend_mode(mode: AmendMode) -> &'static str {
    match mode {
        AmendMode::Native => "native",
        AmendMode::CancelReplace => "cancel_replace",
        AmendMode::Unsupported => "unsupported",
    }
}

/// Who shares a rate-limit bucket.
pub fn bucket_scope(scope: BucketScope) -> &'static str {
    match scope {
        BucketScope::Ip => "ip",
        BucketScope::Account => "account",
    }
}

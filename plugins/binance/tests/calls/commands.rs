//! Commands that ask the same of every API.

use switchyard_sdk::market::GetCandles;
use switchyard_sdk::trading::{ListFills, ListHistory};

pub(crate) fn history(since: u64, before: u64, limit: u32) -> ListHistory {
    ListHistory {
        since,
        before,
        limit,
    }
}

pub(crate) fn fills(since: u64, before: u64) -> ListFills {
    ListFills {
        order: None,
        since,
        before,
        limit: 10,
    }
}

/// Candles of a minute.
pub(crate) fn candles(since: Option<u64>, before: Option<u64>, limit: u32) -> GetCandles {
    GetCandles {
        seconds: 60,
        since,
        before,
        limit,
    }
}

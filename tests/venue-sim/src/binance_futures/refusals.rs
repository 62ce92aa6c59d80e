//! The futures APIs' own error codes, and the engine's refusals in them.

use rust_decimal::Decimal;

use crate::binance::ApiError;
use crate::engine::Reject;

/// `-1023`: a range that ends before it starts.
pub(super) fn start_after_end() -> ApiError {
    ApiError::new(-1023, "Start time is greater than end time.")
}

/// `-1111`: more decimals than the contract shows.
pub(super) fn precision() -> ApiError {
    ApiError::new(
        -1111,
        "Precision is over the maximum defined for this asset.",
    )
}

/// `-4061`: a side of hedge mode, while the account is in one-way mode.
pub(super) fn position_side() -> ApiError {
    ApiError::new(
        -4061,
        "Order's position side does not match user's setting.",
    )
}

/// `-4120`: conditional orders have an endpoint of their own.
pub(super) fn use_algo_endpoint() -> ApiError {
    ApiError::new(
        -4120,
        "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    )
}

/// `-4164`: an order that is worth too little.
pub(super) fn min_notional(least: Decimal) -> ApiError {
    let least = least.normalize();
    ApiError::new(
        -4164,
        format!(
            "Order's notional must be no smaller than {least} (unless you choose reduce only)."
        ),
    )
}

/// `-4165`: a range that is too long.
pub(super) fn interval_too_long(days: i64) -> ApiError {
    ApiError::new(-4165, format!("Maximum time interval is {days} days."))
}

/// `-4166`: a range that starts too long ago.
pub(super) fn window_too_old() -> ApiError {
    ApiError::new(-4166, "Search window is restricted to recent 90 days only.")
}

/// The engine's refusal in Binance's words.
pub(super) fn refusal(reject: Reject) -> ApiError {
    match reject {
        Reject::UnknownInstrument(_) => ApiError::invalid_symbol(),
        Reject::MarketClosed => ApiError::new(-4140, "Invalid symbol status for opening position."),
        Reject::InvalidSize => ApiError::new(-4003, "Quantity less than zero."),
        Reject::DuplicateClientId => ApiError::new(-4116, "ClientOrderId is duplicated."),
        Reject::InsufficientBalance(_) => ApiError::new(-2019, "Margin is insufficient."),
        Reject::NothingToReduce => ApiError::new(-2022, "ReduceOnly Order is rejected."),
        Reject::WouldTrigger => ApiError::new(-2021, "Order would immediately trigger."),
        Reject::WouldTake => ApiError::new(
            -5022,
            "Due to the order could not be executed as maker, the Post Only order will be rejected. The order will \
             not be recorded in the order history",
        ),
        Reject::WouldNotFill => ApiError::new(
            -5021,
            "Due to the order could not be filled immediately, the FOK order has been rejected. The order will not be \
             recorded in the order history",
        ),
        Reject::UnknownOrder => ApiError::unknown_order(),
        Reject::NotAReduction | Reject::NoChange => {
            ApiError::new(-5027, "No need to modify the order.")
        }
    }
}

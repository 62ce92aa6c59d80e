//! The errors that all of Binance's APIs publish alike: their codes, and what they mean.

use switchyard_sdk::errors::{Rule, Table};
use switchyard_sdk::types::ErrorKind;

use Rule as R;

/// The table. An API's own comes before it.
pub(crate) const GENERAL: Table = Table {
    codes: CODES,
    speaking: &[],
    texts: &[],
};

const CODES: &[Rule] = &[
    R::open(-1_000, ErrorKind::VenueUnavailable), // UNKNOWN
    R::open(-1_001, ErrorKind::VenueUnavailable), // DISCONNECTED
    R::refusal(-1_002, ErrorKind::AuthFailed),    // UNAUTHORIZED
    R::refusal(-1_003, ErrorKind::RateLimited(None)), // TOO_MANY_REQUESTS
    // UNEXPECTED_RESP: "Execution status unknown."
    R::open(-1_006, ErrorKind::OutcomeUnknown),
    // TIMEOUT: "Send status unknown; execution status unknown."
    R::open(-1_007, ErrorKind::OutcomeUnknown),
    R::refusal(-1_014, ErrorKind::Unsupported), // UNKNOWN_ORDER_COMPOSITION
    R::refusal(-1_015, ErrorKind::RateLimited(None)), // TOO_MANY_ORDERS
    R::refusal(-1_016, ErrorKind::VenueUnavailable), // SERVICE_SHUTTING_DOWN
    R::refusal(-1_020, ErrorKind::Unsupported), // UNSUPPORTED_OPERATION
    R::refusal(-1_021, ErrorKind::ClockSkew),   // INVALID_TIMESTAMP
    R::refusal(-1_022, ErrorKind::AuthFailed),  // INVALID_SIGNATURE
    // not found, authenticated or authorized
    R::refusal(-1_099, ErrorKind::AuthFailed),
    R::refusal(-1_100, ErrorKind::InvalidRequest), // ILLEGAL_CHARS
    R::refusal(-1_101, ErrorKind::InvalidRequest), // TOO_MANY_PARAMETERS
    R::refusal(-1_102, ErrorKind::InvalidRequest), // MANDATORY_PARAM_EMPTY_OR_MALFORMED
    R::refusal(-1_103, ErrorKind::InvalidRequest), // UNKNOWN_PARAM
    R::refusal(-1_104, ErrorKind::InvalidRequest), // UNREAD_PARAMETERS
    R::refusal(-1_105, ErrorKind::InvalidRequest), // PARAM_EMPTY
    R::refusal(-1_106, ErrorKind::InvalidRequest), // PARAM_NOT_REQUIRED
    R::refusal(-1_111, ErrorKind::InvalidRequest), // BAD_PRECISION
    R::refusal(-1_112, ErrorKind::InvalidRequest).blaming("symbol"), // NO_DEPTH
    R::refusal(-1_114, ErrorKind::InvalidRequest).blaming("time-in-force"), // TIF_NOT_REQUIRED
    R::refusal(-1_115, ErrorKind::InvalidRequest).blaming("time-in-force"), // INVALID_TIF
    R::refusal(-1_116, ErrorKind::InvalidRequest).blaming("order-type"), // INVALID_ORDER_TYPE
    R::refusal(-1_117, ErrorKind::InvalidRequest).blaming("side"), // INVALID_SIDE
    R::refusal(-1_118, ErrorKind::InvalidRequest).blaming("client-id"), // EMPTY_NEW_CL_ORD_ID
    R::refusal(-1_119, ErrorKind::InvalidRequest).blaming("order"), // EMPTY_ORG_CL_ORD_ID
    R::refusal(-1_120, ErrorKind::InvalidRequest).blaming("seconds"), // BAD_INTERVAL
    R::refusal(-1_121, ErrorKind::InvalidRequest).blaming("symbol"), // BAD_SYMBOL
    R::refusal(-1_122, ErrorKind::InvalidRequest), // INVALID_SYMBOLSTATUS
    R::refusal(-1_125, ErrorKind::AuthFailed),     // INVALID_LISTEN_KEY
    R::refusal(-1_127, ErrorKind::InvalidRequest).blaming("since"), // MORE_THAN_XX_HOURS
    R::refusal(-1_128, ErrorKind::InvalidRequest), // OPTIONAL_PARAMS_BAD_COMBO
    R::refusal(-1_130, ErrorKind::InvalidRequest), // INVALID_PARAMETER
    R::refusal(-2_013, ErrorKind::OrderNotFound),  // NO_SUCH_ORDER
    R::refusal(-2_014, ErrorKind::AuthFailed),     // BAD_API_KEY_FMT
    R::refusal(-2_015, ErrorKind::AuthFailed),     // REJECTED_MBX_KEY
    R::refusal(-2_016, ErrorKind::InvalidRequest).blaming("symbol"), // NO_TRADING_WINDOW
];

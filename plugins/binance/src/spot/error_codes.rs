//! Every error that the spot API publishes, and what it means (Errors, "Error codes for Binance").
//!
//! The matching engine puts its reason into the text of a few codes (-1010, -1013, -2010, -2011, -2038),
//! so the texts come first. A code is a refusal unless its text says that the outcome is not known.

use switchyard_sdk::errors::{Rule, Table};
use switchyard_sdk::types::ErrorKind;

use crate::error_codes::GENERAL;
use crate::failures::Errors;

use Rule as R;

/// The tables. Spot documents no 5xx that certainly executed nothing.
pub(crate) const SPOT: Errors = Errors {
    tables: &[
        Table {
            codes: CODES,
            speaking: &[-1_010, -1_013, -2_010, -2_011, -2_038],
            texts: TEXTS,
        },
        GENERAL,
    ],
    unexecuted: &[],
    explained: &[],
};

const TEXTS: &[Rule] = &[
    // Filters; the name says which field is at fault (Errors, "Filter failures").
    R::saying("Filter failure: PRICE_FILTER", ErrorKind::InvalidRequest).blaming("price"),
    R::saying("Filter failure: PERCENT_PRICE", ErrorKind::InvalidRequest).blaming("price"),
    R::saying("Filter failure: LOT_SIZE", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying("Filter failure: MARKET_LOT_SIZE", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying("Filter failure: MIN_NOTIONAL", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying("Filter failure: NOTIONAL", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying("Filter failure: MAX_POSITION", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying("Filter failure: MAX_ASSET", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying(
        "Filter failure: MAX_NUM_ORDER_AMENDS",
        ErrorKind::NotAmendable,
    ),
    R::saying("Filter failure: ", ErrorKind::InvalidRequest),
    // The order is not there, or is there already.
    R::saying("Unknown order sent.", ErrorKind::OrderNotFound),
    R::saying(
        "Cancel order is invalid. Check origClOrdId and orderId.",
        ErrorKind::InvalidRequest,
    )
    .blaming("order"),
    R::saying("Duplicate order sent.", ErrorKind::DuplicateClientId).blaming("client-id"),
    // Money and market.
    R::saying("insufficient balance", ErrorKind::InsufficientFunds),
    R::saying("Market is closed.", ErrorKind::InvalidRequest).blaming("symbol"),
    R::saying("Price * QTY is zero or less.", ErrorKind::InvalidRequest).blaming("quantity"),
    R::saying(
        "Order book liquidity is less than",
        ErrorKind::InvalidRequest,
    )
    .blaming("quantity"),
    R::saying(
        "Order would immediately match and take.",
        ErrorKind::InvalidRequest,
    )
    .blaming("price"),
    R::saying(
        "Order would trigger immediately.",
        ErrorKind::InvalidRequest,
    ),
    R::saying(
        "The relationship of the prices for the orders is not correct.",
        ErrorKind::InvalidRequest,
    )
    .blaming("price"),
    R::saying("IcebergQty exceeds QTY.", ErrorKind::InvalidRequest).blaming("quantity"),
    // Changes to an order.
    R::saying(
        "Order was not canceled due to cancel restrictions.",
        ErrorKind::NotAmendable,
    ),
    R::saying(
        "Order amend is not supported for this symbol.",
        ErrorKind::NotAmendable,
    ),
    R::saying(
        "Order amend (quantity increase) is not supported.",
        ErrorKind::NotAmendable,
    )
    .blaming("quantity"),
    R::saying(
        "Order cancel-replace is not supported for this symbol.",
        ErrorKind::NotAmendable,
    ),
    R::saying(
        "The requested action would change no state",
        ErrorKind::InvalidRequest,
    )
    .blaming("quantity"),
    // What the symbol, the account or the server does not do.
    R::saying(
        "This action is disabled on this account.",
        ErrorKind::AuthFailed,
    ),
    R::saying(
        "This account may not place or cancel orders.",
        ErrorKind::AuthFailed,
    ),
    R::saying(
        "This symbol is not permitted for this account.",
        ErrorKind::AuthFailed,
    )
    .blaming("symbol"),
    R::saying(
        "This symbol is restricted for this account.",
        ErrorKind::AuthFailed,
    )
    .blaming("symbol"),
    R::saying("API trading is not enabled.", ErrorKind::VenueUnavailable),
    R::saying("Unsupported order combination", ErrorKind::Unsupported),
    R::saying(
        "Market orders are not supported for this symbol.",
        ErrorKind::Unsupported,
    )
    .blaming("order-type"),
    R::saying(
        "Quote order qty market orders are not support",
        ErrorKind::Unsupported,
    )
    .blaming("order-type"),
    R::saying("not supported for this symbol", ErrorKind::Unsupported),
];

const CODES: &[Rule] = &[
    // General server or network issues.
    // SERVER_BUSY: nothing says that the order was dropped
    R::open(-1_008, ErrorKind::Overloaded(None)),
    // ERROR_MSG_RECEIVED from the matching engine
    R::refusal(-1_010, ErrorKind::InvalidRequest),
    // INVALID_MESSAGE: "The request didn't reach the Matching Engine."
    R::refusal(-1_013, ErrorKind::InvalidRequest),
    // COMP_ID_IN_USE (FIX)
    R::refusal(-1_033, ErrorKind::Unsupported),
    R::refusal(-1_034, ErrorKind::RateLimited(None)), // TOO_MANY_CONNECTIONS
    // LOGGED_OUT (FIX)
    R::refusal(-1_035, ErrorKind::VenueUnavailable),
    // Request issues.
    R::refusal(-1_108, ErrorKind::InvalidRequest), // PARAM_OVERFLOW
    R::refusal(-1_131, ErrorKind::InvalidRequest), // BAD_RECV_WINDOW
    R::refusal(-1_134, ErrorKind::InvalidRequest), // BAD_STRATEGY_TYPE
    R::refusal(-1_135, ErrorKind::InvalidRequest), // INVALID_JSON
    R::refusal(-1_139, ErrorKind::InvalidRequest), // INVALID_TICKER_TYPE
    R::refusal(-1_145, ErrorKind::InvalidRequest), // INVALID_CANCEL_RESTRICTIONS
    R::refusal(-1_151, ErrorKind::InvalidRequest).blaming("symbol"), // DUPLICATE_SYMBOLS
    // Simple Binary Encoding, FIX and order lists, none of which this adapter speaks.
    R::refusal(-1_152, ErrorKind::Unsupported), // INVALID_SBE_HEADER
    R::refusal(-1_153, ErrorKind::Unsupported), // UNSUPPORTED_SCHEMA_ID
    R::refusal(-1_155, ErrorKind::Unsupported), // SBE_DISABLED
    R::refusal(-1_158, ErrorKind::Unsupported), // OCO_ORDER_TYPE_REJECTED
    R::refusal(-1_160, ErrorKind::Unsupported), // OCO_ICEBERGQTY_TIMEINFORCE
    R::refusal(-1_161, ErrorKind::Unsupported), // DEPRECATED_SCHEMA
    R::refusal(-1_165, ErrorKind::Unsupported), // BUY_OCO_LIMIT_MUST_BE_BELOW
    R::refusal(-1_166, ErrorKind::Unsupported), // SELL_OCO_LIMIT_MUST_BE_ABOVE
    R::refusal(-1_168, ErrorKind::Unsupported), // BOTH_OCO_ORDERS_CANNOT_BE_LIMIT
    R::refusal(-1_169, ErrorKind::Unsupported), // INVALID_TAG_NUMBER
    R::refusal(-1_170, ErrorKind::Unsupported), // TAG_NOT_DEFINED_IN_MESSAGE
    R::refusal(-1_171, ErrorKind::Unsupported), // TAG_APPEARS_MORE_THAN_ONCE
    R::refusal(-1_172, ErrorKind::Unsupported), // TAG_OUT_OF_ORDER
    R::refusal(-1_173, ErrorKind::Unsupported), // GROUP_FIELDS_OUT_OF_ORDER
    R::refusal(-1_174, ErrorKind::Unsupported), // INVALID_COMPONENT
    R::refusal(-1_175, ErrorKind::Unsupported), // RESET_SEQ_NUM_SUPPORT
    R::refusal(-1_176, ErrorKind::Unsupported), // ALREADY_LOGGED_IN
    R::refusal(-1_177, ErrorKind::Unsupported), // GARBLED_MESSAGE
    R::refusal(-1_178, ErrorKind::Unsupported), // BAD_SENDER_COMPID
    R::refusal(-1_179, ErrorKind::Unsupported), // BAD_SEQ_NUM
    R::refusal(-1_180, ErrorKind::Unsupported), // EXPECTED_LOGON
    R::refusal(-1_181, ErrorKind::RateLimited(None)), // TOO_MANY_MESSAGES
    R::refusal(-1_182, ErrorKind::InvalidRequest), // PARAMS_BAD_COMBO
    R::refusal(-1_183, ErrorKind::Unsupported), // NOT_ALLOWED_IN_DROP_COPY_SESSIONS
    R::refusal(-1_184, ErrorKind::Unsupported), // DROP_COPY_SESSION_NOT_ALLOWED
    R::refusal(-1_185, ErrorKind::Unsupported), // DROP_COPY_SESSION_REQUIRED
    R::refusal(-1_186, ErrorKind::Unsupported), // NOT_ALLOWED_IN_ORDER_ENTRY_SESSIONS
    R::refusal(-1_187, ErrorKind::Unsupported), // NOT_ALLOWED_IN_MARKET_DATA_SESSIONS
    R::refusal(-1_188, ErrorKind::Unsupported), // INCORRECT_NUM_IN_GROUP_COUNT
    R::refusal(-1_189, ErrorKind::Unsupported), // DUPLICATE_ENTRIES_IN_A_GROUP
    R::refusal(-1_190, ErrorKind::Unsupported), // INVALID_REQUEST_ID
    R::refusal(-1_191, ErrorKind::Unsupported), // TOO_MANY_SUBSCRIPTIONS
    R::refusal(-1_194, ErrorKind::InvalidRequest), // INVALID_TIME_UNIT
    R::refusal(-1_196, ErrorKind::Unsupported), // BUY_OCO_STOP_LOSS_MUST_BE_ABOVE
    R::refusal(-1_197, ErrorKind::Unsupported), // SELL_OCO_STOP_LOSS_MUST_BE_BELOW
    R::refusal(-1_198, ErrorKind::Unsupported), // BUY_OCO_TAKE_PROFIT_MUST_BE_BELOW
    R::refusal(-1_199, ErrorKind::Unsupported), // SELL_OCO_TAKE_PROFIT_MUST_BE_ABOVE
    R::refusal(-1_210, ErrorKind::Unsupported), // INVALID_PEG_PRICE_TYPE
    R::refusal(-1_211, ErrorKind::Unsupported), // INVALID_PEG_OFFSET_TYPE
    R::refusal(-1_220, ErrorKind::InvalidRequest).blaming("symbol"), // SYMBOL_DOES_NOT_MATCH_STATUS
    R::refusal(-1_221, ErrorKind::Unsupported), // INVALID_SBE_MESSAGE_FIELD
    R::refusal(-1_222, ErrorKind::Unsupported), // OPO_WORKING_MUST_BE_BUY
    R::refusal(-1_223, ErrorKind::Unsupported), // OPO_PENDING_MUST_BE_SELL
    R::refusal(-1_224, ErrorKind::Unsupported), // WORKING_PARAM_REQUIRED
    R::refusal(-1_225, ErrorKind::Unsupported), // PENDING_PARAM_NOT_REQUIRED
    // Orders, as the matching engine or the account decided.
    R::refusal(-2_010, ErrorKind::InvalidRequest), // NEW_ORDER_REJECTED
    R::refusal(-2_011, ErrorKind::NotAmendable),   // CANCEL_REJECTED
    // cancel-replace partially failed: one of its two parts happened
    R::open(-2_021, ErrorKind::OutcomeUnknown),
    // cancel-replace failed: neither part happened
    R::refusal(-2_022, ErrorKind::NotAmendable),
    // ORDER_ARCHIVED: never filled and over 90 days old
    R::refusal(-2_026, ErrorKind::OrderNotFound),
    R::refusal(-2_035, ErrorKind::Unsupported), // SUBSCRIPTION_ACTIVE
    R::refusal(-2_036, ErrorKind::Unsupported), // SUBSCRIPTION_INACTIVE
    R::refusal(-2_038, ErrorKind::NotAmendable), // ORDER_AMEND_REJECTED
    // CLIENT_ORDER_ID_INVALID for this order id
    R::refusal(-2_039, ErrorKind::InvalidRequest).blaming("order"),
    R::refusal(-2_042, ErrorKind::Unsupported), // MAXIMUM_SUBSCRIPTION_IDS
    R::refusal(-2_043, ErrorKind::InvalidRequest).blaming("symbol"), // NO_REFERENCE_PRICE
];

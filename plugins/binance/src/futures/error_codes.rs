//! Every error that the futures APIs publish beside the general ones, and what it means ("Error Codes" of
//! either API).
//!
//! "Unsupported" is what this adapter never asks for: margin types, leverage, batches, conditional orders.
//! Both APIs reuse some numbers with other meanings, so each has a table of its own in front of the shared.

use switchyard_sdk::errors::{Rule, Table};
use switchyard_sdk::types::ErrorKind;

use crate::error_codes::GENERAL;
use crate::failures::Errors;

use Rule as R;

/// "Service Unavailable.": "100% failure". "Request throttled by system-level protection ...": "100%
/// failure" (General Info, "HTTP 503 Status: Message Variants & Handling"). "Unknown error, please check
/// your request or try again later." is the third, and unknown; and so is whatever else a 5xx says.
const UNEXECUTED: &[&str] = &["Service Unavailable.", THROTTLED];

const THROTTLED: &str = "Request throttled by system-level protection";

/// The account keeps long and short apart, and then an order must say which it is for.
const EXPLAINED: &[(i64, &str)] = &[(
    -4_061,
    "orders on an account in hedge mode are not supported",
)];

pub(crate) const USDM: Errors = Errors {
    tables: &[
        Table {
            codes: USDM_CODES,
            speaking: &[-5_041],
            // -5041 has had two meanings: this one, and a queue in which the request may still stand.
            texts: &[R::saying("No depth matches", ErrorKind::InvalidRequest)],
        },
        SHARED,
        GENERAL,
    ],
    unexecuted: UNEXECUTED,
    explained: EXPLAINED,
};

pub(crate) const COINM: Errors = Errors {
    tables: &[
        Table {
            codes: COINM_CODES,
            speaking: &[],
            texts: &[],
        },
        SHARED,
        GENERAL,
    ],
    unexecuted: UNEXECUTED,
    explained: EXPLAINED,
};

const SHARED: Table = Table {
    codes: SHARED_CODES,
    speaking: &[-1_001, -1_008],
    texts: &[
        R::saying(THROTTLED, ErrorKind::Overloaded(None)),
        R::saying("Service Unavailable.", ErrorKind::VenueUnavailable),
    ],
};

const SHARED_CODES: &[Rule] = &[
    // "Server is currently overloaded with other requests": an older text, which promises nothing.
    R::open(-1_008, ErrorKind::Overloaded(None)),
    R::refusal(-1_004, ErrorKind::Unsupported), // DUPLICATE_IP
    R::refusal(-1_005, ErrorKind::AuthFailed),  // NO_SUCH_IP
    R::refusal(-1_010, ErrorKind::InvalidRequest), // ERROR_MSG_RECEIVED
    R::refusal(-1_011, ErrorKind::AuthFailed),  // NON_WHITE_LIST
    R::refusal(-1_013, ErrorKind::InvalidRequest), // INVALID_MESSAGE
    R::refusal(-1_023, ErrorKind::InvalidRequest).blaming("since"), // START_TIME_GREATER_THAN_END_TIME
    R::refusal(-1_108, ErrorKind::InvalidRequest),                  // BAD_ASSET
    R::refusal(-1_109, ErrorKind::AuthFailed),                      // BAD_ACCOUNT
    R::refusal(-1_110, ErrorKind::InvalidRequest),                  // BAD_INSTRUMENT_TYPE
    R::refusal(-1_113, ErrorKind::Unsupported),                     // WITHDRAW_NOT_NEGATIVE
    R::refusal(-1_126, ErrorKind::InvalidRequest),                  // ASSET_NOT_SUPPORTED
    R::refusal(-1_136, ErrorKind::InvalidRequest),                  // INVALID_NEW_ORDER_RESP_TYPE
    R::refusal(-2_010, ErrorKind::InvalidRequest),                  // NEW_ORDER_REJECTED
    R::refusal(-2_011, ErrorKind::OrderNotFound),                   // CANCEL_REJECTED
    R::refusal(-2_018, ErrorKind::InsufficientFunds),               // BALANCE_NOT_SUFFICIENT
    R::refusal(-2_019, ErrorKind::InsufficientFunds),               // MARGIN_NOT_SUFFICIEN
    R::refusal(-2_020, ErrorKind::InvalidRequest).blaming("quantity"), // UNABLE_TO_FILL
    R::refusal(-2_021, ErrorKind::InvalidRequest), // ORDER_WOULD_IMMEDIATELY_TRIGGER
    R::refusal(-2_022, ErrorKind::InvalidRequest).blaming("reduce-only"), // REDUCE_ONLY_REJECT
    R::refusal(-2_023, ErrorKind::InvalidRequest), // USER_IN_LIQUIDATION
    R::refusal(-2_024, ErrorKind::InvalidRequest).blaming("quantity"), // POSITION_NOT_SUFFICIENT
    R::refusal(-2_025, ErrorKind::InvalidRequest), // MAX_OPEN_ORDER_EXCEEDED
    R::refusal(-2_026, ErrorKind::InvalidRequest).blaming("reduce-only"), // REDUCE_ONLY_ORDER_TYPE_NOT_SUPPORTED
    R::refusal(-2_027, ErrorKind::InvalidRequest).blaming("quantity"),    // MAX_LEVERAGE_RATIO
    R::refusal(-2_028, ErrorKind::InsufficientFunds),                     // MIN_LEVERAGE_RATIO
    R::refusal(-4_000, ErrorKind::InvalidRequest),                        // INVALID_ORDER_STATUS
    R::refusal(-4_001, ErrorKind::InvalidRequest).blaming("price"),       // PRICE_LESS_THAN_ZERO
    R::refusal(-4_002, ErrorKind::InvalidRequest).blaming("price"), // PRICE_GREATER_THAN_MAX_PRICE
    R::refusal(-4_003, ErrorKind::InvalidRequest).blaming("quantity"), // QTY_LESS_THAN_ZERO
    R::refusal(-4_004, ErrorKind::InvalidRequest).blaming("quantity"), // QTY_LESS_THAN_MIN_QTY
    R::refusal(-4_005, ErrorKind::InvalidRequest).blaming("quantity"), // QTY_GREATER_THAN_MAX_QTY
    R::refusal(-4_006, ErrorKind::Unsupported),                     // STOP_PRICE_LESS_THAN_ZERO
    R::refusal(-4_007, ErrorKind::Unsupported), // STOP_PRICE_GREATER_THAN_MAX_PRICE
    R::refusal(-4_008, ErrorKind::Unsupported), // TICK_SIZE_LESS_THAN_ZERO
    R::refusal(-4_009, ErrorKind::Unsupported), // MAX_PRICE_LESS_THAN_MIN_PRICE
    R::refusal(-4_010, ErrorKind::Unsupported), // MAX_QTY_LESS_THAN_MIN_QTY
    R::refusal(-4_011, ErrorKind::Unsupported), // STEP_SIZE_LESS_THAN_ZERO
    R::refusal(-4_012, ErrorKind::Unsupported), // MAX_NUM_ORDERS_LESS_THAN_ZERO
    R::refusal(-4_013, ErrorKind::InvalidRequest).blaming("price"), // PRICE_LESS_THAN_MIN_PRICE
    R::refusal(-4_014, ErrorKind::InvalidRequest).blaming("price"), // PRICE_NOT_INCREASED_BY_TICK_SIZE
    R::refusal(-4_015, ErrorKind::InvalidRequest).blaming("client-id"), // INVALID_CL_ORD_ID_LEN
    R::refusal(-4_016, ErrorKind::InvalidRequest).blaming("price"), // PRICE_HIGHTER_THAN_MULTIPLIER_UP
    R::refusal(-4_017, ErrorKind::Unsupported),                     // MULTIPLIER_UP_LESS_THAN_ZERO
    R::refusal(-4_018, ErrorKind::Unsupported), // MULTIPLIER_DOWN_LESS_THAN_ZERO
    R::refusal(-4_019, ErrorKind::InvalidRequest), // COMPOSITE_SCALE_OVERFLOW
    R::refusal(-4_020, ErrorKind::Unsupported), // TARGET_STRATEGY_INVALID
    R::refusal(-4_021, ErrorKind::InvalidRequest).blaming("depth"), // INVALID_DEPTH_LIMIT
    R::refusal(-4_022, ErrorKind::InvalidRequest).blaming("symbol"), // WRONG_MARKET_STATUS
    R::refusal(-4_023, ErrorKind::InvalidRequest).blaming("quantity"), // QTY_NOT_INCREASED_BY_STEP_SIZE
    R::refusal(-4_024, ErrorKind::InvalidRequest).blaming("price"), // PRICE_LOWER_THAN_MULTIPLIER_DOWN
    R::refusal(-4_025, ErrorKind::Unsupported), // MULTIPLIER_DECIMAL_LESS_THAN_ZERO
    R::refusal(-4_026, ErrorKind::Unsupported), // COMMISSION_INVALID
    R::refusal(-4_027, ErrorKind::AuthFailed),  // INVALID_ACCOUNT_TYPE
    R::refusal(-4_028, ErrorKind::Unsupported), // INVALID_LEVERAGE
    R::refusal(-4_029, ErrorKind::Unsupported), // INVALID_TICK_SIZE_PRECISION
    R::refusal(-4_030, ErrorKind::Unsupported), // INVALID_STEP_SIZE_PRECISION
    R::refusal(-4_031, ErrorKind::Unsupported), // INVALID_WORKING_TYPE
    R::refusal(-4_032, ErrorKind::Unsupported), // EXCEED_MAX_CANCEL_ORDER_SIZE
    R::refusal(-4_033, ErrorKind::AuthFailed),  // INSURANCE_ACCOUNT_NOT_FOUND
    R::refusal(-4_044, ErrorKind::Unsupported), // INVALID_BALANCE_TYPE
    R::refusal(-4_045, ErrorKind::Unsupported), // MAX_STOP_ORDER_EXCEEDED
    R::refusal(-4_046, ErrorKind::Unsupported), // NO_NEED_TO_CHANGE_MARGIN_TYPE
    R::refusal(-4_047, ErrorKind::Unsupported), // THERE_EXISTS_OPEN_ORDERS
    R::refusal(-4_048, ErrorKind::Unsupported), // THERE_EXISTS_QUANTITY
    R::refusal(-4_049, ErrorKind::Unsupported), // ADD_ISOLATED_MARGIN_REJECT
    R::refusal(-4_050, ErrorKind::InsufficientFunds), // CROSS_BALANCE_INSUFFICIENT
    R::refusal(-4_051, ErrorKind::InsufficientFunds), // ISOLATED_BALANCE_INSUFFICIENT
    R::refusal(-4_052, ErrorKind::Unsupported), // NO_NEED_TO_CHANGE_AUTO_ADD_MARGIN
    R::refusal(-4_053, ErrorKind::Unsupported), // AUTO_ADD_CROSSED_MARGIN_REJECT
    R::refusal(-4_054, ErrorKind::Unsupported), // ADD_ISOLATED_MARGIN_NO_POSITION_REJECT
    R::refusal(-4_055, ErrorKind::Unsupported), // AMOUNT_MUST_BE_POSITIVE
    R::refusal(-4_056, ErrorKind::AuthFailed),  // INVALID_API_KEY_TYPE
    R::refusal(-4_057, ErrorKind::AuthFailed),  // INVALID_RSA_PUBLIC_KEY
    R::refusal(-4_058, ErrorKind::Unsupported), // MAX_PRICE_TOO_LARGE
    R::refusal(-4_059, ErrorKind::Unsupported), // NO_NEED_TO_CHANGE_POSITION_SIDE
    R::refusal(-4_060, ErrorKind::InvalidRequest), // INVALID_POSITION_SIDE
    R::refusal(-4_061, ErrorKind::InvalidRequest), // POSITION_SIDE_NOT_MATCH
    R::refusal(-4_062, ErrorKind::InvalidRequest).blaming("reduce-only"), // REDUCE_ONLY_CONFLICT
    R::refusal(-4_067, ErrorKind::Unsupported), // POSITION_SIDE_CHANGE_EXISTS_OPEN_ORDERS
    R::refusal(-4_068, ErrorKind::Unsupported), // POSITION_SIDE_CHANGE_EXISTS_QUANTITY
    R::refusal(-4_082, ErrorKind::Unsupported), // INVALID_BATCH_PLACE_ORDER_SIZE
    R::refusal(-4_083, ErrorKind::Unsupported), // PLACE_BATCH_ORDERS_FAIL
    R::refusal(-4_084, ErrorKind::Unsupported), // UPCOMING_METHOD
    R::refusal(-4_086, ErrorKind::Unsupported), // INVALID_PRICE_SPREAD_THRESHOLD
    R::refusal(-4_104, ErrorKind::InvalidRequest).blaming("symbol"), // INVALID_CONTRACT_TYPE
    R::refusal(-4_120, ErrorKind::Unsupported).blaming("order-type"), // STOP_ORDER_SWITCH_ALGO
    R::refusal(-4_135, ErrorKind::Unsupported), // INVALID_ACTIVATION_PRICE
    R::refusal(-4_137, ErrorKind::Unsupported), // QUANTITY_EXISTS_WITH_CLOSE_POSITION
    R::refusal(-4_138, ErrorKind::Unsupported), // REDUCE_ONLY_MUST_BE_TRUE
    R::refusal(-4_139, ErrorKind::Unsupported), // ORDER_TYPE_CANNOT_BE_MKT
    R::refusal(-4_142, ErrorKind::Unsupported), // STRATEGY_INVALID_TRIGGER_PRICE
    R::refusal(-4_192, ErrorKind::AuthFailed),  // COOLING_OFF_PERIOD
    R::refusal(-4_220, ErrorKind::Unsupported), // CANNOT_CHANGE_DUAL_SIDE
    R::refusal(-4_407, ErrorKind::AuthFailed).blaming("reduce-only"), // ACCOUNT_REDUCE_ONLY
    R::refusal(-4_517, ErrorKind::InvalidRequest).blaming("reduce-only"), // SYMBOL_REDUCE_ONLY
    R::refusal(-4_518, ErrorKind::InvalidRequest).blaming("reduce-only"), // SYMBOL_REDUCE_ONLY_BUY
    R::refusal(-4_519, ErrorKind::InvalidRequest).blaming("reduce-only"), // SYMBOL_REDUCE_ONLY_SELL
    R::refusal(-4_531, ErrorKind::Unsupported), // the position mode of both APIs is one
];

const USDM_CODES: &[Rule] = &[
    R::open(-2_012, ErrorKind::OutcomeUnknown), // CANCEL_ALL_FAIL
    R::refusal(-2_017, ErrorKind::AuthFailed),  // API_KEYS_LOCKED
    R::refusal(-4_063, ErrorKind::Unsupported), // INVALID_OPTIONS_REQUEST_TYPE
    R::refusal(-4_064, ErrorKind::Unsupported), // INVALID_OPTIONS_TIME_FRAME
    R::refusal(-4_065, ErrorKind::Unsupported), // INVALID_OPTIONS_AMOUNT
    R::refusal(-4_066, ErrorKind::Unsupported), // INVALID_OPTIONS_EVENT_TYPE
    R::refusal(-4_069, ErrorKind::Unsupported), // INVALID_OPTIONS_PREMIUM_FEE
    R::refusal(-4_070, ErrorKind::Unsupported), // INVALID_CL_OPTIONS_ID_LEN
    R::refusal(-4_071, ErrorKind::Unsupported), // INVALID_OPTIONS_DIRECTION
    R::refusal(-4_072, ErrorKind::Unsupported), // OPTIONS_PREMIUM_NOT_UPDATE
    R::refusal(-4_073, ErrorKind::Unsupported), // OPTIONS_PREMIUM_INPUT_LESS_THAN_ZERO
    R::refusal(-4_074, ErrorKind::Unsupported), // OPTIONS_AMOUNT_BIGGER_THAN_UPPER
    R::refusal(-4_075, ErrorKind::Unsupported), // OPTIONS_PREMIUM_OUTPUT_ZERO
    R::refusal(-4_076, ErrorKind::Unsupported), // OPTIONS_PREMIUM_TOO_DIFF
    R::refusal(-4_077, ErrorKind::Unsupported), // OPTIONS_PREMIUM_REACH_LIMIT
    R::refusal(-4_078, ErrorKind::Unsupported), // OPTIONS_COMMON_ERROR
    R::refusal(-4_079, ErrorKind::Unsupported), // INVALID_OPTIONS_ID
    R::refusal(-4_080, ErrorKind::Unsupported), // OPTIONS_USER_NOT_FOUND
    R::refusal(-4_081, ErrorKind::Unsupported), // OPTIONS_NOT_FOUND
    R::refusal(-4_085, ErrorKind::Unsupported), // INVALID_NOTIONAL_LIMIT_COEF
    R::refusal(-4_087, ErrorKind::AuthFailed).blaming("reduce-only"), // REDUCE_ONLY_ORDER_PERMISSION
    R::refusal(-4_088, ErrorKind::AuthFailed),                        // NO_PLACE_ORDER_PERMISSION
    R::refusal(-4_109, ErrorKind::AuthFailed),                        // INACTIVE_ACCOUNT
    R::refusal(-4_114, ErrorKind::Unsupported),                       // INVALID_CLIENT_TRAN_ID_LEN
    R::refusal(-4_115, ErrorKind::Unsupported),                       // DUPLICATED_CLIENT_TRAN_ID
    R::refusal(-4_116, ErrorKind::DuplicateClientId).blaming("client-id"), // DUPLICATED_CLIENT_ORDER_ID
    R::refusal(-4_117, ErrorKind::NotAmendable),                           // STOP_ORDER_TRIGGERING
    R::refusal(-4_118, ErrorKind::InvalidRequest).blaming("reduce-only"), // REDUCE_ONLY_MARGIN_CHECK_FAILED
    R::refusal(-4_131, ErrorKind::InvalidRequest),                        // MARKET_ORDER_REJECT
    R::refusal(-4_136, ErrorKind::Unsupported),                           // INVALID_TARGET_STRATEGY
    R::refusal(-4_140, ErrorKind::InvalidRequest).blaming("symbol"), // INVALID_OPENING_POSITION_STATUS
    R::refusal(-4_141, ErrorKind::InvalidRequest).blaming("symbol"), // SYMBOL_ALREADY_CLOSED
    R::refusal(-4_144, ErrorKind::InvalidRequest).blaming("symbol"), // INVALID_PAIR
    R::refusal(-4_161, ErrorKind::Unsupported), // ISOLATED_LEVERAGE_REJECT_WITH_POSITION
    R::refusal(-4_164, ErrorKind::InvalidRequest).blaming("quantity"), // MIN_NOTIONAL
    R::refusal(-4_165, ErrorKind::InvalidRequest).blaming("since"), // INVALID_TIME_INTERVAL
    R::refusal(-4_167, ErrorKind::Unsupported), // ISOLATED_REJECT_WITH_JOINT_MARGIN
    R::refusal(-4_168, ErrorKind::Unsupported), // JOINT_MARGIN_REJECT_WITH_ISOLATED
    R::refusal(-4_169, ErrorKind::Unsupported), // JOINT_MARGIN_REJECT_WITH_MB
    R::refusal(-4_170, ErrorKind::Unsupported), // JOINT_MARGIN_REJECT_WITH_OPEN_ORDER
    R::refusal(-4_171, ErrorKind::Unsupported), // NO_NEED_TO_CHANGE_JOINT_MARGIN
    R::refusal(-4_172, ErrorKind::Unsupported), // JOINT_MARGIN_REJECT_WITH_NEGATIVE_BALANCE
    R::refusal(-4_183, ErrorKind::InvalidRequest).blaming("price"), // PRICE_HIGHTER_THAN_STOP_MULTIPLIER_UP
    R::refusal(-4_184, ErrorKind::InvalidRequest).blaming("price"), // PRICE_LOWER_THAN_STOP_MULTIPLIER_DOWN
    R::refusal(-4_202, ErrorKind::Unsupported),                     // ADJUST_LEVERAGE_KYC_FAILED
    R::refusal(-4_203, ErrorKind::Unsupported), // ADJUST_LEVERAGE_ONE_MONTH_FAILED
    R::refusal(-4_205, ErrorKind::Unsupported), // ADJUST_LEVERAGE_X_DAYS_FAILED
    R::refusal(-4_206, ErrorKind::Unsupported), // ADJUST_LEVERAGE_KYC_LIMIT
    R::refusal(-4_208, ErrorKind::Unsupported), // ADJUST_LEVERAGE_ACCOUNT_SYMBOL_FAILED
    R::refusal(-4_209, ErrorKind::Unsupported), // ADJUST_LEVERAGE_SYMBOL_FAILED
    R::refusal(-4_210, ErrorKind::Unsupported), // STOP_PRICE_HIGHER_THAN_PRICE_MULTIPLIER_LIMIT
    R::refusal(-4_211, ErrorKind::Unsupported), // STOP_PRICE_LOWER_THAN_PRICE_MULTIPLIER_LIMIT
    R::refusal(-4_400, ErrorKind::InvalidRequest).blaming("reduce-only"), // TRADING_QUANTITATIVE_RULE
    R::refusal(-4_401, ErrorKind::InvalidRequest).blaming("reduce-only"), // LARGE_POSITION_SYM_RULE
    R::refusal(-4_402, ErrorKind::AuthFailed).blaming("symbol"), // COMPLIANCE_BLACK_SYMBOL_RESTRICTION
    R::refusal(-4_403, ErrorKind::Unsupported), // ADJUST_LEVERAGE_COMPLIANCE_FAILED
    R::refusal(-4_405, ErrorKind::InvalidRequest).blaming("reduce-only"), // UM_REDUCE_ONLY_ONLY
    R::refusal(-5_021, ErrorKind::InvalidRequest).blaming("time-in-force"), // FOK_ORDER_REJECT
    R::refusal(-5_022, ErrorKind::InvalidRequest).blaming("price"), // GTX_ORDER_REJECT
    R::refusal(-5_024, ErrorKind::NotAmendable), // MOVE_ORDER_NOT_ALLOWED_SYMBOL_REASON
    R::refusal(-5_025, ErrorKind::NotAmendable), // LIMIT_ORDER_ONLY
    R::refusal(-5_026, ErrorKind::NotAmendable), // Exceed_Maximum_Modify_Order_Limit
    R::refusal(-5_027, ErrorKind::InvalidRequest).blaming("quantity"), // SAME_ORDER
    R::refusal(-5_028, ErrorKind::ClockSkew),   // ME_RECVWINDOW_REJECT
    R::refusal(-5_029, ErrorKind::InvalidRequest).blaming("quantity"), // MODIFICATION_MIN_NOTIONAL
    R::refusal(-5_037, ErrorKind::Unsupported), // INVALID_PRICE_MATCH
    R::refusal(-5_038, ErrorKind::Unsupported), // UNSUPPORTED_ORDER_TYPE_PRICE_MATCH
    R::refusal(-5_039, ErrorKind::Unsupported), // INVALID_SELF_TRADE_PREVENTION_MODE
    R::refusal(-5_040, ErrorKind::Unsupported), // FUTURE_GOOD_TILL_DATE
    R::open(-5_041, ErrorKind::Overloaded(None)), // TOO_MANY_REQUESTS_IN_QUEUE
    R::refusal(-5_043, ErrorKind::NotAmendable), // Existing_Pending_Modification
    R::refusal(-5_047, ErrorKind::InvalidRequest).blaming("reduce-only"), // NOT_REDUCE_ONLY
];

const COINM_CODES: &[Rule] = &[
    R::refusal(-4_087, ErrorKind::InvalidRequest).blaming("symbol"), // INVALID_PAIR
    R::refusal(-4_088, ErrorKind::InvalidRequest).blaming("since"),  // INVALID_TIME_INTERVAL
    R::refusal(-4_089, ErrorKind::AuthFailed).blaming("reduce-only"), // REDUCE_ONLY_ORDER_PERMISSION
    R::refusal(-4_090, ErrorKind::AuthFailed),                        // NO_PLACE_ORDER_PERMISSION
    R::refusal(-4_110, ErrorKind::Unsupported),                       // INVALID_CLIENT_TRAN_ID_LEN
    R::refusal(-4_111, ErrorKind::Unsupported),                       // DUPLICATED_CLIENT_TRAN_ID
    R::refusal(-4_112, ErrorKind::InvalidRequest).blaming("reduce-only"), // REDUCE_ONLY_MARGIN_CHECK_FAILED
    R::refusal(-4_113, ErrorKind::InvalidRequest),                        // MARKET_ORDER_REJECT
    R::refusal(-4_150, ErrorKind::Unsupported), // ISOLATED_LEVERAGE_REJECT_WITH_POSITION
    R::refusal(-4_151, ErrorKind::InvalidRequest).blaming("price"), // PRICE_HIGHTER_THAN_STOP_MULTIPLIER_UP
    R::refusal(-4_152, ErrorKind::InvalidRequest).blaming("price"), // PRICE_LOWER_THAN_STOP_MULTIPLIER_DOWN
    R::refusal(-4_154, ErrorKind::Unsupported), // STOP_PRICE_HIGHER_THAN_PRICE_MULTIPLIER_LIMIT
    R::refusal(-4_155, ErrorKind::Unsupported), // STOP_PRICE_LOWER_THAN_PRICE_MULTIPLIER_LIMIT
    R::refusal(-4_178, ErrorKind::InvalidRequest).blaming("quantity"), // MIN_NOTIONAL
    R::refusal(-4_188, ErrorKind::ClockSkew),   // ME_INVALID_TIMESTAMP
    R::refusal(-4_194, ErrorKind::Unsupported), // ADJUST_LEVERAGE_KYC_FAILED
    R::refusal(-4_195, ErrorKind::Unsupported), // ADJUST_LEVERAGE_ONE_MONTH_FAILED
    R::refusal(-4_196, ErrorKind::NotAmendable), // LIMIT_ORDER_ONLY
    R::refusal(-4_197, ErrorKind::InvalidRequest).blaming("quantity"), // SAME_ORDER
    R::refusal(-4_198, ErrorKind::NotAmendable), // EXCEED_MAX_MODIFY_ORDER_LIMIT
    R::refusal(-4_199, ErrorKind::NotAmendable), // MOVE_ORDER_NOT_ALLOWED_SYMBOL_REASON
    R::refusal(-4_200, ErrorKind::Unsupported), // ADJUST_LEVERAGE_X_DAYS_FAILED
    R::refusal(-4_201, ErrorKind::Unsupported), // ADJUST_LEVERAGE_KYC_LIMIT
    R::refusal(-4_202, ErrorKind::Unsupported), // ADJUST_LEVERAGE_ACCOUNT_SYMBOL_FAILED
    R::refusal(-4_415, ErrorKind::InvalidRequest).blaming("reduce-only"), // CM_REDUCE_ONLY_ONLY
];

// What Deribit's errors mean: JSON-RPC's `{"error": {"code": 10009, "message": "not_enough_funds", "data": {...}}}`,
// with HTTP status 400 as a rule. The codes are those of https://docs.deribit.com, "RPC error codes", as ccxt 4.5.90
// (`deribit.py`, `exceptions`) and nautilus_deribit (`DERIBIT_RETRY_ERROR_CODES`) have them too. The shorter table of
// https://docs.deribit.com/articles/errors has other numbers for the same words and is not what the exchange sends.

import * as exact from "./exact.js";
import { Malformed } from "./exact.js";

const refusal = (tag, field = null, effect = "none") => ({ tag, field, effect });
const INVALID = refusal("invalid-request");
const AUTH = refusal("auth-failed");

// What is not here is `invalid-request`, and open where the request could change something.
const CODES = new Map([
  ["9999", AUTH], // api_not_enabled
  ["10000", AUTH], // authorization_required
  ["10001", refusal("venue-unavailable", null, "unknown")], // error: "Some general failure"
  ["10002", refusal("invalid-request", "quantity")], // qty_too_low
  ["10003", INVALID], // order_overlap
  ["10004", refusal("order-not-found")], // order_not_found
  ["10005", refusal("invalid-request", "price")], // price_too_low
  ["10006", refusal("invalid-request", "price")], // price_too_low4idx
  ["10007", refusal("invalid-request", "price")], // price_too_high
  ["10008", refusal("invalid-request", "price")], // price_too_high4idx
  ["10009", refusal("insufficient-funds")], // not_enough_funds
  ["10010", refusal("not-amendable")], // already_closed
  ["10011", refusal("invalid-request", "price")], // price_not_allowed
  ["10012", refusal("invalid-request", "symbol")], // book_closed
  ["10013", INVALID], // pme_max_total_open_orders
  ["10014", INVALID], // pme_max_future_open_orders
  ["10016", INVALID], // pme_max_future_open_orders_size
  ["10018", INVALID], // non_pme_max_future_position_size
  ["10019", AUTH], // locked_by_admin
  ["10020", refusal("invalid-request", "symbol")], // invalid_or_unsupported_instrument
  ["10021", refusal("invalid-request", "quantity")], // invalid_amount
  ["10022", refusal("invalid-request", "quantity")], // invalid_quantity
  ["10023", refusal("invalid-request", "price")], // invalid_price
  ["10025", refusal("order-not-found")], // invalid_order_id
  ["10026", refusal("invalid-request", "price")], // price_precision_exceeded
  ["10027", refusal("invalid-request", "quantity")], // non_integer_contract_amount
  ["10028", refusal("rate-limited")], // too_many_requests
  ["10029", refusal("order-not-found")], // not_owner_of_order
  ["10031", INVALID], // invalid_args_for_instrument
  ["10032", refusal("invalid-request", "quantity")], // whole_cost_too_low
  ["10033", refusal("unsupported")], // not_implemented
  ["10040", refusal("overloaded")], // retry: "can't be processed right now and should be retried"
  ["10041", refusal("venue-unavailable")], // settlement_in_progress: "trading is paused for several seconds"
  ["10043", refusal("invalid-request", "price")], // price_wrong_tick
  ["10045", refusal("not-amendable")], // can_not_cancel_liquidation_order
  ["10047", refusal("overloaded")], // matching_engine_queue_full
  ["10048", refusal("unsupported")], // not_on_this_server
  ["10066", refusal("rate-limited")], // too_many_concurrent_requests
  ["11008", refusal("not-amendable")], // already_filled
  ["11029", INVALID], // invalid_arguments
  ["11030", INVALID], // other_reject
  ["11031", refusal("invalid-request", null, "unknown")], // other_error
  ["11042", AUTH], // permission_denied
  ["11043", INVALID], // bad_argument
  ["11044", refusal("not-amendable")], // not_open_order
  ["11047", INVALID], // unsupported_arg_combination
  ["11049", INVALID], // bad_arguments
  ["11050", INVALID], // bad_request
  ["11051", refusal("venue-unavailable")], // system_maintenance
  ["11054", refusal("invalid-request", "time-in-force")], // post_only_reject
  ["11094", refusal("venue-unavailable", null, "unknown")], // internal_server_error
  ["13002", AUTH], // account_blocked
  ["13004", AUTH], // invalid_credentials
  ["13009", AUTH], // unauthorized
  ["13012", AUTH], // unavailable_in_subaccount
  ["13019", refusal("invalid-request", "symbol")], // orderbook_closed
  ["13020", refusal("invalid-request", "symbol")], // not_found: "Instrument is not found"
  ["13021", AUTH], // forbidden
  ["13025", refusal("venue-unavailable")], // method_switched_off_by_admin
  ["13028", refusal("venue-unavailable", null, "unknown")], // temporarily_unavailable: "not responding or too slow"
  // timed_out: `valid_until` had passed, or the server gave up waiting; the code does not tell which.
  ["13888", refusal("outcome-unknown", null, "unknown")],
  ["-32602", INVALID], // Invalid params
  ["-32601", refusal("unsupported")], // Method not found
  ["-32700", INVALID], // Parse error
  ["-32000", INVALID], // Missing params
]);

// Payloads of the kinds that have one.
const CARRIES = new Set(["rate-limited", "overloaded", "banned"]);

/** A kind of error with nothing known of a wait. */
const kind = (tag) => (CARRIES.has(tag) ? { tag, val: null } : { tag });

/** Nothing was sent, or nothing came of it. */
export function refused(tag, message, field = null) {
  return { kind: kind(tag), effect: "none", venueCode: null, message, field };
}

/** The adapter or Deribit has no such thing. */
export const unsupported = (what) => refused("unsupported", `${what} is not supported`);

/** Runs a decode; what Deribit does not document becomes the error that it is. */
export function reading(mutates, decode) {
  try {
    return decode();
  } catch (problem) {
    if (!(problem instanceof Malformed)) throw problem;
    throw {
      kind: kind("malformed-response"),
      effect: mutates ? "unknown" : "none",
      venueCode: null,
      message: problem.message,
      field: null,
    };
  }
}

/** What an answer holds under `result`, or the error that it is. */
export function resultOf(context, response, mutates, longest = undefined) {
  const isSuccess = response.status >= 200 && response.status < 300;
  let answer;
  try {
    answer = exact.object(exact.parse(response.body, longest), "the answer");
  } catch (problem) {
    if (isSuccess || !(problem instanceof Malformed)) throw problem;
    // A proxy on the way answers in HTML, or not at all: then the status has to do.
    throw byStatus(response.status, mutates);
  }
  if (Object.hasOwn(answer, "error")) throw byCode(context, answer.error, mutates);
  if (!isSuccess) throw byStatus(response.status, mutates);
  if (!Object.hasOwn(answer, "result")) throw new Malformed("the answer has neither error nor result");
  return answer.result;
}

/** The one answer of a step. */
export function only(responses) {
  if (responses.length !== 1) throw new Malformed(`${responses.length} answers to one request`);
  return responses[0];
}

function byCode(context, complaint, mutates) {
  const error = exact.object(complaint, "error");
  const code = exact.decimal(error.code, "code");
  const { tag, effect, field } = CODES.get(code) ?? refusal("invalid-request", null, "unknown");
  // "timed_out" of a question is a venue that did not answer.
  const meant = tag === "outcome-unknown" && !mutates ? "venue-unavailable" : tag;
  return {
    kind: kind(meant),
    effect: mutates ? effect : "none",
    venueCode: code,
    message: withoutKey(context, messageOf(error)),
    field,
  };
}

/** `Invalid params: must be a multiple of the tick size (price)`. */
function messageOf(error) {
  const message = exact.optionalText(error.message) ?? "no message";
  const data = typeof error.data === "object" && error.data !== null ? error.data : {};
  const [reason, parameter] = [exact.optionalText(data.reason), exact.optionalText(data.param)];
  return message + (reason ? `: ${reason}` : "") + (parameter ? ` (${parameter})` : "");
}

/** The key is public, but an answer that quotes it must not carry it into logs. */
function withoutKey(context, message) {
  const key = context.account?.apiKey;
  return key ? message.replaceAll(key, "(key)") : message;
}

function byStatus(status, mutates) {
  const [tag, refused] =
    status === 401 || status === 403 ? ["auth-failed", true]
    : status === 404 ? ["unsupported", true]
    : status === 429 ? ["rate-limited", true]
    : status >= 400 && status < 500 ? ["invalid-request", true]
    : ["venue-unavailable", false];
  return {
    kind: kind(tag),
    effect: refused || !mutates ? "none" : "unknown",
    venueCode: String(status),
    message: `HTTP status ${status}`,
    field: null,
  };
}

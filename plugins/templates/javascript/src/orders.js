// Placing, cancelling and finding orders.

import catalogue from "switchyard:adapter/catalogue@1.0.0";
import signer from "switchyard:adapter/signer@1.0.0";

import { Unreadable, bytesOf, invalid, percentEncoded, read, refused } from "./answers.js";
import { BUCKET, ENDPOINT } from "./describe.js";
import { instrumentOf } from "./market.js";

const ORDERS = "/v1/orders";

const SIDES = { buy: "buy", sell: "sell" };
// Post-only (`gtx`) is refused where it would take.
const TIME_IN_FORCE_NAMES = { gtc: "gtc", ioc: "ioc", fok: "fok", gtx: "post_only" };
const TIMES_IN_FORCE = { gtc: "gtc", ioc: "ioc", fok: "fok", post_only: "gtx" };
const STATES = {
  open: "new",
  filled: "filled",
  canceled: "canceled",
  rejected: "rejected",
  expired: "expired",
};
const FINAL = ["filled", "canceled", "rejected", "expired"];

// ---- Requests ---------------------------------------------------------------------------------

// An authenticated request: `x-signature` is the HMAC-SHA256, in hexadecimal digits, of the moment at which the request
// expires, the method, the path with its query, and the body, one behind the other. The secret stays with the gateway,
// which signs what it is given.
function signed(context, method, path, body = "") {
  if (!context.account) {
    throw refused({ tag: "auth-failed" }, "the venue has no credentials configured");
  }
  // The context is the only clock. `windowMs` is how long the caller wants the request to be valid: a venue that checks
  // it makes a late order impossible.
  const expires = String(context.now + context.windowMs);
  const payload = bytesOf(expires + method.toUpperCase() + path + body);
  const headers = [
    ["x-api-key", context.account.apiKey],
    ["x-expires", expires],
    ["x-signature", hex(sign(payload))],
  ];
  if (body !== "") headers.push(["content-type", "application/json"]);
  return {
    endpoint: ENDPOINT,
    method,
    path,
    headers,
    body: bytesOf(body),
    costs: [{ bucket: BUCKET, amount: 1 }],
    mutates: method !== "get",
  };
}

function sign(payload) {
  try {
    return signer.sign("hmac-sha256", "utf8", payload);
  } catch (refusal) {
    throw refused({ tag: "auth-failed" }, `the gateway does not sign: ${refusal}`);
  }
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The gateway has checked the order against the instrument; what the venue cannot do at all is said here.
export function place(context, command) {
  if (!isId(command.clientId)) throw invalid("client-id", "not a client id of this venue");
  if (command.reduceOnly) throw invalid("reduce-only", "there are no positions on spot");
  // By the client id an order is found again whose answer was lost, so a venue that takes none needs another way.
  // Decimals go out as they came in, as texts.
  const order = {
    client_id: command.clientId,
    symbol: instrumentOf(context).venueSymbol,
    side: command.side,
    type: command.orderType,
    size: command.quantity,
  };
  const [price, timeInForce] = [command.price ?? null, command.timeInForce ?? null];
  if (command.orderType === "limit" && price !== null && timeInForce !== null) {
    order.price = price;
    order.time_in_force = TIME_IN_FORCE_NAMES[timeInForce];
  } else if (command.orderType !== "market" || price !== null || timeInForce !== null) {
    throw invalid(
      "order-type",
      "a limit order has a price and a time in force, a market order has neither",
    );
  }
  return signed(context, "post", ORDERS, JSON.stringify(order));
}

export function cancel(context, order) {
  return signed(context, "delete", pathOf(order));
}

export function find(context, order) {
  return signed(context, "get", pathOf(order));
}

// On one instrument, or without one on the whole endpoint.
export function listOpen(context) {
  const symbol = context.instrument?.venueSymbol;
  const narrowed = symbol === undefined ? "" : `&symbol=${percentEncoded(symbol)}`;
  return signed(context, "get", `${ORDERS}?status=open${narrowed}`);
}

// Whether it is an id of this venue's, whose longest has 64 characters.
function isId(text) {
  return text.length <= 64 && /^[0-9A-Za-z_-]+$/.test(text);
}

// The path of one order, by the venue's id where it is known.
function pathOf(order) {
  const [venueId, clientId] = [order.venueId ?? null, order.clientId ?? null];
  const id = venueId ?? clientId;
  if (id === null) throw invalid("order", "no id at all");
  // The venue's ids are of these characters. Any other id would make the path name something else: the list of orders
  // where it is empty, another order where it has a `/`.
  if (!isId(id)) throw invalid("order", "no order has such an id");
  return venueId !== null ? `${ORDERS}/${id}` : `${ORDERS}/by-client-id/${id}`;
}

// ---- Answers ----------------------------------------------------------------------------------

export function placed(context, command, responses) {
  const reading = (answer) => {
    // An answer about another order says nothing of this one.
    if (answer.optionalText("client_id") !== command.clientId) {
      throw new Unreadable("the answer is about another order");
    }
    const report = reportOf(answer);
    // A refusal is an error, never a report.
    if (report.state === "rejected") {
      throw refused({ tag: "invalid-request" }, report.reason ?? "rejected without a reason");
    }
    return report;
  };
  return read(context, responses, reading, { mutates: true });
}

export function canceled(context, order, responses) {
  const report = read(context, responses, (answer) => theOne(order, answer), { mutates: true });
  // Say `confirmed` only of an order that is at its end; the gateway looks again after `accepted`.
  return FINAL.includes(report.state) ? { tag: "confirmed", val: report } : { tag: "accepted" };
}

export function found(context, order, responses) {
  return read(context, responses, (answer) => theOne(order, answer));
}

export function listed(context, responses) {
  return read(context, responses, (answer) => answer.objects("orders").map(reportOf), {
    isList: true,
  });
}

// The report of an order that must be the one asked for.
function theOne(asked, answer) {
  const report = reportOf(answer);
  const [venueId, clientId] = [asked.venueId ?? null, asked.clientId ?? null];
  const isIt = venueId !== null ? report.venueId === venueId : report.clientId === clientId;
  if (!isIt) throw new Unreadable("the answer is about another order");
  return report;
}

function reportOf(answer) {
  // `size`, not an optional decimal: a missing fill is no fill of zero, but an answer that cannot be read.
  const filled = answer.size("filled");
  const state = answer.named("status", STATES);
  const isTouched = /[1-9]/.test(filled);
  const symbol = answer.text("symbol");
  const type = answer.text("type");
  return {
    // The catalogue knows the unified name; a symbol that it does not list keeps the venue's.
    symbol: catalogue.find(ENDPOINT, symbol)?.symbol ?? symbol,
    venueId: answer.text("id"),
    clientId: answer.optionalText("client_id"),
    side: answer.named("side", SIDES),
    // Somebody's stop order, say, is listed, but not placed by the gateway.
    orderType: ["limit", "market"].includes(type) ? type : "other",
    timeInForce:
      answer.optionalText("time_in_force") === null
        ? null
        : answer.named("time_in_force", TIMES_IN_FORCE),
    reduceOnly: false,
    quantity: answer.size("size"),
    price: answer.optionalDecimal("price"),
    state: state === "new" && isTouched ? "partially-filled" : state,
    filledQuantity: filled,
    averagePrice: answer.optionalDecimal("average_price"),
    createdAt: answer.millis("created"),
    updatedAt: answer.millis("updated"),
    reason: answer.optionalText("reason"),
  };
}

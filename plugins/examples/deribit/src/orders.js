// Placing, cancelling and finding orders (https://docs.deribit.com/api-reference/trading).

import * as catalogue from "switchyard:adapter/catalogue@1.0.0";

import * as exact from "./exact.js";
import { Malformed } from "./exact.js";
import { only, reading, refused, resultOf, unsupported } from "./failures.js";
import { instrumentOf } from "./market.js";
import { ENDPOINT, ask, change } from "./requests.js";

const TIMES = { gtc: "good_til_cancelled", ioc: "immediate_or_cancel", fok: "fill_or_kill", gtx: "good_til_cancelled" };
const TIMES_OF = { good_til_cancelled: "gtc", good_til_day: null, immediate_or_cancel: "ioc", fill_or_kill: "fok" };
const SIDES = { buy: "buy", sell: "sell" };

const done = (val) => ({ tag: "done", val });

function parametersOf(context, command) {
  const parameters = {
    instrument_name: instrumentOf(context).venueSymbol,
    amount: command.quantity,
    type: command.orderType,
    label: command.clientId,
    // "server will start processing request in Matching Engine only before given timestamp".
    valid_until: String(context.now + context.windowMs),
  };
  if (command.price !== null) parameters.price = command.price;
  if (command.timeInForce !== null) parameters.time_in_force = TIMES[command.timeInForce];
  if (command.timeInForce === "gtx") {
    // Without the second an order that would take is moved away from its price instead.
    parameters.post_only = "true";
    parameters.reject_post_only = "true";
  }
  if (command.reduceOnly) parameters.reduce_only = "true";
  return parameters;
}

/** The states of an order that has filled this much. */
const stateOf = (state, filled) =>
  exact.named(
    state,
    {
      open: filled ? "partially-filled" : "new",
      untriggered: "new",
      triggered: "new",
      filled: "filled",
      cancelled: "canceled",
      rejected: "rejected",
    },
    "order_state",
  );

function timeOf(row, type) {
  if (type === "market") return null;
  const time = exact.named(row.time_in_force, TIMES_OF, "time_in_force");
  return time === "gtc" && row.post_only === true ? "gtx" : time;
}

/** An order as Deribit writes it. */
function reportOf(context, value) {
  const row = exact.object(value, "an order");
  const type = { market: "market", limit: "limit" }[exact.text(row.order_type, "order_type")] ?? "other";
  const filled = exact.size(row.filled_amount, "filled_amount");
  const hasFilled = !exact.isZero(filled);
  const isPriced = type === "limit" && exact.isNumber(row.price);
  if (type === "limit" && !isPriced) throw new Malformed("price is no number");
  return {
    symbol: symbolOf(context, exact.text(row.instrument_name, "instrument_name")),
    venueId: exact.text(row.order_id, "order_id"),
    clientId: exact.optionalText(row.label),
    side: exact.named(row.direction, SIDES, "direction"),
    orderType: type,
    timeInForce: timeOf(row, type),
    reduceOnly: row.reduce_only === true,
    quantity: exact.size(row.amount, "amount"),
    price: isPriced ? exact.decimal(row.price, "price") : null,
    state: stateOf(row.order_state, hasFilled),
    filledQuantity: filled,
    averagePrice: hasFilled ? exact.decimal(row.average_price, "average_price") : null,
    createdAt: exact.integer(row.creation_timestamp, "creation_timestamp"),
    updatedAt: exact.integer(row.last_update_timestamp, "last_update_timestamp"),
    reason: exact.optionalText(row.reject_reason) ?? exact.optionalText(row.cancel_reason),
  };
}

function symbolOf(context, name) {
  if (context.instrument?.venueSymbol === name) return context.instrument.symbol;
  // The catalogue knows the unified name; an option or a combination, which it does not list, keeps Deribit's.
  return catalogue.find(ENDPOINT, name)?.symbol ?? name;
}

/** A refusal is an error, never a report. */
function placed(context, result) {
  const report = reportOf(context, exact.object(result, "result").order);
  if (report.state !== "rejected") return report;
  throw { ...refused("invalid-request", report.reason ?? "rejected"), venueCode: "rejected" };
}

/** An order by its label: "currency" is the one that it is settled in. */
const labelOf = (context, order) => ({ currency: instrumentOf(context).settle, label: order.clientId });

function isNamed(order) {
  if (order.venueId === null && order.clientId === null) {
    throw refused("invalid-request", "neither id of the order is known", "order");
  }
}

function labelled(context, command, result) {
  const name = instrumentOf(context).venueSymbol;
  // Deribit does not hold a label to be the only one of its kind.
  const rows = exact.list(result, "result").filter((row) => {
    const { label, instrument_name: instrument } = exact.object(row, "an order");
    return label === command.order.clientId && instrument === name;
  });
  if (rows.length === 0) throw refused("order-not-found", "no recent order has this label");
  if (rows.length > 1) throw new Malformed(`${rows.length} orders have this label`);
  return reportOf(context, rows[0]);
}

const nothing = (what) => () => {
  throw unsupported(what);
};

const canceled = (context, command, result) => {
  if (command.order.venueId !== null) return { tag: "confirmed", val: reportOf(context, result) };
  if (exact.integer(result, "result") === 0) throw refused("order-not-found", "no open order has this label");
  return { tag: "accepted" };
};

export const trading = {
  encodePlace: (context, command) => change(context, `private/${command.side}`, parametersOf(context, command)),
  decodePlace: (context, command, state, responses) =>
    reading(true, () => done(placed(context, resultOf(context, only(responses), true)))),

  encodeCancel: (context, { order }) => {
    isNamed(order);
    return order.venueId !== null
      ? change(context, "private/cancel", { order_id: order.venueId })
      : change(context, "private/cancel_by_label", labelOf(context, order));
  },
  decodeCancel: (context, command, state, responses) =>
    reading(true, () => done(canceled(context, command, resultOf(context, only(responses), true)))),

  encodeCancelAll: (context) =>
    context.instrument
      ? change(context, "private/cancel_all_by_instrument", { instrument_name: context.instrument.venueSymbol })
      : change(context, "private/cancel_all", {}),
  // Deribit answers with how many there were.
  decodeCancelAll: (context, state, responses) =>
    reading(true, () => {
      exact.integer(resultOf(context, only(responses), true), "result");
      return done({ canceled: [], complete: false });
    }),

  encodeGetOrder: (context, { order }) => {
    isNamed(order);
    return order.venueId !== null
      ? ask(context, "private/get_order_state", { order_id: order.venueId })
      : ask(context, "private/get_order_state_by_label", labelOf(context, order));
  },
  decodeGetOrder: (context, command, state, responses) =>
    reading(false, () => {
      const result = resultOf(context, only(responses), false);
      const byId = command.order.venueId !== null;
      return done(byId ? reportOf(context, result) : labelled(context, command, result));
    }),

  encodeListOpen: (context) =>
    context.instrument
      ? ask(context, "private/get_open_orders_by_instrument", { instrument_name: context.instrument.venueSymbol })
      : ask(context, "private/get_open_orders", { kind: "future" }),
  decodeListOpen: (context, state, responses) =>
    reading(false, () => {
      const rows = exact.list(resultOf(context, only(responses), false), "result");
      return done(rows.map((row) => reportOf(context, row)));
    }),

  encodeAmend: nothing("amending"),
  decodeAmend: nothing("amending"),
  encodeListHistory: nothing("history"),
  decodeListHistory: nothing("history"),
  encodeListFills: nothing("fills"),
  decodeListFills: nothing("fills"),
};

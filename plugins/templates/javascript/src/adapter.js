// The Switchyard adapter for {{name}}.
//
// An adapter is a pure function: commands in, HTTP requests out; answers in, typed results out. It opens no
// socket, reads no clock and keeps nothing between two calls. What differs from one venue to the next is here,
// and nothing else; waiting, retrying, limits and keeping orders are the gateway's.
//
// `{{name}}` is a made-up venue with a small JSON API, so that everything here runs as it is. Make it yours from
// the top: the descriptor, then one operation after the other, each with a recorded case in `cases/`.
//
// How the contract (`wit/`) looks in JavaScript: names are in camelCase; an enum is its name as a text; a variant is
// `{ tag, val }`; flags are an object of booleans; `none` is null; an error is thrown, as the contract's record.

import { DESCRIPTOR } from "./describe.js";
import { refused } from "./answers.js";
import * as prices from "./market.js";
import * as orders from "./orders.js";

export const descriptor = { describe: () => DESCRIPTOR };

const done = (val) => ({ tag: "done", val });

// The rest of an interface has to be there, and says so.
function unsupported(...operations) {
  const pairs = operations.flatMap((operation) => [`encode${operation}`, `decode${operation}`]);
  const throwing = (name) => () => {
    throw refused({ tag: "unsupported" }, name);
  };
  return Object.fromEntries(pairs.map((name) => [name, throwing(name)]));
}

// Each operation is a pair. `state` is what a decode asked to have back when it needed another step
// (`{ tag: "continue", val: bytes }`), such as the place of the next page; nothing here needs one.

export const market = {
  ...unsupported("GetCandles"),

  encodeListInstruments: () => [prices.get("/v1/instruments")],
  decodeListInstruments: (context, state, responses) => done(prices.listing(context, responses)),

  encodeGetTime: () => [prices.get("/v1/time")],
  decodeGetTime: (context, state, responses) => done(prices.venueTime(context, responses)),

  encodeGetTicker: (context) => [prices.ticker(context)],
  decodeGetTicker: (context, state, responses) => done(prices.bestPrices(context, responses)),

  encodeGetOrderBook: (context, command) => [prices.book(context, command)],
  decodeGetOrderBook: (context, command, state, responses) =>
    done(prices.levels(context, command, responses)),
};

export const trading = {
  ...unsupported("Amend", "CancelAll", "ListHistory", "ListFills"),

  encodePlace: (context, command) => [orders.place(context, command)],
  decodePlace: (context, command, state, responses) =>
    done(orders.placed(context, command, responses)),

  encodeCancel: (context, command) => [orders.cancel(context, command.order)],
  decodeCancel: (context, command, state, responses) =>
    done(orders.canceled(context, command.order, responses)),

  encodeGetOrder: (context, command) => [orders.find(context, command.order)],
  decodeGetOrder: (context, command, state, responses) =>
    done(orders.found(context, command.order, responses)),

  encodeListOpen: (context) => [orders.listOpen(context)],
  decodeListOpen: (context, state, responses) => done(orders.listed(context, responses)),
};

// Instruments, prices and time (https://docs.deribit.com/api-reference/market-data).
//
// Quantities are Deribit's `amount`: US dollars for inverse contracts, units of the base for linear ones. So an
// inverse contract is worth 1 (USD) here, and Deribit's own `contract_size` (10 USD of BTC-PERPETUAL) is the step.

import { ALL_TIMES, BOTH_TYPES } from "./describe.js";
import * as exact from "./exact.js";
import { Malformed } from "./exact.js";
import { only, reading, refused, resultOf, unsupported } from "./failures.js";
import { ENDPOINT, open } from "./requests.js";

// public/get_instruments is far dearer than other requests ("Rate Limits"), so that it takes half of a second's budget.
const LISTING_COST = 10;

// The depths that public/get_order_book takes, but for 10,000: reading so much takes longer than a call may.
const DEPTHS = [1, 5, 10, 20, 50, 100, 1_000];

// What has a field of its own in the contract, or is only another name.
const TOLD = new Set([
  "instrument_name", "kind", "base_currency", "counter_currency", "quote_currency", "settlement_currency",
  "settlement_period", "instrument_type", "future_type", "expiration_timestamp", "creation_timestamp", "is_active",
  "tick_size", "min_trade_amount", "contract_size",
]);

const done = (val) => ({ tag: "done", val });

/** The instrument that an operation is for. */
export function instrumentOf(context) {
  if (!context.instrument) throw refused("invalid-request", "the operation needs an instrument", "symbol");
  return context.instrument;
}

function listed(row) {
  const field = (name) => exact.text(row[name], name);
  const [base, quote, settle] = [field("base_currency"), field("counter_currency"), field("settlement_currency")];
  // `future_type` is the older name of `instrument_type`.
  const type = row.instrument_type ?? row.future_type;
  const inverse = exact.named(type, { reversed: true, linear: false }, "instrument_type");
  const perpetual = field("settlement_period") === "perpetual";
  const expiry = perpetual ? null : exact.integer(row.expiration_timestamp, "expiration_timestamp");
  const bounds = {
    min: exact.size(row.min_trade_amount, "min_trade_amount"),
    max: null,
    step: exact.size(row.contract_size, "contract_size"),
  };
  return {
    instrument: {
      symbol: `${base}/${quote}:${settle}${perpetual ? "" : `-${date(expiry)}`}`,
      venueSymbol: field("instrument_name"),
      endpoint: ENDPOINT,
      product: `usd-${inverse ? "c" : "m"}-${perpetual ? "perpetual" : "delivery"}`,
      payoff: inverse ? "inverse" : "linear",
      base,
      quote,
      settle,
      quantityUnit: inverse ? "contracts" : "base",
      contractSize: "1",
      expiry,
      hints: [],
    },
    status: row.is_active === true ? "trading" : "closed",
    price: { min: null, max: null, step: exact.size(row.tick_size, "tick_size") },
    quantity: bounds,
    marketQuantity: null,
    notional: null,
    priceBand: null,
    maxOpenOrders: null,
    maxPosition: null,
    orderTypes: BOTH_TYPES,
    timesInForce: ALL_TIMES,
    otherRules: Object.entries(row)
      .filter(([name]) => !TOLD.has(name))
      .map(([name, value]) => [name, exact.toJson(value)]),
  };
}

/** `YYMMDD`, UTC. */
function date(ms) {
  const [year, month, day] = new Date(ms).toISOString().slice(0, 10).split("-");
  return year.slice(2) + month + day;
}

/** A best price and what rests there; Deribit shows an empty side as 0. */
function best(row, side) {
  const price = row[`best_${side}_price`];
  if (price === null || price === undefined) return [null, null];
  const text = exact.size(price, `best_${side}_price`);
  return exact.isZero(text) ? [null, null] : [text, exact.size(row[`best_${side}_amount`], `best_${side}_amount`)];
}

const optional = (value, what) => (value === null || value === undefined ? null : exact.size(value, what));

function ticker(instrument, row) {
  const [[bid, bidQuantity], [ask, askQuantity]] = [best(row, "bid"), best(row, "ask")];
  const stats = exact.object(row.stats, "stats");
  const dollars = optional(stats.volume_usd, "volume_usd");
  const inverse = instrument.quantityUnit === "contracts";
  return {
    symbol: instrument.symbol,
    bid,
    bidQuantity,
    ask,
    askQuantity,
    last: optional(row.last_price, "last_price"),
    open: null,
    high: optional(stats.high, "high"),
    low: optional(stats.low, "low"),
    // `volume` is in the base, `volume_usd` in dollars: what an inverse contract is counted in.
    volume: inverse ? dollars : optional(stats.volume, "volume"),
    quoteVolume: inverse ? dollars : null,
    at: exact.integer(row.timestamp, "timestamp"),
  };
}

function levels(side, depth, what) {
  return exact.list(side, what).slice(0, depth).map((row) => {
    const [price, quantity] = exact.list(row, "a level");
    return { price: exact.size(price, "price"), quantity: exact.size(quantity, "amount") };
  });
}

/** Runs a decode of the one answer to a question. */
function read(context, responses, decode, longest = undefined) {
  return reading(false, () => done(decode(resultOf(context, only(responses), false, longest))));
}

function candles() {
  throw unsupported("candles");
}

export const market = {
  encodeListInstruments: () =>
    open("public/get_instruments", { currency: "any", kind: "future", expired: "false" }, LISTING_COST),
  decodeListInstruments: (context, state, responses) =>
    read(context, responses, (result) => {
      const instruments = exact.list(result, "result").map((row) => listed(exact.object(row, "an instrument")));
      if (new Set(instruments.map(({ instrument }) => instrument.symbol)).size < instruments.length) {
        throw new Malformed("two instruments have the same base, quote, settlement and expiry");
      }
      return { instruments, limits: [] };
    }, exact.LONGEST_LISTING),

  encodeGetTime: () => open("public/get_time", {}),
  decodeGetTime: (context, state, responses) => read(context, responses, (time) => exact.integer(time, "result")),

  encodeGetTicker: (context) => open("public/ticker", { instrument_name: instrumentOf(context).venueSymbol }),
  decodeGetTicker: (context, state, responses) =>
    read(context, responses, (result) => ticker(instrumentOf(context), exact.object(result, "result"))),

  encodeGetOrderBook: (context, command) => {
    const depth = DEPTHS.find((each) => each >= command.depth) ?? DEPTHS.at(-1);
    return open("public/get_order_book", { instrument_name: instrumentOf(context).venueSymbol, depth: String(depth) });
  },
  decodeGetOrderBook: (context, command, state, responses) =>
    read(context, responses, (result) => {
      const book = exact.object(result, "result");
      return {
        symbol: instrumentOf(context).symbol,
        bids: levels(book.bids, command.depth, "bids"),
        asks: levels(book.asks, command.depth, "asks"),
        sequence: String(exact.integer(book.change_id, "change_id")),
        at: exact.integer(book.timestamp, "timestamp"),
      };
    }),

  encodeGetCandles: candles,
  decodeGetCandles: candles,
};

// Instruments, the clock and best prices: nothing of it is signed.

import { Unreadable, invalid, percentEncoded, read } from "./answers.js";
import { BUCKET, ENDPOINT, ORDER_TYPES, TIMES_IN_FORCE } from "./describe.js";

const STATUSES = { trading: "trading", halted: "halted", delisted: "closed" };

export function get(path) {
  return {
    endpoint: ENDPOINT,
    method: "get",
    path,
    headers: [],
    body: new Uint8Array(),
    costs: [{ bucket: BUCKET, amount: 1 }],
    mutates: false,
  };
}

export function instrumentOf(context) {
  if (!context.instrument) throw invalid("symbol", "this operation needs an instrument");
  return context.instrument;
}

export function listing(context, responses) {
  const reading = (answer) => ({
    instruments: answer.objects("instruments").map(listed),
    limits: [],
  });
  return read(context, responses, reading, { isList: true });
}

// Every limit of the venue that is given here is checked before an order is sent.
function listed(entry) {
  const [base, quote] = [entry.text("base"), entry.text("quote")];
  return {
    instrument: {
      // The unified symbol is the same at every venue; `venueSymbol` is this one's own name.
      symbol: `${base}/${quote}`,
      venueSymbol: entry.text("symbol"),
      endpoint: ENDPOINT,
      product: "spot",
      payoff: "delivery",
      base,
      quote,
      settle: quote,
      quantityUnit: "base",
      contractSize: "1",
      expiry: null,
      hints: [],
    },
    status: entry.named("status", STATUSES),
    price: { min: null, max: null, step: entry.decimal("tick_size") },
    quantity: {
      min: entry.decimal("min_size"),
      max: entry.decimal("max_size"),
      step: entry.decimal("lot_size"),
    },
    marketQuantity: null,
    notional: {
      min: entry.decimal("min_notional"),
      max: null,
      minAppliesToMarket: true,
      maxAppliesToMarket: false,
      minAppliesToReduceOnly: true,
    },
    priceBand: null,
    maxOpenOrders: null,
    maxPosition: null,
    orderTypes: ORDER_TYPES,
    timesInForce: TIMES_IN_FORCE,
    otherRules: [],
  };
}

// The gateway measures the skew of the venue's clock by it.
export function venueTime(context, responses) {
  return read(context, responses, (answer) => answer.millis("time"));
}

export function ticker(context) {
  return get(`/v1/ticker?symbol=${percentEncoded(instrumentOf(context).venueSymbol)}`);
}

export function bestPrices(context, responses) {
  const instrument = instrumentOf(context);
  return read(context, responses, (answer) => {
    if (answer.text("symbol") !== instrument.venueSymbol) {
      throw new Unreadable("the answer is about another symbol");
    }
    return {
      symbol: instrument.symbol,
      // An empty side of the book is `null`: absent, never zero.
      bid: answer.optionalDecimal("bid"),
      bidQuantity: answer.optionalDecimal("bid_size"),
      ask: answer.optionalDecimal("ask"),
      askQuantity: answer.optionalDecimal("ask_size"),
      last: answer.optionalDecimal("last"),
      open: null,
      high: null,
      low: null,
      volume: null,
      quoteVolume: null,
      at: answer.millis("time"),
    };
  });
}

export function book(context, command) {
  const symbol = percentEncoded(instrumentOf(context).venueSymbol);
  return get(`/v1/book?symbol=${symbol}&depth=${command.depth}`);
}

export function levels(context, command, responses) {
  const instrument = instrumentOf(context);
  return read(context, responses, (answer) => {
    if (answer.text("symbol") !== instrument.venueSymbol) {
      throw new Unreadable("the answer is about another symbol");
    }
    // No more levels than were asked for, even where the venue gives more.
    const side = (name) =>
      answer.levels(name, command.depth).map(([price, quantity]) => ({ price, quantity }));
    return {
      symbol: instrument.symbol,
      bids: side("bids"),
      asks: side("asks"),
      sequence: null,
      at: answer.millis("time"),
    };
  });
}

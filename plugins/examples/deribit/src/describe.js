// What the adapter says of itself.

import { ACCOUNT, ENDPOINT, MATCHING, PUBLIC } from "./requests.js";

const SECOND_MS = 1_000;

// A signature is "valid for 60 seconds since generation" (Authentication, `ts`).
const MAX_WINDOW_MS = 60 * SECOND_MS;

// The matching engine takes nothing after `valid_until`; what it took in time may show a moment later.
const SETTLE_MS = 30 * SECOND_MS;

// Finished orders are "recent" for half an hour (`historical`, in private/get_order_history_by_currency), and it is
// the recent ones that private/get_order_state and private/get_order_state_by_label look through.
const MEMORY_MS = 30 * 60 * SECOND_MS;

const READ = ["public/get_instruments", "public/get_time", "public/ticker", "public/get_order_book"];
const ASK = [
  "private/get_account_summaries",
  "private/get_open_orders",
  "private/get_open_orders_by_instrument",
  "private/get_order_state",
  "private/get_order_state_by_label",
];
const CHANGE = [
  "private/buy",
  "private/sell",
  "private/cancel",
  "private/cancel_by_label",
  "private/cancel_all",
  "private/cancel_all_by_instrument",
];

const call = (mutates) => (method) => ({ endpoint: ENDPOINT, method: "get", path: `/api/v2/${method}`, mutates });

const bucket = (name, scope, limit) => ({
  name,
  scope,
  endpoints: [ENDPOINT],
  windowMs: SECOND_MS,
  limit,
  usedHeader: null,
  remainingHeader: null,
});

export const BOTH_TYPES = { market: true, limit: true };
export const ALL_TIMES = { gtc: true, ioc: true, fok: true, gtx: true };

export const DESCRIPTOR = {
  venue: "deribit",
  adapterVersion: "0.1.0",
  endpoints: [
    {
      alias: ENDPOINT,
      description: "Deribit futures, https://www.deribit.com",
      products: ["usd-m-perpetual", "usd-m-delivery", "usd-c-perpetual", "usd-c-delivery"],
    },
  ],
  allowedCalls: [...[...READ, ...ASK].map(call(false)), ...CHANGE.map(call(true))],
  clientIdRules: {
    // `label`: "user defined label for the order (maximum 64 characters)".
    maxLength: 64,
    alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
  },
  // https://support.deribit.com/hc/en-us/articles/25944617523357-Rate-Limits: 20 requests a second of each
  // sub-account, and 5 a second for the matching engine in the lowest tier. For addresses Deribit publishes no
  // number; the same is taken.
  buckets: [bucket(PUBLIC, "ip", 20), bucket(ACCOUNT, "account", 20), bucket(MATCHING, "account", 5)],
  endpointRules: [
    {
      endpoint: ENDPOINT,
      amendMode: "unsupported",
      orderTypes: BOTH_TYPES,
      timesInForce: ALL_TIMES,
      reduceOnly: true,
      openWithoutInstrument: true,
      historyWithoutInstrument: true,
      unfilledHistoryMs: MEMORY_MS,
      filledHistoryMs: MEMORY_MS,
      maxWindowMs: MAX_WINDOW_MS,
      settleMs: SETTLE_MS,
      candleSeconds: [],
    },
  ],
};

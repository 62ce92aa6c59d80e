// What the adapter is and what it will ever do. The operator approves this list, as a phone asks for permissions; a
// request outside of it is dropped unsent.

// The alias of the venue's one origin. Configuration maps it to a URL; an adapter never names a host.
export const ENDPOINT = "rest";

// The budget that the venue enforces. Each request says what it spends of it.
export const BUCKET = "requests";

export const ORDER_TYPES = { market: true, limit: true };
export const TIMES_IN_FORCE = { gtc: true, ioc: true, fok: true, gtx: true };

const CALLS = [
  ["get", "/v1/time"],
  ["get", "/v1/instruments"],
  ["get", "/v1/ticker"],
  ["get", "/v1/book"],
  ["get", "/v1/orders"],
  // `{}` stands for one segment of any text.
  ["get", "/v1/orders/{}"],
  ["get", "/v1/orders/by-client-id/{}"],
  ["post", "/v1/orders"],
  ["delete", "/v1/orders/{}"],
  ["delete", "/v1/orders/by-client-id/{}"],
];

export const DESCRIPTOR = {
  venue: "{{name}}",
  adapterVersion: "0.1.0",
  endpoints: [{ alias: ENDPOINT, description: "The REST API of {{name}}", products: ["spot"] }],
  // The gateway journals a request that `mutates` before it sends it.
  allowedCalls: CALLS.map(([method, path]) => ({
    endpoint: ENDPOINT,
    method,
    path,
    mutates: method !== "get",
  })),
  // The gateway makes ids within these rules. It needs [a-z0-9] and 20 characters at the least.
  clientIdRules: { maxLength: 36, alphabet: "abcdefghijklmnopqrstuvwxyz0123456789-" },
  buckets: [
    {
      name: BUCKET,
      scope: "account",
      endpoints: [ENDPOINT],
      windowMs: 60_000,
      limit: 600,
      usedHeader: null,
      remainingHeader: "x-ratelimit-remaining",
    },
  ],
  endpointRules: [
    {
      endpoint: ENDPOINT,
      amendMode: "unsupported",
      orderTypes: ORDER_TYPES,
      timesInForce: TIMES_IN_FORCE,
      reduceOnly: false,
      openWithoutInstrument: true,
      historyWithoutInstrument: false,
      unfilledHistoryMs: null,
      filledHistoryMs: null,
      maxWindowMs: 60_000,
      // How long after its window a request that got no answer may still become an order. Take the venue's own
      // figure; where it has none, be generous: a short one risks placing twice.
      settleMs: 30_000,
      candleSeconds: [],
    },
  ],
};

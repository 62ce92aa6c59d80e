// What the host is to an adapter, for tests that run natively: `node --import ./tests/host.mjs --test`.

import { createHmac } from "node:crypto";
import { register } from "node:module";

export const SECRET = "deribit-example-secret";

export const BTC_PERPETUAL = {
  symbol: "BTC/USD:BTC", venueSymbol: "BTC-PERPETUAL", endpoint: "rest", product: "usd-c-perpetual", payoff: "inverse",
  base: "BTC", quote: "USD", settle: "BTC", quantityUnit: "contracts", contractSize: "1", expiry: null, hints: [],
};

globalThis.switchyardHost = {
  sign(algorithm, encoding, payload) {
    if (algorithm !== "hmac-sha256" || encoding !== "utf8") throw "wrong-key-type";
    return new Uint8Array(createHmac("sha256", SECRET).update(payload).digest());
  },
  find: (endpoint, symbol) => (symbol === "BTC-PERPETUAL" ? BTC_PERPETUAL : null),
};

const MODULES = {
  "switchyard:adapter/signer@1.0.0": "export const sign = globalThis.switchyardHost.sign;",
  "switchyard:adapter/catalogue@1.0.0": "export const find = globalThis.switchyardHost.find;",
};

const hooks = `
  const MODULES = ${JSON.stringify(MODULES)};
  export async function resolve(name, context, next) {
    return name in MODULES ? { url: "data:text/javascript," + encodeURIComponent(MODULES[name]), shortCircuit: true }
      : next(name, context);
  }
  export async function load(url, context, next) {
    return next(url, url.endsWith(".js") ? { ...context, format: "module" } : context);
  }
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

export const NOW = 1_790_000_000_123;

export const context = (changed = {}) => ({
  now: NOW, nonce: 1_790_000_000_456, windowMs: 5_000, endpoint: "rest",
  account: { apiKey: "AMANDA", keyType: "hmac" }, instrument: BTC_PERPETUAL, ...changed,
});

export const raw = (text, status = 200) => [{ status, headers: [], body: new TextEncoder().encode(text) }];
export const answer = (result, status) => raw(`{"jsonrpc":"2.0","result":${result},"usIn":1,"usOut":2}`, status);
export const complaint = (code, message, status = 400) =>
  raw(`{"jsonrpc":"2.0","error":{"code":${code},"message":"${message}"},"usIn":1}`, status);

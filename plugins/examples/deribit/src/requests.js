// Requests: all are GET with their parameters in the query, those that change something too, as Deribit documents
// them (`GET /api/v2/private/buy?...`). So each says itself whether it may change something.

import * as signer from "switchyard:adapter/signer@1.0.0";

import { bytesOf, hexOf } from "./exact.js";
import { refused } from "./failures.js";

export const ENDPOINT = "rest";
const ROOT = "/api/v2";

// Buckets; see describe.js.
export const PUBLIC = "public";
export const ACCOUNT = "account";
export const MATCHING = "matching";

/** The commands' fields that parameters come from. */
const FIELDS = { instrument_name: "symbol", amount: "quantity", label: "client-id", price: "price", order_id: "order" };

const NOTHING = new Uint8Array();

/** All but RFC 3986's unreserved characters as `%XX`, so that what is signed is what is sent. */
function encoded(text) {
  const code = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, code);
}

// Longer than anything that Deribit takes.
const LONGEST_VALUE = 256;

function target(method, parameters) {
  const query = Object.entries(parameters).map(([name, value]) => {
    if (value.length > LONGEST_VALUE) throw refused("invalid-request", `${name} is too long`, FIELDS[name] ?? null);
    return `${name}=${encoded(value)}`;
  });
  return `${ROOT}/${method}${query.length > 0 ? `?${query.join("&")}` : ""}`;
}

function request(path, headers, bucket, amount, mutates) {
  return { endpoint: ENDPOINT, method: "get", path, headers, body: NOTHING, costs: [{ bucket, amount }], mutates };
}

/** A question that anyone may ask. */
export function open(method, parameters, amount = 1) {
  return [request(target(method, parameters), [], PUBLIC, amount, false)];
}

/**
 * A signed request: `deri-hmac-sha256 id=...,ts=...,sig=...,nonce=...`, where `sig` is the hexadecimal HMAC-SHA256 of
 * `ts \n nonce \n METHOD \n URI \n body \n` (https://docs.deribit.com, "Authentication", signature credentials;
 * ccxt 4.5.90, `deribit.py`, `sign`).
 */
function signed(context, method, parameters, bucket, mutates) {
  if (!context.account) throw refused("auth-failed", "there are no credentials to sign with");
  const path = target(method, parameters);
  const { now, nonce } = context;
  let signature;
  try {
    signature = signer.sign("hmac-sha256", "utf8", bytesOf(`${now}\n${nonce}\nGET\n${path}\n\n`));
  } catch (problem) {
    throw refused("auth-failed", `nothing was signed: ${problem}`);
  }
  const proof = `id=${context.account.apiKey},ts=${now},sig=${hexOf(signature)},nonce=${nonce}`;
  return [request(path, [["Authorization", `deri-hmac-sha256 ${proof}`]], bucket, 1, mutates)];
}

/** A question about the account. */
export const ask = (context, method, parameters = {}) => signed(context, method, parameters, ACCOUNT, false);

/** A request that the matching engine takes, and that changes something. */
export const change = (context, method, parameters) => signed(context, method, parameters, MATCHING, true);

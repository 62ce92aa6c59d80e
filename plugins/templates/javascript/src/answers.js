// Reading answers: a success as what it says, everything else as the error that it means.

// Significant digits that the contract's decimals have at the most.
const MAX_DIGITS = 28;

// Longest answer that is read, in bytes: a call has some milliseconds. Lists have more of both.
const MAX_BYTES = 32_768;
const MAX_LIST_BYTES = 1_048_576;

// Deepest nesting that is read.
const MAX_DEPTH = 32;

// The answer is not what the venue documents.
export class Unreadable extends Error {}

// A JSON object. An absent field and `null` are the same: nothing, and never a zero.
export class Fields {
  #value;

  constructor(value) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new Unreadable("an object expected");
    }
    this.#value = value;
  }

  #get(name) {
    return Object.hasOwn(this.#value, name) ? (this.#value[name] ?? null) : null;
  }

  text(name) {
    return needed(this.optionalText(name), name);
  }

  optionalText(name) {
    const value = this.#get(name);
    // `"\ud800"` is JSON, and half of a character: it cannot be said in UTF-8.
    if (value !== null && (typeof value !== "string" || value === "" || !value.isWellFormed())) {
      throw new Unreadable(`${name} is no text`);
    }
    return value;
  }

  decimal(name) {
    return needed(this.optionalDecimal(name), name);
  }

  // Only of a text: JSON.parse has made a float of a JSON number, and some digits may be lost. Where the venue writes
  // money as numbers, read the digits from the body before JSON.parse does.
  optionalDecimal(name) {
    const value = this.#get(name);
    return value === null ? null : decimalOf(value, name);
  }

  // A decimal that cannot be below zero.
  size(name) {
    const value = this.decimal(name);
    if (value.startsWith("-")) throw new Unreadable(`${name} is negative`);
    return value;
  }

  integer(name) {
    const value = this.#get(name);
    if (!Number.isSafeInteger(value)) throw new Unreadable(`${name} is no integer`);
    return value;
  }

  millis(name) {
    const value = this.integer(name);
    if (value < 0) throw new Unreadable(`${name} is no time`);
    return value;
  }

  objects(name) {
    const value = this.#get(name);
    if (!Array.isArray(value)) throw new Unreadable(`${name} is no list`);
    return value.map((entry) => new Fields(entry));
  }

  // The first levels of one side of a book: lists of price and size.
  levels(name, depth) {
    const value = this.#get(name);
    if (!Array.isArray(value) || !value.every((level) => Array.isArray(level) && level.length === 2)) {
      throw new Unreadable(`${name} is no list of levels`);
    }
    return value.map((level) => level.map((number) => decimalOf(number, name))).slice(0, depth);
  }

  // What the text of a field means; a text that the venue does not document is no guess of ours.
  named(name, meanings) {
    const text = this.text(name);
    if (!Object.hasOwn(meanings, text)) {
      throw new Unreadable(`${name} has a value that is not documented`);
    }
    return meanings[text];
  }
}

function decimalOf(value, name) {
  const isText = typeof value === "string" && value.length <= 100;
  if (!isText || !/^-?(0|[1-9][0-9]*)(\.[0-9]+)?$/.test(value)) {
    throw new Unreadable(`${name} is no decimal`);
  }
  if (value.replace(".", "").replace(/^-?0*/, "").length > MAX_DIGITS) {
    throw new Unreadable(`${name} has too many digits`);
  }
  return value;
}

function needed(value, name) {
  if (value === null) throw new Unreadable(`${name} is missing`);
  return value;
}

// ---- Bytes ------------------------------------------------------------------------------------
// There is no TextDecoder here. `escape` makes `%XX` of each byte, and decodeURIComponent refuses what is no UTF-8.

// How many bytes are made a string at a time: each is an argument of a call.
const CHUNK = 8_192;

export function textOf(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK));
  }
  return /[\x80-\xff]/.test(binary) ? decodeURIComponent(escape(binary)) : binary;
}

export function bytesOf(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
}

// All but RFC 3986's unreserved characters as `%XX`, so that what is signed is what is sent.
export function percentEncoded(text) {
  const code = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, code);
}

// Whether brackets stand in each other more than MAX_DEPTH deep: JSON.parse takes a frame of a small stack for each, and
// the end of that stack is a trap.
function nestsTooDeep(text) {
  if (text.split("[").length + text.split("{").length <= MAX_DEPTH) return false;
  let brackets = text.replace(/"(?:[^"\\]|\\.)*"|[^[\]{}"]+/g, "");
  for (let depth = 0; depth < MAX_DEPTH && brackets !== ""; depth += 1) {
    brackets = brackets.replaceAll("[]", "").replaceAll("{}", "");
  }
  return brackets !== "";
}

function parse(body, maxBytes = MAX_BYTES) {
  if (body.length > maxBytes) throw new Unreadable("longer than any answer of this venue");
  try {
    const text = textOf(body);
    if (nestsTooDeep(text)) throw new Unreadable("nested too deep");
    return JSON.parse(text);
  } catch {
    throw new Unreadable("the body is no JSON");
  }
}

// ---- Errors -----------------------------------------------------------------------------------

// What the venue's codes mean: the kind, whether the venue documents that nothing was done, and the command's field at
// fault. Where the venue does not document it, the effect is unknown: the gateway then looks for the order before it
// does anything else. Never guess.
const ERRORS = new Map([
  [1000, ["invalid-request", "none"]],
  [1001, ["invalid-request", "none", "symbol"]],
  [1002, ["auth-failed", "none"]],
  [1003, ["clock-skew", "none"]],
  [1004, ["insufficient-funds", "none"]],
  [1005, ["order-not-found", "none"]],
  [1006, ["duplicate-client-id", "none"]],
  [1007, ["not-amendable", "none"]],
  [1008, ["rate-limited", "none"]],
  [1009, ["overloaded", "none"]],
  [1010, ["outcome-unknown", "unknown"]],
]);

// What the HTTP status alone says. A 4xx is a refusal; after anything else a change may have been made.
function byStatus(status, wait) {
  if (status === 401 || status === 403) return ["auth-failed", "none"];
  if (status === 404 || status === 405 || status === 410) return ["unsupported", "none"];
  if (status === 408) return ["venue-unavailable", "unknown"];
  if (status === 429) return ["rate-limited", "none"];
  if (status >= 400 && status < 500) return ["invalid-request", "none"];
  if (status === 503 && wait !== null) return ["overloaded", "unknown"];
  if (status >= 500 && status < 600) return ["venue-unavailable", "unknown"];
  return ["malformed-response", "unknown"];
}

// Longest part of the venue's own text that goes on, in UTF-16 units.
const MAX_SAID = 500;

// What the venue said, for people and logs: venues quote keys that they do not like.
function said(context, message) {
  const key = context.account?.apiKey;
  const clean = key ? message.replaceAll(key, "[api-key]") : message;
  return clean.slice(0, MAX_SAID).toWellFormed();
}

// The error that an answer other than a success means: `{"code": 1004, "message": "..."}`.
function failure(context, response, mutates) {
  const wait = retryAfterMs(response);
  let [code, message] = [null, `HTTP status ${response.status}`];
  try {
    const complaint = new Fields(parse(response.body));
    [code, message] = [complaint.integer("code"), said(context, complaint.text("message"))];
  } catch (problem) {
    // A proxy on the way answers in HTML, or not at all: then the status has to do.
    if (!(problem instanceof Unreadable)) throw problem;
  }
  const [tag, effect, field = null] = ERRORS.get(code) ?? byStatus(response.status, wait);
  const carriesWait = tag === "rate-limited" || tag === "overloaded";
  return {
    kind: carriesWait ? { tag, val: wait } : { tag },
    effect: mutates ? effect : "none",
    venueCode: code === null ? null : String(code),
    message,
    field,
  };
}

function retryAfterMs(response) {
  const header = response.headers.find(([name]) => name.toLowerCase() === "retry-after");
  return header && /^[0-9]{1,6}$/.test(header[1].trim()) ? Number(header[1]) * 1_000 : null;
}

// An error after which certainly nothing was done.
export function refused(kind, message, field = null) {
  return { kind, effect: "none", venueCode: null, message, field };
}

// The command cannot be carried out as it is; nothing was sent.
export function invalid(field, message) {
  return refused({ tag: "invalid-request" }, message, field);
}

// What `reading` makes of the object that the venue answered.
//
// `mutates` says whether the request could change something: an answer to such a request that cannot be read leaves
// open what happened, since a venue that answered may well have acted.
export function read(context, responses, reading, { mutates = false, isList = false } = {}) {
  try {
    if (responses.length !== 1) throw new Unreadable("one response expected");
    const [response] = responses;
    if (response.status < 200 || response.status >= 300) throw failure(context, response, mutates);
    return reading(new Fields(parse(response.body, isList ? MAX_LIST_BYTES : MAX_BYTES)));
  } catch (problem) {
    if (!(problem instanceof Unreadable)) throw problem;
    const error = refused({ tag: "malformed-response" }, problem.message);
    throw { ...error, effect: mutates ? "unknown" : "none" };
  }
}

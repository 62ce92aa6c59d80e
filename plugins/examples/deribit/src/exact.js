// Exact numbers and checked reading of JSON. Deribit writes money as JSON numbers, and `JSON.parse` makes floats of
// those; here no number is ever one of JavaScript's, but for counts and times below 2^53.

// Significant digits that the contract's decimals have at the most, and the host's before and behind the point.
const MAX_DIGITS = 28;

// Deribit's answers are six deep. The parser recurses, and a sandbox's stack is short.
const DEEPEST = 32;

/** The answer is not what Deribit documents. */
export class Malformed extends Error {}

/** A number as it was written. */
const MARK = "\u0000";

// A string, a number as RFC 8259 has it, or a bracket.
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|[[\]{}]/gs;

// Most bytes of an answer. A call has milliseconds, and the interpreter reads some ten bytes in a microsecond; the
// list of instruments has seconds.
const LONGEST = 64 * 1_024;
export const LONGEST_LISTING = 8 * 1_024 * 1_024;

/**
 * The JSON of a body, every number as a text that begins with `MARK`: the text is rewritten so before it is parsed.
 * A body that spells the mark itself is refused, so that no text passes for a number.
 */
export function parse(body, longest = LONGEST) {
  if (body.length > longest) throw new Malformed(`the body has ${body.length} bytes`);
  let depth = 0;
  try {
    const text = textOf(body);
    if (text.includes("\\u0000")) throw new Malformed("the body has a null character");
    const marked = text.replace(TOKEN, (token) => {
      const first = token[0];
      if (first === '"') return token;
      if (first === "[" || first === "{") {
        depth += 1;
        if (depth > DEEPEST) throw new Malformed("the body is nested too deeply");
      } else if (first === "]" || first === "}") {
        depth -= 1;
      } else {
        return `"\\u0000${token}"`;
      }
      return token;
    });
    const value = JSON.parse(marked);
    // `"\ud800"` is JSON, and half of a character: it cannot be said in UTF-8.
    if (/\\u[dD]/.test(text) && !isWellFormed(value)) throw new Malformed("the body has half of a character");
    return value;
  } catch (problem) {
    if (problem instanceof Malformed) throw problem;
    throw new Malformed("the body is no JSON");
  }
}

function isWellFormed(value) {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, item]) => name.isWellFormed() && isWellFormed(item));
}

function digitsOf(value, what) {
  if (typeof value !== "string" || !value.startsWith(MARK)) throw new Malformed(`${what} is no number`);
  return value.slice(1);
}

/** Whether a value is a number. */
export const isNumber = (value) => typeof value === "string" && value.startsWith(MARK);

/** A number as the contract writes it: no exponent, at most 28 significant digits. */
export function decimal(value, what) {
  const text = digitsOf(value, what);
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  const shift = Number(exponent);
  if (Math.abs(shift) > 2 * MAX_DIGITS || whole.length + fraction.length > 4 * MAX_DIGITS) {
    throw new Malformed(`${what} is out of range`);
  }
  let point = whole.length + shift;
  let digits = whole + fraction;
  if (point < 1) {
    digits = "0".repeat(1 - point) + digits;
    point = 1;
  }
  digits = digits.padEnd(point, "0");
  const before = digits.slice(0, point).replace(/^0+(?=[0-9])/, "");
  let after = digits.slice(point);
  const tooLong = () => before.replace(/^0/, "").length + after.length > MAX_DIGITS;
  if (tooLong()) after = after.replace(/0+$/, "");
  if (tooLong()) throw new Malformed(`${what} has too many digits`);
  const plain = after === "" ? before : `${before}.${after}`;
  return isZero(plain) ? plain : sign + plain;
}

/** Whether a decimal of the contract is zero. */
export const isZero = (text) => /^-?[0.]*$/.test(text);

/** A number that cannot be below zero. */
export function size(value, what) {
  const text = decimal(value, what);
  if (text.startsWith("-")) throw new Malformed(`${what} is negative`);
  return text;
}

/** `a - b`, for decimals of the contract. */
export function minus(a, b) {
  const [[aWhole, aFraction = ""], [bWhole, bFraction = ""]] = [a.split("."), b.split(".")];
  const places = Math.max(aFraction.length, bFraction.length);
  const units = (whole, fraction) => BigInt(whole + fraction.padEnd(places, "0"));
  const difference = units(aWhole, aFraction) - units(bWhole, bFraction);
  const digits = String(difference < 0n ? -difference : difference).padStart(places + 1, "0");
  const [whole, fraction] = [digits.slice(0, digits.length - places), digits.slice(digits.length - places)];
  return `${difference < 0n ? "-" : ""}${whole}${places > 0 ? `.${fraction}` : ""}`;
}

/** A count or a time in milliseconds: whole, not negative, below 2^53. */
export function integer(value, what) {
  const text = digitsOf(value, what);
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(number)) throw new Malformed(`${what} is no integer`);
  return number;
}

/** A text that is not empty. */
export function text(value, what) {
  if (typeof value !== "string" || value === "" || value.startsWith(MARK)) throw new Malformed(`${what} is no text`);
  return value;
}

/** The same, or nothing where there is nothing, or not a text. */
export function optionalText(value) {
  const isText = typeof value === "string" && value !== "" && !value.startsWith(MARK);
  return isText ? value : null;
}

/** A JSON object. */
export function object(value, what) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed(`${what} is no object`);
  return value;
}

/** A JSON array. */
export function list(value, what) {
  if (!Array.isArray(value)) throw new Malformed(`${what} is no list`);
  return value;
}

/** What the text of a field means; one that Deribit does not document is no guess of ours. */
export function named(value, meanings, what) {
  const name = text(value, what);
  if (!Object.hasOwn(meanings, name)) throw new Malformed(`${what} has a value that is not documented`);
  return meanings[name];
}

/** JSON again, numbers digit for digit. */
export function toJson(value) {
  if (isNumber(value)) return value.slice(1);
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${toJson(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

// ---- Bytes ------------------------------------------------------------------------------------
// There is no TextDecoder here. `escape` makes `%XX` of each byte, and decodeURIComponent refuses what is no UTF-8.

// How many bytes are made a string at a time: each is an argument of a call.
const CHUNK = 4_096;

const IS_ASCII = /^[\x00-\x7f]*$/;

/** The text of bytes; throws where they are no UTF-8. */
export function textOf(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK));
  }
  return IS_ASCII.test(binary) ? binary : decodeURIComponent(escape(binary));
}

/** The UTF-8 of a text. */
export function bytesOf(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
}

/** Hexadecimal digits of bytes. */
export function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

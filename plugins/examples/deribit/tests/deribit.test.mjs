// The adapter natively: what each test protects is its name.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { BTC_PERPETUAL, NOW, SECRET, answer, complaint, context, raw } from "./host.mjs";

const { account, descriptor, market, trading } = await import("../src/adapter.js");
const exact = await import("../src/exact.js");

const PLACE = {
  clientId: "swy0123456789abcdefghijklmnop", side: "buy", orderType: "limit", quantity: "40", price: "27500.5",
  timeInForce: "gtx", reduceOnly: true,
};

const order = (changed = "") => `{"time_in_force":"good_til_cancelled","reduce_only":true,"price":27500.5,"post_only":true,
  "order_type":"limit","order_state":"open","order_id":"ETH-349249","last_update_timestamp":1550657341322,
  "label":"swy0123456789abcdefghijklmnop","instrument_name":"BTC-PERPETUAL","filled_amount":1.0e1,"direction":"buy",
  "creation_timestamp":1550657341321,"average_price":27500.123456789012345678,"api":true,"amount":40.0${changed}}`;

const thrown = (call) => {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

test("a signature is over time, nonce, method, target and body", () => {
  const [request] = trading.encodeListOpen(context(), null);
  const [[name, value]] = request.headers;
  const text = `${NOW}\n1790000000456\nGET\n${request.path}\n\n`;
  const signature = createHmac("sha256", SECRET).update(text).digest("hex");
  assert.equal(name, "Authorization");
  assert.equal(value, `deri-hmac-sha256 id=AMANDA,ts=${NOW},sig=${signature},nonce=1790000000456`);
  assert.equal(thrown(() => trading.encodeListOpen(context({ account: null }), null)).kind.tag, "auth-failed");
});

test("an order goes out exactly as commanded, ends with the window, and says that it changes something", () => {
  const [request] = trading.encodePlace(context(), PLACE, null);
  assert.equal(
    request.path,
    "/api/v2/private/buy?instrument_name=BTC-PERPETUAL&amount=40&type=limit&label=swy0123456789abcdefghijklmnop" +
      `&valid_until=${NOW + 5_000}&price=27500.5&time_in_force=good_til_cancelled&post_only=true` +
      "&reject_post_only=true&reduce_only=true",
  );
  assert.equal(request.mutates, true);
  const [market] = trading.encodePlace(
    context(), { ...PLACE, side: "sell", orderType: "market", price: null, timeInForce: null, reduceOnly: false }, null,
  );
  assert.match(market.path, /private\/sell\?.*&type=market&label=[^&]*&valid_until=[0-9]*$/);
});

test("what was placed is reported digit for digit", () => {
  const { val } = trading.decodePlace(context(), PLACE, null, answer(`{"trades":[],"order":${order()}}`));
  assert.deepEqual(
    [val.symbol, val.quantity, val.filledQuantity, val.averagePrice, val.price, val.state, val.timeInForce],
    ["BTC/USD:BTC", "40.0", "10", "27500.123456789012345678", "27500.5", "partially-filled", "gtx"],
  );
});

test("an id that is too long is refused before anything is sent", () => {
  const error = thrown(() => trading.encodePlace(context(), { ...PLACE, clientId: "a".repeat(300) }, null));
  assert.deepEqual([error.kind.tag, error.field], ["invalid-request", "client-id"]);
});

test("a rejected order is an error and no report", () => {
  const rejected = order(',"order_state":"rejected","reject_reason":"reduce_direction"');
  const error = thrown(() => trading.decodePlace(context(), PLACE, null, answer(`{"order":${rejected}}`)));
  assert.deepEqual([error.kind.tag, error.effect, error.message], ["invalid-request", "none", "reduce_direction"]);
});

test("what Deribit does not say was refused leaves the order open", () => {
  for (const [code, message, tag, effect] of [
    [10009, "not_enough_funds", "insufficient-funds", "none"],
    [10028, "too_many_requests", "rate-limited", "none"],
    [10047, "matching_engine_queue_full", "overloaded", "none"],
    [11054, "post_only_reject", "invalid-request", "none"],
    [13009, "unauthorized", "auth-failed", "none"],
    [13888, "timed_out", "outcome-unknown", "unknown"],
    [11094, "internal_server_error", "venue-unavailable", "unknown"],
    [99999, "something_new", "invalid-request", "unknown"],
    [-32602, "Invalid params", "invalid-request", "none"],
  ]) {
    const error = thrown(() => trading.decodePlace(context(), PLACE, null, complaint(code, message)));
    assert.deepEqual([error.kind.tag, error.effect, error.venueCode], [tag, effect, String(code)], message);
  }
});

test("an answer that cannot be read leaves the order open", () => {
  for (const body of [
    "", "<html>", "[]", "{}", '{"result":{}}', '{"result":{"order":{}}}', "[".repeat(100_000), '{"result":01}',
    '{"result":"\\u00001"}', `{"result":{"order":${order(',"amount":"40"')}}}`, `{"result":{"order":${order(',"amount":-1')}}}`,
    `{"result":{"order":${order(',"order_state":"new kind"')}}}`, '{"error":{"code":"10009"}}',
    '{"result":{"note":"\\ud800"}}', `{"result":"${"x".repeat(70_000)}"}`,
  ]) {
    const error = thrown(() => trading.decodePlace(context(), PLACE, null, raw(body)));
    assert.deepEqual([error.kind?.tag, error.effect], ["malformed-response", "unknown"], body.slice(0, 60));
  }
  const notUtf8 = [{ status: 200, headers: [], body: new Uint8Array([0xff, 0xfe]) }];
  assert.equal(thrown(() => trading.decodePlace(context(), PLACE, null, notUtf8)).kind.tag, "malformed-response");
  const proxy = thrown(() => trading.decodePlace(context(), PLACE, null, raw("<html>", 502)));
  assert.deepEqual([proxy.kind.tag, proxy.effect], ["venue-unavailable", "unknown"]);
});

test("an order is found by its label among the recent ones of its instrument", () => {
  const command = { order: { venueId: null, clientId: PLACE.clientId } };
  const [request] = trading.encodeGetOrder(context(), command, null);
  assert.match(request.path, /get_order_state_by_label\?currency=BTC&label=swy0/);
  const other = order(',"instrument_name":"BTC-27MAY22"');
  const { val } = trading.decodeGetOrder(context(), command, null, answer(`[${other},${order()}]`));
  assert.equal(val.clientId, PLACE.clientId);
  const error = thrown(() => trading.decodeGetOrder(context(), command, null, answer(`[${other}]`)));
  assert.equal(error.kind.tag, "order-not-found");
});

test("a cancel by id is confirmed, by label accepted, and one of nothing not found", () => {
  const byId = { order: { venueId: "ETH-349249", clientId: null } };
  const cancelled = order(',"order_state":"cancelled","cancel_reason":"user_request"');
  const { val } = trading.decodeCancel(context(), byId, null, answer(cancelled));
  assert.deepEqual([val.tag, val.val.state, val.val.reason], ["confirmed", "canceled", "user_request"]);
  const byLabel = { order: { venueId: null, clientId: "x" } };
  assert.deepEqual(trading.decodeCancel(context(), byLabel, null, answer("1")).val, { tag: "accepted" });
  const error = thrown(() => trading.decodeCancel(context(), byLabel, null, answer("0")));
  assert.equal(error.kind.tag, "order-not-found");
});

const instrument = (changed = "") => `{"tick_size":0.5,"taker_commission":5.0e-4,"settlement_period":"month",
  "settlement_currency":"BTC","quote_currency":"USD","min_trade_amount":10.0,"max_leverage":50,"kind":"future",
  "is_active":true,"instrument_name":"BTC-27MAY22","instrument_type":"reversed","expiration_timestamp":1653638400000,
  "creation_timestamp":1648195209000,"counter_currency":"USD","contract_size":10.0,"base_currency":"BTC"${changed}}`;

test("inverse and linear, perpetual and delivery contracts have their own names and units", () => {
  const linear = instrument(
    ',"instrument_name":"BTC_USDC-PERPETUAL","instrument_type":"linear","settlement_period":"perpetual",' +
      '"counter_currency":"USDC","settlement_currency":"USDC","contract_size":0.0001',
  );
  const { val } = market.decodeListInstruments(context(), null, answer(`[${instrument()},${linear}]`));
  const [first, second] = val.instruments;
  assert.deepEqual([first.instrument.symbol, first.instrument.product], ["BTC/USD:BTC-220527", "usd-c-delivery"]);
  assert.deepEqual([first.quantity.step, first.price.step], ["10.0", "0.5"]);
  assert.deepEqual([second.instrument.symbol, second.instrument.product], ["BTC/USDC:USDC", "usd-m-perpetual"]);
  assert.deepEqual([second.instrument.quantityUnit, second.instrument.expiry], ["base", null]);
  assert.deepEqual(first.otherRules, [["taker_commission", "5.0e-4"], ["max_leverage", "50"]]);
});

test("an empty side of the ticker has no price, and volume is in the unit of quantities", () => {
  const row = '{"timestamp":1583778859480,"stats":{"volume":60627.57263769,"volume_usd":1.2e3,"low":7631.5,"high":8311.5},' +
    '"last_price":7750.5,"best_bid_price":7750,"best_bid_amount":19470,"best_ask_price":0.0,"best_ask_amount":0.0}';
  const { val } = market.decodeGetTicker(context(), null, answer(row));
  assert.deepEqual([val.bid, val.ask, val.askQuantity, val.volume], ["7750", null, null, "1200"]);
});

test("every request is one that the descriptor declares", () => {
  const declared = Object.fromEntries(descriptor.describe().allowedCalls.map(({ path, mutates }) => [path, mutates]));
  const [all, order] = [context({ instrument: null }), { order: { venueId: "1", clientId: null } }];
  const label = { order: { venueId: null, clientId: "x" } };
  const requests = [
    market.encodeListInstruments(all), market.encodeGetTime(all), market.encodeGetTicker(context()),
    market.encodeGetOrderBook(context(), { depth: 51 }), trading.encodePlace(context(), PLACE),
    trading.encodePlace(context(), { ...PLACE, side: "sell" }), trading.encodeCancel(context(), order),
    trading.encodeCancel(context(), label), trading.encodeCancelAll(all), trading.encodeCancelAll(context()),
    trading.encodeGetOrder(context(), order), trading.encodeGetOrder(context(), label), trading.encodeListOpen(all),
    trading.encodeListOpen(context()), account.encodeListBalances(all),
  ].flat();
  assert.deepEqual(Object.fromEntries(requests.map(({ path, mutates }) => [path.split("?")[0], mutates])), declared);
  assert.match(requests[3].path, /depth=100$/);
});

test("numbers keep their digits, exponents go, and what is too long is refused", () => {
  const read = (text) => exact.decimal(exact.parse(new TextEncoder().encode(text)), "x");
  for (const [text, plain] of [
    ["0.00001000", "0.00001000"], ["1.0e-5", "0.000010"], ["1E2", "100"], ["12.5e1", "125"], ["-0.0", "0.0"],
    ["123456789012345678.1234567890", "123456789012345678.1234567890"], ["-1.5", "-1.5"], ["0e5", "0"],
  ]) {
    assert.equal(read(text), plain);
  }
  for (const text of ["1e99", "1".repeat(29), '"1"', "null", "true", "NaN", "+1", "1.", ".5", "0x10"]) {
    assert.throws(() => read(text), exact.Malformed, text);
  }
});

test("an order of an instrument that is not listed keeps Deribit's name", () => {
  const option = order(',"instrument_name":"BTC-27MAY22-30000-C","order_type":"stop_limit","order_state":"untriggered"');
  const { val } = trading.decodeListOpen(context({ instrument: null }), null, answer(`[${option},${order()}]`));
  assert.deepEqual([val[0].symbol, val[0].orderType, val[1].symbol], ["BTC-27MAY22-30000-C", "other", BTC_PERPETUAL.symbol]);
});

test("what is free and what is locked make the balance", () => {
  const summaries = '{"summaries":[{"currency":"BTC","balance":302.60065765,"initial_margin":1.3,"available_funds":1},' +
    '{"currency":"ETH","balance":0,"initial_margin":0.25}]}';
  const { val } = account.decodeListBalances(context(), null, answer(summaries));
  assert.deepEqual(val.map(({ free }) => free), ["301.30065765", "-0.25"]);
});

"""The adapter natively: what each test protects is its name."""

import unittest

from tests import support
from tests.support import answer, context, error_of, raw

support.install()

from app import Account, Descriptor, Market, Trading
from kraken import client_ids, exact
from wit_world.exports import market, trading
from wit_world.exports.trading import CancelOutcome_Accepted
from wit_world.imports import types
from wit_world.imports.types import Effect, OrderState, OrderType, Side, TimeInForce

PLACE = trading.Place("swy0123456789abcdefghijklmnopq", Side.BUY, OrderType.LIMIT, "1.25", "27500.0", TimeInForce.GTC, False)
ID = "OU22CG-KLAF2-FWUDD7"


def order(**changed):
    fields = {
        "refid": None, "userref": None, "cl_ord_id": client_ids.at_kraken(PLACE.client_id), "status": "open",
        "opentm": "OPENTM", "starttm": 0, "expiretm": 0,
        "descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "27500.0", "price2": "0"},
        "vol": "1.25000000", "vol_exec": "0.37500000", "cost": "10312.5", "fee": "26.8", "price": "27500.00001",
        "misc": "", "oflags": "fciq",
    }
    return {**fields, **changed}


def orders(found, where=None):
    body = answer({where: found} if where else found)[0].body.replace(b'"OPENTM"', b"1688666559.8974")
    return [raw(body)]


class Signing(unittest.TestCase):
    def test_a_signature_is_the_one_of_krakens_own_example(self):
        from kraken.requests import private
        fields = {"ordertype": "limit", "pair": "XBTUSD", "price": "37500", "type": "buy", "volume": "1.25"}
        request = private(context(nonce=1616492376594), "AddOrder", fields, types.Cost("trading", 1), True)[0]
        self.assertEqual(
            dict(request.headers)["API-Sign"],
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
        )

    def test_without_an_account_nothing_is_signed(self):
        error = error_of(lambda: Trading().encode_list_open(context(account=False), None))
        self.assertEqual(error.kind, types.ErrorKind_AuthFailed())


class Placing(unittest.TestCase):
    def test_an_order_goes_out_exactly_as_commanded_and_ends_with_the_window(self):
        request = Trading().encode_place(context(), PLACE, None)[0]
        self.assertTrue(request.mutates)
        body = request.body.decode()
        self.assertIn("volume=1.25&", body)
        self.assertIn("price=27500.0", body)
        self.assertIn("deadline=2026-09-21T14%3A13%3A25.123Z", body)
        self.assertNotIn("timeinforce", body)

    def test_a_time_that_cannot_be_written_is_refused(self):
        error = error_of(lambda: Trading().encode_place(context(now=2**53 - 1), PLACE, None))
        self.assertEqual(error.kind, types.ErrorKind_InvalidRequest())

    def test_post_only_and_immediate_orders_say_so_and_the_rest_is_unsupported(self):
        for time, expected in [(TimeInForce.GTX, b"oflags=post"), (TimeInForce.IOC, b"timeinforce=IOC")]:
            command = trading.Place("a" * 29, Side.SELL, OrderType.LIMIT, "1", "2", time, False)
            self.assertIn(expected, Trading().encode_place(context(), command, None)[0].body)
        for time, reduces in [(TimeInForce.FOK, False), (TimeInForce.GTC, True)]:
            command = trading.Place("a" * 29, Side.SELL, OrderType.LIMIT, "1", "2", time, reduces)
            error = error_of(lambda: Trading().encode_place(context(), command, None))
            self.assertEqual(error.kind, types.ErrorKind_Unsupported())

    def test_the_second_step_tells_how_the_order_stands(self):
        step = Trading().decode_place(context(), PLACE, None, answer({"descr": {}, "txid": [ID]}))
        self.assertEqual(step, trading.OrderStep_Continue(ID.encode()))
        request = Trading().encode_place(context(), PLACE, step.value)[0]
        self.assertEqual((request.path, request.mutates), ("/0/private/QueryOrders", False))
        report = Trading().decode_place(context(), PLACE, step.value, orders({ID: order()})).value
        self.assertEqual(report.client_id, PLACE.client_id)
        self.assertEqual(report.state, OrderState.PARTIALLY_FILLED)
        self.assertEqual((report.quantity, report.filled_quantity), ("1.25000000", "0.37500000"))
        self.assertEqual((report.average_price, report.price), ("27500.00001", "27500.0"))
        self.assertEqual(report.created_at, 1_688_666_559_897)

    def test_what_kraken_does_not_say_was_refused_leaves_the_order_open(self):
        for problem, kind, effect in [
            ("EOrder:Insufficient funds", types.ErrorKind_InsufficientFunds(), Effect.NONE),
            ("EOrder:Post only order", types.ErrorKind_InvalidRequest(), Effect.NONE),
            ("EAPI:Invalid nonce", types.ErrorKind_ClockSkew(), Effect.NONE),
            ("EOrder:cl_ord_id already in use", types.ErrorKind_DuplicateClientId(), Effect.NONE),
            ("EService: Throttled: 1790000002", types.ErrorKind_RateLimited(1_877), Effect.NONE),
            ("EService:Market in cancel_only mode", types.ErrorKind_VenueUnavailable(), Effect.NONE),
            ("EService:Unavailable", types.ErrorKind_VenueUnavailable(), Effect.UNKNOWN),
            ("EService:Deadline elapsed", types.ErrorKind_OutcomeUnknown(), Effect.UNKNOWN),
            ("EGeneral:Internal error", types.ErrorKind_VenueUnavailable(), Effect.UNKNOWN),
            ("EGeneral:Temporary lockout", types.ErrorKind_Banned(support.NOW + 900_000), Effect.NONE),
            ("ESomething:New", types.ErrorKind_InvalidRequest(), Effect.UNKNOWN),
        ]:
            error = error_of(lambda: Trading().decode_place(context(), PLACE, None, answer(error=[problem])))
            self.assertEqual((error.kind, error.effect), (kind, effect), problem)

    def test_a_warning_is_no_error(self):
        step = Trading().decode_place(context(), PLACE, None, answer({"txid": [ID]}, ["WGeneral:Danger"]))
        self.assertEqual(step.value, ID.encode())

    def test_an_answer_that_cannot_be_read_leaves_the_order_open(self):
        for body in [b"", b"<html>", b"[]", b"{}", b"\xff", b'{"error":[],"result":{"txid":[]}}', b"[" * 100_000,
                     b'{"error":[]}', b'{"error":[],"result":NaN}', b'{"error":["\\ud800"]}', b'{"error":{},"result":{}}']:
            error = error_of(lambda: Trading().decode_place(context(), PLACE, None, [raw(body)]))
            self.assertEqual((error.kind, error.effect), (types.ErrorKind_MalformedResponse(), Effect.UNKNOWN), body[:30])
        error = error_of(lambda: Trading().decode_place(context(), PLACE, None, [raw(b"<html>", 520)]))
        self.assertEqual((error.kind, error.effect), (types.ErrorKind_VenueUnavailable(), Effect.UNKNOWN))


class Finding(unittest.TestCase):
    def test_by_its_client_id_an_order_is_sought_among_the_open_and_then_the_closed(self):
        wanted = trading.GetOrder(types.OrderRef(None, PLACE.client_id))
        step = Trading().decode_get_order(context(), wanted, None, orders({}, "open"))
        request = Trading().encode_get_order(context(), wanted, step.value)[0]
        self.assertEqual(request.path, "/0/private/ClosedOrders")
        self.assertIn(client_ids.at_kraken(PLACE.client_id).encode(), request.body)
        closed = order(status="canceled", closetm=1, reason="User requested")
        report = Trading().decode_get_order(context(), wanted, step.value, orders({ID: closed}, "closed")).value
        self.assertEqual((report.state, report.client_id), (OrderState.CANCELED, PLACE.client_id))
        error = error_of(lambda: Trading().decode_get_order(context(), wanted, step.value, orders({}, "closed")))
        self.assertEqual(error.kind, types.ErrorKind_OrderNotFound())

    def test_an_order_of_another_client_id_is_not_taken_for_the_one_sought(self):
        wanted = trading.GetOrder(types.OrderRef(None, "another"))
        step = Trading().decode_get_order(context(), wanted, None, orders({ID: order()}, "open"))
        self.assertIsInstance(step, trading.OrderStep_Continue)

    def test_a_cancel_is_accepted_and_one_of_nothing_is_not_found(self):
        command = trading.Cancel(types.OrderRef(ID, None))
        step = Trading().decode_cancel(context(), command, None, answer({"count": 1}))
        self.assertEqual(step.value, CancelOutcome_Accepted())
        error = error_of(lambda: Trading().decode_cancel(context(), command, None, answer({"count": 0})))
        self.assertEqual(error.kind, types.ErrorKind_OrderNotFound())

    def test_a_list_is_cut_to_its_instrument(self):
        other = order(descr={"pair": "ETHUSD", "type": "sell", "ordertype": "stop-loss", "price": "+1%"})
        found = Trading().decode_list_open(context(instrument=None), None, orders({ID: order(), "O2": other}, "open")).value
        self.assertEqual([report.symbol for report in found], ["BTC/USD", "ETHUSD"])
        self.assertEqual((found[1].order_type, found[1].price), (OrderType.OTHER, None))
        found = Trading().decode_list_open(context(), None, orders({ID: order(), "O2": other}, "open")).value
        self.assertEqual(len(found), 1)


class Reading(unittest.TestCase):
    PAIR = {
        "altname": "XBTUSD", "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1,
        "lot_decimals": 8, "lot_multiplier": 1, "fees": [[0, 0.26]], "ordermin": "0.0001", "costmin": "0.5",
        "tick_size": "0.1", "status": "online",
    }

    def test_a_pair_keeps_every_rule_exactly(self):
        pairs = {"XXBTZUSD": self.PAIR, "XXBTZUSD.d": {**self.PAIR, "wsname": None}}
        listing = Market().decode_list_instruments(context(), None, answer(pairs)).value
        self.assertEqual(len(listing.instruments), 1)
        listed = listing.instruments[0]
        self.assertEqual((listed.instrument.symbol, listed.instrument.venue_symbol), ("BTC/USD", "XBTUSD"))
        self.assertEqual(listed.price.step, "0.1")
        self.assertEqual(listed.quantity, market.Bounds("0.0001", None, "0.00000001"))
        self.assertEqual(listed.other_rules, [("lot_multiplier", "1"), ("fees", "[[0,0.26]]")])

    def test_a_pair_that_takes_no_orders_is_halted_and_one_that_is_new_to_us_too(self):
        for status in ["cancel_only", "reduce_only", "something new", None]:
            listing = Market().decode_list_instruments(context(), None, answer({"X": {**self.PAIR, "status": status}}))
            self.assertEqual(listing.value.instruments[0].status, market.InstrumentStatus.HALTED)

    def test_an_empty_side_of_the_ticker_has_no_price(self):
        pair = {"a": ["0.0", "0", "0.000"], "b": ["30300.1", "1", "1.000"], "c": ["30303.2", "0.00067643"],
                "v": ["4083.6", "4412.73"], "h": ["31500.0", "31500.0"], "l": ["29714.9", "29714.9"]}
        ticker = Market().decode_get_ticker(context(), None, answer({"XXBTZUSD": pair})).value
        self.assertEqual((ticker.ask, ticker.ask_quantity, ticker.bid), (None, None, "30300.1"))

    def test_a_balance_is_exact_whether_it_comes_as_number_or_as_text(self):
        body = b'{"error":[],"result":{"XXBT":{"balance":1.100000000000000001,"hold_trade":"0.1"},"XBT.F":{"balance":"5","hold_trade":0}}}'
        balances = Account().decode_list_balances(context(), None, [raw(body)]).value
        self.assertEqual([(b.asset, b.free, b.total) for b in balances],
                         [("BTC", "1.000000000000000001", "1.100000000000000001"), ("BTC.F", "5", "5")])

    def test_every_request_is_one_that_the_descriptor_declares(self):
        declared = {(call.method, call.path): call.mutates for call in Descriptor().describe().allowed_calls}
        cx, trade = context(), Trading()
        requests = [
            *Market().encode_list_instruments(cx, None), *Market().encode_get_time(cx, None),
            *Market().encode_get_ticker(cx, None), *Market().encode_get_order_book(cx, market.GetOrderBook(5000), None),
            *trade.encode_place(cx, PLACE, None), *trade.encode_place(cx, PLACE, b"O1"),
            *trade.encode_cancel(cx, trading.Cancel(types.OrderRef(None, "x")), None), *trade.encode_list_open(cx, None),
            *trade.encode_get_order(cx, trading.GetOrder(types.OrderRef("O", None)), None),
            *trade.encode_get_order(cx, trading.GetOrder(types.OrderRef(None, "O")), b"closed"),
            *trade.encode_cancel_all(context(instrument=None), None), *Account().encode_list_balances(cx, None),
        ]
        used = {(request.method, request.path.partition("?")[0]): request.mutates for request in requests}
        self.assertEqual(used, declared)

    def test_numbers_keep_their_digits_and_what_is_too_long_is_refused(self):
        self.assertEqual(exact.decimal("0.00001000", "x"), "0.00001000")
        self.assertEqual(exact.decimal(exact.parse(b"1E-8"), "x"), "0.00000001")
        for text in ["1E-8", "NaN", "1_0", " 1", "\u0661", "1e999", "1" * 29, "", None, True, []]:
            with self.assertRaises(exact.Malformed, msg=repr(text)):
                exact.decimal(text, "x")

    def test_a_body_nested_too_deeply_is_refused_and_brackets_in_texts_do_not_count(self):
        flat = b'{"a":"' + b"[" * 1000 + b'\\"","b":[' + b"[]," * 100 + b"[]]}"
        self.assertEqual(len(exact.parse(flat)["b"]), 101)
        with self.assertRaises(exact.Malformed):
            exact.parse(b"[" * 33 + b"]" * 33)

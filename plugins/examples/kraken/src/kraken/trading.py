"""Placing, cancelling and finding orders (https://docs.kraken.com/api-reference/trading).

Kraken answers a new order with its id alone, so placing takes two steps: the order, then a question how it
stands. No step sends more than one private request: a step has one nonce, and Kraken takes each nonce once.
"""

from typing import Any

from wit_world.exports import trading
from wit_world.exports.trading import CancelAllOutcome, CancelOutcome_Accepted, CancelStep_Done, OrderStep_Continue
from wit_world.exports.trading import CancelAllStep_Done, OrdersStep_Done, OrderStep_Done
from wit_world.imports import types
from wit_world.imports.types import Context, Cost, HttpResponse, OrderReport, OrderType, Side, TimeInForce

from kraken import client_ids, exact
from kraken.exact import Malformed
from kraken.failures import malformed, refuse, result, unsupported
from kraken.market import instrument
from kraken.orders import deadline, report
from kraken.requests import PRIVATE, TRADING, ask, private

# "Add Order: 1 (fixed)"; a cancel within 5 seconds of the order adds 8, a later one less
# (https://docs.kraken.com/exchange/guides/general/ratelimits). An adapter does not know how old an order is.
ADD_COST = 1
CANCEL_COST = 8

# The second step of a lookup by client id: what is not open is among the closed.
_CLOSED = b"closed"


def _order(context: Context, command: trading.Place) -> dict[str, str]:
    fields = {
        "ordertype": "limit" if command.order_type is OrderType.LIMIT else "market",
        "type": "buy" if command.side is Side.BUY else "sell",
        "volume": command.quantity,
        "pair": instrument(context).venue_symbol,
        "cl_ord_id": client_ids.at_kraken(command.client_id),
        "deadline": deadline(context),
    }
    if command.price is not None:
        fields["price"] = command.price
    match command.time_in_force:
        case TimeInForce.IOC:
            fields["timeinforce"] = "IOC"
        case TimeInForce.GTX:
            fields["oflags"] = "post"
        case TimeInForce.FOK:
            unsupported("fill or kill")
    return fields


def _name(order: types.OrderRef) -> dict[str, str]:
    """An order by Kraken's own id where it is known."""
    if order.venue_id is not None:
        return {"txid": order.venue_id}
    if order.client_id is not None:
        return {"cl_ord_id": client_ids.at_kraken(order.client_id)}
    refuse(types.ErrorKind_InvalidRequest(), "neither id of the order is known", "order")


def _found(context: Context, orders: Any, order_id: str, client_id: str | None) -> OrderReport:
    orders = exact.table(orders, "result")
    if order_id not in orders:
        refuse(types.ErrorKind_OrderNotFound(), "Kraken's answer does not have the order")
    return report(context, order_id, orders[order_id], client_id)


def _of_client_id(context: Context, orders: Any, client_id: str) -> OrderReport | None:
    reports = [report(context, order_id, order, client_id) for order_id, order in exact.table(orders, "orders").items()]
    return next((order for order in reports if order.client_id == client_id), None)


def _placed_id(answer: Any) -> str:
    ids = exact.rows(exact.table(answer, "result").get("txid"), "txid")
    if len(ids) != 1:
        raise Malformed(f"{len(ids)} orders placed instead of one")
    return exact.text(ids[0], "txid")


class Trading:
    """The interface `trading`."""

    def encode_place(self, context: Context, command: trading.Place, state: bytes | None):
        if command.reduce_only:
            unsupported("reduce-only on spot")
        if state is not None:
            return ask(context, "QueryOrders", txid=state.decode())
        return private(context, "AddOrder", _order(context, command), Cost(TRADING, ADD_COST), True)

    def decode_place(
        self, context: Context, command: trading.Place, state: bytes | None, responses: list[HttpResponse]
    ):
        first = state is None
        try:
            answer = result(context, responses, first)
            if first:
                return OrderStep_Continue(_placed_id(answer).encode())
            return OrderStep_Done(_found(context, answer, state.decode(), command.client_id))
        except Malformed as problem:
            raise malformed(problem, first) from None

    def encode_cancel(self, context: Context, command: trading.Cancel, state: bytes | None):
        return private(context, "CancelOrder", _name(command.order), Cost(TRADING, CANCEL_COST), True)

    def decode_cancel(
        self, context: Context, command: trading.Cancel, state: bytes | None, responses: list[HttpResponse]
    ):
        try:
            answer = exact.table(result(context, responses, True), "result")
            if exact.whole(answer.get("count"), "count") == 0 and answer.get("pending") is not True:
                refuse(types.ErrorKind_OrderNotFound(), "Kraken cancelled nothing")
            # How much of it was filled is not said.
            return CancelStep_Done(CancelOutcome_Accepted())
        except Malformed as problem:
            raise malformed(problem, True) from None

    def encode_cancel_all(self, context: Context, state: bytes | None):
        if context.instrument is not None:
            unsupported("cancelling all orders on one instrument")
        return private(context, "CancelAll", {}, Cost(PRIVATE, 1), True)

    def decode_cancel_all(self, context: Context, state: bytes | None, responses: list[HttpResponse]):
        try:
            exact.whole(exact.table(result(context, responses, True), "result").get("count"), "count")
            return CancelAllStep_Done(CancelAllOutcome([], False))
        except Malformed as problem:
            raise malformed(problem, True) from None

    def encode_get_order(self, context: Context, command: trading.GetOrder, state: bytes | None):
        name = _name(command.order)
        if "txid" in name:
            return ask(context, "QueryOrders", **name)
        return ask(context, "OpenOrders" if state is None else "ClosedOrders", **name)

    def decode_get_order(
        self, context: Context, command: trading.GetOrder, state: bytes | None, responses: list[HttpResponse]
    ):
        order_id, client_id = command.order.venue_id, command.order.client_id
        try:
            answer = exact.table(result(context, responses, False), "result")
            if order_id is not None:
                return OrderStep_Done(_found(context, answer, order_id, client_id))
            found = _of_client_id(context, answer.get("open" if state is None else "closed"), client_id or "")
            if found is not None:
                return OrderStep_Done(found)
        except Malformed as problem:
            raise malformed(problem, False) from None
        if state is None:
            return OrderStep_Continue(_CLOSED)
        refuse(types.ErrorKind_OrderNotFound(), "Kraken has no order of this client id, open or closed")

    def encode_list_open(self, context: Context, state: bytes | None):
        return ask(context, "OpenOrders")

    def decode_list_open(self, context: Context, state: bytes | None, responses: list[HttpResponse]):
        try:
            answer = exact.table(result(context, responses, False), "result")
            orders = exact.table(answer.get("open"), "open").items()
            reports = [report(context, order_id, order, None) for order_id, order in orders]
        except Malformed as problem:
            raise malformed(problem, False) from None
        if context.instrument is not None:
            reports = [order for order in reports if order.symbol == context.instrument.symbol]
        return OrdersStep_Done(reports)

    def encode_amend(self, context: Context, command: trading.Amend, state: bytes | None):
        unsupported("amending")

    def decode_amend(
        self, context: Context, command: trading.Amend, state: bytes | None, responses: list[HttpResponse]
    ):
        unsupported("amending")

    def encode_list_history(self, context: Context, command: trading.ListHistory, state: bytes | None):
        unsupported("history")

    def decode_list_history(
        self, context: Context, command: trading.ListHistory, state: bytes | None, responses: list[HttpResponse]
    ):
        unsupported("history")

    def encode_list_fills(self, context: Context, command: trading.ListFills, state: bytes | None):
        unsupported("fills")

    def decode_list_fills(
        self, context: Context, command: trading.ListFills, state: bytes | None, responses: list[HttpResponse]
    ):
        unsupported("fills")

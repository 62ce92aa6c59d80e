"""Placing, cancelling and finding orders."""

import json
import re
from urllib.parse import quote

from answers import MAX_LIST_BYTES, Unreadable, invalid, read, refused
from componentize_py_types import Err
from describe import BUCKET, ENDPOINT
from market import instrument_of
from wit_world.exports.trading import CancelOutcome_Accepted, CancelOutcome_Confirmed
from wit_world.imports import catalogue, signer, types
from wit_world.imports.types import Method, OrderState, OrderType, Side, TimeInForce

ORDERS = "/v1/orders"

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
SIDE_NAMES = {side: name for name, side in SIDES.items()}

TIMES_IN_FORCE = {
    "gtc": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    # Post-only: refused where it would take.
    "post_only": TimeInForce.GTX,
}
TIME_IN_FORCE_NAMES = {value: name for name, value in TIMES_IN_FORCE.items()}

STATES = {
    "open": OrderState.NEW,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "rejected": OrderState.REJECTED,
    "expired": OrderState.EXPIRED,
}
FINAL = {OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED}

# ---- Requests ---------------------------------------------------------------------------------


def signed(context, method, path, body=""):
    """An authenticated request: `x-signature` is the HMAC-SHA256, in hexadecimal digits, of the moment at
    which the request expires, the method, the path with its query, and the body, one behind the other. The
    secret stays with the gateway, which signs what it is given."""
    if context.account is None:
        raise Err(refused(types.ErrorKind_AuthFailed(), "the venue has no credentials configured"))
    # The context is the only clock. `window_ms` is how long the caller wants the request to be valid: a
    # venue that checks it makes a late order impossible.
    expires = str(context.now + context.window_ms)
    payload = (expires + method.name + path + body).encode()
    try:
        signature = signer.sign(signer.Algorithm.HMAC_SHA256, signer.KeyEncoding.UTF8, payload)
    except Err as refusal:
        problem = f"the gateway does not sign: {refusal.value.name}"
        raise Err(refused(types.ErrorKind_AuthFailed(), problem)) from None
    headers = [
        ("x-api-key", context.account.api_key),
        ("x-expires", expires),
        ("x-signature", signature.hex()),
    ]
    if body:
        headers.append(("content-type", "application/json"))
    return types.HttpRequest(
        endpoint=ENDPOINT,
        method=method,
        path=path,
        headers=headers,
        body=body.encode(),
        costs=[types.Cost(bucket=BUCKET, amount=1)],
        mutates=method != Method.GET,
    )


def place(context, command):
    """The gateway has checked the order against the instrument; what the venue cannot do at all is said
    here."""
    if command.reduce_only:
        raise invalid("reduce-only", "there are no positions on spot")
    # By the client id an order is found again whose answer was lost, so a venue that takes none needs
    # another way. Decimals go out as they came in, as texts.
    order = {
        "client_id": command.client_id,
        "symbol": instrument_of(context).venue_symbol,
        "side": SIDE_NAMES[command.side],
        "type": command.order_type.name.lower(),
        "size": command.quantity,
    }
    is_priced = command.price is not None and command.time_in_force is not None
    is_bare = command.price is None and command.time_in_force is None
    if command.order_type == OrderType.LIMIT and is_priced:
        order["price"] = command.price
        order["time_in_force"] = TIME_IN_FORCE_NAMES[command.time_in_force]
    elif not (command.order_type == OrderType.MARKET and is_bare):
        raise invalid(
            "order-type", "a limit order has a price and a time in force, a market order has neither"
        )
    body = json.dumps(order, ensure_ascii=False, separators=(",", ":"))
    return signed(context, Method.POST, ORDERS, body)


def cancel(context, order):
    return signed(context, Method.DELETE, path_of(order))


def find(context, order):
    return signed(context, Method.GET, path_of(order))


def list_open(context):
    """On one instrument, or without one on the whole endpoint."""
    path = ORDERS + "?status=open"
    if context.instrument is not None:
        path += "&symbol=" + quote(context.instrument.venue_symbol, safe="")
    return signed(context, Method.GET, path)


def path_of(order):
    """The path of one order, by the venue's id where it is known."""
    if order.venue_id is not None:
        path, order_id = ORDERS, order.venue_id
    elif order.client_id is not None:
        path, order_id = f"{ORDERS}/by-client-id", order.client_id
    else:
        raise invalid("order", "no id at all")
    # The venue's ids are of these characters. Any other id would make the path name something else: the list of
    # orders where it is empty, another order where it has a `/`.
    if not re.fullmatch("[0-9A-Za-z_-]+", order_id):
        raise invalid("order", "no order has such an id")
    return f"{path}/{order_id}"


# ---- Answers ----------------------------------------------------------------------------------


def placed(context, command, responses):
    def reading(answer):
        # An answer about another order says nothing of this one.
        if answer.optional_text("client_id") != command.client_id:
            raise Unreadable("the answer is about another order")
        report = _report(answer)
        # A refusal is an error, never a report.
        if report.state == OrderState.REJECTED:
            reason = report.reason or "rejected without a reason"
            raise Err(refused(types.ErrorKind_InvalidRequest(), reason))
        return report

    return read(context, responses, reading, mutates=True)


def canceled(context, order, responses):
    report = read(context, responses, lambda answer: _the_one(order, answer), mutates=True)
    # Say `Confirmed` only of an order that is at its end; the gateway looks again after `Accepted`.
    return CancelOutcome_Confirmed(report) if report.state in FINAL else CancelOutcome_Accepted()


def found(context, order, responses):
    return read(context, responses, lambda answer: _the_one(order, answer))


def listed(context, responses):
    return read(
        context,
        responses,
        lambda answer: [_report(order) for order in answer.objects("orders")],
        max_bytes=MAX_LIST_BYTES,
    )


def _the_one(asked, answer):
    """The report of an order that must be the one asked for."""
    report = _report(answer)
    if asked.venue_id is not None:
        is_it = report.venue_id == asked.venue_id
    else:
        is_it = report.client_id == asked.client_id
    if not is_it:
        raise Unreadable("the answer is about another order")
    return report


def _report(answer):
    state = answer.named("status", STATES)
    # `size`, not an optional decimal: a missing fill is no fill of zero, but an answer that cannot be read.
    filled = answer.size("filled")
    if state == OrderState.NEW and filled.strip("0.") != "":
        state = OrderState.PARTIALLY_FILLED
    symbol = answer.text("symbol")
    instrument = catalogue.find(ENDPOINT, symbol)
    has_time_in_force = answer.optional_text("time_in_force") is not None
    # Somebody's stop order, say, is listed, but not placed by the gateway.
    order_types = {"limit": OrderType.LIMIT, "market": OrderType.MARKET}
    return types.OrderReport(
        # The catalogue knows the unified name; a symbol that it does not list keeps the venue's.
        symbol=symbol if instrument is None else instrument.symbol,
        venue_id=answer.text("id"),
        client_id=answer.optional_text("client_id"),
        side=answer.named("side", SIDES),
        order_type=order_types.get(answer.text("type"), OrderType.OTHER),
        time_in_force=answer.named("time_in_force", TIMES_IN_FORCE) if has_time_in_force else None,
        reduce_only=False,
        quantity=answer.size("size"),
        price=answer.optional_decimal("price"),
        state=state,
        filled_quantity=filled,
        average_price=answer.optional_decimal("average_price"),
        created_at=answer.millis("created"),
        updated_at=answer.millis("updated"),
        reason=answer.optional_text("reason"),
    )

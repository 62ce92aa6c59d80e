"""Orders as Kraken writes them (https://docs.kraken.com/api-reference/account-data/query-orders-info)."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from wit_world.imports import catalogue
from wit_world.imports.types import Context, OrderReport, OrderState, OrderType, Side, TimeInForce

from kraken import client_ids, exact
from kraken.exact import Malformed
from kraken.failures import INVALID, refuse
from kraken.requests import ENDPOINT

# `deadline` is at least 2 seconds ahead of Kraken's clock (Add Order), which tells its time in whole seconds.
LEAST_DEADLINE_MS = 3_000

# The end of the year 9999, in milliseconds since 1970.
LAST_MOMENT_MS = 253_402_300_799_999

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TYPES = {"market": OrderType.MARKET, "limit": OrderType.LIMIT}


def deadline(context: Context) -> str:
    """`deadline`: "RFC3339 timestamp after which the matching engine should reject the new order request"."""
    moment = context.now + max(context.window_ms, LEAST_DEADLINE_MS)
    if moment > LAST_MOMENT_MS:
        refuse(INVALID, "RFC 3339 has no such time")
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    at = epoch + timedelta(milliseconds=moment)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment % 1000:03}Z"


def report(context: Context, order_id: str, order: Any, client_id: str | None) -> OrderReport:
    """An order of `OpenOrders`, `ClosedOrders` or `QueryOrders`; `client_id` is what it was asked for by."""
    order = exact.table(order, "an order")
    described = exact.table(order.get("descr"), "descr")
    side = _SIDES.get(exact.text(described.get("type"), "type"))
    if side is None:
        raise Malformed("type is neither buy nor sell")
    order_type = _TYPES.get(exact.text(described.get("ordertype"), "ordertype"), OrderType.OTHER)
    flags = str(order.get("oflags") or "").split(",")
    volume, filled = exact.number(order.get("vol"), "vol"), exact.number(order.get("vol_exec"), "vol_exec")
    average = exact.number(order.get("price"), "price")
    if min(volume, filled, average) < 0:
        raise Malformed("an amount of the order is negative")
    cl_ord_id = order.get("cl_ord_id")
    return OrderReport(
        symbol=_symbol(context, exact.text(described.get("pair"), "pair")),
        venue_id=exact.text(order_id, "the order's id"),
        client_id=client_ids.known_as(cl_ord_id if isinstance(cl_ord_id, str) else None, client_id),
        side=side,
        order_type=order_type,
        # Kraken tells no other time in force.
        time_in_force=TimeInForce.GTX if "post" in flags else None,
        reduce_only=order.get("reduce_only") is True,
        # `viqc`: "order volume expressed in quote currency".
        quantity=None if "viqc" in flags else exact.plain(volume),
        price=_price(described, order_type),
        state=_state(exact.text(order.get("status"), "status"), volume, filled, "viqc" in flags),
        filled_quantity=exact.plain(filled),
        average_price=exact.plain(average) if filled > 0 and average > 0 else None,
        created_at=exact.milliseconds(order.get("opentm"), "opentm"),
        updated_at=None if order.get("closetm") is None else exact.milliseconds(order["closetm"], "closetm"),
        reason=order.get("reason") if isinstance(order.get("reason"), str) and order.get("reason") else None,
    )


def _symbol(context: Context, pair: str) -> str:
    if context.instrument is not None and context.instrument.venue_symbol == pair:
        return context.instrument.symbol
    found = catalogue.find(ENDPOINT, pair)
    return found.symbol if found is not None else pair


def _price(described: dict[str, Any], order_type: OrderType) -> str | None:
    """The limit; what other types write there is relative or a trigger."""
    if order_type is not OrderType.LIMIT:
        return None
    return exact.size(described.get("price"), "the limit")


def _state(status: str, volume: Decimal, filled: Decimal, in_quote: bool) -> OrderState:
    match status:
        case "pending" | "open":
            return OrderState.PARTIALLY_FILLED if filled > 0 else OrderState.NEW
        case "closed":
            # A market order can close before it is whole.
            whole = in_quote or filled >= volume
            return OrderState.FILLED if whole else OrderState.EXPIRED
        case "canceled":
            return OrderState.CANCELED
        case "expired":
            return OrderState.EXPIRED
    raise Malformed("status is none that Kraken documents")

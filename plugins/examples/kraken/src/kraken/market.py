"""Instruments, prices and time (https://docs.kraken.com/api-reference/market-data)."""

from decimal import Decimal
from typing import Any

from wit_world.exports import market
from wit_world.exports.market import (
    Bounds,
    InstrumentStatus,
    Level,
    ListedInstrument,
    Listing,
    NotionalBounds,
    OrderBook,
    Ticker,
)
from wit_world.imports import log
from wit_world.imports.types import Context, HttpResponse, Instrument, OrderTypes, Payoff, Product, QuantityUnit
from wit_world.imports.types import TimesInForce

from kraken import exact, names
from kraken.exact import Malformed
from kraken.failures import INVALID, malformed, refuse, result, unsupported
from kraken.requests import ENDPOINT, public

# Most levels of `Depth` on a side.
DEEPEST = 500

_BOTH = OrderTypes.MARKET | OrderTypes.LIMIT
_ALL_TIMES = TimesInForce.GTC | TimesInForce.IOC | TimesInForce.GTX

# `status` of a pair, and what it takes then; in every other status, known or not, it takes no order that the
# gateway places (`cancel_only`, `reduce_only`).
_STATUSES = {
    "online": (InstrumentStatus.TRADING, _BOTH, _ALL_TIMES),
    "limit_only": (InstrumentStatus.TRADING, OrderTypes.LIMIT, _ALL_TIMES),
    "post_only": (InstrumentStatus.TRADING, OrderTypes.LIMIT, TimesInForce.GTX),
    "delisted": (InstrumentStatus.CLOSED, _BOTH, _ALL_TIMES),
}
_HALTED = (InstrumentStatus.HALTED, _BOTH, _ALL_TIMES)

# What has a field of its own in the contract, or is only another name.
_TOLD = {
    "altname", "wsname", "aclass_base", "aclass_quote", "base", "quote", "pair_decimals", "lot_decimals",
    "tick_size", "ordermin", "costmin", "status",
}


def instrument(context: Context) -> Instrument:
    """The instrument that an operation is for."""
    if context.instrument is None:
        refuse(INVALID, "the operation needs an instrument", "symbol")
    return context.instrument


def _listed(pair: dict[str, Any]) -> ListedInstrument | None:
    if not pair.get("wsname"):
        # Dark pools (`XXBTZUSD.d`) have none; the public books and orders do not reach them.
        return None
    base, slash, quote = exact.text(pair["wsname"], "wsname").partition("/")
    if not (base and slash and quote):
        raise Malformed("wsname is not of the form BASE/QUOTE")
    base, quote = names.of_name(base), names.of_name(quote)
    status, order_types, times = _STATUSES.get(str(pair.get("status")), _HALTED)
    minimum = pair.get("costmin")
    return ListedInstrument(
        instrument=Instrument(
            symbol=f"{base}/{quote}",
            venue_symbol=exact.text(pair.get("altname"), "altname"),
            endpoint=ENDPOINT,
            product=Product.SPOT,
            payoff=Payoff.DELIVERY,
            base=base,
            quote=quote,
            settle=quote,
            quantity_unit=QuantityUnit.BASE,
            contract_size="1",
            expiry=None,
            hints=[],
        ),
        status=status,
        price=Bounds(None, None, _tick(pair)),
        quantity=Bounds(exact.size(pair.get("ordermin"), "ordermin"), None, _unit(pair, "lot_decimals")),
        market_quantity=None,
        # "Cost (price * volume) does not meet `costmin`": of every order.
        notional=None if minimum is None else NotionalBounds(exact.size(minimum, "costmin"), None, True, False, True),
        price_band=None,
        max_open_orders=None,
        max_position=None,
        order_types=order_types,
        times_in_force=times,
        other_rules=[(name, exact.to_json(value)) for name, value in pair.items() if name not in _TOLD],
    )


def _tick(pair: dict[str, Any]) -> str:
    if pair.get("tick_size") is None:
        return _unit(pair, "pair_decimals")
    return exact.size(pair["tick_size"], "tick_size")


def _unit(pair: dict[str, Any], name: str) -> str:
    places = exact.whole(pair.get(name), name)
    if places > exact.MOST_DIGITS:
        raise Malformed(f"{name} is too many places")
    return exact.plain(Decimal(1).scaleb(-places))


def _listing(pairs: dict[str, Any]) -> Listing:
    by_symbol: dict[str, ListedInstrument] = {}
    for pair in pairs.values():
        listed = _listed(exact.table(pair, "a pair"))
        if listed is None:
            continue
        first = by_symbol.setdefault(listed.instrument.symbol, listed)
        if first is not listed:
            log.write(
                log.Level.WARN,
                f"{listed.instrument.venue_symbol} has the symbol of {first.instrument.venue_symbol} and is left out",
            )
    return Listing(list(by_symbol.values()), [])


def _only(answer: Any, what: str) -> dict[str, Any]:
    """The value of the one pair that was asked for, which Kraken names by its id and not as it was asked."""
    values = list(exact.table(answer, what).values())
    if len(values) != 1:
        raise Malformed(f"{len(values)} pairs in the answer for one")
    return exact.table(values[0], what)


def _ticker(symbol: str, pair: dict[str, Any]) -> Ticker:
    def part(name: str, place: int) -> str:
        length = 3 if name in "ab" else 2
        return exact.size(exact.row(pair.get(name), length, name)[place], name)

    def best(name: str) -> tuple[str | None, str | None]:
        price, quantity = part(name, 0), part(name, 2)
        # An empty side is shown as zero.
        return (None, None) if exact.number(price, name) == 0 else (price, quantity)

    bid, bid_quantity = best("b")
    ask, ask_quantity = best("a")
    return Ticker(
        symbol=symbol,
        bid=bid,
        bid_quantity=bid_quantity,
        ask=ask,
        ask_quantity=ask_quantity,
        last=part("c", 0),
        # `o` is of today, not of the last 24 hours, which the second of each pair is.
        open=None,
        high=part("h", 1),
        low=part("l", 1),
        volume=part("v", 1),
        quote_volume=None,
        at=None,
    )


def _levels(side: Any, depth: int) -> list[Level]:
    def level(row: Any) -> Level:
        price, quantity, _at = exact.row(row, 3, "a level")
        return Level(exact.size(price, "price"), exact.size(quantity, "volume"))

    return [level(row) for row in exact.rows(side, "a side of the book")[:depth]]


class Market:
    """The interface `market`."""

    def encode_list_instruments(self, context: Context, state: bytes | None):
        return public("AssetPairs")

    def decode_list_instruments(self, context: Context, state: bytes | None, responses: list[HttpResponse]):
        try:
            pairs = exact.table(result(context, responses, False, exact.LONGEST_LISTING), "result")
            return market.ListingStep_Done(_listing(pairs))
        except Malformed as problem:
            raise malformed(problem, False) from None

    def encode_get_time(self, context: Context, state: bytes | None):
        return public("Time")

    def decode_get_time(self, context: Context, state: bytes | None, responses: list[HttpResponse]):
        try:
            answer = exact.table(result(context, responses, False), "result")
            return market.TimeStep_Done(exact.milliseconds(answer.get("unixtime"), "unixtime"))
        except Malformed as problem:
            raise malformed(problem, False) from None

    def encode_get_ticker(self, context: Context, state: bytes | None):
        return public("Ticker", pair=instrument(context).venue_symbol)

    def decode_get_ticker(self, context: Context, state: bytes | None, responses: list[HttpResponse]):
        try:
            pair = _only(result(context, responses, False), "the ticker")
            return market.TickerStep_Done(_ticker(instrument(context).symbol, pair))
        except Malformed as problem:
            raise malformed(problem, False) from None

    def encode_get_order_book(self, context: Context, command: market.GetOrderBook, state: bytes | None):
        pair = instrument(context).venue_symbol
        return public("Depth", pair=pair, count=str(min(command.depth, DEEPEST)))

    def decode_get_order_book(
        self, context: Context, command: market.GetOrderBook, state: bytes | None, responses: list[HttpResponse]
    ):
        try:
            book = _only(result(context, responses, False), "the book")
            bids, asks = _levels(book.get("bids"), command.depth), _levels(book.get("asks"), command.depth)
            return market.OrderBookStep_Done(OrderBook(instrument(context).symbol, bids, asks, None, None))
        except Malformed as problem:
            raise malformed(problem, False) from None

    def encode_get_candles(self, context: Context, command: market.GetCandles, state: bytes | None):
        unsupported("candles")

    def decode_get_candles(
        self, context: Context, command: market.GetCandles, state: bytes | None, responses: list[HttpResponse]
    ):
        unsupported("candles")

"""Instruments, the clock and best prices: nothing of it is signed."""

from urllib.parse import quote

from answers import MAX_LIST_BYTES, Unreadable, invalid, read
from describe import BUCKET, ENDPOINT, ORDER_TYPES, TIMES_IN_FORCE
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
from wit_world.imports import types

STATUSES = {
    "trading": InstrumentStatus.TRADING,
    "halted": InstrumentStatus.HALTED,
    "delisted": InstrumentStatus.CLOSED,
}


def get(path):
    return types.HttpRequest(
        endpoint=ENDPOINT,
        method=types.Method.GET,
        path=path,
        headers=[],
        body=b"",
        costs=[types.Cost(bucket=BUCKET, amount=1)],
        mutates=False,
    )


def instrument_of(context):
    if context.instrument is None:
        raise invalid("symbol", "this operation needs an instrument")
    return context.instrument


def listing(context, responses):
    return read(
        context,
        responses,
        lambda answer: Listing(
            instruments=[_listed(entry) for entry in answer.objects("instruments")], limits=[]
        ),
        max_bytes=MAX_LIST_BYTES,
    )


def _listed(entry):
    """Every limit of the venue that is given here is checked before an order is sent."""
    base, quote_asset = entry.text("base"), entry.text("quote")
    return ListedInstrument(
        instrument=types.Instrument(
            # The unified symbol is the same at every venue; `venue_symbol` is this one's own name.
            symbol=f"{base}/{quote_asset}",
            venue_symbol=entry.text("symbol"),
            endpoint=ENDPOINT,
            product=types.Product.SPOT,
            payoff=types.Payoff.DELIVERY,
            base=base,
            quote=quote_asset,
            settle=quote_asset,
            quantity_unit=types.QuantityUnit.BASE,
            contract_size="1",
            expiry=None,
            hints=[],
        ),
        status=entry.named("status", STATUSES),
        price=Bounds(min=None, max=None, step=entry.decimal("tick_size")),
        quantity=Bounds(
            min=entry.decimal("min_size"), max=entry.decimal("max_size"), step=entry.decimal("lot_size")
        ),
        market_quantity=None,
        notional=NotionalBounds(
            min=entry.decimal("min_notional"),
            max=None,
            min_applies_to_market=True,
            max_applies_to_market=False,
            min_applies_to_reduce_only=True,
        ),
        price_band=None,
        max_open_orders=None,
        max_position=None,
        order_types=ORDER_TYPES,
        times_in_force=TIMES_IN_FORCE,
        other_rules=[],
    )


def venue_time(context, responses):
    """The gateway measures the skew of the venue's clock by it."""
    return read(context, responses, lambda answer: answer.millis("time"))


def ticker(context):
    return get("/v1/ticker?symbol=" + quote(instrument_of(context).venue_symbol, safe=""))


def best_prices(context, responses):
    instrument = instrument_of(context)

    def reading(answer):
        if answer.text("symbol") != instrument.venue_symbol:
            raise Unreadable("the answer is about another symbol")
        return Ticker(
            symbol=instrument.symbol,
            # An empty side of the book is `null`: absent, never zero.
            bid=answer.optional_decimal("bid"),
            bid_quantity=answer.optional_decimal("bid_size"),
            ask=answer.optional_decimal("ask"),
            ask_quantity=answer.optional_decimal("ask_size"),
            last=answer.optional_decimal("last"),
            open=None,
            high=None,
            low=None,
            volume=None,
            quote_volume=None,
            at=answer.millis("time"),
        )

    return read(context, responses, reading)


def book(context, command):
    symbol = quote(instrument_of(context).venue_symbol, safe="")
    return get(f"/v1/book?symbol={symbol}&depth={command.depth}")


def levels(context, command, responses):
    instrument = instrument_of(context)

    def side(answer, name):
        # No more levels than were asked for, even where the venue gives more.
        pairs = answer.levels(name, command.depth)
        return [Level(price=price, quantity=size) for price, size in pairs]

    def reading(answer):
        if answer.text("symbol") != instrument.venue_symbol:
            raise Unreadable("the answer is about another symbol")
        return OrderBook(
            symbol=instrument.symbol,
            bids=side(answer, "bids"),
            asks=side(answer, "asks"),
            sequence=None,
            at=answer.millis("time"),
        )

    return read(context, responses, reading)

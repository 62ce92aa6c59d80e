"""The Switchyard adapter for {{name}}.

An adapter is a pure function: commands in, HTTP requests out; answers in, typed results out. It opens no
socket, reads no clock and keeps nothing between two calls. What differs from one venue to the next is here,
and nothing else; waiting, retrying, limits and keeping orders are the gateway's.

`{{name}}` is a made-up venue with a small JSON API, so that everything here runs as it is. Make it yours from
the top: the descriptor, then one operation after the other, each with a recorded case in `cases/`.

The modules `wit_world` and `componentize_py_types` are made from the contract (`wit/`) at each build.
"""

import abc

import describe
import market
import orders
from answers import refused
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import market as market_types
from wit_world.exports import trading as trading_types
from wit_world.imports import types


def _unsupported(name):
    def operation(self, *_):
        raise Err(refused(types.ErrorKind_Unsupported(), name))

    return operation


def rest_is_unsupported(cls):
    """Answers `unsupported` for each operation of the contract that a class leaves out."""
    for name in cls.__abstractmethods__:
        setattr(cls, name, _unsupported(name))
    return abc.update_abstractmethods(cls)


class Descriptor(exports.Descriptor):
    def describe(self):
        return describe.DESCRIPTOR


# Each operation is a pair. `state` is what a decode asked to have back when it needed another step
# (`..._Continue`), such as the place of the next page; nothing here needs one.


@rest_is_unsupported  # here candles
class Market(exports.Market):
    def encode_list_instruments(self, context, state):
        return [market.get("/v1/instruments")]

    def decode_list_instruments(self, context, state, responses):
        return market_types.ListingStep_Done(market.listing(context, responses))

    def encode_get_time(self, context, state):
        return [market.get("/v1/time")]

    def decode_get_time(self, context, state, responses):
        return market_types.TimeStep_Done(market.venue_time(context, responses))

    def encode_get_ticker(self, context, state):
        return [market.ticker(context)]

    def decode_get_ticker(self, context, state, responses):
        return market_types.TickerStep_Done(market.best_prices(context, responses))

    def encode_get_order_book(self, context, command, state):
        return [market.book(context, command)]

    def decode_get_order_book(self, context, command, state, responses):
        return market_types.OrderBookStep_Done(market.levels(context, command, responses))


@rest_is_unsupported  # here amend, cancel-all, history and fills
class Trading(exports.Trading):
    def encode_place(self, context, command, state):
        return [orders.place(context, command)]

    def decode_place(self, context, command, state, responses):
        return trading_types.OrderStep_Done(orders.placed(context, command, responses))

    def encode_cancel(self, context, command, state):
        return [orders.cancel(context, command.order)]

    def decode_cancel(self, context, command, state, responses):
        return trading_types.CancelStep_Done(orders.canceled(context, command.order, responses))

    def encode_get_order(self, context, command, state):
        return [orders.find(context, command.order)]

    def decode_get_order(self, context, command, state, responses):
        return trading_types.OrderStep_Done(orders.found(context, command.order, responses))

    def encode_list_open(self, context, state):
        return [orders.list_open(context)]

    def decode_list_open(self, context, state, responses):
        return trading_types.OrdersStep_Done(orders.listed(context, responses))

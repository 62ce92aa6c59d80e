"""What the adapter says of itself."""

from wit_world.exports import descriptor
from wit_world.exports.descriptor import (
    AllowedCall,
    AmendMode,
    Bucket,
    BucketScope,
    ClientIdRules,
    Endpoint,
    EndpointRules,
)
from wit_world.imports.types import Method, OrderTypes, Product, TimesInForce

from kraken.requests import ENDPOINT, PRIVATE, PUBLIC, TRADING

VERSION = "0.1.0"

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS

# `deadline` is at most 60 seconds ahead of Kraken's clock (Add Order), which tells its time in whole seconds.
MAX_WINDOW_MS = 55 * SECOND_MS

# The matching engine itself rejects what reaches it after its `deadline`, which is at most LEAST_DEADLINE_MS
# (orders.py) later than the window. What it took in time may show a moment later.
SETTLE_MS = 30 * SECOND_MS

_READ = ["Time", "AssetPairs", "Ticker", "Depth"]
_ASK = ["BalanceEx", "OpenOrders", "ClosedOrders", "QueryOrders"]
_CHANGE = ["AddOrder", "CancelOrder", "CancelAll"]


def _calls() -> list[AllowedCall]:
    public = [AllowedCall(ENDPOINT, Method.GET, f"/0/public/{name}", False) for name in _READ]
    private = [AllowedCall(ENDPOINT, Method.POST, f"/0/private/{name}", name in _CHANGE) for name in _ASK + _CHANGE]
    return public + private


def _buckets() -> list[Bucket]:
    def bucket(name: str, scope: BucketScope, window_ms: int, limit: int) -> Bucket:
        return Bucket(name, scope, [ENDPOINT], window_ms, limit, None, None)

    return [
        # "calling the public endpoints at a frequency of 1 per second (or less) would remain within the rate
        # limits" (https://support.kraken.com/articles/206548367-what-are-the-api-rate-limits).
        bucket(PUBLIC, BucketScope.IP, SECOND_MS, 1),
        # Starter: a counter of 15 that falls by 0.33 a second, so 15 in 45 seconds are always in it.
        bucket(PRIVATE, BucketScope.ACCOUNT, 45 * SECOND_MS, 15),
        # Starter: a counter of 60 for each pair that falls by 1 a second
        # (https://docs.kraken.com/exchange/guides/general/ratelimits), here for all pairs together.
        bucket(TRADING, BucketScope.ACCOUNT, MINUTE_MS, 60),
    ]


def _rules() -> EndpointRules:
    return EndpointRules(
        endpoint=ENDPOINT,
        amend_mode=AmendMode.UNSUPPORTED,
        order_types=OrderTypes.MARKET | OrderTypes.LIMIT,
        times_in_force=TimesInForce.GTC | TimesInForce.IOC | TimesInForce.GTX,
        reduce_only=False,
        open_without_instrument=True,
        history_without_instrument=True,
        # Kraken documents no end of its memory.
        unfilled_history_ms=None,
        filled_history_ms=None,
        max_window_ms=MAX_WINDOW_MS,
        settle_ms=SETTLE_MS,
        candle_seconds=[],
    )


class Descriptor:
    """The interface `descriptor`."""

    def describe(self) -> descriptor.Descriptor:
        return descriptor.Descriptor(
            venue="kraken",
            adapter_version=VERSION,
            endpoints=[Endpoint(ENDPOINT, "Kraken spot, https://api.kraken.com", [Product.SPOT])],
            allowed_calls=_calls(),
            # Any text: Kraken gets a UUID made of it (client_ids.py).
            client_id_rules=ClientIdRules(
                64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            ),
            buckets=_buckets(),
            endpoint_rules=[_rules()],
        )

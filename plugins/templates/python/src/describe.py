"""What the adapter is and what it will ever do. The operator approves this list, as a phone asks for
permissions; a request outside of it is dropped unsent."""

from wit_world.exports import descriptor
from wit_world.imports import types
from wit_world.imports.types import Method

# The alias of the venue's one origin. Configuration maps it to a URL; an adapter never names a host.
ENDPOINT = "rest"

# The budget that the venue enforces. Each request says what it spends of it.
BUCKET = "requests"

ORDER_TYPES = types.OrderTypes.MARKET | types.OrderTypes.LIMIT
TIMES_IN_FORCE = (
    types.TimesInForce.GTC | types.TimesInForce.IOC | types.TimesInForce.FOK | types.TimesInForce.GTX
)

CALLS = [
    (Method.GET, "/v1/time"),
    (Method.GET, "/v1/instruments"),
    (Method.GET, "/v1/ticker"),
    (Method.GET, "/v1/book"),
    (Method.GET, "/v1/orders"),
    # `{}` stands for one segment of any text.
    (Method.GET, "/v1/orders/{}"),
    (Method.GET, "/v1/orders/by-client-id/{}"),
    (Method.POST, "/v1/orders"),
    (Method.DELETE, "/v1/orders/{}"),
    (Method.DELETE, "/v1/orders/by-client-id/{}"),
]

DESCRIPTOR = descriptor.Descriptor(
    venue="{{name}}",
    adapter_version="0.1.0",
    endpoints=[
        descriptor.Endpoint(
            alias=ENDPOINT,
            description="The REST API of {{name}}",
            products=[types.Product.SPOT],
        )
    ],
    # The gateway journals a request that `mutates` before it sends it.
    allowed_calls=[
        descriptor.AllowedCall(endpoint=ENDPOINT, method=method, path=path, mutates=method != Method.GET)
        for method, path in CALLS
    ],
    # The gateway makes ids within these rules. It needs [a-z0-9] and 20 characters at the least.
    client_id_rules=descriptor.ClientIdRules(
        max_length=36, alphabet="abcdefghijklmnopqrstuvwxyz0123456789-"
    ),
    buckets=[
        descriptor.Bucket(
            name=BUCKET,
            scope=descriptor.BucketScope.ACCOUNT,
            endpoints=[ENDPOINT],
            window_ms=60_000,
            limit=600,
            used_header=None,
            remaining_header="x-ratelimit-remaining",
        )
    ],
    endpoint_rules=[
        descriptor.EndpointRules(
            endpoint=ENDPOINT,
            amend_mode=descriptor.AmendMode.UNSUPPORTED,
            order_types=ORDER_TYPES,
            times_in_force=TIMES_IN_FORCE,
            reduce_only=False,
            open_without_instrument=True,
            history_without_instrument=False,
            unfilled_history_ms=None,
            filled_history_ms=None,
            max_window_ms=60_000,
            # How long after its window a request that got no answer may still become an order. Take the
            # venue's own figure; where it has none, be generous: a short one risks placing twice.
            settle_ms=30_000,
            candle_seconds=[],
        )
    ],
)

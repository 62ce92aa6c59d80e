"""What the host is to an adapter, for tests that run natively."""

import hashlib
import hmac
import base64
import json

import componentize_py_types
from wit_world.imports import catalogue, log, signer, types

# The key and secret of Kraken's own example (https://docs.kraken.com/exchange/guides/rest/authentication).
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="

NOW = 1_790_000_000_123

XBTUSD = types.Instrument(
    "BTC/USD", "XBTUSD", "rest", types.Product.SPOT, types.Payoff.DELIVERY, "BTC", "USD", "USD",
    types.QuantityUnit.BASE, "1", None, [],
)


def _sign(algorithm, encoding, payload):
    assert algorithm is signer.Algorithm.HMAC_SHA512 and encoding is signer.KeyEncoding.BASE64
    return hmac.new(base64.b64decode(SECRET), payload, hashlib.sha512).digest()


def install():
    """Puts itself in the place of the imports."""
    signer.sign = _sign
    catalogue.find = lambda endpoint, symbol: XBTUSD if symbol == "XBTUSD" else None
    log.write = lambda level, message: None


def context(instrument=XBTUSD, account=True, nonce=1_616_492_376_594, now=NOW):
    return types.Context(
        now, nonce, 5_000, "rest", types.Account("key", types.KeyType.HMAC) if account else None, instrument
    )


def answer(result=None, error=(), status=200):
    body = {"error": list(error)}
    if result is not None:
        body["result"] = result
    return [raw(json.dumps(body).encode(), status)]


def raw(body, status=200, headers=()):
    return types.HttpResponse(status, list(headers), body)


def error_of(call):
    """The typed error that a call ends with."""
    try:
        call()
    except componentize_py_types.Err as error:
        return error.value
    raise AssertionError("no error")

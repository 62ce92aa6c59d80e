"""Requests: public ones, and private ones with their signature."""

import base64
import hashlib
from urllib.parse import urlencode

from componentize_py_types import Err
from wit_world.imports import signer, types
from wit_world.imports.types import Context, Cost, HttpRequest, Method

from kraken.failures import refuse

ENDPOINT = "rest"

# Longer than anything that Kraken takes.
LONGEST_VALUE = 256

PUBLIC = "public"
PRIVATE = "private"
TRADING = "trading"


def public(method: str, **query: str) -> list[HttpRequest]:
    """A question that anyone may ask."""
    path = f"/0/public/{method}" + (f"?{urlencode(query)}" if query else "")
    return [HttpRequest(ENDPOINT, Method.GET, path, [], b"", [Cost(PUBLIC, 1)], False)]


def private(context: Context, method: str, fields: dict[str, str], cost: Cost, mutates: bool) -> list[HttpRequest]:
    """A signed request: `API-Sign` is HMAC-SHA512 of (path + SHA-256 of (nonce + body)) with the secret that
    Kraken gives in Base64 (https://docs.kraken.com/exchange/guides/rest/authentication)."""
    if context.account is None:
        refuse(types.ErrorKind_AuthFailed(), "there are no credentials to sign with")
    for name, value in fields.items():
        if len(value) > LONGEST_VALUE:
            refuse(types.ErrorKind_InvalidRequest(), f"{name} is too long")
    path = f"/0/private/{method}"
    nonce = str(context.nonce)
    body = urlencode({"nonce": nonce, **fields})
    payload = path.encode() + hashlib.sha256((nonce + body).encode()).digest()
    try:
        signature = signer.sign(signer.Algorithm.HMAC_SHA512, signer.KeyEncoding.BASE64, payload)
    except Err as error:
        refuse(types.ErrorKind_AuthFailed(), f"nothing was signed: {error.value.name}")
    headers = [
        ("API-Key", context.account.api_key),
        ("API-Sign", base64.b64encode(signature).decode()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    return [HttpRequest(ENDPOINT, Method.POST, path, headers, body.encode(), [cost], mutates)]


def ask(context: Context, method: str, **fields: str) -> list[HttpRequest]:
    """A question about the account. "All other API calls increase this counter by 1"
    (https://docs.kraken.com/exchange/guides/rest/ratelimits)."""
    return private(context, method, fields, Cost(PRIVATE, 1), False)

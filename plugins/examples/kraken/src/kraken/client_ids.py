"""Client order ids.

Kraken's `cl_ord_id` is a UUID or at most 18 characters, "stored as a 128-bit integer"
(https://docs.kraken.com/exchange/guides/general/clordid). An id of the gateway has 29 characters of which 128
bits are random, so it fits neither. What Kraken gets is a UUID made of it by a hash: the same for the same id,
and not to be turned back. Where the command names the id, an answer is therefore known by it; in a list of open
orders the client id is what Kraken holds.
"""

import hashlib
import uuid


def at_kraken(client_id: str) -> str:
    """The `cl_ord_id` of a client order id: RFC 9562's UUID of version 8, from SHA-256."""
    digest = bytearray(hashlib.sha256(b"switchyard:" + client_id.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def known_as(cl_ord_id: str | None, client_id: str | None) -> str | None:
    """The client id of an order that Kraken holds under `cl_ord_id`, asked for by `client_id`."""
    if cl_ord_id and client_id and _same(cl_ord_id, at_kraken(client_id)):
        return client_id
    return cl_ord_id or None


def _same(a: str, b: str) -> bool:
    """Kraken may leave out the dashes."""
    return a.replace("-", "").lower() == b.replace("-", "").lower()

"""Exact numbers and checked reading of JSON: nothing here ever becomes a float."""

import json
import re
from decimal import Context, Decimal
from typing import Any

# The contract allows 28 significant digits; so does the host, before and behind the point together.
MOST_DIGITS = 28

# Wide enough that a sum or a difference of two such numbers is exact.
WIDE = Context(prec=4 * MOST_DIGITS)

# Kraken's answers are five deep. CPython's parser recurses, and the stack of a sandbox ends long before
# Python's own limit does.
DEEPEST = 32

# Most bytes of an answer. A call has milliseconds; the list of pairs has seconds.
LONGEST = 160 * 1024
LONGEST_LISTING = 8 * 1024 * 1024

_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_PLAIN = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)


class Malformed(Exception):
    """An answer is not what Kraken documents."""


def _no_constant(name: str) -> Any:
    raise Malformed(f"the answer has {name}, which is no number")


def parse(body: bytes, longest: int = LONGEST) -> Any:
    """The JSON of a body, with every number as a `Decimal`.

    Raises `Malformed` where it is no JSON, whatever it is instead.
    """
    if len(body) > longest:
        raise Malformed(f"the answer has {len(body)} bytes")
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        _check_depth(body)
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_float=_decimal, parse_int=_decimal, parse_constant=_no_constant)
        if "\\u" in text:
            # `"\ud800"` is JSON, and half of a character: it cannot be said in UTF-8.
            to_json(value).encode("utf-8")
        return value
    except (ValueError, RecursionError, MemoryError) as error:
        raise Malformed(f"the answer is not JSON ({type(error).__name__})") from None


def _check_depth(body: bytes) -> None:
    """How deep the brackets outside of strings are nested."""
    depth = 0
    for match in _BRACKETS.finditer(body):
        first = match.group()[:1]
        if first in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise Malformed("the answer is nested too deeply")
        elif first in b"]}":
            depth -= 1


def _decimal(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise Malformed("the answer has a number too long to be exact")
    return Decimal(text)


def plain(number: Decimal) -> str:
    """A number as the contract writes it: no exponent, at most 28 significant digits."""
    text = format(number, "f")
    if "." in text and _digits(text) > MOST_DIGITS:
        text = text.rstrip("0").rstrip(".")
    if _digits(text) > MOST_DIGITS:
        raise Malformed("a number has more than 28 digits")
    return text


def _digits(text: str) -> int:
    whole, _, fraction = text.lstrip("-").partition(".")
    return len(whole.lstrip("0")) + len(fraction)


def number(value: Any, what: str) -> Decimal:
    """A number that Kraken gives as a JSON string or a JSON number."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        return _decimal_of(value, what)
    raise Malformed(f"{what} is no number")


def _decimal_of(text: str, what: str) -> Decimal:
    # What Kraken writes as a text never has an exponent.
    if not _PLAIN.fullmatch(text):
        raise Malformed(f"{what} is no number")
    return Decimal(text)


def decimal(value: Any, what: str) -> str:
    """The same, as the contract writes it."""
    return plain(number(value, what))


def size(value: Any, what: str) -> str:
    """A number that cannot be below zero."""
    exact = number(value, what)
    if exact < 0:
        raise Malformed(f"{what} is negative")
    return plain(exact)


def whole(value: Any, what: str) -> int:
    """A number that must be whole and not negative."""
    exact = number(value, what)
    if exact < 0 or exact.as_integer_ratio()[1] != 1:
        raise Malformed(f"{what} is no count")
    return int(exact)


def milliseconds(seconds: Any, what: str) -> int:
    """A Unix time in seconds and fractions (`1688148493.7708`) in whole milliseconds, cut."""
    exact = number(seconds, what)
    if not 0 <= exact < 2**43:
        raise Malformed(f"{what} is no time")
    return int(WIDE.multiply(exact, Decimal(1000)))


def table(value: Any, what: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} is no object")
    return value


def rows(value: Any, what: str) -> list[Any]:
    """A JSON array."""
    if not isinstance(value, list):
        raise Malformed(f"{what} is no list")
    return value


def text(value: Any, what: str) -> str:
    """A JSON string that is not empty."""
    if not isinstance(value, str) or not value:
        raise Malformed(f"{what} is no text")
    return value


def row(value: Any, length: int, what: str) -> list[Any]:
    """A JSON array whose places have meanings: with one more or less none of them can be trusted."""
    values = rows(value, what)
    if len(values) != length:
        raise Malformed(f"{what} has {len(values)} places and not {length}")
    return values


def to_json(value: Any) -> str:
    """JSON again, numbers digit for digit."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{to_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_json, value)) + "]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

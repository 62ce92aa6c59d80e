"""Reading answers: a success as what it says, everything else as the error that it means."""

import json
import re

from componentize_py_types import Err
from wit_world.imports import types
from wit_world.imports.types import Effect

# Significant digits that the contract's decimals have at the most.
MAX_DIGITS = 28

# Longest answer that is read: a call has some milliseconds. Lists have more of both.
MAX_BYTES = 32_768
MAX_LIST_BYTES = 1_048_576

# Deepest nesting that is read.
MAX_DEPTH = 32

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")


class Unreadable(Exception):
    """The answer is not what the venue documents."""


class Number(str):
    """A JSON number, by its digits. A float would lose some of them, and money is exact."""


class Fields:
    """A JSON object. An absent field and `null` are the same: nothing, and never a zero."""

    def __init__(self, value):
        if not isinstance(value, dict):
            raise Unreadable("an object expected")
        self._value = value

    def text(self, name):
        return _needed(self.optional_text(name), name)

    def optional_text(self, name):
        value = self._value.get(name)
        if value is None:
            return None
        if type(value) is not str or value == "":
            raise Unreadable(f"{name} is no text")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            # `"\ud800"` is JSON, and half of a character: it cannot be said in UTF-8.
            raise Unreadable(f"{name} is no Unicode") from None
        return value

    def decimal(self, name):
        return _needed(self.optional_decimal(name), name)

    def optional_decimal(self, name):
        value = self._value.get(name)
        return None if value is None else _decimal(value, name)

    def size(self, name):
        """A decimal that cannot be below zero."""
        value = self.decimal(name)
        if value.startswith("-"):
            raise Unreadable(f"{name} is negative")
        return value

    def integer(self, name):
        value = self._value.get(name)
        if not isinstance(value, Number) or not _INTEGER.fullmatch(value):
            raise Unreadable(f"{name} is no integer")
        return int(value)

    def millis(self, name):
        value = self.integer(name)
        if not 0 <= value < 2**53:
            raise Unreadable(f"{name} is no time")
        return value

    def objects(self, name):
        value = self._value.get(name)
        if not isinstance(value, list):
            raise Unreadable(f"{name} is no list")
        return [Fields(entry) for entry in value]

    def levels(self, name, depth):
        """The first levels of one side of a book: lists of price and size."""
        value = self._value.get(name)
        if not isinstance(value, list):
            raise Unreadable(f"{name} is no list")
        for level in value:
            if not isinstance(level, list) or len(level) != 2:
                raise Unreadable(f"{name} holds something that is no level")
        return [(_decimal(price, name), _decimal(size, name)) for price, size in value][:depth]

    def named(self, name, meanings):
        """What the text of a field means; a text that the venue does not document is no guess of ours."""
        text = self.text(name)
        if text not in meanings:
            raise Unreadable(f"{name} has a value that is not documented")
        return meanings[text]


def _decimal(value, name):
    if not isinstance(value, str) or len(value) > 100 or not _DECIMAL.fullmatch(value):
        raise Unreadable(f"{name} is no decimal")
    if len(value.replace(".", "").lstrip("-0")) > MAX_DIGITS:
        raise Unreadable(f"{name} has too many digits")
    return str(value)


def _needed(value, name):
    if value is None:
        raise Unreadable(f"{name} is missing")
    return value


def _refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def _nests_too_deep(text):
    """Whether brackets stand in each other more than MAX_DEPTH deep: the parser takes a frame of a small stack
    for each, and the end of that stack is a trap."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    brackets = re.sub(r"[^\[\]{}]+", "", re.sub(r'"(?:[^"\\]|\\.)*"', "", text))
    for _ in range(MAX_DEPTH):
        if not brackets:
            return False
        brackets = brackets.replace("[]", "").replace("{}", "")
    return True


def parse(body, max_bytes=MAX_BYTES):
    if len(body) > max_bytes:
        raise Unreadable("longer than any answer of this venue")
    try:
        text = body.decode("utf-8")
        if _nests_too_deep(text):
            raise ValueError("nested too deep")
        return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Unreadable("the body is no JSON") from None


# What the venue's codes mean, and whether the venue documents that nothing was done. Where it does not, the
# effect is unknown: the gateway then looks for the order before it does anything else. Never guess.
ERRORS = {
    1000: (lambda _: types.ErrorKind_InvalidRequest(), Effect.NONE, None),
    1001: (lambda _: types.ErrorKind_InvalidRequest(), Effect.NONE, "symbol"),
    1002: (lambda _: types.ErrorKind_AuthFailed(), Effect.NONE, None),
    1003: (lambda _: types.ErrorKind_ClockSkew(), Effect.NONE, None),
    1004: (lambda _: types.ErrorKind_InsufficientFunds(), Effect.NONE, None),
    1005: (lambda _: types.ErrorKind_OrderNotFound(), Effect.NONE, None),
    1006: (lambda _: types.ErrorKind_DuplicateClientId(), Effect.NONE, None),
    1007: (lambda _: types.ErrorKind_NotAmendable(), Effect.NONE, None),
    1008: (types.ErrorKind_RateLimited, Effect.NONE, None),
    1009: (types.ErrorKind_Overloaded, Effect.NONE, None),
    1010: (lambda _: types.ErrorKind_OutcomeUnknown(), Effect.UNKNOWN, None),
}


def by_status(status, wait):
    """What the HTTP status alone says. A 4xx is a refusal; after anything else a change may have been made."""
    if status in (401, 403):
        return types.ErrorKind_AuthFailed(), Effect.NONE
    if status in (404, 405, 410):
        return types.ErrorKind_Unsupported(), Effect.NONE
    if status == 408:
        return types.ErrorKind_VenueUnavailable(), Effect.UNKNOWN
    if status == 429:
        return types.ErrorKind_RateLimited(wait), Effect.NONE
    if 400 <= status < 500:
        return types.ErrorKind_InvalidRequest(), Effect.NONE
    if status == 503 and wait is not None:
        return types.ErrorKind_Overloaded(wait), Effect.UNKNOWN
    if 500 <= status < 600:
        return types.ErrorKind_VenueUnavailable(), Effect.UNKNOWN
    return types.ErrorKind_MalformedResponse(), Effect.UNKNOWN


# Longest part of the venue's own text that goes on, in characters.
MAX_SAID = 500


def said(context, message):
    """What the venue said, for people and logs: venues quote keys that they do not like."""
    if context.account is not None and context.account.api_key:
        message = message.replace(context.account.api_key, "[api-key]")
    return message[:MAX_SAID]


def failure(context, response, mutates):
    """The error that an answer other than a success means: `{"code": 1004, "message": "..."}`."""
    wait = retry_after_ms(response)
    kind, effect = by_status(response.status, wait)
    code, message, field = None, f"HTTP status {response.status}", None
    try:
        complaint = Fields(parse(response.body))
        code, message = complaint.integer("code"), said(context, complaint.text("message"))
    except Unreadable:
        pass  # A proxy on the way answers in HTML, or not at all: then the status has to do.
    if code in ERRORS:
        of_wait, effect, field = ERRORS[code]
        kind = of_wait(wait)
    return types.Error(
        kind=kind,
        effect=effect if mutates else Effect.NONE,
        venue_code=None if code is None else str(code),
        message=message,
        field=field,
    )


def retry_after_ms(response):
    for name, value in response.headers:
        if name.lower() == "retry-after" and re.fullmatch("[0-9]{1,6}", value.strip()):
            return int(value) * 1_000
    return None


def refused(kind, message, field=None):
    """An error after which certainly nothing was done."""
    return types.Error(kind=kind, effect=Effect.NONE, venue_code=None, message=message, field=field)


def invalid(field, message):
    """The command cannot be carried out as it is; nothing was sent."""
    return Err(refused(types.ErrorKind_InvalidRequest(), message, field))


def read(context, responses, reading, mutates=False, max_bytes=MAX_BYTES):
    """What `reading` makes of the object that the venue answered.

    `mutates` says whether the request could change something: an answer to such a request that cannot be
    read leaves open what happened, since a venue that answered may well have acted.
    """
    try:
        if len(responses) != 1:
            raise Unreadable("one response expected")
        if not 200 <= responses[0].status < 300:
            raise Err(failure(context, responses[0], mutates))
        return reading(Fields(parse(responses[0].body, max_bytes)))
    except Unreadable as problem:
        effect = Effect.UNKNOWN if mutates else Effect.NONE
        kind = types.ErrorKind_MalformedResponse()
        raise Err(types.Error(kind, effect, None, str(problem), None)) from None

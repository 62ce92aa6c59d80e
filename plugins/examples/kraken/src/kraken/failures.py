"""What Kraken's errors mean.

Kraken answers with HTTP 200 and a list `error` of texts `<severity><category>:<message>[:<more>]`
(https://docs.kraken.com/api/docs/guides/spot-errors). Severity `E` is an error, `W` a warning.
"""

from typing import Any, NoReturn

from componentize_py_types import Err
from wit_world.imports import types
from wit_world.imports.types import Effect, Error, HttpResponse

from kraken import exact
from kraken.exact import Malformed

# "Temporary lockouts typically last approximately 15 minutes"
# (https://support.kraken.com/hc/en-us/articles/360001491786-API-Error-Codes).
LOCKOUT_MS = 15 * 60 * 1000

INVALID = types.ErrorKind_InvalidRequest()
AUTH = types.ErrorKind_AuthFailed()
AWAY = types.ErrorKind_VenueUnavailable()
LIMITED = types.ErrorKind_RateLimited(None)

# (what the text begins with, kind, the command's field at fault). Everything here is a refusal that Kraken
# documents as one; the first that fits counts.
REFUSALS: list[tuple[str, Any, str | None]] = [
    ("EOrder:Insufficient funds", types.ErrorKind_InsufficientFunds(), None),
    ("EOrder:Insufficient margin", types.ErrorKind_InsufficientFunds(), None),
    ("EOrder:Margin", types.ErrorKind_InsufficientFunds(), None),
    ("EOrder:Unknown order", types.ErrorKind_OrderNotFound(), None),
    ("EOrder:Invalid order", types.ErrorKind_OrderNotFound(), None),
    ("EOrder:Order minimum not met", INVALID, "quantity"),
    ("EOrder:Cost minimum not met", INVALID, "quantity"),
    ("EOrder:Tick size check failed", INVALID, "price"),
    ("EOrder:Invalid price", INVALID, "price"),
    ("EOrder:Post only order", INVALID, "time-in-force"),
    ("EOrder:Reduce only", INVALID, "reduce-only"),
    ("EOrder:Rate limit exceeded", LIMITED, None),
    ("EOrder:Domain rate limit exceeded", LIMITED, None),
    ("EOrder:", INVALID, None),
    ("EAPI:Rate limit exceeded", LIMITED, None),
    # A request signed anew has another nonce, so it is what a clock that was off is: worth one more try.
    ("EAPI:Invalid nonce", types.ErrorKind_ClockSkew(), None),
    ("EAPI:", AUTH, None),
    ("EAuth:Rate limit exceeded", LIMITED, None),
    ("EAuth:Too many requests", LIMITED, None),
    ("EAuth:", AUTH, None),
    ("EAccount:", AUTH, None),
    ("ESession:", AUTH, None),
    ("EGeneral:Permission denied", AUTH, None),
    ("EGeneral:Too many requests", LIMITED, None),
    ("EGeneral:Invalid arguments:volume", INVALID, "quantity"),
    ("EGeneral:Invalid arguments:price", INVALID, "price"),
    ("EGeneral:Invalid arguments", INVALID, None),
    ("EGeneral:Unknown method", types.ErrorKind_Unsupported(), None),
    ("EQuery:Unknown asset pair", INVALID, "symbol"),
    ("EQuery:Invalid asset pair", INVALID, "symbol"),
    ("EQuery:", INVALID, None),
    ("ETrade:User Locked", AUTH, None),
    ("ETrade:", INVALID, None),
    ("EBM:limit exceeded", INVALID, None),
    # "Request can't be made at this time".
    ("EService:Market in", AWAY, None),
]


def refuse(kind: Any, message: str, field: str | None = None) -> NoReturn:
    """Nothing was sent, or nothing came of it."""
    raise Err(Error(kind, Effect.NONE, None, message, field))


def unsupported(what: str) -> NoReturn:
    """The adapter or Kraken has no such thing."""
    refuse(types.ErrorKind_Unsupported(), f"{what} is not supported")


def malformed(problem: Malformed, mutates: bool) -> Err:
    """The error that an answer which Kraken does not document is."""
    effect = Effect.UNKNOWN if mutates else Effect.NONE
    return Err(Error(types.ErrorKind_MalformedResponse(), effect, None, str(problem), None))


def result(
    context: types.Context, responses: list[HttpResponse], mutates: bool, longest: int = exact.LONGEST
) -> Any:
    """What the one answer of a step holds under `result`, or the error that it is."""
    if len(responses) != 1:
        raise Malformed(f"{len(responses)} answers to one request")
    response = responses[0]
    if not 200 <= response.status < 300:
        raise _by_status(response, mutates)
    answer = exact.table(exact.parse(response.body, longest), "the answer")
    problems = [exact.text(problem, "an error") for problem in exact.rows(answer.get("error"), "error")]
    errors = [problem for problem in problems if not problem.startswith("W")]
    if errors:
        raise _by_text(context, errors[0], mutates)
    if "result" not in answer:
        raise Malformed("the answer has neither error nor result")
    return answer["result"]


def _by_text(context: types.Context, problem: str, mutates: bool) -> Err:
    message = problem
    if context.account and context.account.api_key:
        message = message.replace(context.account.api_key, "(key)")

    def error(kind: Any, effect: Effect, field: str | None = None) -> Err:
        code = ":".join(message.split(":")[:2])
        return Err(Error(kind, effect, code, message, field))

    if problem.startswith("EGeneral:Temporary lockout"):
        return error(types.ErrorKind_Banned(context.now + LOCKOUT_MS), Effect.NONE)
    if problem.startswith(("EService:Throttled", "EService: Throttled")):
        return error(types.ErrorKind_RateLimited(_wait(context, problem)), Effect.NONE)
    # Kraken verifies that a `cl_ord_id` is the only one of its kind among the open orders
    # (https://docs.kraken.com/exchange/guides/general/clordid) and does not document in which words it says
    # so. Ours are well-formed, so that a complaint about one can mean nothing else.
    if problem.startswith("EOrder:") and "cl_ord_id" in problem:
        return error(types.ErrorKind_DuplicateClientId(), Effect.NONE)
    for beginning, kind, field in REFUSALS:
        if problem.startswith(beginning):
            return error(kind, Effect.NONE, field)
    # Deadline elapsed: "The request timed out according to the default or specified `deadline`". Unavailable,
    # Busy, Internal error: nowhere does Kraken say that nothing happened. So what changes something is looked up.
    if problem.startswith("EService:Deadline elapsed"):
        kind = types.ErrorKind_OutcomeUnknown() if mutates else AWAY
    elif problem.startswith(("EService:", "EGeneral:Internal error")):
        kind = AWAY
    else:
        kind = INVALID if problem.startswith("E") else types.ErrorKind_MalformedResponse()
    return error(kind, Effect.UNKNOWN if mutates else Effect.NONE)


def _wait(context: types.Context, problem: str) -> int | None:
    """`EService: Throttled: [UNIX timestamp]`, "Try again after [timestamp]", in milliseconds from now."""
    moment = problem.rpartition(":")[2].strip(" []")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= 11):
        return None
    return min(max(int(moment) * 1000 - context.now, 0), 2**32 - 1)


def _by_status(response: HttpResponse, mutates: bool) -> Err:
    """An answer of what stands in front of Kraken, which speaks no JSON (Cloudflare among others)."""
    status = response.status
    kind, refused = {
        401: (AUTH, True),
        403: (AUTH, True),
        404: (types.ErrorKind_Unsupported(), True),
        429: (types.ErrorKind_RateLimited(_retry_after(response)), True),
    }.get(status, (INVALID, True) if 400 <= status < 500 else (AWAY, False))
    effect = Effect.NONE if refused or not mutates else Effect.UNKNOWN
    return Err(Error(kind, effect, str(status), f"HTTP status {status}", None))


def _retry_after(response: HttpResponse) -> int | None:
    for name, value in response.headers:
        if name.lower() == "retry-after" and value.isascii() and value.isdigit() and len(value) <= 6:
            return min(int(value) * 1000, 2**32 - 1)
    return None

"""What a request asks: its JSON body, its path's ids, its page of a list."""

from __future__ import annotations

import json
import math
from typing import Any, Final, TypeVar

from starlette.requests import Request

from asstream.errors import WireError
from asstream.runtime import Runtime
from asstream.runtime.rows import Kind, Listing
from asstream.runtime.search_step import CONTENT
from asstream.server.bodies import Body
from asstream.server.limits import limits
from asstream.server.refusals import parse

B = TypeVar("B", bound=Body)

DEEPEST: Final = 256
"""How deep JSON may be nested; Python's own reader and writer stop near 1000, less in a deep call."""

_NOT_JSON: Final = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
    "library correctly. The API expects a JSON payload, but what was sent was not valid JSON: {reason}.)"
)


def runtime(request: Request) -> Runtime:
    """The runtime behind this server."""
    found: Runtime = request.app.state.runtime
    return found


async def raw_body(request: Request) -> bytes:
    """The request's body as it came. Raises WireError 413."""
    return await limits(request).body(request).body()


async def body(request: Request, model: type[B]) -> B:
    """The request's JSON body, checked; an empty one is an empty object. Raises WireError 400 or 413."""
    text = await raw_body(request)
    if not text.strip():
        return parse(model, {})
    try:
        data: Any = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise WireError(400, _NOT_JSON.format(reason=error)) from None
    if text.count(b"[") + text.count(b"{") > DEEPEST and _depth(data) > DEEPEST:
        raise WireError(400, f"The request is nested deeper than the limit of {DEEPEST} levels.")
    if not isinstance(data, dict):
        raise WireError(400, "Invalid type for the body: expected an object.", code="invalid_type")
    return parse(model, data)


def _finite(text: str) -> float:
    value = float(text)
    # JSON has no infinity: what was kept so could not be read by a client again.
    return value if math.isfinite(value) else _no_number(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number that JSON can carry")


def _depth(data: Any) -> int:
    """How many levels deep JSON is nested, without recursion."""
    level, depth = [data], 0
    while level := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


def path_id(request: Request, name: str, kind: Kind) -> str:
    """An id of the path. Raises WireError 400 for one of another kind, such as JavaScript's `undefined`."""
    id = str(request.path_params[name])
    if not id.startswith(kind.prefix):
        raise WireError(
            400,
            f"Invalid '{name}': '{id}'. Expected an ID that begins with '{kind.prefix}'.",
            param=name,
            code="invalid_value",
        )
    return id


def with_contents(request: Request) -> bool:
    """Whether `include[]` asks for the text that searches found. Raises WireError 400 for anything else."""
    asked = [*request.query_params.getlist("include[]"), *request.query_params.getlist("include")]
    for each in asked:
        if each != CONTENT:
            message = f"Invalid value: {each!r}. Supported values are: '{CONTENT}'."
            raise WireError(400, message, param="include", code="invalid_value")
    return bool(asked)


def listing(request: Request, *, default: int = 20, most: int = 100) -> Listing:
    """The page that a list request asks for. Raises WireError 400."""
    query = request.query_params
    order = query.get("order") or "desc"
    if order not in ("asc", "desc"):
        message = f"Invalid value: {order!r}. Supported values are: 'asc' and 'desc'."
        raise WireError(400, message, param="order", code="invalid_value")
    limit = _limit(query.get("limit"), default, most)
    return Listing(limit, order, query.get("after") or None, query.get("before") or None)


def _limit(given: str | None, default: int, most: int) -> int:
    if not given:
        return default
    try:
        limit = int(given.encode("ascii"))
    except ValueError:
        message = f"Invalid type for 'limit': expected an integer, but got {given!r} instead."
        raise WireError(400, message, param="limit", code="invalid_type") from None
    if not 1 <= limit <= most:
        word, wanted = ("below minimum", ">= 1") if limit < 1 else ("above maximum", f"<= {most}")
        message = (
            f"Invalid 'limit': integer {word} value. Expected a value {wanted}, but got {limit} instead."
        )
        raise WireError(400, message, param="limit", code=f"integer_{word.replace(' ', '_')}_value")
    return limit

"""Passing a request on to an endpoint, through `openai.AsyncOpenAI`: bytes in, status, headers and bytes out.

Knows HTTP. The endpoint's key is the client's own; what headers may go either way is decided here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import openai
from openai._models import FinalRequestOptions  # what `client.request` takes; it has no public name

from asstream.runtime.models.assembly import STOPPED
from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.failures import failure, itself
from asstream.runtime.models.listing import refused_key
from asstream.runtime.models.protocol import ModelError, RawAnswer, RawRequest

CHAT: Final = "/chat/completions"

NAMED_BY_RUNS: Final = frozenset({CHAT, "/responses"})
"""Where a program names a chat model: an unknown name is answered by the model that answers runs of it."""

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OURS_TO_SAY: Final = frozenset({"content-length", "content-encoding", "date", "server"})
"""The body goes on decoded, and through a server of its own."""
_PRIVATE: Final = frozenset({"set-cookie", "alt-svc", "strict-transport-security", "openai-organization"})
"""Between us and the endpoint, or of the account whose key we have."""


async def forward(client: openai.AsyncOpenAI, endpoint: ModelEndpoint, request: RawRequest) -> RawAnswer:
    """Ask an endpoint; its refusals are answers too.

    Raises ModelError where it can't be reached, is asstream, or refuses the key, which is not the client's.
    """
    try:
        wanted = FinalRequestOptions.construct(
            method=request.method,
            url=request.path,
            params=_params(request.query),
            headers=dict(request.headers),
            content=request.body or None,
        )
        stream = await client.request(
            cast_to=object, options=wanted, stream=True, stream_cls=openai.AsyncStream[object]
        )
    except openai.APIStatusError as error:
        return _answer(endpoint, error.response, _whole(error.response.content), _nothing)
    except Exception as error:
        # Not only openai.OpenAIError: a malformed address or header raises the HTTP library's own.
        raise failure(error, endpoint, "").error from error
    try:
        return _answer(endpoint, stream.response, _pieces(stream.response), stream.close)
    except ModelError:
        await stream.close()
        raise


def _answer(
    endpoint: ModelEndpoint, response: Any, body: AsyncIterator[bytes], close: Callable[[], Awaitable[None]]
) -> RawAnswer:
    if response.headers.get("x-asstream"):
        raise itself(endpoint)
    if response.status_code == 401:
        raise refused_key(endpoint)
    return RawAnswer(response.status_code, _told(response.headers), body, close)


def _params(query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A query as the client takes one: it puts the brackets behind the name of a list itself."""
    found: dict[str, Any] = {}
    for name, value in query:
        if name.endswith("[]"):
            found.setdefault(name[:-2], []).append(value)
        else:
            found[name] = value
    return found


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _nothing() -> None:
    """There is nothing to let go of."""


async def _pieces(response: Any) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_bytes():
            yield piece
    except Exception:
        if "event-stream" not in response.headers.get("content-type", ""):
            raise
        # The status is out: only an event can still tell a reader that this is not the end.
        error = {"message": STOPPED, "type": "server_error", "param": None, "code": None}
        yield b"\n\ndata: " + json.dumps({"error": error}).encode() + b"\n\n"


def _told(headers: Any) -> list[tuple[str, str]]:
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    kept_back = _HOP_BY_HOP | _OURS_TO_SAY | _PRIVATE | named
    return [(name, value) for name, value in headers.multi_items() if name.lower() not in kept_back]


def with_model(request: RawRequest, choose: Callable[[str], str]) -> RawRequest:
    """The request with the model that `choose` gives for the one it names.

    A body that names none, or is no JSON, stays as it is: whoever is asked says what is wrong.
    """
    body = read(request)
    if body is None:
        return request
    named = body.get("model") or request.model
    if not isinstance(named, str):
        return request
    chosen = choose(named)
    return request if chosen == body.get("model") else with_fields(request, {**body, "model": chosen})


def read(request: RawRequest) -> dict[str, Any] | None:
    """A request's JSON object; None where its body is none."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def with_fields(request: RawRequest, body: Mapping[str, Any]) -> RawRequest:
    """The request with another JSON object."""
    return replace(request, body=json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def refusal(status: int, message: str, code: str) -> RawAnswer:
    """An answer of our own, in the service's form."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    body = json.dumps({"error": error}, ensure_ascii=False).encode()
    return RawAnswer(status, [("content-type", "application/json")], _whole(body), _nothing)

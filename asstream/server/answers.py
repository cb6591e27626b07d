"""Answers: an object as JSON, an error in the service's form, a run's events as a stream (SSE)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from asstream.errors import UnknownAssistantError, WireError
from asstream.runtime import rows
from asstream.runtime.log import Entry
from asstream.runtime.models.protocol import ModelError
from asstream.runtime.objects import Object, public
from asstream.server import version_1

logger = logging.getLogger("asstream.server")

KEEP_ALIVE_SECONDS: Final = 15.0
"""After this long without an event a stream sends a comment: proxies and clients close what is silent."""

_KEEP_ALIVE: Final = b": keep-alive\n"
"""A comment, without an empty line: behind an event with an id the SDK takes that for an event without data,
and fails.
"""

POLL_AFTER_MS: Final = "100"
"""How long the SDKs' polling helpers wait between two looks at a run; without it they wait 1 s or 5 s."""

DONE: Final = b"event: done\ndata: [DONE]\n\n"


def answer(thing: Object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An object, or a page of objects, as JSON."""
    return _Answer(thing, status, headers)


class _Answer(Response):
    """JSON, as the version of the API has it that the request asks for."""

    media_type = "application/json"

    def __init__(self, thing: Object, status: int, headers: dict[str, str] | None) -> None:
        shown = public(thing)
        if shown.get("object") == "list":
            shown["data"] = [public(each) for each in shown["data"]]
        super().__init__(rows.dump(shown), status, headers)
        self._thing = thing
        self._given_headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if version_1.is_asked(scope):
            self.body = rows.dump(version_1.shown(self._thing)).encode()
            self.init_headers(self._given_headers)
        await super().__call__(scope, receive, send)


def polled_answer(thing: Object) -> Response:
    """What clients wait for (a run, a file of a store), with the header that says when to look again."""
    return answer(thing, headers={"openai-poll-after-ms": POLL_AFTER_MS})


def error_answer(error: WireError) -> Response:
    """An error's body with its status."""
    return answer(error.body(), error.status)


def stream_answer(batches: AsyncGenerator[list[Entry], None]) -> Response:
    """A run's events as they come. A reader that leaves changes nothing about the run."""
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(_encoded(batches), 200, headers, media_type="text/event-stream")


async def _encoded(batches: AsyncGenerator[list[Entry], None]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(batches):
        try:
            async for batch in _with_pauses(batches):
                yield b"".join(map(encode, batch)) if batch else _KEEP_ALIVE
        except WireError as error:
            yield f"event: error\ndata: {rows.dump(error.body())}\n\n".encode()
        except Exception:
            logger.exception("a stream broke")
            yield f"event: error\ndata: {rows.dump(_ours().body())}\n\n".encode()
        yield DONE


async def _with_pauses(batches: AsyncGenerator[list[Entry], None]) -> AsyncIterator[list[Entry]]:
    """The batches, and an empty one whenever none came for a while."""
    pending: asyncio.Task[list[Entry]] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(batches))
            await asyncio.wait({pending}, timeout=KEEP_ALIVE_SECONDS)
            if not pending.done():
                yield []
                continue
            done, pending = pending, None
            try:
                yield done.result()
            except StopAsyncIteration:
                return
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)


def encode(entry: Entry) -> bytes:
    """An event as SSE. The id comes last: some programs take the first two lines for event and data."""
    return f"event: {entry.event}\ndata: {entry.data}\nid: {entry.seq}\n\n".encode()


def _ours() -> WireError:
    return WireError(
        500,
        "The server had an error while processing your request.",
        type="server_error",
        code="server_error",
    )


async def on_wire_error(request: Request, error: Exception) -> Response:
    """Answers a WireError."""
    assert isinstance(error, WireError)
    if isinstance(error, UnknownAssistantError) and _is_needed(request):
        request.app.state.missed.note(error.id)
    return error_answer(error)


def _is_needed(request: Request) -> bool:
    """Whether an assistant that is not there was wanted: not to be deleted, nor as a place in a list."""
    return request.method != "DELETE" and not {"after", "before"} & set(request.query_params)


async def on_model_error(request: Request, error: Exception) -> Response:
    """Answers a request that could not be answered without the model."""
    assert isinstance(error, ModelError)
    return error_answer(WireError(503, error.message, type="server_error", code=error.code))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answers what the router found: no such route, no such method."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:
        hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
        message = f"Not allowed to {request.method} on {path}. {hint}"
        error = WireError(405, message, code="method_not_supported")
        return answer(error.body(), 405, headers={"allow": ", ".join(sorted(_methods(request)))})
    if error.status_code == 404:
        return error_answer(WireError(404, f"Invalid URL ({request.method} {path})"))
    return error_answer(WireError(error.status_code, str(error.detail)))


def _methods(request: Request) -> set[str]:
    """The methods that there are for a request's path: each has a route of its own."""
    asked = {"type": "http", "method": request.method, "path": request.url.path, "root_path": ""}
    methods: set[str] = set()
    for mount in request.app.routes:
        match, below = mount.matches(asked)
        if match is not Match.NONE:
            for route in mount.routes:
                if route.matches({**asked, **below})[0] is not Match.NONE:
                    methods |= route.methods
    return methods


async def on_fault(request: Request, error: Exception) -> Response:
    """Answers a fault of ours; what it was is in the log."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return error_answer(_ours())


HANDLERS: Final[dict[Any, Any]] = {
    WireError: on_wire_error,
    ModelError: on_model_error,
    HTTPException: on_http_error,
    Exception: on_fault,
}

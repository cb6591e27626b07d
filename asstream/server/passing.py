"""What is no part of the Assistants API, passed on to the model's endpoint as it came.

The client's key stays here: the source of models adds its own.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from asstream.errors import WireError
from asstream.runtime.models.protocol import RawAnswer, RawRequest
from asstream.server.asked import raw_body, runtime

_SENT_ON: Final = ("accept", "content-type", "idempotency-key", "openai-beta", "x-client-request-id")
"""The headers of a client that the endpoint is told. All others are of its way to us, or may hold a key."""

_LEFT: Final = 499
"""The status in the access log of a request whose client went before it was answered."""

_COMES_BACK: Final = (
    "This request comes from an asstream: its model's endpoint leads back to an asstream, which is no model. "
    "Name a Chat Completions endpoint (ASSTREAM_MODEL_BASE_URL), or none for the model on that machine."
)


async def chat_completions(request: Request) -> Response:
    """`POST /chat/completions`, passed on to the model's endpoint."""
    return await pass_on(request, "/chat/completions")


async def embeddings(request: Request) -> Response:
    """`POST /embeddings`, passed on to the model's endpoint."""
    return await pass_on(request, "/embeddings")


async def responses(request: Request) -> Response:
    """`POST /responses`, passed on to the model's endpoint."""
    return await pass_on(request, "/responses")


async def moderations(request: Request) -> Response:
    """`POST /moderations`, passed on to the model's endpoint."""
    return await pass_on(request, "/moderations")


async def deployed_chat_completions(request: Request) -> Response:
    """`POST /deployments/{deployment}/chat/completions`: Azure's form; the model may be named here alone."""
    return await pass_on(request, "/chat/completions", request.path_params["deployment"])


async def deployed_embeddings(request: Request) -> Response:
    """`POST /deployments/{deployment}/embeddings`: Azure's form; the model may be named here alone."""
    return await pass_on(request, "/embeddings", request.path_params["deployment"])


async def pass_on(request: Request, path: str, model: str | None = None) -> Response:
    """Pass a request on to the model's endpoint, under another path. Raises WireError."""
    if "x-asstream" in request.headers:
        raise WireError(508, _COMES_BACK, code="loop_detected")
    headers = {name: request.headers[name] for name in _SENT_ON if name in request.headers}
    query = request.query_params.multi_items() if request.method != "POST" else ()
    asked = RawRequest(path, await raw_body(request), headers, model, request.method, tuple(query))
    answer = await _unless_left(request, asked)
    if answer is None:
        return Response(status_code=_LEFT)
    return _Passed(answer)


async def _unless_left(request: Request, asked: RawRequest) -> RawAnswer | None:
    """The endpoint's answer. None when the client went first: the endpoint is no longer asked then."""
    work = asyncio.ensure_future(runtime(request).models.forward(asked))
    gone = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else None
    finally:
        for task in (work, gone):
            task.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


async def _left(request: Request) -> None:
    """Wait until the client is gone. The body has been read: nothing else comes any more."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _Passed(StreamingResponse):
    """An endpoint's answer as it comes. It is let go of at its end, also when the client leaves before."""

    def __init__(self, answer: RawAnswer) -> None:
        super().__init__(answer.body, answer.status)
        self.raw_headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # A client that left has this task cancelled: closing takes an await that must not be.
            await asyncio.shield(self._answer.close())

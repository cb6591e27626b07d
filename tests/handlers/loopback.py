"""A real server on loopback for tests: streams what it is told to, breaks off where it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import openai
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.handlers.wire_events import Event, encode


class Cut(Exception):
    """Raised in a response's body: uvicorn drops the connection."""


class Loopback:
    """One thread and one run, streamed from `events`; its objects are retrieved as those events left them.

    `streams` says for each answer in turn after how many events it breaks off (None: never), or "stall" for
    one that stays silent; answers beyond the list are whole. `refuse` holds statuses for POSTs in turn, each
    with whether the run is made all the same. `waits_for` is a run to be found once before that.
    """

    def __init__(self) -> None:
        self.reset([])
        # Named as TCP, or asyncio leaves Nagle's algorithm on and each answer takes 40 ms.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        routes = [
            Route("/v1/threads/{thread}/runs", self.create, methods=["POST"]),
            Route("/v1/threads/runs", self.create, methods=["POST"]),
            Route("/v1/threads/{thread}/runs/{run}/submit_tool_outputs", self.create, methods=["POST"]),
            Route("/v1/threads/{thread}/runs", self.list_runs),
            Route("/v1/threads/{thread}/runs/{run}", self.get_run),
            Route("/v1/threads/{thread}/runs/{run}/events", self.follow),
            Route("/v1/threads/{thread}/runs/{run}/steps", self.list_steps),
            Route("/v1/threads/{thread}/messages", self.list_messages),
            Route("/v1/files/{file}", self.get_file),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), log_config=None, log_level="critical", lifespan="off", ws="none"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()

    def reset(self, events: list[Event], *, asstream: bool = False, streams: Any = ()) -> None:
        self.events, self.asstream = events, asstream
        self.streams: list[Any] = list(streams)
        self.refuse: list[tuple[int, bool]] = []
        self.busy_polls = 0
        self.waits_for: dict[str, Any] | None = None
        self.made = False
        self.seen: list[str] = []
        self.bodies: list[bytes] | None = None
        self.created_at = int(time.time())

    def client(self, **options: Any) -> openai.OpenAI:
        plain = openai.DefaultHttpxClient(trust_env=False)
        return openai.OpenAI(base_url=self.base_url, api_key="k", max_retries=0, http_client=plain, **options)

    # the API

    async def create(self, request: Request) -> Response:
        self.seen.append("POST")
        if self.refuse:
            status, made = self.refuse.pop(0)
            self.made = self.made or made
            return JSONResponse({"error": {"message": "no"}}, status)
        self.made = True
        return self._stream(0)

    async def follow(self, request: Request) -> Response:
        if not self.asstream:
            return self._missing()
        after = int(request.headers.get("last-event-id", 0))
        self.seen.append(f"events after {after}")
        return self._stream(after)

    def _stream(self, after: int) -> Response:
        how = self.streams.pop(0) if self.streams else None
        frames = self.bodies or encode(self.events, ids=self.asstream)
        headers = {"x-asstream": "0"} if self.asstream else {}

        async def body() -> AsyncIterator[bytes]:
            count = how if isinstance(how, int) else len(frames)
            for frame in frames[after : max(count, after)]:
                yield frame
            if how == "stall":
                await asyncio.sleep(2)
            if how is not None:
                yield b"event: thread.mess"  # what a broken connection leaves of the next event
                await asyncio.sleep(0)
                raise Cut

        return StreamingResponse(body(), media_type="text/event-stream", headers=headers)

    async def list_runs(self, request: Request) -> Response:
        self.seen.append("list runs")
        return self._list([self._run()] if self.made else [])

    async def get_run(self, request: Request) -> Response:
        self.seen.append("get run")
        run = self._run()
        if self.waits_for is not None:  # one look: then the outputs are there
            run, self.waits_for = self.waits_for, None
        if self.busy_polls:
            self.busy_polls -= 1
            run |= {"status": "in_progress"}
        return JSONResponse(run, headers={"openai-poll-after-ms": "1"})

    async def list_steps(self, request: Request) -> Response:
        return self._list(list(self._latest("thread.run.step").values()))

    async def get_file(self, request: Request) -> Response:
        return JSONResponse({"id": request.path_params["file"], "object": "file", "filename": "notes.txt"})

    async def list_messages(self, request: Request) -> Response:
        mine = [entry for entry in self._latest("thread.message").values() if entry.pop("status", None)]
        return self._list(mine)

    def _run(self) -> dict[str, Any]:
        latest = [data for name, data in self.events if name.removeprefix("thread.run.") in RUN_STATES][-1]
        return {**latest, "created_at": self.created_at}

    def _latest(self, kind: str) -> dict[str, dict[str, Any]]:
        """The last state of each object; a function step that goes on shows the calls that are waited for."""
        found: dict[str, dict[str, Any]] = {}
        for _, data in self.events:
            if isinstance(data, dict) and data.get("object") == kind:
                found[data["id"]] = json.loads(json.dumps(data))
        action = self._run().get("required_action")
        for entry in found.values():
            if kind == "thread.run.step" and entry["status"] == "in_progress" and action:
                calls = json.loads(json.dumps(action["submit_tool_outputs"]["tool_calls"]))
                for call in calls:
                    call["function"]["output"] = None
                entry["step_details"]["tool_calls"] = calls
        return found

    def _list(self, data: list[Any]) -> Response:
        return JSONResponse(
            {"object": "list", "data": data, "has_more": False, "first_id": None, "last_id": None}
        )

    def _missing(self) -> Response:
        return JSONResponse({"error": {"message": "Invalid URL", "type": "invalid_request_error"}}, 404)


RUN_STATES = frozenset(
    [
        "created",
        "queued",
        "in_progress",
        "requires_action",
        "cancelling",
        "completed",
        "incomplete",
        "failed",
        "cancelled",
        "expired",
    ]
)

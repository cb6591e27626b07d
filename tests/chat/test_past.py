"""A thread's past at an endpoint that no longer knows all of it (the whole of it: tests/cli/test_code.py)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import pytest

from asstream.chat.past import past
from tests.handlers.wire_events import code_call, message, run, step

TOOL = {"type": "code_interpreter"}


@contextmanager
def endpoint(**lists: list[dict[str, Any]]) -> Iterator[openai.OpenAI]:
    """An endpoint that has these lists, by the last part of their path, and nothing else."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = lists.get(self.path.partition("?")[0].rpartition("/")[2])
            body = json.dumps({"object": "list", "data": data, "has_more": False}).encode()
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        with openai.OpenAI(
            base_url=url, api_key="k", http_client=openai.DefaultHttpxClient(trust_env=False)
        ) as client:
            yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asks(id: str, at: int) -> dict[str, Any]:
    return {**message(id), "role": "user", "run_id": None, "created_at": at}


RUN = run("completed", tools=[TOOL])
STEPS = [
    step("step_1", status="completed", calls=[code_call("call_1", "1")]),
    step("step_2", "message_creation"),
    step("step_3", status="completed", calls=[code_call("call_2", "2")]),
]
ASKED = [asks("msg_0", 1), message(), asks("msg_2", 5)]


@pytest.mark.parametrize(
    ("lists", "order"),
    [
        ({"messages": ASKED}, ["msg_0", "msg_1", "msg_2"]),
        ({"messages": ASKED, "runs": [RUN]}, ["msg_0", "msg_1", "msg_2"]),
        (
            {"messages": ASKED, "runs": [RUN], "steps": STEPS},
            ["msg_0", "step_1", "msg_1", "step_3", "msg_2"],
        ),
        # The run's message was deleted, or never was.
        (
            {"messages": [ASKED[0], ASKED[2]], "runs": [RUN], "steps": STEPS},
            ["msg_0", "step_1", "step_3", "msg_2"],
        ),
        ({"messages": ASKED[:1], "runs": [RUN], "steps": STEPS}, ["msg_0", "step_1", "step_3"]),
        ({"messages": ASKED, "runs": [{**RUN, "tools": []}], "steps": STEPS}, ["msg_0", "msg_1", "msg_2"]),
    ],
)
def test_code_stands_where_it_ran_as_far_as_it_is_known(
    lists: dict[str, list[dict[str, Any]]], order: list[str]
) -> None:
    with endpoint(**lists) as client:
        assert [entry.id for entry in past(client, "thread_1")] == order

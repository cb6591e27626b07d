"""A session whose endpoint loses answers: nothing is sent twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import openai
import pytest

from asstream.chat.posting import post_message

Stored = list[dict[str, Any]]


def endpoint(losing: str) -> Callable[..., BaseHTTPRequestHandler]:
    """An endpoint of one thread whose first POST is lost: `before` it was carried out, or `after`."""

    class Messages(BaseHTTPRequestHandler):
        stored: ClassVar[Stored] = []
        lost = 0

        def do_POST(self) -> None:
            kind = type(self)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            first = kind.lost == 0
            kind.lost += first
            if not (first and losing == "before"):
                given = body["content"]
                text, *images = [{"text": given}] if isinstance(given, str) else given
                content = [{"type": "text", "text": {"value": text["text"], "annotations": []}}, *images]
                kind.stored.append({"id": f"msg_{len(kind.stored)}", "role": "user", "content": content})
            if first:
                self.close_connection = True
                self.connection.close()
            else:
                self._answer(kind.stored[-1])

        def do_GET(self) -> None:
            self._answer({"object": "list", "data": type(self).stored[-1:], "has_more": False})

        def _answer(self, value: object) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            return

    return Messages


class Quiet(ThreadingHTTPServer):
    """Says nothing about the connections that are dropped on purpose."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        return


@pytest.fixture
def serve() -> Iterator[Callable[[Any], openai.OpenAI]]:
    started: list[tuple[Quiet, threading.Thread, openai.OpenAI]] = []

    def start(kind: Any) -> openai.OpenAI:
        server = Quiet(("127.0.0.1", 0), kind)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        client = openai.OpenAI(
            base_url=f"http://127.0.0.1:{server.server_port}/v1",
            api_key="none",
            http_client=openai.DefaultHttpxClient(trust_env=False),
        )
        started.append((server, thread, client))
        return client

    yield start
    for server, thread, client in started:
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("images", [[], [{"type": "image_file", "image_file": {"file_id": "file-1"}}]])
@pytest.mark.parametrize("losing", ["before", "after"])
def test_a_message_whose_answer_was_lost_is_in_the_thread_once(
    serve: Callable[[Any], openai.OpenAI], losing: str, images: Stored
) -> None:
    kind: Any = endpoint(losing)
    post_message(serve(kind), "thread_1", "hello", images=images)
    assert [each["content"][0]["text"]["value"] for each in kind.stored] == ["hello"]
    assert kind.lost == 1

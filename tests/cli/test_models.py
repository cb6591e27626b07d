"""What is told of the model that answers, or can't: through `ask`, `doctor` and `models list`."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.cli.conftest import Run

DOWN = "http://127.0.0.1:9/v1"
PAGE = b"<!doctype html><html><head><title>502 Bad Gateway</title></head>" + b"<p>x</p>" * 2000
GGUF = b"GGUF\x03\0\0\0" + bytes(16) + b"weights" * 50_000
LISTS: dict[str, tuple[int, str, bytes]] = {
    "/page": (200, "text/html; charset=utf-8", b"<html><body>hello</body></html>"),
    "/fails": (500, "text/html", PAGE),
    "/empty": (200, "application/json", b'{"object": "list", "data": []}'),
    "/key": (401, "application/json", b'{"error": {"message": "Incorrect API key"}}'),
}
LISTED = (200, "application/json", b'{"object": "list", "data": [{"id": "m1"}, {"id": "m2"}]}')
CHATS = {
    "/page": (200, "text/html", b"<html><body>hello</body></html>"),
    "/fails": (501, "text/html", PAGE),
    "/long": (
        400,
        "application/json",
        b'{"error": {"code": "context_length_exceeded", "message": "too long"}}',
    ),
    "/none": (404, "application/json", b'{"error": {"message": "The model `m1` does not exist"}}'),
}
ANSWER = (
    b'data: {"choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


class Fake(BaseHTTPRequestHandler):
    """A Chat Completions endpoint whose path says what is wrong: /LIST/CHAT/v1/…"""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._answer(*LISTS.get("/" + self.path.split("/")[1], LISTED))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append(body["model"])
        self._answer(*CHATS.get("/" + self.path.split("/")[2], (200, "text/event-stream", ANSWER)))

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    fake = ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    threading.Thread(target=fake.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{fake.server_address[1]}"
    fake.shutdown()
    fake.server_close()


def at(url: str, **more: str) -> dict[str, str]:
    """The variables that put an endpoint behind the runtime, with nothing else configured."""
    return {"ASSTREAM_MODEL": "", "ASSTREAM_MODEL_BASE_URL": url, **more}


CORRECT = "correct the address (ASSTREAM_MODEL_BASE_URL)"
UNUSABLE = {
    "a page": (
        "page/ok",
        3,
        "is no Chat Completions endpoint: its answer is text/html",
        f"{CORRECT}: it usually",
    ),
    "one that fails": ("fails/ok", 4, "it answers 500 when asked for its models", "or correct the address"),
    "a key that is missing": (
        "key/ok",
        3,
        "asks for an API key",
        "set the right one (ASSTREAM_MODEL_API_KEY)",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_endpoint_that_can_not_work_is_told_by_every_command(run: Run, server: str, case: str) -> None:
    path, code, words, remedy = UNUSABLE[case]
    for command in (["ask", "hi"], ["models", "list"]):
        done = run(*command, code=code, **at(f"{server}/{path}/v1"))
        said, advice = done.stderr.splitlines()
        assert said.startswith("asstream: ") and words in said
        assert remedy in advice
        assert done.stdout == ""
    looked = run("doctor", code=code, **at(f"{server}/{path}/v1")).stdout
    assert "bad   model: " in looked and words in looked and remedy in looked


def test_an_endpoint_that_lists_nothing_works_with_a_name_alone(run: Run, server: str) -> None:
    url = f"{server}/empty/ok/v1"
    looked = run("doctor", code=3, **at(url)).stdout
    assert "lists no models\n      name one with --model or ASSTREAM_MODEL\n" in looked
    assert "lists no models" in run("models", "list", code=0, **at(url)).stderr
    named = at(url, ASSTREAM_MODEL="m9")
    assert f"note  model: m9 at {url}; whether it answers" in run("doctor", code=0, **named).stdout
    assert run("ask", "hi", code=0, **named).stderr == ""
    assert Fake.asked[-1] == "m9"


def test_a_wrong_key_is_told_by_the_variable_that_sets_it(run: Run, server: str) -> None:
    url = f"{server}/key/ok/v1"
    for variables, name in (
        (at(url, ASSTREAM_MODEL_API_KEY="k"), "ASSTREAM_MODEL_API_KEY"),
        ({"ASSTREAM_MODEL": "", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "k"}, "OPENAI_API_KEY"),
    ):
        done = run("models", "list", code=3, **variables)
        assert done.stderr.endswith(f"refuses the API key\nset the right one ({name})\n")


def test_an_endpoint_that_is_down_is_told_by_the_variable_of_its_address(run: Run) -> None:
    done = run("models", "list", code=4, **at(DOWN))
    assert done.stderr.splitlines() == [
        f"asstream: no model answers at {DOWN} (Connection refused)",
        f"start it, or {CORRECT}",
    ]


def test_with_no_model_named_the_first_answers_and_the_stand_in_for_none_is_never_shown(
    run: Run, server: str
) -> None:
    done = run("chat", stdin="hi\nhi\n", code=0, **at(f"{server}/ok/ok/v1"))
    host = server.removeprefix("http://")
    assert done.stderr.splitlines() == [f"asstream: no model was named for {host}: m1 answers"]


def test_a_name_that_is_not_listed_is_asked_for_as_it_is(run: Run, server: str) -> None:
    done = run("ask", "hi", "--model", "m9", code=0, **at(f"{server}/ok/ok/v1"))
    assert (Fake.asked[-1], done.stderr) == ("m9", "")


FAILS = {
    "page": (
        "is no Chat Completions endpoint: its answer is text/html",
        f"{CORRECT}: it usually ends in /v1",
    ),
    "fails": ("answered 501: 502 Bad Gateway (server_error)", "send the message again"),
    "long": ("the messages don't fit the model's context: too long (server_error)", "start a new thread"),
    "none": (
        "has no model 'm1': The model `m1` does not exist (server_error)",
        "name another one with --model",
    ),
}


@pytest.mark.parametrize("chat", FAILS)
def test_a_run_that_fails_says_in_one_line_why_and_in_another_what_helps(
    run: Run, server: str, chat: str
) -> None:
    words, remedy = FAILS[chat]
    done = run("ask", "hi", code=1, **at(f"{server}/ok/{chat}/v1", ASSTREAM_MODEL="m1"))
    said, advice = done.stderr.splitlines()
    assert words in said and len(said) < 200
    assert advice.startswith(remedy)


def test_the_model_in_use_is_the_one_that_answers(run: Run, server: str, environ: dict[str, str]) -> None:
    put(environ)

    def in_use(**variables: str) -> list[str]:
        listed = run("models", "list", "--json", code=0, **variables).stdout.splitlines()
        return [row["name"] for row in map(json.loads, listed) if row["in_use"]]

    assert in_use(ASSTREAM_MODEL="") == ["tiny"]
    assert in_use(**at(f"{server}/ok/ok/v1")) == ["m1"]
    assert in_use(**at(f"{server}/ok/ok/v1", ASSTREAM_MODEL="m2")) == ["m2"]


def test_a_model_file_that_was_written_to_since_is_damaged(run: Run, environ: dict[str, str]) -> None:
    put(environ)
    path = Path(environ["ASSTREAM_HOME"]) / "models" / "tiny.gguf"
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3900)
    said = f"the model file {path} is damaged: its content is not what was pulled"
    done = run("ask", "hi", code=3, ASSTREAM_MODEL="")
    assert done.stderr.startswith(f"asstream: {said}\npull it again: asstream models pull ")
    os.utime(path, (0, 0))  # a disk that fails leaves the time as it was: the doctor looks at each byte
    assert f"bad   model: {said}" in run("doctor", code=3, ASSTREAM_MODEL="").stdout


def put(environ: dict[str, str]) -> None:
    """Pull a file into the home of the program."""
    from asstream.runtime.models.pull import pull

    home = Path(environ["ASSTREAM_HOME"])
    home.mkdir(exist_ok=True)
    source = home.parent / "tiny.gguf"
    source.write_bytes(GGUF)
    pull(home, str(source))

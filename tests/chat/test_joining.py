"""A run joined where the endpoint has no log of its events: they are made from its objects as those grow."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.lib.streaming import AssistantStreamManager

from asstream.chat import joining
from asstream.chat.joining import PolledStream, join_run
from asstream.chat.recording import Recorder, read
from asstream.chat.sse import make_event
from asstream.errors import RunError
from asstream.handlers import EventHandler
from asstream.handlers.reducer import Reducer
from tests.handlers.test_quirks import ANSWERED, ASKED
from tests.handlers.wire_events import (
    FIXTURES,
    TEXT,
    Event,
    Ours,
    Stock,
    args,
    fixture,
    names,
    run_event,
)

recorded = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not beside the checkout")
FAILED = {"code": "server_error", "message": "Oh."}


class Growing(ThreadingHTTPServer):
    """An endpoint of one run, whose objects are those that `events` have made so far: each look is `pace` on.

    Args:
        bare: whether messages tell no status, as some endpoints' do.
        steps: whether there is a list of steps.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.reset([])

    def reset(self, events: list[Event], *, pace: int = 1, bare: bool = False, steps: bool = True) -> None:
        self.events = [event for event in events if event[0] != "done"]
        self.pace, self.bare, self.steps = pace, bare, steps
        self.at = 2
        self.refusals: list[int] = []
        self.asked: list[str] = []

    def objects(self) -> Reducer:
        told = Reducer(EventHandler())
        for name, data in self.events[: self.at]:
            told.feed(make_event(name, json.loads(json.dumps(data))))
        return told


class Answers(BaseHTTPRequestHandler):
    server: Growing

    def do_GET(self) -> None:
        server, path = self.server, self.path.partition("?")[0]
        what = path.rpartition("/")[2]
        server.asked.append(what)
        if server.refusals:
            return self._answer({"error": {"message": "busy"}}, server.refusals.pop(0))
        if what == "events" or (what == "steps" and not server.steps):
            return self._answer({"error": {"message": "Invalid URL"}}, 404)
        if what == "steps":
            steps = [state.snapshot.to_dict(mode="json") for state in server.objects().steps.values()]
            return self._list(steps)
        if what == "messages":
            found = [state.snapshot.to_dict(mode="json") for state in server.objects().messages.values()]
            theirs = {
                "id": "msg_u",
                "object": "thread.message",
                "role": "user",
                "content": [],
                "run_id": None,
            }
            for message in found if server.bare else ():
                message.pop("status")
            return self._list([*found[::-1], theirs])
        server.at += server.pace
        run = server.objects().run
        assert run is not None
        return self._answer(run.to_dict(mode="json"))

    def _list(self, data: list[Any]) -> None:
        self._answer({"object": "list", "data": data, "has_more": False})

    def _answer(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("openai-poll-after-ms", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def growing() -> Iterator[Growing]:
    server = Growing()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(growing: Growing) -> Iterator[openai.OpenAI]:
    growing.reset([])
    plain = openai.DefaultHttpxClient(trust_env=False)
    url = f"http://127.0.0.1:{growing.server_port}/v1"
    with openai.OpenAI(base_url=url, api_key="k", http_client=plain) as client:
        yield client


def a_run(**more: Any) -> Any:
    return make_event(*run_event("in_progress", **more)).data


def join(client: openai.OpenAI, handler: Any, **more: Any) -> Any:
    opening = lambda: join_run(client, a_run(), **more)  # noqa: E731
    with AssistantStreamManager(opening, event_handler=handler) as stream:
        stream.until_done()
    return handler


def streamed(events: list[Event], handler: Any) -> Any:
    """What the handler makes of the events themselves."""
    reducer = Reducer(handler)
    for name, data in events:
        if name != "done":
            reducer.feed(make_event(name, json.loads(json.dumps(data))))
    return handler


def told(handler: Any) -> tuple[list[str], str, str, list[Any]]:
    """The callbacks but for deltas in their order, the text, the code, and what was done."""
    code = [
        d.code_interpreter.input or ""
        for d in args(handler, "tool_call_delta")
        if d.type == "code_interpreter" and d.code_interpreter
    ]
    return (
        [name for name in names(handler) if "delta" not in name and name != "end"],
        "".join(delta.value or "" for delta in args(handler, "text_delta")),
        "".join(code),
        [done.to_dict() for done in args(handler, "text_done")],
    )


@recorded
@pytest.mark.parametrize("bare", [False, True], ids=["", "no status"])
@pytest.mark.parametrize("pace", [1, 3, 1000])
@pytest.mark.parametrize(
    "name",
    ["01_text_run.sse", "04_file_search_citation_include_results.sse", "05_code_interpreter_input.sse"],
)
def test_callbacks_are_those_of_the_stream_each_piece_once(
    growing: Growing, client: openai.OpenAI, name: str, pace: int, bare: bool
) -> None:
    events = fixture(name)
    for _, data in events:
        if isinstance(data, dict) and data.get("object") == "thread.run":
            data["expires_at"] = None  # it was recorded long ago
    growing.reset(events, pace=pace, bare=bare)
    handler = join(client, Ours())
    assert told(handler) == told(streamed(events, Ours()))
    assert growing.asked[0] == "events"


def test_text_comes_in_pieces_while_it_is_written(growing: Growing, client: openai.OpenAI) -> None:
    growing.reset(TEXT)
    pieces = [delta.value for delta in args(join(client, Ours()), "text_delta")]
    assert pieces == ["Hi", " there"]


@pytest.mark.parametrize("steps", [False, True])
def test_a_handler_of_the_sdk_is_given_the_same(growing: Growing, client: openai.OpenAI, steps: bool) -> None:
    growing.reset(TEXT, steps=steps)
    handler = join(client, Stock())
    assert "".join(delta.value or "" for delta in args(handler, "text_delta")) == "Hi there"
    assert handler.current_run.status == "completed"


def test_what_an_earlier_stream_has_shown_is_left_out(growing: Growing, client: openai.OpenAI) -> None:
    growing.reset(ASKED)
    first = join(client, Ours())
    assert first.current_run.status == "requires_action"
    growing.reset([*ASKED[:-1], *ANSWERED])
    growing.at = len(ASKED)
    second = join(client, Ours(), submitted=["call_f"])
    assert [call.function.output for call in args(second, "tool_call_done")] == ["42"]
    assert "tool_call_created" not in names(second)
    assert "".join(delta.value or "" for delta in args(second, "text_delta")) == "42"


@pytest.mark.parametrize("status", ["failed", "incomplete", "expired", "cancelled"])
def test_each_end_is_seen(growing: Growing, client: openai.OpenAI, status: str) -> None:
    growing.reset([*TEXT[:-3], run_event(status, last_error=FAILED)])
    handler = join(client, Ours())
    assert handler.current_run.status == status
    assert names(handler)[-2:] == ["run_done", "end"]


def test_looks_that_fail_are_repeated(growing: Growing, client: openai.OpenAI) -> None:
    growing.reset(TEXT)
    growing.refusals = [404, 503, 503]
    assert "".join(delta.value or "" for delta in args(join(client, Ours()), "text_delta")) == "Hi there"


def test_an_endpoint_that_fails_for_good_is_an_error(
    growing: Growing, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "ATTEMPTS", 1)
    growing.reset(TEXT)
    growing.refusals = [404, 503, 503, 503]
    with pytest.raises(openai.InternalServerError):
        join(client, Ours())


def test_a_run_that_goes_on_beyond_its_time_is_said_to(
    growing: Growing, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "QUIET", 0.1)
    late = int(time.time() - joining.GRACE) - 5
    growing.reset([*TEXT[:2], run_event("in_progress", expires_at=late)])
    with pytest.raises(RunError, match=r"run_1 is still in_progress 6. s after its time") as raised:
        join(client, Ours())
    assert raised.value.remedy == "`asstream runs cancel thread_1 run_1` ends it"


def test_a_run_without_a_time_is_given_up_as_well(
    growing: Growing, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "PATIENCE", 0.2)
    growing.reset(TEXT[:3])
    with pytest.raises(RunError, match="run_1 is still in_progress 0 s after its last news"):
        join(client, Ours())


def test_a_recording_of_it_holds_each_event_once(
    growing: Growing, client: openai.OpenAI, tmp_path: Path
) -> None:
    growing.reset(TEXT)
    with Recorder(tmp_path / "run.sse") as recorder:
        join(client, Ours(), recorder=recorder)
    kept = [record.event for record in read(tmp_path / "run.sse")]
    kept.remove("thread.message.delta")
    assert len(kept) == len(set(kept)) == 12
    assert (kept[0], kept[-1]) == ("thread.run.created", "done")


def test_a_stream_that_is_closed_asks_no_more(growing: Growing, client: openai.OpenAI) -> None:
    growing.reset(TEXT)
    stream = join_run(client, a_run())
    assert isinstance(stream, PolledStream)
    next(stream)
    stream.close()
    asked = len(growing.asked)
    assert list(stream) == []
    assert len(growing.asked) == asked

"""What the built-in handlers write."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from asstream.chat.recording import replay
from asstream.handlers import ConsoleHandler, EventHandler, JsonLinesHandler, PlainHandler
from asstream.handlers.outcome import explain_run
from tests.handlers.loopback import Loopback
from tests.handlers.test_quirks import ANSWERED, ASKED, WAITING, read
from tests.handlers.wire_events import (
    BEGUN,
    DONE,
    ENDED,
    TEXT,
    TWO_TOOL_STEPS,
    Event,
    encode,
    file_path,
    message_delta,
    message_event,
    piece,
    run_event,
    text,
)

EVIL = "a\x1b]52;c;aGk=\x07b\u202ec"
EVIL_TEXT = [
    *BEGUN,
    message_event("created"),
    *(message_delta("msg_1", piece(char)) for char in EVIL),
    message_event("completed", "msg_1", text(EVIL)),
    *ENDED,
]
FAILED = [
    *TEXT[:5],
    run_event("failed", last_error={"code": "rate_limit_exceeded", "message": "slow\x1b[2J down"}),
    DONE,
]


class Shown:
    """What a handler wrote for some events."""

    def __init__(self, make: Callable[[Shown], EventHandler], tmp_path: Path, events: list[Event]) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        path = tmp_path / "run.sse"
        path.write_bytes(b"".join(encode(events)))
        replay(path, lambda: make(self), speed=0)

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()


def plain(shown: Shown) -> EventHandler:
    return PlainHandler(output=shown.out, errors=shown.err)


def jsonl(shown: Shown) -> EventHandler:
    return JsonLinesHandler(output=shown.out, errors=shown.err)


def console(shown: Shown) -> EventHandler:
    return ConsoleHandler(console=page(shown.out), errors=page(shown.err))


def page(file: io.StringIO) -> Console:
    return Console(file=file, width=40, force_terminal=False, color_system=None)


ALL = pytest.mark.parametrize("make", [plain, jsonl, console])


def test_plain_writes_the_text_and_nothing_else(tmp_path: Path) -> None:
    shown = Shown(plain, tmp_path, TWO_TOOL_STEPS)
    assert (shown.out.getvalue(), shown.err.getvalue()) == ("Hi there\n", "")


def test_plain_ends_each_message_with_one_newline(tmp_path: Path) -> None:
    again = [*TEXT[:7], *(json.loads(json.dumps(TEXT[3:7]).replace("msg_1", "msg_2"))), *ENDED]
    assert Shown(plain, tmp_path, [tuple(event) for event in again]).out.getvalue() == "Hi there\nHi there\n"


@ALL
def test_what_a_terminal_would_obey_is_not_written(tmp_path: Path, make: Any) -> None:
    written = Shown(make, tmp_path, EVIL_TEXT).out.getvalue()
    assert not set(written) & {"\x1b", "\x07", "\u202e"}
    assert make is jsonl or "abc\n" in written


@ALL
def test_a_failed_run_says_why_and_what_to_do(tmp_path: Path, make: Any) -> None:
    said = Shown(make, tmp_path, FAILED).err.getvalue()
    assert said.splitlines() == [
        "asstream: the run failed: slow down (rate_limit_exceeded)",
        "wait a little, then send the message again",
    ]
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("status", "more", "what"),
    [
        ("incomplete", {"incomplete_details": {"reason": "max_completion_tokens"}}, "the most tokens"),
        ("incomplete", {}, "does not say why"),
        ("incomplete", {"incomplete_details": {"reason": "max_prompt_tokens"}}, "the conversation reached"),
        ("incomplete", {"incomplete_details": {"reason": "content_filter"}}, "the content filter stopped"),
        ("incomplete", {"incomplete_details": {"reason": ["odd"]}}, "does not say why"),
        ("expired", {}, "it took longer than a run may"),
        ("expired", {"required_action": WAITING[1]["required_action"]}, "waited for its tool outputs"),
        ("cancelled", {}, "was cancelled"),
        ("failed", {}, "does not say why"),
        ("failed", {"last_error": {"code": None, "message": None}}, "does not say why (server_error)"),
        ("failed", {"last_error": {"code": ["odd"]}}, "does not say why (server_error)"),
        ("failed", {"last_error": {"code": "invalid_prompt", "message": "No."}}, "No (invalid_prompt)"),
        ("failed", {"last_error": {"code": "new_one", "message": "Hm"}}, "Hm (new_one)"),
        ("completed", {}, None),
    ],
)
def test_each_end_of_a_run_is_explained(status: str, more: dict[str, Any], what: str | None) -> None:
    from openai.types.beta.threads import Run

    explained = explain_run(Run.construct(**run_event(status, **more)[1]))
    assert (explained is None) if what is None else (explained and what in explained[0] and explained[1])


@pytest.mark.parametrize(
    ("message", "what", "remedy"),
    [
        (
            "127.0.0.1 refuses the API key. Set the right one (X).",
            "127.0.0.1 refuses the API key",
            "set the right one (X)",
        ),
        (
            "The model file m is damaged: cut. Pull it again: asstream models pull hf:a/b/c.gguf",
            "the model file m is damaged: cut",
            "pull it again: asstream models pull hf:a/b/c.gguf",
        ),
        ("This model's maximum context length is 9.", "this model's", "start a new thread"),
        (
            "You exceeded your current quota, please check your plan and billing details.",
            "you",
            "see to the account",
        ),
        ("The model `m` does not exist.", "the model `m` does not exist", "name another"),
        ("The provider's content filter stopped the reply.", "the provider's", "change the message"),
        ("GPU on fire. Set by nobody. Sorry.", "GPU on fire. Set by nobody. Sorry", "send the message again"),
    ],
)
def test_what_to_do_about_a_failed_run_is_what_its_message_says_or_what_its_kind_asks_for(
    message: str, what: str, remedy: str
) -> None:
    from openai.types.beta.threads import Run

    run = run_event("failed", last_error={"code": "server_error", "message": message})[1]
    explained = explain_run(Run.construct(**run))
    assert explained is not None
    assert explained[0].startswith(f"the run failed: {what}") and explained[1].startswith(remedy)


def test_json_lines_are_the_wires_events_with_unknown_keys(tmp_path: Path) -> None:
    events = [*TEXT[:-2], run_event("completed", brand_new={"x": [1.0, None]}), DONE]
    lines = [json.loads(line) for line in Shown(jsonl, tmp_path, events).lines]
    assert lines == [{"event": name, "data": data} for name, data in events[:-1]]
    assert [list(line["data"]) for line in lines] == [list(data) for _, data in events[:-1]]


def test_json_lines_from_the_sdks_own_stream_hold_the_same(server: Loopback) -> None:
    out = io.StringIO()
    events = [*TEXT[:-2], run_event("completed", brand_new=1), DONE]
    read(server, JsonLinesHandler(output=out), events)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines == [{"event": name, "data": data} for name, data in events[:-1]]


@pytest.mark.parametrize("nested", [False, True])
def test_json_lines_name_an_error(server: Loopback, nested: bool) -> None:
    out = io.StringIO()
    error = {"message": "boom", "type": "server_error", "code": None, "param": None}
    read(server, JsonLinesHandler(output=out), [*BEGUN, ("error", {"error": error} if nested else error)])
    last = json.loads(out.getvalue().splitlines()[-1])
    assert (
        last == {"event": "error", "data": error} or nested
    )  # the SDK raises that shape before anyone sees it


def test_the_console_shows_code_logs_text_and_the_end(tmp_path: Path) -> None:
    lines = Shown(console, tmp_path, TWO_TOOL_STEPS).lines
    assert lines[:-1] == [
        *("code", "import x", "print(1)", "output", "1"),
        *("code", "y=2", "print(y)", "output", "2", "Hi there"),
    ]
    assert lines[-1] == "m"


@pytest.mark.parametrize(("seconds", "shown"), [(7, "7 s · m"), (0, "under 1 s · m")])
def test_a_recorded_reply_took_what_its_run_says(tmp_path: Path, seconds: int, shown: str) -> None:
    ended = run_event("completed", started_at=10, completed_at=10 + seconds)
    assert Shown(console, tmp_path, [*TEXT[:-2], ended, DONE]).lines[-1] == shown


def test_a_live_reply_took_what_was_seen(server: Loopback) -> None:
    out = io.StringIO()
    ended = run_event("completed", started_at=10, completed_at=90)
    read(server, ConsoleHandler(console=page(out)), [*TEXT[:-2], ended, DONE])
    assert re.search(r"^\d\.\d s · m$", out.getvalue(), re.MULTILINE)


def test_the_console_names_functions_with_their_arguments(tmp_path: Path) -> None:
    assert Shown(console, tmp_path, ASKED).lines == ["function f", '{"a": 1}']
    assert Shown(console, tmp_path, ANSWERED).lines[:2] == ["f → 42", "42"]


def test_the_console_lists_each_marker_once_at_the_end(tmp_path: Path) -> None:
    marked = text("see it", file_path(0), file_path(0))
    events = [*BEGUN, message_event("created"), message_event("completed", "msg_1", marked), *ENDED]
    assert Shown(console, tmp_path, events).lines[:-1] == ["see it", "a.csv  file_9"]


def test_the_console_does_not_break_lines_of_a_reply(tmp_path: Path) -> None:
    long = "word " * 30 + "[bold]not markup[/bold]"
    events = [*BEGUN, message_event("created"), message_event("completed", "msg_1", text(long)), *ENDED]
    assert Shown(console, tmp_path, events).lines[0] == long


@ALL
def test_a_reader_that_has_gone_ends_it_quietly(tmp_path: Path, make: Any) -> None:
    class Gone(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += bool(text)
            if self.writes > 1:
                raise BrokenPipeError
            return len(text)

    gone = Gone()

    def handler(shown: Shown) -> EventHandler:
        shown.out = gone
        return make(shown)

    with pytest.raises(BrokenPipeError):
        Shown(handler, tmp_path, TEXT)
    assert gone.writes == 2  # the line that is open is not ended by a third


def test_a_stream_without_the_characters_gets_escapes(tmp_path: Path) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    PlainHandler(output=out)._output.write("naïve 😀\n")
    assert raw.getvalue() == b"na\\xefve \\U0001f600\n"


@pytest.mark.parametrize("make", [PlainHandler, JsonLinesHandler, ConsoleHandler])
def test_each_is_made_with_no_arguments(make: type[EventHandler]) -> None:
    assert make().explains_outcome


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        (None, "m"),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, "m"),
        ({"prompt_tokens": 3}, "m"),
        ({"total_tokens": "many"}, "m"),
        ({"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}, "1 token · m"),
        ({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, "2 tokens · m"),
    ],
)
def test_tokens_are_told_where_the_endpoint_counts_them(tmp_path: Path, usage: Any, shown: str) -> None:
    events = [*TEXT[:-2], run_event("completed", usage=usage), DONE]
    assert Shown(console, tmp_path, events).lines == ["Hi there", shown]

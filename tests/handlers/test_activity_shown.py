"""The line below a reply: what the run does, from its first event to its last, and nothing left of it."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from asstream.chat.sse import make_event
from asstream.handlers import ConsoleHandler
from tests.handlers.test_quirks import ASKED, WAITING
from tests.handlers.wire_events import (
    BEGUN,
    DONE,
    ENDED,
    TEXT,
    Event,
    code,
    message_delta,
    message_event,
    piece,
    run_event,
    step_delta,
    step_event,
)
from tests.render.screens import Screen

SEARCH = {"index": 0, "id": "call_s", "type": "file_search", "file_search": {}}
SEARCHES = [*BEGUN, step_event("created", "step_s"), step_delta("step_s", SEARCH)]
SEARCHED = [*SEARCHES, step_event("completed", "step_s", calls=[SEARCH])]


class Stream:
    """A stream that is read event by event."""

    response = object()

    def __init__(self, events: list[Event]) -> None:
        self._events = (make_event(name, data) for name, data in events if (name, data) != DONE)

    def __iter__(self) -> Iterator[Any]:
        return self._events

    def close(self) -> None:
        return


def read(handler: ConsoleHandler, events: list[Event]) -> None:
    """Let a handler read the events, as one that is still reading."""
    handler._init(Stream(events))  # type: ignore[arg-type]
    reading = iter(handler)
    for _ in range(len([event for event in events if event != DONE])):
        next(reading)
    handler.__dict__["reading"] = reading  # or its end would be the stream's


def on(screen: Screen, kind: type[ConsoleHandler] = ConsoleHandler, **settings: Any) -> ConsoleHandler:
    return kind(console=screen.console(**settings), errors=Console(file=io.StringIO()))


def below(screen: Screen, seconds: float = 5) -> str:
    """The line that says what goes on, once there is one; an empty one if none comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (lines := screen.lines()) and lines[-1].endswith(" s") and lines[-1][1] == " ":
            return lines[-1][2:]
        time.sleep(0.02)
    return ""


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        (BEGUN[:1], "queued 0 s"),
        ([*BEGUN[:1], run_event("queued")], "queued 0 s"),
        (BEGUN, "thinking 0 s"),
        (SEARCHES, "searching 0 s"),
        (SEARCHED, "thinking 0 s"),
        ([*BEGUN, step_event("created", "s"), step_delta("s", code(0, "c", "x"))], "writing code 0 s"),
        (
            [
                *BEGUN,
                step_event("created", "s"),
                step_delta("s", code(0, "c", "x")),
                step_delta("s", code(outputs=[])),
            ],
            "running code 0 s",
        ),
        ([*BEGUN, run_event("cancelling")], "cancelling 0 s"),
        (ASKED, "waiting for your tool: f 0 s"),
    ],
)
def test_what_goes_on_is_said(events: list[Event], shown: str) -> None:
    screen = Screen(80, 24)
    handler = on(screen)
    read(handler, events)
    assert below(screen) == shown
    handler.close()
    assert shown not in "\n".join(screen.lines())


def test_seconds_are_counted() -> None:
    screen = Screen(80, 24)
    handler = on(screen)
    read(handler, BEGUN)
    time.sleep(1.6)
    assert below(screen) in ("thinking 1 s", "thinking 2 s")
    handler.close()


def test_nothing_of_it_is_left_by_a_reply() -> None:
    screen = Screen(80, 24)
    handler = on(screen)
    read(handler, BEGUN)
    assert below(screen)
    read_on = [*TEXT[2:-2], *ENDED]
    for name, data in read_on[:-1]:
        handler._emit_sse_event(make_event(name, data))
    assert screen.lines()[0] == "Hi there"
    assert below(screen, 0.6) == ""


def test_it_is_not_over_text_that_comes() -> None:
    screen = Screen(80, 24)
    handler = on(screen)
    read(handler, [*BEGUN, message_event("created"), message_delta("msg_1", piece("Hi"))])
    assert below(screen, 0.6) == ""
    assert screen.lines() == ["Hi"]
    handler.close()


@pytest.mark.parametrize("settings", [{"no_color": True}, {"force_terminal": False}])
def test_where_the_cursor_may_not_move_nothing_is_said(settings: dict[str, Any]) -> None:
    screen = Screen(80, 24)
    handler = on(screen, **settings)
    read(handler, SEARCHES)
    assert below(screen, 0.6) == ""
    handler.close()
    assert "\x1b" not in screen.raw and "\r" not in screen.raw


def test_a_function_that_prints_finds_an_empty_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(80, 24)
    monkeypatch.setattr(sys, "stdout", screen)
    seen: list[str] = []

    class Has(ConsoleHandler):
        def on_requires_action(self, run: Any) -> None:
            seen.append(below(screen))
            print("mine")
            seen.append(below(screen, 0.5))

    handler = on(screen, Has)
    read(handler, ASKED)
    assert seen == ["waiting for your tool: f 0 s", ""]
    assert sys.stdout is screen
    assert screen.lines()[-1] == "mine"


def test_names_of_functions_are_harmless_and_short() -> None:
    from asstream.handlers.activity import waiting_for

    action = WAITING[1]["required_action"]
    call = {"id": "c", "type": "function", "function": {"name": "e\x1b[2J" + "v" * 300, "arguments": ""}}
    many = action | {"submit_tool_outputs": {"tool_calls": [call]}}
    said = waiting_for(make_event(*run_event("requires_action", required_action=many)).data)
    assert "\x1b" not in said and len(said) < 90

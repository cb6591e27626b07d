"""ConsoleHandler with one thing changed by a subclass, as a program would do it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from asstream.chat.recording import replay
from asstream.handlers import ConsoleHandler
from tests.handlers.test_interpreter_shown import cell, reply
from tests.handlers.wire_events import BEGUN, ENDED, Event, encode, function, step_delta, step_event
from tests.render.screens import Screen


def shown(tmp_path: Path, kind: type[ConsoleHandler], events: Sequence[Event]) -> Screen:
    screen = Screen(40, 24)
    path = tmp_path / "run.sse"
    path.write_bytes(b"".join(encode([*BEGUN, *events, *ENDED])))
    replay(path, lambda: kind(console=screen.console(), errors=Console(file=io.StringIO())), speed=0)
    return screen


class Loud(ConsoleHandler):
    def reply_text(self, text: str) -> str:
        return text.upper() + "\x1b[2J"


class Headed(ConsoleHandler):
    def heading(self, what: str) -> str:
        return "" if what == "output" else f"<{what}>"


class Closed(ConsoleHandler):
    def closing_line(self, run: Any) -> str:
        return f"{run.status}\x1b[2J!"


class Silent(ConsoleHandler):
    def closing_line(self, run: Any) -> str:
        return ""


class Numbered(ConsoleHandler):
    def highlight(self, row: str) -> list[tuple[int, int, str]]:
        return [(*match.span(), "red") for match in re.finditer(r"\d+", row)]


def test_the_text_of_a_reply_is_changed_behind_its_marks_and_stays_harmless(tmp_path: Path) -> None:
    screen = shown(tmp_path, Loud, reply("so 【4:0†no", "tes.txt】 **be**", " it"))
    assert screen.lines()[0] == "SO ¹ BE IT"
    assert "\x1b[2J" not in screen.raw


def test_headings_are_changed_or_left_out(tmp_path: Path) -> None:
    call = [step_event("created", "step_2"), step_delta("step_2", function("c", "{}", "f\x1b[2J"))]
    screen = shown(tmp_path, Headed, [*cell("x", "said\n"), *call])
    assert screen.lines() == ["── <code> ──", "x", "said", "── <function f> ──", "{}", "m"]


@pytest.mark.parametrize(("kind", "last"), [(Closed, ["completed!"]), (Silent, [])])
def test_the_closing_line_is_changed_or_left_out(
    tmp_path: Path, kind: type[ConsoleHandler], last: list[str]
) -> None:
    assert shown(tmp_path, kind, reply("Hi")).lines() == ["Hi", *last]


TEXT = (
    "a1 **b22** [33](http://x/)\n\n| 4 | b |\n|---|---|\n| 55 | `6` |\n\n```\n7\n```\n\n" + "wrapped 88 " * 9
)


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_highlights_stand_however_the_reply_was_cut(tmp_path: Path, size: int) -> None:
    parts = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    screen = shown(tmp_path, Numbered, reply(*parts))
    bare = shown(tmp_path, ConsoleHandler, reply(TEXT))
    assert screen.lines() == bare.lines()
    for row in screen.cells():
        line = "".join(char.data for char in row).rstrip()
        for char in row:
            assert (char.fg == "red") == (char.data.isdigit() and line != "7"), line


def test_a_style_that_there_is_not_is_the_handlers_fault_and_named(tmp_path: Path) -> None:
    class Wrong(ConsoleHandler):
        def highlight(self, row: str) -> list[tuple[int, int, str]]:
            return [(0, len(row), "no such style")]

    with pytest.raises(Exception, match="'no' is not a valid color"):
        shown(tmp_path, Wrong, reply("Hi", " there"))

"""A reply on the screen: each thing once, in order; what goes on is told below, and nothing of it is left."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from asstream.render.code import CodeStyler
from asstream.render.transcript import Transcript, say_aside
from tests.render.screens import Screen

SIZES = pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50), (20, 5)])


def page(screen: Screen, **console: object) -> Transcript:
    return Transcript(screen.console(**console), Console(file=io.StringIO()))


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@SIZES
@pytest.mark.parametrize("standing", ["", "x = 1\n", "x = 1", "x" * 19, "x" * 25])
def test_what_goes_on_is_told_below_and_leaves_nothing(columns: int, rows: int, standing: str) -> None:
    screen = Screen(columns, rows)
    transcript = page(screen)
    transcript.open("code", "code", styler=CodeStyler())
    transcript.add("y\n" * rows + standing)  # the screen is full: the line below makes it scroll
    transcript.busy("running")
    wait_for(lambda: any("running" in line for line in screen.lines()))
    shown = screen.lines()
    assert "running" in shown[-1]
    transcript.add("z\n")
    transcript.close()
    assert screen.whole().split("\n") == ["── code ──", *["y"] * rows, *(standing + "z").split("\n")]


def test_nothing_is_drawn_once_it_ended() -> None:
    screen = Screen(80, 24)
    transcript = page(screen)
    transcript.busy("running")
    wait_for(lambda: "running" in screen.raw)
    transcript.close()
    written = screen.raw
    time.sleep(0.3)
    assert (screen.raw, screen.lines()) == (written, [])


@pytest.mark.parametrize(
    "more",
    [
        {"no_color": True},
        {"force_terminal": False, "color_system": None},
        {"_environ": {"TERM": "dumb"}, "color_system": "auto"},
    ],
)
def test_where_the_cursor_does_not_move_nothing_is_drawn_and_no_sequence_written(
    more: dict[str, object],
) -> None:
    out = io.StringIO()
    settings = {"force_terminal": True, "_environ": {}} | more
    transcript = Transcript(Console(file=out, width=80, **settings), Console(file=io.StringIO()))  # type: ignore[arg-type]
    transcript.open("code", "code", styler=CodeStyler())
    transcript.add("import x")
    transcript.busy("running")
    time.sleep(0.6)
    transcript.line("image y")
    assert out.getvalue() == "code\nimport x\nimage y\n"


def test_a_title_can_not_be_forged_by_a_name() -> None:
    screen = Screen(80, 24)
    transcript = page(screen)
    transcript.open("f", "function \x1b]0;owned\x07f\nx")
    transcript.add("{}")
    transcript.close()
    assert screen.lines() == ["── function f x ──", "{}"]
    assert "owned" not in screen.raw


def test_what_others_say_comes_between_lines_and_takes_the_line_that_ticks_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen(80, 24)
    monkeypatch.setattr("sys.stderr", screen)
    transcript = page(screen)
    transcript.open("code", "code", styler=CodeStyler())
    transcript.add("import ")
    transcript.busy("running")
    wait_for(lambda: "running" in screen.raw)
    say_aside("asstream: a word")
    transcript.add("x\ny = 1")
    transcript.close()
    say_aside("asstream: another")
    assert screen.lines() == ["── code ──", "import x", "asstream: a word", "y = 1", "asstream: another"]


def test_where_no_reply_has_the_terminal_whoever_speaks_is_told_to_do_it_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("asstream.render.transcript._live", [])
    assert not say_aside("asstream: a word")
    assert capsys.readouterr().err == ""

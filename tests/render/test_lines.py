"""Lines that come in pieces: painted once, in place, and plain where that is not sure."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from asstream.render.code import CodeStyler
from asstream.render.lines import Lines, Plain, Styler
from asstream.render.logs import LogStyler
from asstream.render.pen import Pen
from tests.render.screens import Screen


def fed(screen: Screen, pieces: list[str], styler: Styler | None = None, **console: object) -> Screen:
    """The pieces on a screen."""
    lines = Lines(
        Pen(screen.console(**console)), styler or CodeStyler(), lambda: (screen.columns, screen.rows)
    )
    for piece in pieces:
        screen.write(lines.feed(piece))
    screen.write(lines.end())
    return screen


def test_a_line_is_plain_while_it_is_open_and_coloured_once_it_ends() -> None:
    open_one = fed(Screen(40, 10), [])
    lines = Lines(Pen(open_one.console()), CodeStyler(), lambda: (40, 10))
    open_one.write(lines.feed("import "))
    open_one.write(lines.feed("math"))
    assert set(open_one.colours("import math")) == {"default"}
    open_one.write(lines.feed("\n"))
    assert open_one.colours("import math")[:6] == ["magenta"] * 6


def test_nothing_is_cleared_to_be_drawn_again() -> None:
    screen = fed(Screen(40, 10), ["imp", "ort math\nx", " = 1", "\n"])
    assert "\x1b[K" not in screen.raw
    assert "\x1b[J" not in screen.raw


def test_a_finished_line_is_not_touched_again() -> None:
    screen = Screen(40, 10)
    lines = Lines(Pen(screen.console()), CodeStyler(), lambda: (40, 10))
    written = [lines.feed(piece) for piece in ('x = """a\n', "b\n", '"""\n', "y = 1", "\n")]
    assert not any("\x1b[" in text and "A" in text for text in written)
    assert "a" not in "".join(written[1:]).replace("\x1b", "")


@pytest.mark.parametrize("columns", [20, 33, 80])
@pytest.mark.parametrize("length", range(58, 64))
def test_a_wrapped_line_is_coloured_in_place(columns: int, length: int) -> None:
    code = "import " + "m" * (length - 7)
    screen = fed(Screen(columns, 10), ["x = 1\n", code[:10], code[10:], "\n", "after\n"])
    plain = Screen(columns, 10)
    plain.write(f"x = 1\n{code}\nafter\n")
    assert screen.lines() == plain.lines()
    assert screen.colours(code[:columns].rstrip())[:6] == ["magenta"] * 6


def test_a_line_taller_than_the_screen_stays_plain_and_whole() -> None:
    code = "import " + "m" * 200
    screen = fed(Screen(20, 5), ["x = 1\n", *code, "\nafter\n"])
    assert screen.whole().split("\n") == ["x = 1", code, "after"]
    assert "\x1b[35mimport" not in screen.raw


def test_a_window_that_was_resized_in_mid_line_leaves_the_line_plain() -> None:
    sizes = [(40, 10)]
    lines = Lines(Pen(Screen(40, 10).console()), CodeStyler(), lambda: sizes[0])
    assert lines.feed("import ") == "import "
    sizes[0] = (20, 10)
    assert lines.feed("math\n") == "math\n"


@pytest.mark.parametrize("code", ["s = 'naïve 😀 中文'", "s = 1\t# tab", "s = 'e\u0301e\u0301e\u0301'"])
def test_what_terminals_may_count_differently_is_coloured_only_where_it_can_not_wrap(code: str) -> None:
    wide = fed(Screen(80, 10), [code[:6], code[6:], "\n"])
    narrow = Lines(Pen(Screen(12, 10).console()), CodeStyler(), lambda: (12, 10))
    assert "\r" in wide.raw
    assert [narrow.feed(code), narrow.feed("\n")] == [code, "\n"]


@given(
    st.lists(st.text(st.sampled_from("ab =\"'#\n(1f{}"), max_size=9), max_size=12),
    st.sampled_from([7, 20, 80]),
)
def test_the_screen_holds_the_text_once_however_it_was_cut(pieces: list[str], columns: int) -> None:
    text = "".join(pieces)
    screen = fed(Screen(columns, 60), pieces)
    once = fed(Screen(columns, 60), [text])
    assert screen.lines() == once.lines()


@pytest.mark.parametrize("more", [{"no_color": True}, {"force_terminal": False, "color_system": None}])
def test_without_colours_the_text_is_written_as_it_came(more: dict[str, object]) -> None:
    assert fed(Screen(40, 10), ["import ", "math\n", "x"], **more).raw == "import math\nx\n"


def test_a_dumb_terminal_gets_no_sequence() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, _environ={"TERM": "dumb"})
    assert Lines(Pen(console), CodeStyler(), lambda: (80, 24)).feed("import x\n") == "import x\n"


def test_one_style_everywhere_is_painted_at_once() -> None:
    screen = fed(Screen(40, 10), ["a", "b\nc", "d"], Plain("red"))
    assert screen.lines() == ["ab", "cd"]
    assert set(screen.colours("ab")) == {"red"}
    assert "\r" not in screen.raw


def drawn(screen: Screen, pieces: list[str], **console: object) -> tuple[list[str], Screen]:
    """The rows behind each piece of a section in which lines are drawn anew."""
    lines = Lines(
        Pen(screen.console(**console)), LogStyler(), lambda: (screen.columns, screen.rows), redraws=True
    )
    seen = []
    for piece in pieces:
        screen.write(lines.feed(piece))
        seen.append("|".join(screen.lines()))
    screen.write(lines.end())
    return seen, screen


@pytest.mark.parametrize("begin", ["", "\r"])
def test_a_line_that_is_drawn_anew_stays_one_line(begin: str) -> None:
    pieces = ["x\n", f"{begin}10% ####", "\r20%", " #", "\r", "100%", "\nend"]
    seen, screen = drawn(Screen(40, 10), pieces)
    assert seen[1:6] == ["x|10% ####", "x|20%", "x|20% #", "x|20% #", "x|100%"]
    assert screen.lines() == ["x", "100%", "end"]


@pytest.mark.parametrize("bar", ["#", "█", "😀", "e\u0301"])
@pytest.mark.parametrize("columns", [10, 20, 80])
def test_a_line_that_is_drawn_anew_never_wraps_and_is_whole_at_its_end(bar: str, columns: int) -> None:
    pieces = ["x\n", *(f"\r{n:3}% {bar * 30}" for n in range(0, 101, 10))]
    seen, screen = drawn(Screen(columns, 12), pieces)
    assert all(rows.count("|") == 1 for rows in seen[1:])
    assert seen[-1].startswith("x|100%")
    plain = Screen(columns, 12)
    plain.write(f"x\n{pieces[-1][1:]}\n")
    assert screen.lines() == plain.lines()


def test_a_first_drawing_that_wrapped_is_taken_away_whole() -> None:
    _, screen = drawn(Screen(20, 10), ["x\n", "#" * 50, "\rdone\n", "end\n"])
    assert screen.lines() == ["x", "done", "end"]


def test_in_a_window_that_was_resized_a_drawing_begins_on_a_new_line() -> None:
    sizes = [(40, 10)]
    screen = Screen(40, 10)
    lines = Lines(Pen(screen.console()), LogStyler(), lambda: sizes[0], redraws=True)
    screen.write(lines.feed("10%"))
    sizes[0] = (20, 10)
    screen.write(lines.feed("\r20%") + lines.feed("\r30%") + lines.end())
    assert screen.lines() == ["10%", "30%"]


@pytest.mark.parametrize("more", [{"no_color": True}, {"force_terminal": False}])
def test_where_the_cursor_can_not_be_moved_only_the_last_drawing_is_written(more: dict[str, object]) -> None:
    _, screen = drawn(Screen(40, 10), ["10%", "\r20%", "\r30%\n", "\r4", "0%"], **more)
    assert screen.raw == "30%\n40%\n"


def test_the_cursor_is_known_on_a_line_that_is_drawn_anew() -> None:
    lines = Lines(Pen(Screen(40, 10).console()), LogStyler(), lambda: (40, 10), redraws=True)
    lines.feed("\r10%\r5%")
    assert (lines.column(), lines.is_open) == (2, True)

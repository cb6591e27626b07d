"""Whatever comes, in whatever pieces, on whatever screen: nothing fails, nothing is lost, nothing is obeyed.

The strict terminal fails at any sequence that is not the renderer's, and where the cursor would leave the
screen: rows that may change never need more of them than it has.
"""

from __future__ import annotations

import io
import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from asstream.render.transcript import Transcript
from tests.render.markdown.glass import Glass
from tests.render.markdown.showing import SLOW, cut, shown, written

MARKUP = st.sampled_from(
    [
        *(
            "# ",
            "## ",
            "#",
            "- ",
            "* ",
            "+ ",
            "1. ",
            "2) ",
            "10. ",
            "> ",
            ">",
            "\n",
            "\n\n",
            "    ",
            "  ",
            "\t",
        ),
        *("```", "```python\n", "~~~", "````", "~~~ x y\n", "---", "===", "- - -", "***", "___"),
        *(
            "**",
            "*",
            "_",
            "__",
            "~~",
            "`",
            "``",
            "\\",
            "\\(",
            "\\)",
            "\\[",
            "$$",
            "<br>",
            "<b>",
            "&amp;",
            "&#27;",
        ),
        *(
            "[",
            "](",
            ")",
            "]",
            "(",
            "[a](http://x.y/z)",
            "[x.y](http://z.y)",
            "![pic](http://x.y/p.png)",
            "<",
        ),
        *(
            "https://a.b/c_d ",
            "https://a.b/(e) ",
            "| a | b |\n|---|:-:|\n",
            "| x | y |\n",
            "|-|\n",
            "a | b\n-|-\n",
        ),
        *("|", " | ", "\\|", "-", ":", "[ ] ", "[x] ", "  \n", "\\\n", "import os", "def f(): pass", '"""'),
        *(
            "日本語。",
            "（「引用」）",
            "é",
            "e\u0301",
            "😀",
            "⚠\ufe0f",
            "한국어",
            "word ",
            "x" * 30,
            "long" * 12,
        ),
    ]
)
MARK = re.compile(r"m\d\dz")
SIZES = st.sampled_from([(7, 3), (9, 4), (20, 5), (40, 10), (80, 24), (200, 50)])
BETWEEN = st.sampled_from([SLOW, 0.001])
HOSTILE = st.sampled_from(
    [
        *(
            "\x1b",
            "\x1b[31m",
            "\x1b[2J",
            "\x1b[",
            "31m",
            "\x1b]52;c;aGk=\x07",
            "\x1b]8;;http://evil\x1b\\",
            "\x1bP",
        ),
        *(
            "\x9b2J",
            "\x9d0;t\x9c",
            "\x90q",
            "\x07",
            "\b",
            "\r",
            "\r\n",
            "\x00",
            "\x7f",
            "\x85",
            "\u202e",
            "\u2066",
        ),
        *(
            "\ud83d",
            "\ude00",
            "\u2028",
            "\u200b",
            "\ufeff",
            "\x1b[?1049h",
            "\x1bc",
            "&#x1b;[2J",
            "&#155;",
            "&#x202e;",
        ),
        *(
            "[a](http://x/\x1b]0;t\x07)",
            "[a](http://x/%1b%5d)",
            "[a](<http://x/\u202ey z>)",
            "[a](http://x/\x9c)",
        ),
        *(
            "[a](http://x/&#27;\\&#7;)",
            "<http://x/\x07>",
            "http://x/\x1b[2J",
            "[a](javascript:x)",
            "[a](file:///e\n)",
        ),
        *(
            "```\x1b[2J\n",
            "| \x1b[2J | \x07 |\n|-|-|\n",
            "# \x1b]0;t\x07",
            "![\x1b[1m](\x1b)",
            "sandbox:/mnt/data/%1b",
        ),
    ]
)


@st.composite
def marked(draw: st.DrawFn) -> str:
    """Markup of all kinds, with marks in between, each of them once."""
    pieces = draw(st.lists(MARKUP, max_size=40))
    marks = draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces)))
    text = ""
    for number, (piece, mark) in enumerate(zip(pieces, marks, strict=True)):
        text += piece + (f"m{number:02}z" + (" " if number % 3 else "") if mark else "")
    return text


def pieces_of(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[begin:end] for begin, end in pairwise(edges)]


CUTS = st.lists(st.integers(0, 2000), max_size=12)


@given(marked(), CUTS, SIZES, BETWEEN)
def test_the_cut_makes_no_difference(
    text: str, cuts: list[int], size: tuple[int, int], between: float
) -> None:
    once = shown([text], *size)
    assert shown(pieces_of(text, cuts), *size, between).looks() == once.looks()


@given(marked(), SIZES, BETWEEN)
@example("one\nsecond line that is broken in rows | b\n-|-\n", (9, 4), SLOW)
def test_character_by_character_makes_no_difference(text: str, size: tuple[int, int], between: float) -> None:
    assert shown(list(text), *size, between).looks() == shown([text], *size).looks()


@given(marked(), CUTS, SIZES, BETWEEN)
def test_nothing_is_lost_and_nothing_is_shown_twice(
    text: str, cuts: list[int], size: tuple[int, int], between: float
) -> None:
    seen = re.sub(r"[\s▌]", "", "".join(shown(pieces_of(text, cuts), *size, between).lines()))
    marks = MARK.findall(text)
    found = MARK.findall(seen)
    if (
        "|" in text
    ):  # the rows of a cell stand beside those of the next; in lists, names stand again and again
        assert set(found) == set(marks)
    else:
        assert found == marks


@given(marked(), CUTS, SIZES, BETWEEN)
def test_only_code_is_ever_wider_than_the_screen(
    text: str, cuts: list[int], size: tuple[int, int], between: float
) -> None:
    text = re.sub(r"```|~~~|    |\t", "", text)
    assert shown(pieces_of(text, cuts), *size, between).broken == 0


LONG = {
    "emphasis that nothing closes": "*" + "word " * 700,
    "code that nothing closes": "`" + "word " * 700,
    "a link's text that nothing closes": "[" + "word " * 700,
    "a target that nothing closes": "[a](http://x.y/" + "z" * 3000,
    "a line of marks": "*_`[" * 400,
    "a formula that nothing closes": "\\[ x " * 300,
    "a row that nothing ends": "| a | b |\n|---|---|\n| " + "x " * 1500,
    "a head that is too long": "| " + "x " * 1500 + "|\n|---|\n| y |\n",
    "a rule that nothing ends": "- " * 1500,
    "number signs": "#" * 1200 + " x",
    "blanks": " " * 2500 + "x\n" + "a" + " " * 2500 + "b",
    "quotes in quotes": "> " * 40 + "x\n" + ">" * 40 + "y",
    "items in items": "".join("  " * n + f"- m{n}\n" for n in range(30)),
    "lines of one paragraph": "some *words* in a line\n" * 200,
    "a long line of code": "```python\nx = '" + "y" * 5000 + "'\n```\n",
    "backticks": "`" * 3000,
    "backslashes": "\\" * 3000,
    "bars": "|" * 3000 + "\n" + "|-" * 1500,
}


@pytest.mark.parametrize("size", [(20, 5), (80, 24)])
@pytest.mark.parametrize("name", LONG)
def test_what_has_no_end(name: str, size: tuple[int, int]) -> None:
    text = LONG[name]
    once = shown([text], *size).looks()
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    assert shown(pieces, *size).looks() == once
    assert shown(cut(text, 1), *size).looks() == shown(cut(text, 1100), *size).looks() == once


@given(st.text(), CUTS, SIZES)
def test_any_characters_at_all(text: str, cuts: list[int], size: tuple[int, int]) -> None:
    assert shown(pieces_of(text, cuts), *size).looks() == shown([text], *size).looks()


@given(marked(), CUTS, st.integers(1, 8), st.integers(1, 4))
def test_a_tiny_screen_is_no_reason_to_fail(text: str, cuts: list[int], columns: int, rows: int) -> None:
    assert list(written(pieces_of(text, cuts), columns, rows))


def transcribed(pieces: list[str], columns: int = 40, rows: int = 10) -> str:
    """What a transcript writes for the pieces of a reply."""
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, color_system="standard", width=columns, height=rows, _environ={}
    )
    transcript = Transcript(console, Console(file=io.StringIO()))
    transcript.open("reply", markdown=True)
    for piece in pieces:
        transcript.add(piece)
    transcript.close()
    return out.getvalue()


FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


@given(st.lists(HOSTILE | MARKUP | st.text(max_size=5), max_size=25).map("".join), CUTS)
@example("[a](http://x/\x1b]0;t\x07)", [])
@settings(deadline=None)  # the first one imports markdown-it-py
def test_nothing_that_a_model_says_is_obeyed(text: str, cuts: list[int]) -> None:
    raw = transcribed(pieces_of(text, cuts))
    assert FORBIDDEN.search(raw) is None
    glass = Glass(40, 10)
    glass.write(raw)  # fails at any sequence but ours
    for link in glass.links:
        assert re.match(r"(?:https?|mailto|file):[!-~]*\Z", link, re.IGNORECASE)


@pytest.mark.parametrize(
    "target", ["http://x/\x1b]0;t\x07", "http://x/\x9c\x07", "<http://x/&#27;\\\\ y>", "x\x07:y"]
)
def test_what_a_link_leads_to_carries_no_control_character(target: str) -> None:
    raw = transcribed([f"[a]({target}) and <{target}> and {target} and ![a]({target})"])
    assert FORBIDDEN.search(raw) is None
    Glass(40, 10).write(raw)


def test_what_stands_is_only_followed_where_nothing_changes() -> None:
    writes = list(written([f"word{n} " for n in range(10)], 80, 24))
    assert not any("\x1b" in text for text in writes)


def test_what_changes_is_drawn_forty_times_a_second_at_most() -> None:
    # Emphasis that opens and closes again and again changes what stands with each of its marks.
    pieces = list("| a | b |\n|---|---|\n" + "| *x* | **y** |\n" * 14)
    drawn = sum("\x1b[?2026h" in text or "\r" in text for text in written(pieces, 80, 24, 0.001))
    assert 0 < drawn <= len(pieces) * 0.001 * 40 + 2

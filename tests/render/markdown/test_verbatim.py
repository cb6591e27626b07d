"""Code stands in the scrollback as it was written: nothing padded, nothing broken, so that it can be copied.

What is written is compared, as tabs and blanks at a line's end can't be told from blanks on a screen.
"""

from __future__ import annotations

import re

import pytest

from tests.render.markdown.showing import FRAMES, by_words, pen, shown, written

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;;[^\x1b]*\x1b\\\\")
CODE = [
    "all:\tmain.o\tutil.o",
    "\t\ttabs before",
    "trailing blanks   ",
    "trailing tab\t",
    "",
    "",
    "    four before",
    "x = '" + "long line " * 30 + "'",
    "日本語 = 'é 😀'",
    "**not bold** `code` | a | b |",
    "# no heading",
    "> no quote",
    "- no item",
    "<b>&amp;</b> \\( x \\)",
]


def lines_written(text: str, pieces: list[str], columns: int = 40, rows: int = 10) -> list[str]:
    """The lines that were written, sequences left out; of a line that was written over, the last writing."""
    raw = SEQUENCE.sub("", "".join(written(pieces, columns, rows)))
    return [line.rpartition("\r")[2] for line in raw.split("\n")]


@pytest.mark.parametrize("language", ["", "python", "make", "markdown", "no-such-language"])
@pytest.mark.parametrize("prefix", ["", "> ", "   ", ">    "])
@pytest.mark.parametrize("cut", ["whole", "words", "characters"])
def test_in_fences_alone_and_in_quotes_and_lists(language: str, prefix: str, cut: str) -> None:
    begin = {"": "", "> ": "> quote\n", "   ": "1. item\n", ">    ": "> 1. item\n"}[prefix]
    fence = [f"```{language}", *CODE, "```"]
    text = begin + "".join(f"{prefix}{line}\n" for line in fence) + "\nAfter.\n"
    pieces = {"whole": [text], "words": by_words(text), "characters": list(text)}[cut]
    behind = prefix.replace("> ", "▌ ").replace(">", "▌")
    if prefix == ">    ":
        behind = "▌    "
    want = [behind + line for line in CODE]
    assert "\n".join(want) in "\n".join(lines_written(text, pieces))


def test_indented_code() -> None:
    text = "Text\n\n" + "".join(f"    {line}\n" if line else "\n" for line in CODE) + "\nAfter.\n"
    for pieces in ([text], list(text)):
        assert "\n".join(CODE) in "\n".join(lines_written(text, pieces))


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (20, 5), (200, 50)])
def test_a_line_longer_than_the_screen_is_broken_by_the_terminal_alone(columns: int, rows: int) -> None:
    line = "def f(): return '" + "x" * 300 + "'"
    text = f"```python\n{line}\n```\n"
    for pieces in ([text], by_words(text), list(text)):
        assert line in "".join(shown(pieces, columns, rows).lines())


def test_no_piece_of_code_waits() -> None:
    """Each piece is written at once, whatever the clock says."""
    pieces = ["```python\n", "imp", "ort ", "os", "\nx", " = 1"]
    seen = [SEQUENCE.sub("", text) for text in written(pieces, 80, 24, 0.01 / FRAMES)]
    assert seen[1:4] == ["imp", "ort ", "os"]
    assert pen().live


def test_the_colours_of_a_language_go_over_lines() -> None:
    looks = shown(['```python\ns = """a\nb\n"""\n```\n']).looks()
    assert looks == [
        "‹dim|── python ──›",
        's = ‹green|"""a›',
        "‹green|b›",
        '‹green|"""›',
        "‹dim|────────────›",
    ]

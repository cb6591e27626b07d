"""Nothing that a terminal would obey comes out, however the text is cut; nothing printable is lost."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.render.clean import Cleaner, clean, clean_line, escape_json

PIECES = st.sampled_from(
    [
        *(
            "\x1b",
            "[",
            "]",
            "31m",
            "\x1b[31m",
            "\x1b]52;c;aGk=\x07",
            "\x1b]8;;http://x\x1b\\",
            "\x1bP",
            "\x9b",
        ),
        *("\x9c", "\x90q", "\x1b(B", "\x07", "\r", "\n", "\t", "\x00", "\x7f", "\u202e", "\u2066"),
        *("\ud83d", "\ude00", "é", "ab"),
    ]
)
TEXTS = st.lists(PIECES | st.text(st.characters(), max_size=6), max_size=30).map("".join)
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

CASES = {
    "colour": ("a\x1b[1;31mb\x1b[0mc", "abc"),
    "link": ("\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"),
    "clipboard": ("a\x1b]52;c;aGk=\x07b", "ab"),
    "title with a C1 terminator": ("a\x9d0;title\x9cb", "ab"),
    "device control": ("a\x1bPq#0\x1b\\b", "ab"),
    "reset": ("a\x1bcb", "ab"),
    "charset": ("a\x1b(Bb", "ab"),
    "an endless title keeps its text": ("a\x1b]0;all the rest", "a]0;all the rest"),
    "a title cut off by a new line": ("a\x1b]0;x\ny\x07", "a]0;x\ny"),
    "a lone escape": ("a\x1b", "a"),
    "carriage returns": ("10%\r20%\r\nend\r", "10%\n20%\nend\n"),
    "backspaces": ("rm\b\b ok", "rm ok"),
    "override": ("a\u202egnp.exe", "agnp.exe"),
    "a pair in two halves": ("\ud83d\ude00", "😀"),
    "a lone half": ("a\ud83db", "a\ufffdb"),
    "right-to-left text": ("שלום\u200f עולם", "שלום\u200f עולם"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_it(name: str) -> None:
    dirty, cleaned = CASES[name]
    assert clean(dirty) == cleaned


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_same_character_by_character(name: str) -> None:
    dirty, cleaned = CASES[name]
    cleaner = Cleaner()
    assert "".join(map(cleaner.feed, dirty)) + cleaner.flush() == cleaned


@given(TEXTS)
def test_nothing_harmful_comes_out(text: str) -> None:
    assert not HARMFUL.search(clean(text))


@given(TEXTS, st.lists(st.integers(0, 200)), st.booleans())
def test_the_cut_makes_no_difference(text: str, cuts: list[int], returns: bool) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    cleaner, whole = Cleaner(returns=returns), Cleaner(returns=returns)
    pieces = [cleaner.feed(text[begin:end]) for begin, end in pairwise(edges)]
    assert not HARMFUL.search("".join(pieces).replace("\r", "" if returns else "\r"))
    assert "".join(pieces) + cleaner.flush() == whole.feed(text) + whole.flush()


@given(TEXTS)
def test_carriage_returns_stay_where_they_are_asked_for_and_nothing_else_does(text: str) -> None:
    cleaner = Cleaner(returns=True)
    kept = cleaner.feed(text) + cleaner.flush()
    assert not HARMFUL.search(kept.replace("\r", ""))
    assert len(kept.replace("\r", "\n").rstrip("\n")) == len(clean(text).rstrip("\n"))


def test_a_carriage_return_that_stays() -> None:
    cleaner = Cleaner(returns=True)
    assert cleaner.feed("1%\r2") + cleaner.feed("%\r\n3%\r") + cleaner.flush() == "1%\r2%\n3%"


@given(
    st.text(
        st.characters(
            exclude_categories=["Cs"], exclude_characters="\x1b\r" + "".join(map(chr, range(128, 160)))
        )
    )
)
def test_nothing_printable_is_lost(text: str) -> None:
    kept = [char for char in text if char in "\n\t" or not HARMFUL.match(char)]
    assert clean(text) == "".join(kept)


@given(
    st.text(st.characters(categories=["L", "N"]), min_size=1),
    st.sampled_from(["\x1b]0;", "\x1bP", "\x9d", "\x1b[1;2"]),
)
def test_a_sequence_that_never_ends_swallows_nothing(text: str, opener: str) -> None:
    assert clean(opener + "\n" + text).endswith("\n" + text)


def test_a_sequence_too_long_to_be_one_is_shown_and_not_held_back() -> None:
    cleaner = Cleaner()
    shown = "".join(cleaner.feed("x" * 100) for _ in range(5)) + cleaner.feed("\x1b]0;")
    shown += "".join(cleaner.feed("y" * 1000) for _ in range(10))
    assert len(shown) > 9000


@given(TEXTS)
def test_json_keeps_its_value_and_harms_nothing(text: str) -> None:
    line = escape_json(json.dumps({"x": text}, ensure_ascii=False))
    assert json.loads(line) == json.loads(json.dumps({"x": text}))
    assert not HARMFUL.search(line)
    line.encode()


@given(TEXTS)
def test_a_line_is_one_line(text: str) -> None:
    line = clean_line(text, 20)
    assert len(line) <= 20
    assert not any(unicodedata.category(char) == "Cc" for char in line)

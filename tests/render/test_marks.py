"""Marks for files come out as names, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.render.marks import LONGEST, Marks

CASES = {
    "[it](sandbox:/mnt/data/a.csv).": "[it](a.csv).",
    "see sandbox:/mnt/data/deep/b.png, or sandbox:/mnt/data/c": "see b.png, or c",
    "sandbox:/mnt/data/": "sandbox:/mnt/data/",
    "sandbox:/mnt/datum": "sandbox:/mnt/datum",
    "the sandbox: and s": "the sandbox: and s",
    "at sandbox:/mnt/data/x.csv.": "at x.csv.",
    "`sandbox:/mnt/data/x.csv`": "`x.csv`",
    "[it](sandbox:/mnt/data/a/b%20c%2C.txt).": "[it](b c,.txt).",
    "sandbox:/mnt/data/a%1b%5D0;t%07%0ab%2F%E2%80%AEc": "c",
    "sandbox:/mnt/data/a%1b%5B31m%0Ab%9b%ff": "a b\ufffd\ufffd",
    "sandbox:/mnt/data/%0a": "sandbox:/mnt/data/%0a",
    # In code too: no mark stays on the screen; who wants the code byte for byte copies it (/copy code).
    "```python\nopen('sandbox:/mnt/data/x.csv')  # 【4:0†a.txt】\n```": "```python\nopen('x.csv')  # ¹\n```",
}


@pytest.mark.parametrize("text", CASES)
def test_a_mark_is_a_name_however_it_is_cut(text: str) -> None:
    for cut in range(len(text) + 1):
        marks = Marks()
        assert marks.feed(text[:cut]) + marks.feed(text[cut:]) + marks.flush() == CASES[text]
    marks = Marks()
    assert "".join(map(marks.feed, text)) + marks.flush() == CASES[text]


@given(st.text(st.sampled_from("sandbox:/mt .x"), max_size=60).filter(lambda text: "/mnt/data/" not in text))
def test_what_is_no_mark_stays(text: str) -> None:
    marks = Marks()
    assert "".join(map(marks.feed, text)) + marks.flush() == text


def test_little_is_held_back() -> None:
    marks = Marks()
    assert marks.feed("plain text") == "plain text"
    endless = "sandbox:/mnt/data/" + "x" * LONGEST
    assert len(marks.feed(endless)) > 0


def test_a_citation_that_may_begin_inside_a_file_s_mark_does_not_cut_it() -> None:
    text = "sandbox:/mnt/data/【](【"
    cut = Marks(links=True)
    assert cut.feed(text[:20]) + cut.feed(text[20:]) + cut.flush() == Marks(links=True).all(text)

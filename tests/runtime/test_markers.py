"""Marks in streamed text: found wherever it is cut, and nothing else is touched."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.runtime.markers import FilePaths, Found, Mark, Marker, Pattern

NAMES = {
    "my file.csv": "file-1",
    "a.csv": "file-2",
    "a.csv.gz": "file-3",
    "p (1).png": "file-4",
    "表.csv": "file-5",
}
TEXTS = [
    ("no mark", []),
    ("[x](sandbox:/mnt/data/my file.csv)", ["my file.csv"]),
    ("[x](sandbox:/mnt/data/my%20file.csv)", ["my%20file.csv"]),
    ("see sandbox:/mnt/data/a.csv. Then", ["a.csv"]),
    ("sandbox:/mnt/data/a.csv", ["a.csv"]),
    ("sandbox:/mnt/data/a.csv.gz!", ["a.csv.gz"]),
    ("sandbox:/mnt/data/a.csv.zip", []),
    ("sandbox:/mnt/data/a.csvx", []),
    ("![](sandbox:/mnt/data/p (1).png)", ["p (1).png"]),
    ("sandbox:/mnt/data/no.csv and sandbox:/mnt/", []),
    ("sandbox:/mnt/sandbox:/mnt/data/a.csv, `sandbox:/mnt/data/a.csv`", ["a.csv", "a.csv"]),
    ("sandsandbox:/mnt/data/a.csv\n", []),
    ("sand sandbox:/mnt/data/a.csv\n", ["a.csv"]),
    ("文件sandbox:/mnt/data/a.csv。完", ["a.csv"]),
    ("文件：sandbox:/mnt/data/a.csv是新的", ["a.csv"]),
    ("😀sandbox:/mnt/data/表.csv，“sandbox:/mnt/data/a.csv”", ["表.csv", "a.csv"]),
    ("sandbox:/mnt/data/表.csv表", []),
]


def marked(pieces: list[str], *patterns: Pattern) -> list[str | Mark]:
    marker = Marker(*patterns)
    return [said for piece in pieces for said in marker.feed(piece)] + list(marker.end())


def text_of(said: list[str | Mark]) -> str:
    return "".join(each if isinstance(each, str) else each.text for each in said)


def marks(said: list[str | Mark]) -> list[str]:
    return [each.text.removeprefix("sandbox:/mnt/data/") for each in said if isinstance(each, Mark)]


@pytest.mark.parametrize(("text", "names"), TEXTS)
def test_a_link_to_a_file_is_found_wherever_the_text_is_cut(text: str, names: list[str]) -> None:
    for size in range(1, len(text) + 1):
        said = marked([text[at : at + size] for at in range(0, len(text), size)], FilePaths(NAMES))
        assert (text_of(said), marks(said)) == (text, names), size


def test_a_mark_says_which_file_it_is_of() -> None:
    [found] = marked(["sandbox:/mnt/data/a.csv"], FilePaths(NAMES))
    assert found == Mark("sandbox:/mnt/data/a.csv", "file_path", {"file_id": "file-2"})


def test_text_is_held_back_only_while_a_mark_may_be_coming() -> None:
    marker = Marker(FilePaths(NAMES))
    assert list(marker.feed("This is")) == ["This is"]
    assert list(marker.feed(" what s")) == [" what "]
    assert list(marker.feed("ea")) == ["sea"]
    assert list(marker.feed(" sandbox:/mnt/data/a")) == [" "]
    assert list(marker.feed("bc")) == ["sandbox:/mnt/data/abc"]
    assert list(marker.feed(" sandbox:/mnt/data/a.csv")) == [" "]
    assert [type(said) for said in marker.feed(")")] == [Mark, str]


class Citations:
    """`【…】`, as a search will have them: ends at a bracket, or is none after 20 characters."""

    start = "【"
    in_words = True

    def match(self, text: str, *, last: bool) -> Found:
        found = re.match("【[^【】]{1,20}】", text)
        if found:
            return Mark(found[0], "file_citation", {"file_id": "file-9"})
        return None if last or len(text) > 21 else "more"


@given(
    st.lists(
        st.text("sandbox:/mnt/data/a.csv【4】 )")
        | st.sampled_from([*NAMES, "sandbox:/mnt/data/", "【4:0†n】"])
    )
)
def test_no_text_is_lost_and_cuts_change_nothing(pieces: list[str]) -> None:
    patterns = (FilePaths(NAMES), Citations())
    whole, cut = marked(["".join(pieces)], *patterns), marked(pieces, *patterns)
    assert text_of(cut) == "".join(pieces)
    assert marks(cut) == marks(whole)
    assert all(said for said in cut)

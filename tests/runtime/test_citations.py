"""What a model writes of marks, whole, split and garbled, and what becomes of it."""

from __future__ import annotations

import logging

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asstream.runtime.citations import Citations, Cited, label, mark
from asstream.runtime.markers import Mark, Marker

KNOWN = {
    (0, 0): Cited("file-1", "notes.txt", "a"),
    (0, 1): Cited("file-2", "my [old] file.pdf", "b"),
    (4, 0): Cited("file-3", "favorite_foods.txt", "c"),
    (4, 1): Cited("file-1", "notes.txt", "d"),
}
FOODS = "【4:0†favorite_foods.txt】"


def said(*pieces: str) -> tuple[str, list[tuple[str, str]]]:
    """The text of pieces, and its marks with their files' ids."""
    marker = Marker(Citations(KNOWN), Citations(KNOWN, "["))
    told = [each for piece in pieces for each in marker.feed(piece)] + list(marker.end())
    text = "".join(each.text if isinstance(each, Mark) else each for each in told)
    return text, [(each.text, each.details["file_id"]) for each in told if isinstance(each, Mark)]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Cake【4:0†favorite_foods.txt】.", f"Cake{FOODS}."),
        ("Cake【4:0†source】.", f"Cake{FOODS}."),
        ("Cake【4:0】.", f"Cake{FOODS}."),
        ("Cake 【 4 ： 0 † favorite foods 】.", f"Cake {FOODS}."),
        ("Cake[4:0†favorite_foods.txt].", f"Cake{FOODS}."),
        ("Cake【4:0†favorite_foods.txt].", f"Cake{FOODS}."),
        ("Cake【4:0†favorite_foods.txt†L1-L3】.", f"Cake{FOODS}."),
        ("Cake【9:9†favorite_foods.txt】.", f"Cake{FOODS}."),
        ("Cake【†favorite_foods.txt】.", f"Cake{FOODS}."),
        ("Cake【4:0†favorite_foods.txt. More", f"Cake{FOODS}. More"),
        ("Cake【4:0†favorite_foods.txt", f"Cake{FOODS}"),
    ],
)
def test_what_can_be_understood_becomes_the_mark_as_it_should_be(written: str, shown: str) -> None:
    assert said(written) == (shown, [(FOODS, "file-3")])
    assert said(*written) == said(written)


def test_the_newest_search_has_a_name_that_several_have() -> None:
    assert said("x【7:7†notes.txt】") == ("x【4:1†notes.txt】", [("【4:1†notes.txt】", "file-1")])


def test_names_with_brackets_have_none_in_marks() -> None:
    assert label("my [old] file.pdf") == "my old file.pdf"
    assert said(mark((0, 1), "my [old] file.pdf")) == (
        "【0:1†my old file.pdf】",
        [("【0:1†my old file.pdf】", "file-2")],
    )
    assert label("【】") == "file"


def test_what_cites_nothing_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert said("Cake", "【9:9†no", "thing.txt】", " it is") == ("Cake it is", [])
    assert "nothing.txt" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "【注意】",
        "【12:30】开会",
        "a[0:1]",
        "x[4:0]y",
        "[1] and [a](b)",
        "【",
        "[4:",
        "【4:0",
        "【】[]",
        "f[1][2]",
    ],
)
def test_other_brackets_stay(text: str) -> None:
    assert said(*text) == said(text) == (text, [])


@example(["【", "†", "\n", "】"], None)
@example(["【4:0†", "notes.txt", "\n", "】"], None)
@given(st.lists(st.sampled_from([*"【】[]:†‡0 4a\n", "4:0†", "notes.txt", FOODS]), max_size=30), st.randoms())
def test_however_it_is_cut_the_same_is_said(parts: list[str], random: object) -> None:
    text = "".join(parts)
    assert said(text) == said(*parts) == said(*text)

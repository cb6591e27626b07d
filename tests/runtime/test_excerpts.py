"""What is shown of a passage: the part that answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.runtime.excerpts import excerpt, quote

LONG = """# The kettle

Fill it with fresh water and empty it in the evening. Water that stands overnight tastes stale.
Keep the lid closed while it heats: an open one confuses the switch.
Descale it every month, and whenever it has grown loud. Fill it with one part of vinegar and two parts of
water, bring that to the boil, let it stand for twenty minutes and rinse three times."""


@pytest.mark.parametrize(
    ("queries", "begins"),
    [
        (["When is descaling due?"], "… Descale it every month, and whenever it has grown loud. Fill"),
        (["the lid of the kettle", "open lid"], "… Keep the lid closed while it heats"),
        (["zebra"], "The kettle Fill it with fresh water"),
        ([], "The kettle Fill it with fresh water"),
    ],
)
def test_what_is_quoted_is_what_answers(queries: list[str], begins: str) -> None:
    quoted = quote(LONG, queries)
    assert quoted.startswith(begins)
    assert len(quoted) <= 204


@given(st.text(), st.lists(st.text(), max_size=3))
def test_a_quote_is_short_and_in_one_line(text: str, queries: list[str]) -> None:
    quoted = quote(text, queries)
    assert len(quoted) <= 204
    assert len(quoted.splitlines()) <= 1


def test_an_excerpt_stands_as_it_was_written_with_its_heading() -> None:
    text = f"{LONG}\n\n## Repairs\n\nThe seal of the lid is next:\nthe part has the number 4711.\n"
    repairs = "## Repairs\n\nThe seal of the lid is next:\nthe part has the number 4711."
    assert excerpt(text, ["seal part"], 80) == repairs
    assert excerpt(text, ["seal part"], 1000) == text
    assert excerpt(text, ["zebra"], 30) == "# The kettle\n\nFill it with fre"
    with_heading = "x " * 200 + "\n## Descaling\nDescale it every month." + " y" * 200
    assert excerpt(with_heading, ["descale"], 60).startswith("## Descaling\nDescale it every month.")


def test_a_quote_is_short_and_ends_with_a_word() -> None:
    assert quote("  a\n b ") == "a b"
    assert len(quote("word " * 100)) < 210
    assert quote("word " * 100).endswith("word …")


@given(st.text(), st.lists(st.text(), max_size=3), st.integers(1, 50))
def test_an_excerpt_is_a_part_of_its_text(text: str, queries: list[str], most: int) -> None:
    found = excerpt(text, queries, most)
    assert found in text
    assert len(found) <= most

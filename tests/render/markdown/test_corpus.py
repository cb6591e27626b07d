"""Replies of models look the same however they came: whole, by words, by characters, cut at every byte."""

from __future__ import annotations

import unicodedata

import pytest
from wcwidth import wcwidth

from tests.render.markdown.showing import CORPUS, SIZES, SLOW, by_words, cut, reply, shown, written
from tests.render.screens import Screen

FAST = 0.001
"""Seconds between pieces so that most frames are put off."""


def test_there_are_forty() -> None:
    assert len(CORPUS) == 40


def known(text: str) -> str:
    """A text without the characters behind which pyte loses the rest: without cells, and not joined by it."""
    return "".join(char for char in text if wcwidth(char) != 0 or unicodedata.combining(char))


def seen(pieces: list[str], columns: int, rows: int, between: float = SLOW) -> tuple[list[str], object]:
    """The rows in pyte, which is no work of ours, with its characters' looks."""
    screen = Screen(columns, rows)
    for text in written(pieces, columns, rows, between):
        screen.write(known(text))
    lines = screen.lines()
    return lines, screen.cells()[: len(lines)]


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("name", CORPUS)
def test_by_words_and_by_characters_as_in_one_piece(name: str, columns: int, rows: int) -> None:
    text = reply(name)
    once, glass = seen([text], columns, rows), shown([text], columns, rows)
    assert once[0] == [known(line) for line in glass.lines()]
    for pieces in (by_words(text), list(text)):
        assert seen(pieces, columns, rows) == once
        for between in (SLOW, FAST):
            assert shown(pieces, columns, rows, between).looks() == glass.looks()


@pytest.mark.parametrize("name", CORPUS)
def test_cut_at_every_byte_as_in_one_piece(name: str, every_cut: bool) -> None:
    """Each cut is tried at one of the sizes; at all of them, and in pyte too, with `--every-cut`.

    Without it a long reply is cut at some 700 places.
    """
    text = reply(name)
    looks = {size: shown([text], *size).looks() for size in SIZES}
    pytes = {size: seen([text], *size) for size in SIZES} if every_cut else {}
    places = range(1, len(text.encode()))
    for number, place in enumerate(places if every_cut else places[:: len(places) // 700 or 1]):
        pieces = cut(text, place)
        for size in SIZES if every_cut else [SIZES[number % 3]]:
            assert shown(pieces, *size).looks() == looks[size], f"cut at byte {place}, {size}"
            if every_cut:
                assert seen(pieces, *size) == pytes[size], f"cut at byte {place}, {size}"


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_only_code_is_wider_than_the_screen(name: str, columns: int, rows: int) -> None:
    text = reply(name)
    glass = shown(by_words(text), columns, rows)
    if not any(fence in text for fence in ("```", "~~~", "\n    ")):
        assert glass.broken == 0

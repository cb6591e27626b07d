"""The window is resized while a reply comes: each mark of it is on the screen once, in order."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from asstream.render.markdown.section import Markdown
from tests.render.markdown.glass import Glass
from tests.render.markdown.replies import KINDS, MARK, Author, deltas
from tests.render.markdown.showing import CORPUS, SLOW, pen, reply

SIZES = [(80, 24), (200, 50), (60, 30), (33, 40), (120, 24), (81, 24)]
WIDER = [(80, 24), (90, 24), (110, 24), (200, 50)]
LOW = [(80, 24), (40, 5), (60, 8), (33, 12)]
Size = tuple[int, int]


def resized(pieces: Sequence[str], size: Size, at: Callable[[int], Size | None], between: float) -> Glass:
    """The pieces on a terminal that is resized before those for which `at` has a size."""
    now = 0.0
    glass = Glass(*size)
    section = Markdown(pen(), lambda: size, lambda: now)
    for place, piece in enumerate(pieces):
        now += between
        if (other := at(place)) is not None:
            size = other
            glass.resize(*size)
        glass.write(section.feed(piece))
        if section.due() <= 0:
            glass.write(section.frame())
    glass.write(section.end())
    return glass


def three(pieces: Sequence[str], sizes: list[Size], seed: int) -> dict[int, Size]:
    chance = random.Random(seed)
    places = sorted(chance.sample(range(1, len(pieces)), 3))
    return dict(zip(places, chance.sample(sizes[1:], 3), strict=True))


def squeezed(lines: list[str]) -> str:
    return re.sub(r"[\s▌]", "", "".join(lines))


@pytest.mark.parametrize("between", [SLOW, 0.001])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_three_times_in_mid_stream(kind: str, seed: int, between: float) -> None:
    text = Author(seed).reply(kind, 3000)
    pieces = deltas(text)
    glass = resized(pieces, SIZES[seed % 2], three(pieces, SIZES, seed).get, between)
    found = MARK.findall(squeezed(glass.lines()))
    assert found == MARK.findall(text)


@pytest.mark.parametrize("kind", KINDS)
def test_at_every_piece_of_it(kind: str) -> None:
    text = Author(3).reply(kind, 600)
    pieces = deltas(text)
    for place in range(1, len(pieces)):
        glass = resized(pieces, (60, 30), {place: (37, 28)}.get, SLOW)
        assert MARK.findall(squeezed(glass.lines())) == MARK.findall(text), f"resized before piece {place}"


@pytest.mark.parametrize("between", [SLOW, 0.001])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_in_low_windows(kind: str, seed: int, between: float) -> None:
    text = Author(seed).reply(kind, 3000)
    pieces = deltas(text)
    glass = resized(pieces, LOW[0], three(pieces, LOW, seed).get, between)
    assert MARK.findall(squeezed(glass.lines())) == MARK.findall(text)


@pytest.mark.parametrize("between", [SLOW, 0.001])
@pytest.mark.parametrize("sizes", [WIDER, SIZES, LOW])
@pytest.mark.parametrize("seed", range(4))
def test_a_table_of_high_rows(seed: int, sizes: list[Size], between: float) -> None:
    """Its cells are broken, so its rows are laid out anew again and again: no mark comes twice or is lost.

    In a window that becomes narrower the terminal breaks what stands, marks too.
    """
    author = Author(seed)
    rows = (f"| {author.words(14)} | {author.mark()} | {author.words(20)} |\n" for _ in range(20))
    text = "| Name | Value | Note |\n|---|--:|---|\n" + "".join(rows) + "\nAfter the table.\n"
    pieces = deltas(text)
    places = sorted(three(pieces, sizes, seed).items())
    if sizes is WIDER:
        places = [(place, size) for (place, _), size in zip(places, WIDER[1:], strict=True)]
    glass = resized(pieces, sizes[0], dict(places).get, between)
    found = Counter(MARK.findall(" ".join(glass.lines())))
    assert max(found.values()) == 1
    assert sizes is not WIDER or set(found) == set(MARK.findall(text))


@pytest.mark.parametrize("place", range(40, 400, 40))
def test_lower_or_higher_alone_changes_nothing_of_how_it_looks(place: int) -> None:
    text = Author(2).reply("table", 300) + "\n" + Author(3).reply("mixed", 1500)
    pieces = deltas(text)
    still = resized(pieces, (80, 24), lambda _: None, SLOW)
    glass = resized(pieces, (80, 24), {place: (80, 40), place + 30: (80, 23)}.get, SLOW)
    assert glass.looks() == still.looks()


# Rows break long words where they end, lists in place of a table say its names again and again, and what was
# shown of a formula, a link's address or an entity before it was whole stays.
OTHERS = ("09", "10", "18", "21", "22", "26", "32", "36")


@pytest.mark.parametrize("name", [name for name in CORPUS if name[:2] not in OTHERS])
def test_no_word_is_torn_or_glued_to_the_next(name: str) -> None:
    pieces = deltas(reply(name))
    words = words_of(resized(pieces, (80, 24), lambda place: None, SLOW))
    for place in range(1, len(pieces), 3):
        glass = resized(pieces, (80, 24), {place: (81, 24)}.get, SLOW)
        assert not words - words_of(glass), f"resized before piece {place}"


def words_of(glass: Glass) -> Counter[str]:
    return Counter(re.findall(r"[A-Za-z]+", " ".join(glass.lines())))

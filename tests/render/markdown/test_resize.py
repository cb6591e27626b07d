"""The window is resized while a reply comes: each mark of it is on the screen once, in order.

What the screen has no room for while it may still change (a table of many high rows in a low window) is
written above what stands, and may come twice where the window is resized just then; it is never lost.
"""

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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_in_low_windows_nothing_is_lost(kind: str, seed: int) -> None:
    text = Author(seed).reply(kind, 3000)
    pieces = deltas(text)
    glass = resized(pieces, LOW[0], three(pieces, LOW, seed).get, SLOW)
    assert set(MARK.findall(squeezed(glass.lines()))) == set(MARK.findall(text))


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

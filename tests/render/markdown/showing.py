"""Text through the renderer, in any pieces, onto a strict terminal or pyte's; and the corpus of replies."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from asstream.render.clean import Cleaner
from asstream.render.markdown.section import FRAMES, Markdown
from asstream.render.pen import Pen
from tests.render.markdown.glass import Glass

SIZES = [(80, 24), (200, 50), (20, 5)]
CORPUS = {path.stem: path for path in sorted(Path(__file__).with_name("corpus").glob("*.md"))}
SLOW = 1.5 / FRAMES
"""Seconds between pieces so that each is drawn."""


def reply(name: str) -> str:
    """A reply of the corpus, its line ends as they are."""
    return CORPUS[name].read_bytes().decode()


def pen(*, links: bool = True) -> Pen:
    """A pen for a terminal with the sixteen colours, and links unless they are not wanted."""
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        _environ={"FORCE_HYPERLINK": str(int(links))},
    )
    return Pen(console)


def written(
    pieces: Iterable[str], columns: int, rows: int, between: float = SLOW, *, links: bool = True
) -> Iterator[str]:
    """What is written for each piece as it comes, and at the end; the clock goes on by `between` seconds."""
    now = 0.0
    section = Markdown(pen(links=links), lambda: (columns, rows), lambda: now)
    cleaner = Cleaner()
    for piece in pieces:
        now += between
        yield section.feed(cleaner.feed(piece)) + (section.frame() if section.due() <= 0 else "")
    yield section.feed(cleaner.flush()) + section.end()


def shown(
    pieces: Iterable[str], columns: int = 80, rows: int = 24, between: float = SLOW, *, links: bool = True
) -> Glass:
    """The pieces on a strict terminal."""
    glass = Glass(columns, rows)
    glass.write("".join(written(pieces, columns, rows, between, links=links)))
    return glass


def cut(text: str, *places: int) -> list[str]:
    """A text cut at places of its UTF-8, each piece decoded as it comes, halves of characters held back."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    data = text.encode()
    edges = [0, *places, len(data)]
    return [decoder.decode(data[begin:end]) for begin, end in pairwise(edges)]


def by_words(text: str) -> list[str]:
    """A text by its words, each with the blank before it, as models' tokens are."""
    pieces = text.split(" ")
    return [pieces[0], *(" " + piece for piece in pieces[1:])]

"""HTML as text: what a reader sees, a line for each block, headings as places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from asstream.search.chunks import Piece
from asstream.search.parsers.text import blocks, place_of

_UNSEEN: Final = frozenset({"script", "style", "template", "noscript", "svg", "math"})
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_CELLS: Final = frozenset({"td", "th"})
_BLOCKS: Final = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body br caption dd details div dl dt fieldset figcaption figure "
        "footer form header hr li main nav ol option p pre section summary table title tr ul",
    )
)
_SPACE: Final = re.compile(r"\s+")


def html(path: Path) -> Iterator[Piece]:
    """The text of an HTML file; a place is the headings above, outermost first."""
    return pieces_of(blocks(path))


def pieces_of(source: Iterator[str]) -> Iterator[Piece]:
    """The text of HTML that comes in blocks."""
    seen = _Seen()
    for block in source:
        seen.feed(block)
        yield from seen.take()
    seen.close()
    yield from seen.take()
    yield seen.rest()


class _Seen(HTMLParser):
    """Gathers what is seen, a piece for each stretch below a heading."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._done: list[Piece] = []
        self._line = ""
        self._lines: list[str] = []
        self._above: list[tuple[int, str]] = []
        self._hidden: list[str] = []
        self._kept = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that opens."""
        if tag in _UNSEEN:
            self._hidden.append(tag)
        elif tag in _HEADINGS:
            self._break()
            self._end_piece()
        elif tag in _BLOCKS:
            self._break()
        self._kept += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        """A tag that closes."""
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.pop()
        elif tag in _HEADINGS:
            self._heading(_HEADINGS[tag])
        elif tag in _CELLS:
            self._line += "\t"
        elif tag in _BLOCKS:
            self._break()
        self._kept = max(0, self._kept - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        """Text."""
        if self._hidden:
            return
        if self._kept:
            self._line += data
        else:
            text = _SPACE.sub(" ", data)
            self._line += text.lstrip() if self._line.endswith((" ", "\t")) or not self._line else text

    def take(self) -> Iterator[Piece]:
        """The pieces that are done; a long stretch is cut."""
        if len(self._lines) > 1000:
            self._end_piece()
        done, self._done = self._done, []
        yield from done

    def rest(self) -> Piece:
        """What is left at the end."""
        self._break()
        return Piece("".join(self._lines), place_of(self._above))

    def _heading(self, level: int) -> None:
        title = self._line.strip()
        if title:
            self._above = [each for each in self._above if each[0] < level] + [(level, title)]
        self._break()

    def _break(self) -> None:
        if line := self._line.rstrip():
            self._lines.append(line + "\n")
        self._line = ""

    def _end_piece(self) -> None:
        if self._lines:
            self._done.append(Piece("".join(self._lines), place_of(self._above)))
            self._lines = []

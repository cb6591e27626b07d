"""Markdown as a section of a transcript: text in, what to write out.

Rows are drawn at most `FRAMES` times a second where something that stands would change; what only follows is
written at once. Code is written as it is typed, and coloured line by line (`lines`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from asstream.render.code import styler_of
from asstream.render.lines import Lines, Size, Styler
from asstream.render.markdown.blocks import Blocks
from asstream.render.markdown.flow import Room
from asstream.render.markdown.page import Page
from asstream.render.markdown.runs import Highlight, Row, highlighted, text_of
from asstream.render.pen import Pen, Span

FRAMES = 40
"""Times a second that what stands is drawn anew."""


class Markdown:
    """One reply, which begins at the start of a line.

    Args:
        pen: paints, on a terminal whose cursor can be moved.
        size: asks for the screen's size.
        clock: seconds.
        highlight: styles of rows beyond Markdown's; code has its own.
    """

    def __init__(
        self,
        pen: Pen,
        size: Callable[[], Size],
        clock: Callable[[], float] = time.monotonic,
        *,
        highlight: Highlight | None = None,
    ) -> None:
        self._pen, self._size, self._clock, self._highlight = pen, size, clock, highlight
        self._screen = size()
        self._blocks = Blocks(self, self._room())
        self._page = Page(pen)
        self._final: list[Row] = []
        self._lines: Lines | None = None
        self._typed: list[str] = []
        self._prefix, self._at_start = "", True
        self._written: list[str] = []
        self._drawn_at = 0.0
        self._waits = False

    @property
    def is_open(self) -> bool:
        """Whether a row has begun and not ended."""
        if self._lines is not None:
            return self._lines.is_open
        return self._page.is_open or self._waits

    def column(self) -> int | None:
        """Where the cursor stands, from 0; None where that is not known."""
        if self._lines is not None:
            return self._lines.column()
        return self._page.column() if self._size() == self._screen else None

    def feed(self, text: str) -> str:
        """What to write for the next piece of text."""
        if self._size() != self._screen:
            self._resize()
        self._blocks.feed(text)
        if not self._waits or self.due() <= 0:
            self._draw()
        return self._taken()

    def due(self) -> float:
        """Seconds until `frame` has something to draw; infinite while it has nothing."""
        if not self._waits:
            return float("inf")
        return self._drawn_at + 1 / FRAMES - self._clock()

    def frame(self) -> str:
        """What to write so that all that came is shown."""
        if self._size() != self._screen:
            self._resize()
        self._draw(now=True)
        return self._taken()

    def end(self) -> str:
        """What to write so that all is finished."""
        if self._size() != self._screen:
            self._resize()
        self._blocks.finish()
        self._draw(now=True)
        return self._taken()

    # the sink of the blocks

    def rows(self, rows: list[Row]) -> None:
        self._final += self._styled(rows)

    def code_begins(self, language: str, prefix: Row) -> None:
        self._draw(now=True)
        styler = styler_of(language)
        before = text_of(prefix)
        self._prefix, self._at_start = before, True
        self._lines = Lines(self._pen, _Behind(prefix, styler) if before else styler, self._size)

    def code(self, text: str) -> None:
        self._typed.append(self._prefixed(text) if self._prefix else text)

    def code_ends(self) -> None:
        if self._lines is not None:
            self._type()
            self._written.append(self._lines.end())
            self._lines = None

    # drawing

    def _type(self) -> None:
        """Write the code that has come: whole lines at once, where they came so."""
        if self._lines is not None and self._typed:
            typed, self._typed = "".join(self._typed), []
            self._written.append(self._lines.feed(typed))

    def _prefixed(self, text: str) -> str:
        whole = text.endswith("\n")
        lines = text.removesuffix("\n").split("\n") if text != "\n" else [""]
        begun = [lines[0] if not self._at_start else self._prefix + lines[0]]
        begun += [self._prefix + line for line in lines[1:]]
        self._at_start = whole
        return "\n".join(begun) + ("\n" if whole else "")

    def _draw(self, *, now: bool = False) -> None:
        if self._lines is not None:
            self._type()
            return
        height = self._screen[1]
        live = self._styled(self._blocks.rows()[:height])  # no more of them are drawn
        written, follows = self._page.draw(self._final, live, height)
        if not follows:
            at = self._clock()
            if not now and at - self._drawn_at < 1 / FRAMES:
                self._waits = True
                return
            self._drawn_at = at
        self._page.drawn()
        self._final.clear()
        self._waits = False
        self._written.append(written)

    def _styled(self, rows: list[Row]) -> list[Row]:
        if self._highlight is None:
            return rows
        return [highlighted(row, self._highlight) for row in rows]

    def _resize(self) -> None:
        before, self._screen = self._screen, self._size()
        room = self._room()
        if self._screen[0] == before[0] and self._page.fits(room.rows):  # each row stands where it stood
            self._blocks.stretch(room)
            return
        if self._lines is None:
            self._written.append(self._page.leave(self._final, self._styled(self._blocks.rows())))
            self._final.clear()
            self._waits = False
        self._blocks.loosen(room)

    def _room(self) -> Room:
        """What the screen has for a text: the last cell of a row, and two rows, are left free."""
        columns, rows = self._screen
        return Room(columns - 1, max(rows - 2, 1), self._pen.links)

    def _taken(self) -> str:
        written, self._written = "".join(self._written), []
        return written


class _Behind:
    """Styles lines behind a prefix."""

    def __init__(self, prefix: Row, styler: Styler) -> None:
        self._prefix, self._styler = prefix, styler
        self._length = len(text_of(prefix))

    def line(self, text: str) -> list[Span]:
        return [*((run.text, run.style) for run in self._prefix), *self._styler.line(text[self._length :])]

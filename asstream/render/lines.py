"""Lines that come in pieces: the open one as it is typed, each finished one painted once.

Pure: text in, what to write out. A finished line is never touched again; the open line is plain until it
ends, and is then written over in place with the same characters in colour, so that nothing flickers. Where it
is not sure where the line stands on the screen (it is longer than the screen, its width is not known, the
window became wider or narrower) it stays plain.

A line that carriage returns draw anew stands on one row, cut to what surely fits, and is whole once it ends.
Where the cursor can't be moved nothing of it is written before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from asstream.render import widths
from asstream.render.pen import Pen, Span
from asstream.render.redraw import redrawn

Size = tuple[int, int]
"""Columns and rows."""


class Styler(Protocol):
    """Gives a finished line its colours; is given each line once, in order."""

    def line(self, text: str) -> list[Span]: ...


class Plain:
    """One style for every line."""

    def __init__(self, style: str = "") -> None:
        self.style = style

    def line(self, text: str) -> list[Span]:
        return [(text, self.style)]


class Lines:
    """The lines of one section, which begins at the start of a line.

    Args:
        pen: paints.
        styler: knows the colours.
        size: asks for the screen's size.
        redraws: whether there may be carriage returns in the text (and colours, so that lines are looked at).
    """

    def __init__(self, pen: Pen, styler: Styler, size: Callable[[], Size], *, redraws: bool = False) -> None:
        self._pen = pen
        self._styler = styler
        self._size = size
        self._open: list[str] = []
        """What stands of the open line on the screen."""
        self._drawn: tuple[str, bool] | None = None
        """The whole of an open line that is drawn anew, and whether what comes takes its place."""
        self._held = redraws and not pen.live
        self._begun = 0
        """The columns of the screen when the open line began."""
        # A style that is the same everywhere needs no second look at a line.
        self._everywhere = styler.style if isinstance(styler, Plain) else None

    @property
    def is_open(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._open) or self._drawn is not None

    def column(self) -> int | None:
        """Where the cursor stands, from 0; None where that is not known."""
        if not self._open:
            return 0
        columns, _ = self._size()
        standing = cells("".join(self._open)) if columns == self._begun else None
        # Behind a full row a terminal waits with the cursor on its last cell.
        return standing % columns or None if standing is not None else None

    def feed(self, text: str) -> str:
        """What to write for the next piece of text."""
        if self._everywhere is not None:
            return self._feed_plain(text)
        *finished, rest = text.split("\n")
        written = [self._finish(line) + "\n" for line in finished]
        if rest:
            written.append(self._go_on(rest))
        return "".join(written)

    def end(self) -> str:
        """What to write so that the open line is finished; nothing where none is open."""
        if not self.is_open:
            return ""
        if self._everywhere is not None:
            self._open.clear()
            return "\n"
        return self._finish("") + "\n"

    def _feed_plain(self, text: str) -> str:
        before, newline, rest = text.rpartition("\n")
        if newline:
            self._open.clear()
        if rest:
            if not self._open:
                self._begun = self._size()[0]
            self._open.append(rest)
        if not self._everywhere:
            return text
        painted = "".join(self._pen.paint(line, self._everywhere) + "\n" for line in before.split("\n"))
        return (painted if newline else "") + self._pen.paint(rest, self._everywhere)

    def _go_on(self, more: str) -> str:
        if self._drawn is None and "\r" not in more and not self._held:
            if not self._open:
                self._begun = self._size()[0]
            self._open.append(more)
            return more
        standing = "".join(self._open)
        line, returned = self._drawn = redrawn(*(self._drawn or (standing, False)), more)
        if self._held:
            return ""
        columns, _ = self._size()
        drawn = line if returned and line == standing else fitting(line, columns - 1)
        if drawn == standing:
            return ""
        written = self._erased(standing) + drawn
        self._open, self._begun = [drawn] if drawn else [], columns
        return written

    def _finish(self, more: str) -> str:
        if self._drawn is not None or "\r" in more or self._held:
            return self._finish_drawn(more)
        standing = "".join(self._open)
        self._open.clear()
        whole = standing + more
        painted = self._pen.line(self._styler.line(whole))
        if painted == whole:
            return more
        if not standing:
            self._begun = self._size()[0]
        # Also where it came whole: how it looks does not depend on how it came.
        if self._back(whole) is None:
            return more
        return (self._back(standing) or "") + painted if standing else painted

    def _finish_drawn(self, more: str) -> str:
        standing = "".join(self._open)
        line, _ = redrawn(*(self._drawn or (standing, False)), more)
        self._drawn = None
        self._open.clear()
        return self._erased(standing) + self._pen.line(self._styler.line(line))

    def _erased(self, standing: str) -> str:
        """What takes the open line away; where that is not sure it stays, and a new one begins."""
        if not standing:
            return ""
        back = self._back(standing)
        return "\n" if back is None else back + "\x1b[J"

    def _back(self, standing: str) -> str | None:
        """How the cursor comes back to the beginning of the open line; None where that is not sure."""
        columns, height = self._size()
        if not self._pen.live or columns != self._begun:
            return None
        wide = cells(standing)
        if wide is None:  # how wide does not matter as long as it stays on its row in any case
            return "\r" if most_cells(standing) <= columns else None
        rows = (wide - 1) // columns
        if rows >= height - 1:
            return None
        return "\r" + (f"\x1b[{rows}A" if rows else "")


def cells(text: str) -> int | None:
    """The cells that a text takes; None where terminals may disagree."""
    if text.isascii():
        return len(text) if text.isprintable() else None
    return widths.most_cells(text) if widths.sure(text) else None


def fitting(text: str, columns: int) -> str:
    """As much of the beginning of a text as no terminal gives more than so many cells."""
    text, taken = text[: max(columns, 0)], 0
    for place, char in enumerate(text):
        taken += most_cells(char)
        if taken > columns:
            return text[:place]
    return text


def most_cells(text: str) -> int:
    """The most cells that any terminal gives to a text (a tab has eight, a wide character two)."""
    return sum(8 if char == "\t" else 1 if char.isascii() else 2 for char in text)

"""Blocks of text as they stream: paragraphs and headings, in rows. Pure."""

from __future__ import annotations

import re

from asstream.render.markdown.flow import Flow, Room
from asstream.render.markdown.inline import Inline
from asstream.render.markdown.runs import Row
from asstream.render.markdown.starts import cells

HEADINGS = {1: "bold underline", 2: "bold", 3: "bold italic", 4: "italic", 5: "italic", 6: "dim italic"}
"""Level → style."""

HELD = 120
"""Characters of a line that may still become a heading or the head of a table by the line below it."""

_LONGEST_HEAD = 2000
_CLOSING = re.compile(r"(?:[ \t]+#*)?[ \t]*\Z")


class Paragraph:
    """Lines of text; what the model wrote as a line stays one.

    Args:
        room: of the screen.
        first: what stands before the first row.
        rest: what stands before all others.
    """

    def __init__(self, room: Room, first: Row = (), rest: Row = (), style: str = "") -> None:
        self._room, self._first, self._rest, self._style = room, first, rest, style
        self._inline = Inline(style, room.characters, room.links)
        self._flow = Flow(room.columns, first, rest)
        self._rows: list[Row] = []
        """Rows of lines before this one."""
        self._line = ""
        self._clean = True
        """Whether nothing of the lines before it goes on into this one."""
        self._only = True
        self._loose = False

    @property
    def underlines(self) -> bool:
        """Whether a line below may make a heading of it."""
        return self._only and len(self._line) <= HELD and not self._loose

    @property
    def columns(self) -> int:
        """How many columns its last line has as the head of a table; 0 where it is none."""
        return len(cells(self._line)) if "|" in self._line and self._may_be_head() else 0

    def feed(self, text: str) -> None:
        """More of the open line."""
        if len(self._line) <= _LONGEST_HEAD:
            self._line += text
        self._flow.push(self._inline.feed(text))

    def go_on(self) -> None:
        """Begin the next line."""
        self._flow.push(self._inline.feed("\n"))
        self._line, self._only = "", False
        self._clean = self._inline.settled
        if self._clean:
            self._loose = False
            self._flow.push(self._inline.force())
            self._rows += [*self._flow.settled(), *self._flow.rows()]
            self._flow = Flow(self._room.columns, self._rest, self._rest)

    def settled(self) -> list[Row]:
        """The rows that can't change any more, each once."""
        rows, self._rows = self._rows, []
        return rows if self._may_change() else rows + self._flow.settled()

    def rows(self) -> list[Row]:
        """The rows that may change."""
        if self._may_change():
            return self._flow.all_rows(self._inline.open())
        return self._flow.rows(() if self._loose else self._inline.open())

    def finish(self) -> list[Row]:
        """The rest of its rows, now that it has ended."""
        self._flow.push(self._inline.force())
        return [*self._rows, *self._flow.settled(), *self._flow.rows()]

    def as_heading(self, level: int) -> list[Row]:
        """The rows of the line as a heading."""
        heading = Paragraph(self._room, self._first, self._rest, HEADINGS[level])
        heading.feed(self._line)
        return heading.finish()

    def as_head(self) -> tuple[list[Row], list[str], Row, Row]:
        """The rows of the lines before the last, its cells as a table's head, and the table's prefixes."""
        return self._rows, cells(self._line), self._first if self._only else self._rest, self._rest

    def loosen(self, room: Room) -> None:
        """The window was resized, and all that it shows stands: go on behind it, from an unknown place."""
        if self._loose:  # nothing of the open piece was shown
            self._flow = self._flow.loosened(room.columns)
        else:
            self._flow = self._flow.loosened(room.columns, self._inline.open())
            self._inline.pass_over()
        self._room, self._clean, self._loose = room, False, True

    def _may_change(self) -> bool:
        return self.underlines or self._may_be_head()

    def _may_be_head(self) -> bool:
        if not self._clean or self._style:
            return False
        longest = min(_LONGEST_HEAD, self._room.characters)
        return len(self._line) <= (longest if "|" in self._line[:HELD] else HELD)


class Heading(Paragraph):
    """One line in a style of its own; number signs that close it are left out."""

    def __init__(self, room: Room, first: Row, rest: Row, level: int) -> None:
        super().__init__(room, first, rest, HEADINGS[level])
        self._closing = ""

    @property
    def underlines(self) -> bool:
        return False

    def feed(self, text: str) -> None:
        text = self._closing + text
        kept = _CLOSING.search(text)
        end = kept.start() if kept else len(text)
        self._closing = text[end:]
        super().feed(text[:end])

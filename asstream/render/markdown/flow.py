"""Runs of text laid out in rows: broken between words, and between the characters of scripts without blanks.

Pure. A row is never wider than the screen in any terminal (`widths`), so each is one row of the screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from asstream.render.markdown.runs import Row, Run, add, cells_of, trimmed
from asstream.render.widths import WIDE, most_cells

CLOSING = "、。，．・：；？！）」』】〉》〕〗〙ー々…”’"
OPENING = "（「『【〈《〔〖〘“‘"
"""What a row does not begin with, and does not end with."""
_PIECES = re.compile(
    rf"\n|[ \t]+|[{OPENING}]*[{WIDE}][{CLOSING}\u0300-\u036f\u3099\u309a]*|[^\s{WIDE}]+|\s", re.DOTALL
)
_HAS_WIDE = re.compile(rf"[{WIDE}]")
LEAST = 8
"""Cells that are left to the text, however deep the prefix."""
_FEWEST = 300
"""Characters that may change on the smallest screen."""


class Room(NamedTuple):
    """What a screen has for a text.

    Attributes:
        columns: cells of a row.
        rows: how many of them may change.
        links: whether a text may be a link; where it may not, addresses are shown.
    """

    columns: int
    rows: int
    links: bool = True

    @property
    def characters(self) -> int:
        """How many characters of a text surely have room, more or less: rows have blanks at their ends."""
        return max(self.columns * self.rows * 2 // 3, _FEWEST)


class Flow:
    """Rows of text under each other.

    Args:
        columns: the screen's.
        first: what stands before the first row.
        rest: what stands before all others.
        behind: cells of the first row that are taken by what does not belong to it; its first word goes on
            with what stands there.
    """

    def __init__(self, columns: int, first: Row = (), rest: Row = (), *, behind: int = 0) -> None:
        self._columns = max(columns, 1)
        self._prefix = end_of(rest, self._columns - LEAST)
        first = end_of(first, self._columns - LEAST)
        self._done: list[Row] = []
        self._row: list[Run] = list(first)
        self._begins = cells_of(first)
        self._width = self._begins + behind
        self._glued = behind > 0
        self._blank = Run("")
        self._breaks = 0
        self._in_word = False
        """Whether a word goes on with what comes: it was too long to be waited for."""

    def loosened(self, columns: int, tail: Iterable[Run] = ()) -> Flow:
        """What goes on behind the last row and a text that stands behind it, on a screen that was resized."""
        standing = self._with(tail)
        flow = Flow(columns, (), self._prefix, behind=standing._width % max(columns, 1))
        flow._blank, flow._breaks = standing._blank, standing._breaks
        return flow

    def push(self, runs: Iterable[Run]) -> None:
        """Lay out runs; their last word is whole, or longer than a row."""
        word: list[Run] = []
        wide = 0
        for run in runs:
            for piece in _PIECES.findall(run.text):
                cells = most_cells(piece)
                if piece[0] in " \t\n":
                    self._place(word, wide)
                    word, wide = [], 0
                    self._space(run._replace(text=piece.replace("\t", " ")))
                elif cells > len(piece) or (len(piece) == 1 and cells == 2):
                    self._place(word, wide)
                    self._place([run._replace(text=piece)], cells)
                    self._in_word = False
                    word, wide = [], 0
                else:
                    add(word, run._replace(text=piece))
                    wide += cells
        self._place(word, wide)

    def settled(self) -> list[Row]:
        """The rows that are full, each once."""
        done, self._done = self._done, []
        return done

    def all_rows(self, tail: Iterable[Run] = ()) -> list[Row]:
        """All rows that were not settled, and those that a text behind them would need."""
        return [*self._done, *self.rows(tail)]

    def rows(self, tail: Iterable[Run] = ()) -> list[Row]:
        """The last row, and those that a text behind it would need."""
        copy = self._with(tail)
        return [*copy._done, trimmed(copy._row)]

    def _with(self, tail: Iterable[Run]) -> Flow:
        copy = Flow.__new__(Flow)
        copy.__dict__.update(self.__dict__, _done=[], _row=list(self._row))
        copy.push(tail)
        return copy

    def _space(self, run: Run) -> None:
        self._in_word = False
        if run.text == "\n":
            self._breaks += 1
            self._blank = Run("")
        elif not self._breaks:
            self._blank = run

    def _place(self, word: list[Run], wide: int) -> None:
        if not word:
            return
        for _ in range(self._breaks):
            self._next_row()
        self._breaks = 0
        blank, self._blank = self._blank, Run("")
        if self._glued and not blank.text:
            self._glued = False
            for run in word:
                add(self._row, run)
            self._width = (self._width + wide) % self._columns
            return
        self._glued = False
        goes_on, self._in_word = self._in_word, True
        if self._width > self._begins and not goes_on:
            if self._width + len(blank.text) + wide <= self._columns:
                add(self._row, blank)
                self._width += len(blank.text)
            else:
                self._next_row()
        if self._width + wide > self._columns:
            self._place_long(word)
            return
        for run in word:
            add(self._row, run)
        self._width += wide

    def _place_long(self, word: list[Run]) -> None:
        """A word that is longer than a row: broken where the row ends."""
        for run in word:
            if run.text.isascii():
                text = run.text
                while text:
                    room = self._columns - self._width
                    if room <= 0:
                        self._next_row()
                        continue
                    add(self._row, run._replace(text=text[:room]))
                    self._width += len(text[:room])
                    text = text[room:]
                continue
            for char in run.text:
                wide = most_cells(char)
                if self._width + wide > self._columns and self._width > self._begins:
                    self._next_row()
                add(self._row, run._replace(text=char))
                self._width += wide

    def _next_row(self) -> None:
        self._done.append(trimmed(self._row))
        self._row = list(self._prefix)
        self._width = self._begins = cells_of(self._prefix)


def longest_word(text: str) -> int:
    """The cells of the longest piece of a text that is not broken where it has room."""
    return max(map(most_cells, _PIECES.findall(text)), default=0)


def end_of(prefix: Row, columns: int) -> Row:
    """The end of a prefix: as much of it as has room in so many cells."""
    kept: list[Run] = []
    room = max(columns, 0)
    for run in reversed(prefix):
        text = run.text[-room:] if room else ""
        kept.append(run._replace(text=text))
        room -= min(most_cells(text), room)
    return tuple(run for run in reversed(kept) if run.text)

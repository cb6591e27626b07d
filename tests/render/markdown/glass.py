"""A terminal that is strict: it knows what the renderer may write, and fails at anything else.

Unlike pyte it also shows dim text and where links lead, fails where the cursor would leave the screen's top
(a real terminal stops it there, and what follows is written over the wrong rows), and counts rows that it had
to break itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from wcwidth import wcwidth


class Cell(NamedTuple):
    """One cell: its character (empty behind a wide one), how it looks, where it leads."""

    text: str = " "
    style: str = ""
    href: str = ""


_BLANK = Cell()
_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)|(?P<newline>\n)|(?P<return>\r)|(?P<tab>\t)"
    r"|\x1b\[(?P<sgr>[0-9;]*)m|\x1b\[(?P<up>[1-9][0-9]*)?A|\x1b\[(?P<column>[1-9][0-9]*)G"
    r"|\x1b\[(?P<erase>K)|\x1b\[(?P<below>J)|\x1b\[\?2026(?P<sync>[hl])"
    r"|\x1b\]8;;(?P<href>[!-~]*)\x1b\\"
)
_NAMES = {"1": "bold", "2": "dim", "3": "italic", "4": "underline", "9": "strike"}
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


@lru_cache
def _style(codes: str) -> str:
    names = []
    for code in codes.split(";"):
        if code in _NAMES:
            names.append(_NAMES[code])
        elif code not in ("", "0"):
            assert code[0] == "3" and code[1:].isdigit(), f"an unknown style: {codes}"
            names.append(_COLOURS[int(code[1:])])
    return " ".join(names)


_width = lru_cache(4096)(wcwidth)


class Glass:
    """A terminal of so many columns and rows, with all that was scrolled off it.

    Attributes:
        broken: rows that were too long and went on in the next.
        links: where links led, in the order in which they were written.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._lines: list[list[Cell]] = [[]]
        self._go_on: set[int] = set()
        """The rows that go on with the text of the row before."""
        self._row = self._column = 0
        self._style = self._href = ""
        self._synchronized = False
        self.broken = 0
        self.links: list[str] = []
        self._obey: dict[str, Callable[[str], None]] = {
            "text": self._text,
            "newline": self._newline,
            "return": self._return,
            "tab": self._tab,
            "sgr": self._paint,
            "up": self._up,
            "column": self._go,
            "erase": self._erase,
            "below": self._erase_below,
            "sync": self._synchronize,
            "href": self._lead,
        }

    def write(self, text: str) -> None:
        """Show what a program writes. Fails at what no renderer of ours may write."""
        at = 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            assert token is not None, f"no terminal should be told {text[at : at + 20]!r}"
            at = token.end()
            kind = token.lastgroup or "up"
            self._obey[kind](token[kind] or "1" if kind == "up" else token[kind])

    # what is written

    def _text(self, text: str) -> None:
        if text.isascii() and self._column + len(text) <= self.columns:
            self._put([Cell(char, self._style, self._href) for char in text])
            return
        for char in text:
            width = _width(char)
            if width <= 0:
                self._join(char)
                continue
            if self._column + width > self.columns:
                self.broken += 1
                self._newline("")
                self._go_on.add(id(self._lines[self._row]))
            self._put(
                [Cell(char, self._style, self._href), *[Cell("", self._style, self._href)] * (width - 1)]
            )

    def _put(self, cells: list[Cell]) -> None:
        line = self._lines[self._row]
        if len(line) < self._column:
            line += [_BLANK] * (self._column - len(line))
        line[self._column : self._column + len(cells)] = cells
        self._column += len(cells)

    def _join(self, char: str) -> None:
        """A mark on the character before it."""
        line = self._lines[self._row]
        place = self._column - 1
        while place > 0 and not line[place].text:
            place -= 1
        if 0 <= place < len(line):
            line[place] = line[place]._replace(text=line[place].text + char)

    def _newline(self, _: str) -> None:
        self._row += 1
        self._column = 0
        if self._row == len(self._lines):
            self._lines.append([])

    def _return(self, _: str) -> None:
        self._column = 0

    def _tab(self, _: str) -> None:
        self._column = min(self._column + 8 - self._column % 8, self.columns - 1)

    def _paint(self, codes: str) -> None:
        self._style = _style(codes)

    def _up(self, rows: str) -> None:
        top = max(len(self._lines) - self.rows, 0)
        assert self._row - int(rows) >= top, "the cursor would leave the screen"
        self._row -= int(rows)

    def _go(self, column: str) -> None:
        assert int(column) <= self.columns, "the cursor would leave the row"
        self._column = int(column) - 1

    def _erase(self, _: str) -> None:
        del self._lines[self._row][self._column :]

    def _erase_below(self, _: str) -> None:
        self._erase("")
        for line in self._lines[self._row + 1 :]:
            line.clear()

    def _synchronize(self, state: str) -> None:
        assert (state == "h") != self._synchronized, "what is shown at once does not begin and end in turns"
        self._synchronized = state == "h"

    def _lead(self, href: str) -> None:
        self._href = href
        if href:
            self.links.append(href)

    def resize(self, columns: int, rows: int) -> None:
        """Break the rows anew, as terminals do; the cursor stays with its character."""
        texts: list[list[Cell]] = []
        for number, line in enumerate(self._lines):
            if id(line) not in self._go_on or not texts:
                texts.append([])
            if number == self._row:
                cursor = len(texts) - 1, len(texts[-1]) + self._column
            texts[-1] += line
        self.columns, self.rows = columns, rows
        self._lines, self._go_on = [], set()
        for number, text in enumerate(texts):
            pieces = _broken(text, columns)
            if number == cursor[0]:
                behind = min(cursor[1], len(text))
                starts = [sum(map(len, pieces[:n])) for n in range(len(pieces))]
                row = max(n for n, start in enumerate(starts) if start <= behind)
                self._row, self._column = len(self._lines) + row, min(behind - starts[row], columns)
            self._lines += pieces
            self._go_on |= set(map(id, pieces[1:]))

    # what is seen

    def lines(self) -> list[str]:
        """All rows, without trailing blanks and without empty rows at the end."""
        return _trimmed(["".join(cell.text for cell in line).rstrip() for line in self._lines])

    def looks(self) -> list[str]:
        """As `lines`, with styles and links: `‹bold|text›`, `‹underline→https://x|text›`."""
        return _trimmed([_look(line) for line in self._lines])


def _broken(text: list[Cell], columns: int) -> list[list[Cell]]:
    pieces: list[list[Cell]] = [[]]
    for place, cell in enumerate(text):
        wide = 2 if place + 1 < len(text) and not text[place + 1].text else 1
        if cell.text and len(pieces[-1]) + wide > columns:
            pieces.append([])
        pieces[-1].append(cell)
    return pieces


def _look(line: list[Cell]) -> str:
    shown, look = "", ("", "")
    for text, style, href in _without_blanks(line):
        if (style, href) != look:
            shown += "›" if any(look) else ""
            shown += f"‹{style}{'→' + href if href else ''}|" if style or href else ""
            look = (style, href)
        shown += text
    return shown + ("›" if any(look) else "")


def _without_blanks(line: list[Cell]) -> list[Cell]:
    length = len(line)
    while length and line[length - 1].text == " ":
        length -= 1
    return line[:length]


def _trimmed(rows: list[str]) -> list[str]:
    while rows and not rows[-1]:
        rows.pop()
    return rows

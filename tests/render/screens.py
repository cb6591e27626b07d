"""A terminal in memory: what a person sees of a Rich console's output (pyte), scrollback too."""

from __future__ import annotations

import io
from typing import Any

import pyte
from rich.console import Console


class Screen(io.StringIO):
    """A file that a console writes to, shown on a screen of so many columns and rows.

    Attributes:
        raw: everything that was written.
    """

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.columns, self.rows = columns, rows
        self.raw = ""
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._stream = pyte.Stream(self._screen)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.raw += text
        self._stream.feed(text.replace("\n", "\r\n"))
        return len(text)

    def console(self, **more: Any) -> Console:
        """A console that writes here."""
        settings = {"force_terminal": True, "color_system": "standard", "legacy_windows": False}
        settings |= {"_environ": {"FORCE_HYPERLINK": "1"}} | more
        return Console(file=self, width=self.columns, height=self.rows, **settings)

    def cells(self) -> list[list[Any]]:
        """All rows, scrolled off ones first, each a list of pyte's characters."""
        past = [*self._screen.history.top]
        now = [self._screen.buffer[row] for row in range(self.rows)]
        return [[row[column] for column in range(self.columns)] for row in [*past, *now]]

    def lines(self) -> list[str]:
        """All rows as text, without trailing blanks and without empty rows at the end."""
        rows = ["".join(cell.data for cell in row).rstrip() for row in self.cells()]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def whole(self) -> str:
        """All rows as one text, rows that were full joined with the next."""
        text = ""
        for row in self.cells():
            line = "".join(cell.data for cell in row)
            text += line if len(line.rstrip()) == self.columns else line.rstrip() + "\n"
        return text.rstrip("\n")

    def colours(self, line: str) -> list[str]:
        """The colour of each character of the row that reads so."""
        for row in self.cells():
            if "".join(cell.data for cell in row).rstrip() == line:
                return [cell.fg for cell in row][: len(line)]
        raise AssertionError(f"no row reads {line!r}: {self.lines()}")

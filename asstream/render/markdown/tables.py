"""Tables as they stream: laid out anew with each row until their columns are settled, then by rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from asstream.render.markdown.flow import Flow, Room, longest_word
from asstream.render.markdown.inline import Inline, read
from asstream.render.markdown.runs import Row, Run, add, cells_of, text_of, trimmed
from asstream.render.markdown.starts import cells
from asstream.render.widths import most_cells

MEASURED = 16
"""Rows after which columns keep their widths: what follows stands at once, whatever it holds."""

_TYPED = 4
"""Rows of the screen that are left to the row that is typed; a table higher than the rest is settled."""

_READABLE = 10
"""Cells that a column keeps at least, so far as it needs them."""
_LONGEST_WORD = 16
"""Cells up to which a column keeps the longest of its words whole."""
_BETWEEN = Run(" │ ", "dim")
_CROSS = "─┼─"


class Table:
    """A table: `feed` the text of its open row, `end_row` where the row ends.

    Attributes:
        bare: no bar begins its rows, so any line of text is one.

    Args:
        room: of the screen.
        head: the cells of the first row.
        rule: the row below it, which says how columns are aligned.
        first: what stands before the first row.
        rest: what stands before all others.
    """

    def __init__(self, room: Room, head: Sequence[str], rule: str, first: Row = (), rest: Row = ()) -> None:
        self._first, self._rest = first, rest
        self._room = room
        self.bare = "|" in rule and not rule.startswith("|")
        self._alignments = [_alignment(cell) for cell in cells(rule)]
        self._body: list[list[list[Run]]] = [[read(cell, "bold", room.links) for cell in head]]
        """Rows that may still change."""
        self._widths: list[int] | None = None
        self._done: list[Row] = []
        self._standing: list[Row] | None = None
        """Those rows as they are laid out by now."""
        self._open = ""
        self._inline, self._flow = self._begun()
        """The open row, as it is typed."""
        self._measured = 0
        self._loose: Flow | None = None
        self._placed = False
        """Whether its first row stands for good."""
        self._names: list[list[Run]] = self._body[0]

    def feed(self, text: str) -> None:
        """More of the open row."""
        if self._loose is not None:
            self._loose.push(self._inline.feed(text))
        else:
            self._open += text
            self._flow.push(self._inline.feed(text))

    def end_row(self) -> None:
        """The open row is whole."""
        if self._loose is not None:
            self._loose.push(self._inline.force())
            self._done += [*self._loose.settled(), *self._loose.rows()]
            self._loose = None
            self._inline, self._flow = self._begun()
            return
        count = len(self._alignments)
        texts = cells(self._open)
        texts[count - 1 :] = [" | ".join(texts[count - 1 :])]  # cells that no column is left for are not lost
        row = [read(cell, "", self._room.links) for cell in texts]
        self._open, self._standing = "", None
        self._inline, self._flow = self._begun()
        self._body.append(row + [[] for _ in range(count - len(row))])
        self._measured += 1
        high = self._widths is None and len(self._stood()) + _TYPED > self._room.rows
        if high or self._widths is not None or self._measured >= MEASURED:
            self._settle()

    def settled(self) -> list[Row]:
        """The rows of the screen that can't change any more, each once."""
        done, self._done = self._done, []
        return done

    def rows(self) -> list[Row]:
        """The rows of the screen that may change."""
        if self._loose is not None:
            return self._loose.all_rows()
        return [*self._stood(), *self._typed()]

    def finish(self) -> list[Row]:
        """The rest of its rows, now that it has ended."""
        if self._open or self._loose is not None:
            self.end_row()
        self._settle()
        return self._done

    def loosen(self, room: Room) -> None:
        """The window was resized, and all that it shows stands: go on behind it, from an unknown place."""
        typed = self._typed()
        if self._body and not typed:
            self._done.append(())  # ends the row that stands
        self._body.clear()
        self._standing = None
        self._room, self._widths, self._measured = room, None, 0
        if self._loose is not None:
            self._loose = self._loose.loosened(room.columns)
        elif typed:
            self._open = ""
            self._loose = self._flow.loosened(room.columns, self._inline.open())
            self._inline.pass_over()
        else:
            self._inline, self._flow = self._begun()
        self._placed = True

    def stretch(self, room: Room) -> None:
        """The window became higher or lower."""
        self._room = room

    def _settle(self) -> None:
        self._widths = self._widths if self._widths is not None else self._measure()
        self._done += self._laid_out(self._widths)
        self._body.clear()
        self._standing = None
        self._placed = True

    def _stood(self) -> list[Row]:
        """The whole rows that may still change, as they are laid out by now."""
        if self._standing is None:
            self._standing = self._laid_out(self._widths if self._widths is not None else self._measure())
        return self._standing

    def _typed(self) -> list[Row]:
        """The open row as it is typed."""
        return self._flow.all_rows(self._inline.open()) if self._open else []

    def _begun(self) -> tuple[Inline, Flow]:
        return Inline("dim", self._room.characters, self._room.links), Flow(
            self._room.columns, self._rest, self._rest
        )

    # layout

    def _measure(self) -> list[int]:
        """The widths of the columns: as their widest cells, the widest narrowed until all fit.

        Empty where some could not be read then: rows are shown as lists.
        """
        count = len(self._alignments)
        columns = [[text_of(row[n]) for row in self._body] for n in range(count)]
        widths = [max(map(_widest, column), default=1) or 1 for column in columns]
        words = (min(max(map(longest_word, column), default=1), _LONGEST_WORD) for column in columns)
        least = [min(width, max(word, _READABLE)) for width, word in zip(widths, words, strict=True)]
        room = self._room.columns - cells_of(self._rest) - len(_BETWEEN.text) * (count - 1)
        if sum(least) > room:
            return []
        while (over := sum(widths) - room) > 0:
            open_to = [n for n in range(count) if widths[n] > least[n]]
            widest = max(open_to, key=widths.__getitem__)
            second = max((widths[n] for n in open_to if n != widest), default=0)
            widths[widest] = max(widths[widest] - over, min(second, widths[widest] - 1), least[widest])
        return widths

    def _laid_out(self, widths: list[int]) -> list[Row]:
        rows = self._in_columns(widths) if widths else self._as_lists()
        first = self._rest if self._placed else self._first
        return [trimmed((*(self._rest if n else first), *row)) for n, row in enumerate(rows)]

    def _in_columns(self, widths: list[int]) -> list[list[Run]]:
        rows: list[list[Run]] = []
        for number, row in enumerate(self._body):
            rows += self._row(row, widths)
            if number == 0 and not self._placed:
                rows.append([Run(_CROSS.join("─" * width for width in widths), "dim")])
        return rows

    def _row(self, row: list[list[Run]], widths: list[int]) -> list[list[Run]]:
        """A row of the table: as many of the screen as its fullest cell needs."""
        columns = []
        for cell, width in zip(row, widths, strict=True):
            flow = Flow(width)
            flow.push(cell)
            columns.append([*flow.settled(), *flow.rows()])
        rows = []
        for number in range(max(map(len, columns))):
            line: list[Run] = []
            for place, (column, width) in enumerate(zip(columns, widths, strict=True)):
                if place:
                    add(line, _BETWEEN)
                text = column[number] if number < len(column) else ()
                before, behind = _padding(self._alignments[place], width - cells_of(text))
                for run in (Run(" " * before), *text, Run(" " * behind)):
                    add(line, run)
            rows.append(line)
        return rows

    def _as_lists(self) -> list[list[Run]]:
        """Where the screen is too narrow for the columns: a line for each cell, below its column's name."""
        rows: list[list[Run]] = []
        for number, row in enumerate(self._body):
            if number == 0 and not self._placed:
                if len(self._body) == 1:  # no row says the names
                    rows += self._lines_of([cell for name in row for cell in (*name, Run("\n"))])
                continue
            if number > 1 or self._placed:
                rows.append([])
            for name, cell in zip(self._names, row, strict=True):
                if name or cell:
                    rows += self._lines_of([*name, Run(": ", "dim"), *cell] if name else cell)
        return rows

    def _lines_of(self, runs: Sequence[Run]) -> list[list[Run]]:
        flow = Flow(self._room.columns - cells_of(self._rest), (), (Run("  "),))
        flow.push(runs)
        return [list(row) for row in (*flow.settled(), *flow.rows())]


def _alignment(rule: str) -> str:
    left, right = rule.startswith(":"), rule.endswith(":")
    return "center" if left and right else "right" if right else "left"


def _padding(alignment: str, room: int) -> tuple[int, int]:
    """The blanks before and behind a text."""
    room = max(room, 0)
    before = {"left": 0, "right": room, "center": room // 2}[alignment]
    return before, room - before


def _widest(cell: str) -> int:
    """The cells of the longest line of a cell."""
    return max(map(most_cells, cell.split("\n")), default=0)

"""The rows at the end of the screen that may still change, and what to write so that they look as they do.

Pure: rows in, escape sequences out. A row that is final is written once and never touched again; rows that
the screen has no room for wait above it, unwritten, until they are final. The cursor stands behind the last
row, or at the beginning of the next one when no row is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asstream.render.markdown.runs import Row, Run, alike, behind, cells_of, text_of
from asstream.render.pen import Pen
from asstream.render.widths import most_cells, sure

SYNCHRONIZED = ("\x1b[?2026h", "\x1b[?2026l")
"""Around what changes several rows: terminals show it at once; those that do not know it ignore it."""


_BETWEEN = " \n|│─┼"


class Page:
    """The end of the screen. Rows must be narrower than it.

    Args:
        pen: paints.
    """

    def __init__(self, pen: Pen) -> None:
        self._pen = pen
        self._shown: list[Row] = []
        self._next: tuple[list[Row], bool] = [], False
        self._loose = False
        """Where the last row stands is not known: it can only be written on."""
        self._links = 0

    @property
    def is_open(self) -> bool:
        """Whether a row has begun and not ended."""
        return bool(self._shown)

    def column(self) -> int | None:
        """Where the cursor stands, from 0; None where that is not sure."""
        if not self._shown:
            return 0
        last = self._shown[-1]
        return cells_of(last) if not self._loose and sure(text_of(last)) else None

    def draw(self, final: Sequence[Row], live: Sequence[Row], height: int) -> tuple[str, bool]:
        """What to write so that `final` stand for good and `live` after them; `drawn`: it was written.

        Args:
            final: rows that follow those that stood for good before.
            live: those that may change; where the screen has no room for all, its end is shown.
            height: rows of the screen.

        Returns:
            what to write, and whether it only follows what stands.
        """
        shown, window = self._shown, list(live[-max(height - 2, 1) :])
        self._next = window, self._loose and not final
        target = [*final, *window]
        if shown == target and window:
            return "", True
        row, same = _first_difference(shown, target)
        if not shown or (row == len(shown) - 1 and same == len(text_of(shown[row]))):
            return self._rows(target, row, same, 0) + ("\n" if final and not window else ""), True
        up = len(shown) - 1 - row
        back, same = _back(up, shown[row], same)
        written = back + self._rows(target or [()], row, same, len(shown))
        below = len(shown) - max(len(target), 1)
        if below > 0:
            written += "\n\x1b[K" * below
            # To the end of the last row, or below it.
            if window:
                written += f"\x1b[{below}A\x1b[{cells_of(window[-1]) + 1}G"
            else:
                rise = below - bool(final)
                written += (f"\x1b[{rise}A" if rise else "") + "\r"
        elif final and not window:
            written += "\n"
        return (written if up == 0 and len(target) == len(shown) else _together(written)), False

    def drawn(self) -> None:
        """What was drawn last is written."""
        self._shown, self._loose = self._next

    def leave(self, final: Sequence[Row], live: Sequence[Row]) -> str:
        """The window was resized: what to write so that all rows stand, without moving the cursor.

        What stands is left where it is. The last of `live` can be written on from now on, no more.
        """
        rows = [*final, *live]
        flat: list[Run] = []
        for number, row in enumerate(rows):
            flat += [Run("\n"), *row] if number else row
        begins, same = _behind_same("".join(map(text_of, self._shown)), text_of(flat))
        ended = not live and bool(rows or self._shown)
        self._shown, self._loose = [()] if live else [], bool(live)
        return ("" if same else "\n") + self._painted(behind(flat, begins)) + ("\n" if ended else "")

    def _rows(self, target: Sequence[Row], row: int, same: int, standing: int) -> str:
        """The rows from a place on; of the first `standing`, what is left of their old text is erased."""
        written = []
        for number in range(row, len(target)):
            runs = behind(target[number], same) if same else target[number]
            erase = "\x1b[K" if number < standing else ""
            written.append(("\n" if number > row else "") + self._painted(runs) + erase)
            same = 0
        return "".join(written)

    def _painted(self, runs: Iterable[Run]) -> str:
        return "".join(self._run(run) for run in runs)

    def _run(self, run: Run) -> str:
        painted = self._pen.paint(run.text, run.style) if run.style else run.text
        if not run.href or self._pen.system is None:
            return painted
        self._links += 1
        return f"\x1b]8;;{run.href}\x1b\\{painted}\x1b]8;;\x1b\\"


def _first_difference(shown: Sequence[Row], target: Sequence[Row]) -> tuple[int, int]:
    """The first row that is to change, and how many of its characters stay; else the end of what is shown."""
    for number, (one, other) in enumerate(zip(shown, target, strict=False)):
        if one != other:
            return number, alike(one, other)
    last = min(len(shown), len(target)) - 1
    return (last, len(text_of(target[last]))) if last >= 0 else (0, 0)


def _back(up: int, row: Row, same: int) -> tuple[str, int]:
    """How the cursor comes to a character of a row, and to which: where cells are not sure, to the first."""
    before = text_of(row)[:same]
    rises = f"\x1b[{up}A" if up else ""
    if not before or not sure(before):
        return rises + "\r", 0
    return f"{rises}\x1b[{most_cells(before) + 1}G", same


def _behind_same(shown: str, target: str) -> tuple[int, bool]:
    """Where the target goes on behind what is shown; blanks, line ends and the bars of tables do not count.

    Where it is not the same, the beginning of the row that differs, and False.
    """
    at = place = 0
    while place < len(shown) and at < len(target):
        if shown[place] == target[at]:
            place += 1
            at += 1
        elif shown[place] in _BETWEEN:
            place += 1
        elif target[at] in _BETWEEN:
            at += 1
        else:
            return target.rfind("\n", 0, at) + 1, False
    return at, True


def _together(text: str) -> str:
    return text.join(SYNCHRONIZED)

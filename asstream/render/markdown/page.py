"""The rows at the end of the screen that may still change, and what to write so that they look as they do.

Pure: rows in, escape sequences out. A row that is final is written once and never touched again; rows that
the screen has no room for wait, unwritten, until those above them are final. So what stands is always the
beginning of what is to stand, and can be gone on with when the window is resized. The cursor stands behind
the last row, or at the beginning of the next one when no row is open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from asstream.render.markdown.runs import Row, Run, alike, behind, cells_of, text_of
from asstream.render.pen import Pen
from asstream.render.widths import most_cells, sure

SYNCHRONIZED = ("\x1b[?2026h", "\x1b[?2026l")
"""Around what changes several rows: terminals show it at once; those that do not know it ignore it."""


_BETWEEN = " \n|│─┼" + "\\`*_~[]!<&$"
"""Blanks, and what is shown of tables or of marks before it is known what they are."""
_WORD = re.compile(rf"[^{re.escape(_BETWEEN)}]+")


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

    def fits(self, rows: int) -> bool:
        """Whether all that may change is on a screen of so many rows, so that the cursor can come to it."""
        return len(self._shown) <= rows

    def draw(self, final: Sequence[Row], live: Sequence[Row], height: int) -> tuple[str, bool]:
        """What to write so that `final` stand for good and `live` after them; `drawn`: it was written.

        Args:
            final: rows that follow those that stood for good before.
            live: those that may change; where the screen has no room for all, their beginning is shown.
            height: rows of the screen.

        Returns:
            what to write, and whether it only follows what stands.
        """
        shown, window = self._shown, list(live[: max(height - 2, 1)])
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
        begins = _behind_same("".join(map(text_of, self._shown)), text_of(flat))
        shown, self._shown = self._shown, [()] if live else []
        self._loose = bool(live)
        ended = "\n" if not live and (rows or shown) else ""
        if begins is not None:
            return self._painted(behind(flat, begins)) + ended
        return "".join("\n" + self._painted(row) for row in _without(shown, rows)) + ended

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
        return "".join(self._pen.link(*run) if run.style or run.href else run.text for run in runs)


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


def _behind_same(shown: str, target: str) -> int | None:
    """Where the target goes on behind what is shown; blanks, bars and marks do not count.

    None where it is not the same: it was laid out anew since it was drawn.
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
            return None
    return at


def _without(shown: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """Rows without the words that stand already, so that no word is shown twice and none is lost."""
    standing = _WORD.findall(" ".join(map(text_of, shown)))
    begun, words = standing[-1:], Counter(standing)
    left: list[Row] = []
    kept = ""
    for row in rows:
        text = kept = text_of(row)
        for match in _WORD.finditer(text):
            length = _taken(match[0], words, begun)
            begin = match.start()
            kept = kept[:begin] + " " * length + kept[begin + length :]
        if _WORD.search(kept):
            left.append(tuple(_in_place(row, kept)))
    if left and not _WORD.search(kept):  # what goes on with the last row begins one of its own
        left.append(())
    return left


def _taken(word: str, words: Counter[str], begun: list[str]) -> int:
    """How many characters of a word stand already: all, those with which the last word begins, or none."""
    part = word
    if not words[word]:
        part = next((each for each in begun if words[each] and word.startswith(each)), "")
    words[part] -= bool(part)
    return len(part)


def _in_place(row: Row, text: str) -> Iterable[Run]:
    at = 0
    for run in row:
        yield run._replace(text=text[at : at + len(run.text)])
        at += len(run.text)


def _together(text: str) -> str:
    return text.join(SYNCHRONIZED)

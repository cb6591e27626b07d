"""Rows of text in columns, as wide as a terminal shows them. Knows rich's table of widths."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from asstream.render.clean import clean_line

GAP = "  "
_NARROWEST = 6
"""Cells that a cut column keeps."""


def columns(rows: Sequence[Sequence[object]]) -> list[str]:
    """A line for each row, its cells aligned with those above; None is an empty cell.

    Where standard output is a terminal and too narrow, the widest columns are cut, the first (an id, which
    people copy) last; elsewhere nothing is cut.
    """
    cells = [[clean_line("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = _fitting([max(map(cell_len, column)) for column in zip(*cells, strict=True)])
    lines = (GAP.join(_cut(text, width) for text, width in zip(row, widths, strict=True)) for row in cells)
    return [_fit(line.rstrip()) for line in lines]


def _fitting(widths: list[int]) -> list[int]:
    """Widths that fit the terminal: the widest is made narrower again and again, as far as it makes sense."""
    if not widths or not sys.stdout.isatty():
        return widths
    too_much = sum(widths) + len(GAP) * (len(widths) - 1) - shutil.get_terminal_size().columns
    while too_much > 0 and len(widths) > 1:
        widest = max(range(1, len(widths)), key=lambda number: widths[number])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
        too_much -= 1
    return widths


def _cut(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def _fit(line: str) -> str:
    if not sys.stdout.isatty():
        return line
    room = shutil.get_terminal_size().columns
    return line if cell_len(line) <= room else set_cell_size(line, room - 1) + "…"

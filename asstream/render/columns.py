"""Rows of text in columns, as wide as a terminal shows them. Knows rich's table of widths."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from asstream.render.clean import clean_line

GAP = "  "


def columns(rows: Sequence[Sequence[object]]) -> list[str]:
    """A line for each row, its cells aligned with those above; None is an empty cell.

    The last column is cut where standard output is a terminal and too narrow; elsewhere nothing is cut.
    """
    cells = [[clean_line("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = (
        GAP.join(set_cell_size(text, width) for text, width in zip(row, widths, strict=True)) for row in cells
    )
    return [_fit(line.rstrip()) for line in lines]


def _fit(line: str) -> str:
    if not sys.stdout.isatty():
        return line
    room = shutil.get_terminal_size().columns
    return line if cell_len(line) <= room else set_cell_size(line, room - 1) + "…"

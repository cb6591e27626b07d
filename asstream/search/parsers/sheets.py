"""Excel's xlsx through openpyxl, row by row: the values, of formulas those that were saved with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from openpyxl import load_workbook

from asstream.search.chunks import Piece


def xlsx(path: Path) -> Iterator[Piece]:
    """The rows of each sheet that hold something, cells apart by tabs."""
    # Opened here: by a path openpyxl looks at the suffix.
    with path.open("rb") as file:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what a file says of its size may be wrong
            for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
                cells = ["" if value is None else str(value) for value in row]
                if line := "\t".join(cells).rstrip():
                    yield Piece(line + "\n", f"{sheet.title}, row {number}")

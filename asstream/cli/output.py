"""What commands print: lines and tables for people, JSON lines for programs.

Everything is cleaned on its way out.
"""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any


def cleaned(text: str) -> str:
    """Text of a server, a model or a file, without anything that a terminal would act on."""
    from asstream.render.clean import clean

    return clean(text)


def say(*lines: str) -> None:
    """Print lines on stdout."""
    for line in lines:
        sys.stdout.write(cleaned(line) + "\n")
    sys.stdout.flush()


def warn(*lines: str) -> None:
    """Print lines on stderr."""
    sys.stdout.flush()
    for line in lines:
        sys.stderr.write(cleaned(line) + "\n")
    sys.stderr.flush()


def emit(value: Any) -> None:
    """Print one JSON value on a line of its own; ASCII, so that nothing in it can be an escape sequence."""
    sys.stdout.write(json.dumps(as_json(value), separators=(", ", ": ")) + "\n")
    sys.stdout.flush()


def as_json(value: Any) -> Any:
    """A wire object of the SDK as plain JSON data, with every key that came."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns. On a terminal the last column is cut to fit; piped, nothing is cut."""
    cells = [[_one_line(cell) for cell in row] for row in rows]
    widths = [max(_width(text) for text in column) for column in zip(list(headings), *cells, strict=True)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for row in [list(headings), *cells]:
        line = "  ".join(text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
        sys.stdout.write(_cut(line.rstrip(), room) + "\n")
    sys.stdout.flush()


def when(seconds: float | None) -> str:
    """A Unix time as local date and minute; empty for None."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M") if seconds is not None else ""


def _one_line(cell: object) -> str:
    return " ".join(cleaned("" if cell is None else str(cell)).split())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(ch) in "WF" else 1 for ch in text)


def _cut(line: str, room: int | None) -> str:
    if room is None or _width(line) <= room:
        return line
    while _width(line) > room - 1:
        line = line[:-1]
    return line + "…"

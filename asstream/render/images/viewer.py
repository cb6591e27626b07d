"""Pictures on one terminal: the way is found once, each picture made to fit the screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from rich.console import Console

from asstream.render.images import pixels, protocols
from asstream.render.images.kinds import Kind
from asstream.render.images.terminals import Way, find_way
from asstream.render.pen import Pen

CELL = (10, 20)
"""Pixels of a cell where the terminal does not tell."""
WIDEST, TALLEST = 100, 30
"""Cells of a picture at most: one that fills a big screen hides what was said of it."""


class Viewer:
    """Draws pictures on the terminal of a process.

    Args:
        variables: what the environment says of the terminal.
        ask: sends a question to the terminal and returns its answer; the terminal of this process when left
            out.
    """

    def __init__(self, variables: Mapping[str, str], ask: Callable[[str], bytes] | None = None) -> None:
        self._variables = variables
        self._ask = ask
        self._way: Way | None = None

    def draw(self, data: bytes, kind: Kind, console: Console) -> str:
        """What shows a picture at the beginning of a line, and ends below it; empty where nothing can."""
        pen = Pen(console)
        if pen.system is None:
            return ""
        if self._way is None:
            self._way = find_way(self._variables, self._ask)
        return _DRAW[self._way](data, kind, console, pen) or _blocks(data, kind, console, pen)


def fit(kind: Kind, console: Console, cell: tuple[int, int]) -> tuple[int, int]:
    """Columns and rows for a picture: its own size where the screen has room, else less, never more."""
    columns, rows = console.size
    across = min(columns - 1, WIDEST)
    down = min(max(rows - 3, 1), TALLEST)
    scale = min(1.0, across * cell[0] / kind.width, down * cell[1] / kind.height)
    return (
        max(1, min(across, round(kind.width * scale / cell[0]))),
        max(1, min(down, round(kind.height * scale / cell[1]))),
    )


def _cell() -> tuple[int, int]:
    """The pixels of a cell, where the terminal tells."""
    try:
        import fcntl
        import struct
        import termios

        told = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
        rows, columns, width, height = struct.unpack("HHHH", told)
        cell = width // columns, height // rows
    except (ImportError, OSError, ValueError, ZeroDivisionError):
        return CELL
    return cell if min(cell) >= 4 and max(cell) <= 100 else CELL


def _kitty(data: bytes, kind: Kind, console: Console, pen: Pen) -> str:
    cell = _cell()
    columns, rows = fit(kind, console, cell)
    if kind.format != "png":  # the only format that it decodes
        picture = pixels.decode(data, kind.format, (columns * cell[0], rows * cell[1]))
        if picture is None:
            return ""
        data = pixels.as_png(picture)
    return protocols.kitty(data, columns, rows) + "\n"


def _iterm2(data: bytes, kind: Kind, console: Console, pen: Pen) -> str:
    return protocols.iterm2(data, *fit(kind, console, _cell())) + "\n"


def _sixel(data: bytes, kind: Kind, console: Console, pen: Pen) -> str:
    cell = _cell()
    columns, rows = fit(kind, console, cell)
    picture = pixels.decode(data, kind.format, (columns * cell[0], rows * cell[1]))
    # After a sixel the cursor stands on its last row, at its beginning or behind it, as the terminal likes.
    return protocols.sixel(*pixels.indexed(picture)) + "\r\n" if picture is not None else ""


def _blocks(data: bytes, kind: Kind, console: Console, pen: Pen) -> str:
    columns, rows = fit(kind, console, CELL)
    picture = pixels.decode(data, kind.format, (columns * 8, rows * 16))
    return pixels.half_blocks(picture, columns, rows, pen) if picture is not None else ""


_DRAW: Mapping[Way, Callable[[bytes, Kind, Console, Pen], str]] = {
    "kitty": _kitty,
    "iterm2": _iterm2,
    "sixel": _sixel,
    "blocks": _blocks,
}

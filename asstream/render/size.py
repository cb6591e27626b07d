"""How large the screen is, asked before each piece of a reply. Knows rich."""

from __future__ import annotations

import os
from collections.abc import Callable

from rich.console import Console

from asstream.render.lines import Size


def size_of(console: Console) -> Callable[[], Size]:
    """What tells the size of a console's screen: columns and rows.

    Rich looks through the environment and its streams each time, which takes a seventh of what rendering a
    streamed reply does: where nothing there says otherwise, the terminal itself is asked.
    """

    def by_rich() -> Size:
        return console.size

    environ = getattr(console, "_environ", {})  # Rich keeps the one that it has, or was given, to itself
    named = any(environ.get(name, "").isdigit() for name in ("COLUMNS", "LINES"))
    fixed = getattr(console, "_width", None) is not None or getattr(console, "_height", None) is not None
    if named or fixed or console.is_dumb_terminal or not console.file.isatty():
        return by_rich
    terminal = console.file.fileno()

    def by_terminal() -> Size:
        try:
            columns, rows = os.get_terminal_size(terminal)
        except OSError:
            return console.size
        return (columns, rows) if columns and rows else console.size

    return by_terminal

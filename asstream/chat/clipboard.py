"""The terminal's clipboard (OSC 52). Knows the terminal and nothing of the API."""

from __future__ import annotations

import base64
import sys

from asstream.config import terminal_variables
from asstream.errors import UsageError
from asstream.render.clean import clean

MOST_BYTES = 74_994
"""Bytes of a text: terminals take 100,000 of a sequence, which is this much in base64."""


def copy(text: str, what: str) -> str:
    """Give a text to the terminal's clipboard; a line that says so. Raises UsageError.

    The text is made harmless: pasted into a shell, an escape sequence would act there.

    Args:
        what: what the text is, for the line.
    """
    data = clean(text).encode("utf-8", errors="replace")
    terminal = terminal_variables()
    if not sys.stdout.isatty() or terminal.get("TERM", "dumb") == "dumb":
        raise UsageError(
            f"{what} can't be copied: this is no terminal with a clipboard", "/export writes a file"
        )
    if len(data) > MOST_BYTES:
        raise UsageError(
            f"{what} has {len(data):,} bytes, and terminals take {MOST_BYTES:,} at most",
            "/export writes a file",
        )
    sys.stdout.write(f"\x1b]52;c;{base64.b64encode(data).decode()}\a")
    sys.stdout.flush()
    lines = len(clean(text).splitlines())
    size = f"{lines} lines, {len(data):,} bytes" if lines > 1 else f"{len(data):,} bytes"
    # Nothing comes back: whether the terminal allows it is not known.
    hint = "; tmux needs `set -g set-clipboard on`" if "TMUX" in terminal else ""
    return f"sent to the clipboard: {what} ({size}){hint}"

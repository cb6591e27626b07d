"""What carriage returns leave of a line: progress bars draw theirs again and again. Pure.

The newest drawing takes the place of the one before, also where it is shorter: programs that mean that put
blanks behind it or erase the line, and what erases is taken out of all text (`clean`).
"""

from __future__ import annotations


def redrawn(line: str, returned: bool, text: str) -> tuple[str, bool]:
    """A line after `text` (of one line) was written at its end, or at its beginning if it had `returned`.

    Returns:
        the line, and whether what comes next takes its place.
    """
    first, *again = text.split("\r")
    if first:
        line = first if returned else line + first
    if not again:
        return line, returned and not first
    return next((drawn for drawn in reversed(again) if drawn), line), not again[-1]


def collapse(text: str) -> str:
    """A text of several lines, each as its last drawing left it."""
    if "\r" not in text:
        return text
    return "\n".join(redrawn("", False, line)[0] for line in text.split("\n"))

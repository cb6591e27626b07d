"""What code printed, line by line: tracebacks told apart from other output. Knows their two shapes."""

from __future__ import annotations

import re

from asstream.render.pen import Span

_BEGINS = re.compile(r"Traceback \(most recent call last\)|^-{40,}$")
_ENDS = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Iteration|Warning|Group)\b(?!\s{2,})")
_HERE = re.compile(r"^-+> ?\d+ |^\s+[~^]+\s*$")
"""The line that raised, as IPython marks it, or the marks that Python puts below it."""


class LogStyler:
    """Styles the lines of one output, given in order and each once.

    Between a traceback's beginning and the line that names the error its lines step back; what raised, and
    the error itself, stand out.
    """

    def __init__(self) -> None:
        self._in_traceback = False

    def line(self, text: str) -> list[Span]:
        """The spans of a line; together they are the line."""
        if _BEGINS.search(text):
            self._in_traceback = True
            return [(text, "red")]
        if not self._in_traceback:
            return [(text, "")]
        if _ENDS.match(text):
            self._in_traceback = False
            name, colon, what = text.partition(":")
            return [(name, "bold red"), (colon + what, "red")]
        if _HERE.match(text):
            return [(text, "bold")]
        return [(text, "dim")]

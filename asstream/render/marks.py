"""Texts that stand for files of the code interpreter, shown as the files' names while a reply streams."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator

from asstream.render.clean import clean_line

BEGINS = "sandbox:/mnt/data/"
"""The beginning of a text that stands for a file of the code interpreter."""
_MARK = re.compile(BEGINS + r"([^\s()\[\]<>\"'`]*)")
_ENDS = ".,;:!?"
"""What ends the sentence is not the name's."""
LONGEST = 300
"""Characters that are held back for the end of a mark."""


class Marks:
    """One text: `feed` its pieces, `flush` at its end; `sandbox:/mnt/data/a/x.csv` comes out as `x.csv`."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be shown by now; what may be the beginning of a mark waits for its rest."""
        text, self._held = self._held + text, ""
        keep = _unfinished(text)
        if keep < len(text) and len(text) - keep <= LONGEST:
            text, self._held = text[:keep], text[keep:]
        return _MARK.sub(_name, text)

    def all(self, text: str) -> str:
        """A whole text at once."""
        return self.feed(text) + self.flush()

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        text, self._held = self._held, ""
        return _MARK.sub(_name, text)


def name_of(path: str) -> str:
    """The file's name in a path as links have it (`a/b%20c.txt`): decoded, harmless, on one line."""
    return clean_line(urllib.parse.unquote(path)).rpartition("/")[2].strip()


def marks_of(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each mark of a whole text begins and ends, and its file's name."""
    for mark in _MARK.finditer(text):
        path = mark[1].rstrip(_ENDS)
        if name := name_of(path):
            yield mark.start(), mark.start(1) + len(path), name


def _name(mark: re.Match[str]) -> str:
    path = mark[1].rstrip(_ENDS)
    name = name_of(path)
    return name + mark[1][len(path) :] if name else mark[0]


def _unfinished(text: str) -> int:
    """Where a mark begins that may go on; the text's length when none does."""
    last = text.rfind(BEGINS)
    mark = _MARK.match(text, last) if last >= 0 else None
    if mark is not None and mark.end() == len(text):
        return last
    for length in range(min(len(BEGINS) - 1, len(text)), 0, -1):
        if text.endswith(BEGINS[:length]):
            return len(text) - length
    return len(text)

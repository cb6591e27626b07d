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


_CITATION = re.compile(rf"【\d{{1,9}}(?::\d{{1,9}})?†([^【】\n]{{0,{LONGEST}}})】")
"""A text that stands for a passage of a file, as models write it: where it was found, and the file's name."""
_CITATION_BEGINS = re.compile(
    rf"【(?:\d{{0,9}}|\d{{1,9}}:\d{{0,9}}|\d{{1,9}}(?::\d{{1,9}})?†[^【】\n]{{0,{LONGEST}}})\Z"
)
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Marks:
    """One text: `feed` its pieces, `flush` at its end.

    `sandbox:/mnt/data/a/x.csv` comes out as `x.csv`, `【4:0†notes.txt】` as a raised number.

    Args:
        links: what Markdown links lead to stays as it is.

    Attributes:
        numbers: each citation once, as it was written, with its number.
    """

    def __init__(self, *, links: bool = False) -> None:
        self._held = ""
        self._links = links
        self._before = ""
        self.numbers: dict[str, int] = {}

    def feed(self, text: str) -> str:
        """What can be shown by now; what may be the beginning of a mark waits for its rest."""
        text, self._held = self._held + text, ""
        keep = min(_unfinished(text), _unfinished_citation(text))
        if keep < len(text) and len(text) - keep <= LONGEST:
            text, self._held = text[:keep], text[keep:]
        return self._shown(text)

    def all(self, text: str) -> str:
        """A whole text at once."""
        return self.feed(text) + self.flush()

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        text, self._held = self._held, ""
        return self._shown(text)

    def _shown(self, text: str) -> str:
        if "【" in text:
            text = _CITATION.sub(lambda mark: raised(self._number(mark[0])), text)
        if BEGINS in text:
            before, behind = self._before, len(self._before)
            text = _MARK.sub(lambda mark: self._file(mark, (before + text)[: behind + mark.start()]), text)
        self._before = (self._before + text)[-2:]
        return text

    def _file(self, mark: re.Match[str], before: str) -> str:
        return mark[0] if self._links and before.endswith("](") else _name(mark)

    def _number(self, citation: str) -> int:
        return self.numbers.setdefault(citation, len(self.numbers) + 1)


def raised(number: int) -> str:
    """A number in raised digits."""
    return str(number).translate(_RAISED)


def cited(citation: str) -> str:
    """The file's name in a citation such as `【4:0†notes.txt】`; empty where it is none."""
    mark = _CITATION.fullmatch(citation)
    return clean_line(mark[1]) if mark else ""


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


def _unfinished_citation(text: str) -> int:
    """Where a citation begins that may go on; the text's length when none does."""
    last = text.rfind("【")
    return last if last >= 0 and _CITATION_BEGINS.match(text, last) else len(text)


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

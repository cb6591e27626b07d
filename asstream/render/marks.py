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


_CITATION = re.compile(r"【[!-~]{1,60}†")
"""The beginning of a text that stands for a passage of a file, as models write it: where it was found."""
_CITATION_BEGINS = re.compile(r"【[!-~]{0,60}\Z")
_PLACE = re.compile(r"【\d{1,9}:(\d{1,4})†")
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
        keep = _outside(text, min(_unfinished(text), _unfinished_citation(text)))
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
            text = self._raised(text)
        if BEGINS in text:
            before, behind = self._before, len(self._before)
            text = _MARK.sub(lambda mark: self._file(mark, (before + text)[: behind + mark.start()]), text)
        self._before = (self._before + text)[-2:]
        return text

    def _file(self, mark: re.Match[str], before: str) -> str:
        return mark[0] if self._links and before.endswith("](") else _name(mark)

    def _raised(self, text: str) -> str:
        done: list[str] = []
        at = 0
        for begin, end in _citations(text):
            done += (text[at:begin], raised(self._number(text[begin:end])))
            at = end
        return "".join([*done, text[at:]])

    def _number(self, citation: str) -> int:
        return self.numbers.setdefault(citation, len(self.numbers) + 1)


def raised(number: int) -> str:
    """A number in raised digits."""
    return str(number).translate(_RAISED)


def cited(citation: str) -> str:
    """The file's name in a citation such as `【4:0†notes.txt】`; empty where it is none."""
    mark = _CITATION.match(citation)
    if mark is None or _closing(citation, mark.end()) != len(citation) - 1:
        return ""
    return ", ".join(filter(None, map(clean_line, citation[mark.end() : -1].split("†"))))


def passage_of(citation: str) -> int | None:
    """Which of the passages that were found a citation means, from 0; None where it does not say so."""
    mark = _PLACE.match(citation)
    return int(mark[1]) if mark else None


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


def _citations(text: str) -> Iterator[tuple[int, int]]:
    """Where each citation of a text begins and ends."""
    at = 0
    while mark := _CITATION.search(text, at):
        at = mark.end()
        if (end := _closing(text, at)) is not None and end >= 0:
            at = end + 1
            yield mark.start(), at


def _closing(text: str, begin: int) -> int | None:
    """Where the bracket ends that is open at a place; -1 where it does not, None while it may.

    The names of files hold such brackets too.
    """
    depth = 1
    for at in range(begin, min(len(text), begin + LONGEST)):
        if text[at] == "\n":
            return -1
        depth += (text[at] == "【") - (text[at] == "】")
        if depth == 0:
            return at
    return None if len(text) < begin + LONGEST else -1


def _unfinished_citation(text: str) -> int:
    """Where a citation begins that may go on; the text's length when none does."""
    if "【" not in text:
        return len(text)
    at = 0
    while mark := _CITATION.search(text, at):
        end = _closing(text, mark.end())
        if end is None:
            return mark.start()
        at = max(end + 1, mark.end())
    begun = _CITATION_BEGINS.search(text, at)
    return begun.start() if begun else len(text)


def _outside(text: str, place: int) -> int:
    """A place to cut a text at, moved to the beginning of the file's mark that it would cut in two."""
    if place < len(text) and BEGINS in text:
        for mark in _MARK.finditer(text):
            if mark.start() < place < mark.end():
                return mark.start()
    return place


def _unfinished(text: str) -> int:
    """Where a mark begins that may go on; the text's length when none does."""
    for mark in _MARK.finditer(text) if BEGINS in text else ():
        if mark.end() == len(text):
            return mark.start() if len(mark[0]) <= LONGEST else len(text)
    for length in range(min(len(BEGINS) - 1, len(text)), 0, -1):
        if text.endswith(BEGINS[:length]):
            return len(text) - length
    return len(text)

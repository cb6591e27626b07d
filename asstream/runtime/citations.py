"""Marks by which a model cites what was found: `【4:0†notes.txt】`, the first result of search number 4.

Models garble them: other brackets, another name, spaces, no end. What can be understood becomes the mark as
it should have been; what cites nothing is taken out of the text, and logged.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from asstream.runtime.markers import Found, Mark

logger = logging.getLogger("asstream.runtime")

Place = tuple[int, int]
"""(number of the search in its thread, number of the result in that)."""

_LONGEST: Final = 300
_BRACKETS: Final = re.compile(r"[\[\]【】［］\s\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Cited:
    """What a mark stands for."""

    file_id: str
    filename: str
    quote: str


def label(filename: str) -> str:
    """A file's name as it stands in marks."""
    return _BRACKETS.sub(" ", filename).strip()[:_LONGEST] or "file"


def mark(place: Place, filename: str) -> str:
    """The mark of a result."""
    return f"【{place[0]}:{place[1]}†{label(filename)}】"


class Citations:
    """The marks that begin with one kind of bracket.

    Args:
        known: what was found in this thread so far.
        start: the bracket.
    """

    in_words = True

    def __init__(self, known: Mapping[Place, Cited], start: str = "【") -> None:
        self.start = start
        self._known = known
        begin = re.escape(start)
        numbers = r"(?:(?P<search>\d{1,6})\s*[:：]\s*(?P<result>\d{1,6}))"
        # No line ends after the dagger, nor in a name: `_begun` waits for none.
        name = rf"[†‡][^\S\n]*(?P<name>[^】\]］\n]{{0,{_LONGEST}}}?)"
        marked = rf"{numbers}?\s*{name}"
        if start == "【":
            # In other brackets numbers alone may be anything, such as a slice of a list.
            marked += f"|{numbers.replace('P<', 'P<only_')}"
        self._whole = re.compile(rf"{begin}\s*(?:{marked})[^\S\n]*[】\]］]")
        self._begun = re.compile(
            rf"{begin}\s*(?:\d{{0,6}}|\d{{1,6}}\s*|\d{{1,6}}\s*[:：]\s*|\d{{1,6}}\s*[:：]\s*\d{{1,6}}\s*)"
            rf"(?:[†‡][^】\]］\n]{{0,{_LONGEST}}})?"
        )
        self._open = re.compile(rf"{begin}\s*{numbers}\s*[†‡][^\S\n]*")

    def match(self, text: str, *, last: bool) -> Found:
        """See `Pattern`."""
        if not last and self._begun.fullmatch(text):
            return "more"
        if whole := self._whole.match(text):
            return self._understood(whole)
        return self._unended(text)

    def _understood(self, found: re.Match[str]) -> Found:
        fields = found.groupdict()
        numbers = [fields[key] or fields.get(f"only_{key}") for key in ("search", "result")]
        place = (int(numbers[0]), int(numbers[1])) if numbers[0] and numbers[1] else None
        if place is None or place not in self._known:
            named = self._by_name((fields["name"] or "").strip())
            if named is None and fields["name"] is None:
                return None  # a time of day in brackets, perhaps
            place = named
        if place is None:
            logger.warning("a reply cites what was not found: %s", ascii(found.group()))
            return Mark("", "", {}, len(found.group()))
        return self._mark(place, len(found.group()))

    def _unended(self, text: str) -> Found:
        """A mark without its closing bracket, where its name is whole."""
        begun = self._open.match(text)
        if begun is None:
            return None
        place = int(begun["search"]), int(begun["result"])
        cited = self._known.get(place)
        if cited is None or not text.startswith(label(cited.filename), begun.end()):
            return None
        return self._mark(place, begun.end() + len(label(cited.filename)))

    def _by_name(self, name: str) -> Place | None:
        """The newest search's best result in a file of this name."""
        places = [place for place, cited in self._known.items() if name and label(cited.filename) == name]
        return max(places, key=lambda place: (place[0], -place[1]), default=None)

    def _mark(self, place: Place, taken: int) -> Mark:
        cited = self._known[place]
        details = {"file_id": cited.file_id, "quote": cited.quote}
        return Mark(mark(place, cited.filename), "file_citation", details, taken)

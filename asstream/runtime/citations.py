"""Marks by which a model cites what was found: `【4:0†notes.txt】`, the first result of search number 4.

Models garble them: other brackets, another name, spaces, no end. What can be understood becomes the mark as
it should have been; what cites nothing is taken out of the text, and logged.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from asstream.runtime.markers import Found, Mark
from asstream.search.terms import indexable

logger = logging.getLogger("asstream.runtime")

Place = tuple[int, int]
"""(number of the search in its thread, number of the result in that)."""

_LONGEST: Final = 300
_QUOTED: Final = 200
_PIECES: Final = re.compile(r"\n+|(?<=[.!?。！？])\s+")
_HEADING: Final = re.compile(r"#{1,6} +")
_WORD: Final = re.compile(r"\w{2,}")
_STEM: Final = 6
"""Letters by which words are held to be the same: `descale` and `descaling`."""
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


def quote(text: str, queries: Sequence[str] = ()) -> str:
    """Of what was found, the part that answers the queries, for people who look where a citation leads.

    It begins with the sentence or line that has most of their words, rare ones counting more; where none
    has any, with the first. Headings name what follows: they answer nothing.
    """
    words = " ".join(text.split())
    if len(words) <= _QUOTED:
        return words
    pieces = [piece for piece in (" ".join(each.split()) for each in _PIECES.split(text)) if piece]
    asked = set().union(*map(_stems, queries))
    having = [set() if _HEADING.match(piece) else _stems(piece) & asked for piece in pieces]
    often = Counter(stem for stems in having for stem in stems)
    scores = [sum(1 / often[stem] for stem in stems) for stems in having]
    best = scores.index(max(scores))
    words = " ".join(_HEADING.sub("", piece) for piece in pieces[best:])
    cut = words if len(words) <= _QUOTED else words[:_QUOTED].rpartition(" ")[0] + " …"
    return f"… {cut}" if best else cut


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(indexable(text).casefold())}


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
        name = rf"[†‡]\s*(?P<name>[^】\]］\n]{{0,{_LONGEST}}}?)"
        marked = rf"{numbers}?\s*{name}"
        if start == "【":
            # In other brackets numbers alone may be anything, such as a slice of a list.
            marked += f"|{numbers.replace('P<', 'P<only_')}"
        self._whole = re.compile(rf"{begin}\s*(?:{marked})\s*[】\]］]")
        self._begun = re.compile(
            rf"{begin}\s*(?:\d{{0,6}}|\d{{1,6}}\s*|\d{{1,6}}\s*[:：]\s*|\d{{1,6}}\s*[:：]\s*\d{{1,6}}\s*)"
            rf"(?:[†‡][^】\]］\n]{{0,{_LONGEST}}})?"
        )
        self._open = re.compile(rf"{begin}\s*{numbers}\s*[†‡]\s*")

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

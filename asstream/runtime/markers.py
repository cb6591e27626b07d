"""Marks in streamed text that become annotations: held back only while one may be coming. Pure.

A `Pattern` says how a mark begins and where it ends; `Marker` takes text in pieces and gives it out again,
piece by piece, with each mark whole and by itself. Nothing is lost, added or reordered, but what a pattern
puts in a mark's place.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from asstream.runtime.objects import Object


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in the text: what kind of annotation it becomes, and what the annotation says of that kind.

    Attributes:
        text: as it is said; empty where it is left out.
        taken: how many characters of the model's text it stands for; None: as many as it has.
    """

    text: str
    kind: str
    details: Object
    taken: int | None = None


Found = Mark | Literal["more"] | None
"""A mark; not yet to be told; none."""


class Pattern(Protocol):
    """A kind of mark. `start` is what each begins with; `in_words`: also behind an ASCII letter or digit.

    Other letters are no obstacle: Chinese and Japanese put no space between words.
    """

    start: str
    in_words: bool

    def match(self, text: str, *, last: bool) -> Found:
        """The mark at the beginning of `text`, which begins with `start`.

        `last`: no more text will come, so the answer is never `more`.
        """
        ...


class Marker:
    """Finds the marks of several patterns in one stream of text."""

    def __init__(self, *patterns: Pattern) -> None:
        self._patterns = patterns
        self._held = ""
        self._before = ""
        """The last character before what is held."""

    def feed(self, text: str) -> Iterator[str | Mark]:
        """What may be said after a further piece of text."""
        self._held += text
        return self._said(last=False)

    def end(self) -> Iterator[str | Mark]:
        """What was held back."""
        return self._said(last=True)

    def _said(self, *, last: bool) -> Iterator[str | Mark]:
        plain = 0  # up to here the held text is plain
        while plain < len(self._held):
            place, pattern = self._next(plain)
            if pattern is None:
                plain = len(self._held) if last else place
                break
            found = pattern.match(self._held[place:], last=last)
            if found == "more":
                plain = place
                break
            if found is None:
                plain = place + 1
                continue
            if place:
                yield self._let_go(place)
            if found.text:
                yield found
            self._let_go(len(found.text) if found.taken is None else found.taken)
            plain = 0
        if plain:
            yield self._let_go(plain)

    def _let_go(self, length: int) -> str:
        said, self._held = self._held[:length], self._held[length:]
        self._before = said[-1]
        return said

    def _next(self, after: int) -> tuple[int, Pattern | None]:
        """Where the next mark may begin, and its pattern; without one, where the start of one may be cut."""
        found = [(self._start(pattern, after), pattern) for pattern in self._patterns]
        place, pattern = min(found, key=lambda each: each[0], default=(len(self._held), None))
        whole = pattern is not None and self._held.startswith(pattern.start, place)
        return place, pattern if whole else None

    def _start(self, pattern: Pattern, after: int) -> int:
        """Where a mark of one pattern may begin: with its whole start, or the end of the text cuts that."""
        held, start = self._held, pattern.start
        for place in range(after, len(held)):
            if held[place] == start[0] and start.startswith(held[place : place + len(start)]):
                before = held[place - 1] if place else self._before
                if pattern.in_words or not (before.isascii() and before.isalnum()):
                    return place
        return len(held)


PREFIX: Final = "sandbox:/mnt/data/"

_STOPS: Final = frozenset(" \t\r\n)>]}\"'`|*,;<(")
"""What may stand behind a name that is whole."""

_SENTENCE: Final = frozenset(".:!?")
"""What may too, unless a letter or digit follows: then it is part of a longer name."""


class FilePaths:
    """`sandbox:/mnt/data/NAME` for the files that there are; every other such text stays text.

    Args:
        names: file ids by name (path below /mnt/data).
    """

    start = PREFIX
    in_words = False

    def __init__(self, names: Mapping[str, str]) -> None:
        self._ids = {form: id for name, id in names.items() for form in (urllib.parse.quote(name), name)}

    def match(self, text: str, *, last: bool) -> Found:
        """The longest name that the text goes on with; `more` while a longer one may come."""
        rest = text[len(PREFIX) :]
        if not last and any(len(name) > len(rest) and name.startswith(rest) for name in self._ids):
            return "more"
        for name in sorted((name for name in self._ids if rest.startswith(name)), key=len, reverse=True):
            ends = _ends(rest[len(name) :], last)
            if ends is None:
                return "more"
            if ends or (name.isascii() and not rest[len(name)].isascii()):
                return Mark(PREFIX + name, "file_path", {"file_id": self._ids[name]})
        return None


def _ends(rest: str, last: bool) -> bool | None:
    """Whether a name ends where `rest` begins; None when that is not to be told yet."""
    if not rest:
        return True if last else None
    if rest[0] in _STOPS or not (rest[0].isascii() or rest[0].isalnum()):
        return True
    if rest[0] not in _SENTENCE:
        return False
    if len(rest) == 1:
        return True if last else None
    return not rest[1].isalnum()

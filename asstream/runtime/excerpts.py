"""Of a passage that was found, the part that answers the queries. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from asstream.search.terms import indexable

_QUOTED: Final = 200
_PIECE: Final = re.compile(r"[^\n]+?(?:(?<=[.!?。！？])\s+|$|(?=\n))", re.MULTILINE)
"""A sentence, or what a line has of one."""
_HEADING: Final = re.compile(r"#{1,6} +")
_WORD: Final = re.compile(r"\w{2,}")
_STEM: Final = 6
"""Letters by which words are held to be the same: `descale` and `descaling`."""


def quote(text: str, queries: Sequence[str] = ()) -> str:
    """In one short line the part that answers, for people who look where a citation leads.

    It begins with the sentence or line that has most of the queries' words, rare ones counting more; where
    none has any, with the first. Headings name what follows: they answer nothing.
    """
    words = " ".join(text.split())
    if len(words) <= _QUOTED:
        return words
    pieces = list(_PIECE.finditer(text))
    best = _best(pieces, queries)
    words = " ".join(" ".join(_HEADING.sub("", piece.group()).split()) for piece in pieces[best:]).strip()
    cut = words if len(words) <= _QUOTED else words[:_QUOTED].rpartition(" ")[0] + " …"
    return f"… {cut}" if best else cut


def excerpt(text: str, queries: Sequence[str], most: int) -> str:
    """As it stands the part that answers, of `most` characters at most, with the heading right before it."""
    if len(text) <= most:
        return text
    pieces = list(_PIECE.finditer(text))
    best = _best(pieces, queries)
    if best and _HEADING.match(pieces[best - 1].group()):
        best -= 1
    start = min(pieces[best].start(), len(text) - most) if pieces else 0
    # What stands before fills what room there is, from the beginning of a piece.
    begins = next((piece.start() for piece in pieces if piece.start() >= start), start)
    return text[begins : begins + most].strip()


def _best(pieces: Sequence[re.Match[str]], queries: Sequence[str]) -> int:
    """The place of the piece that has most of what is asked for; 0 where there is none."""
    asked = set().union(*map(_stems, queries))
    having: list[set[str]] = [
        set() if _HEADING.match(piece.group()) else _stems(piece.group()) & asked for piece in pieces
    ]
    often = Counter(stem for stems in having for stem in stems)
    scores = [sum(1 / often[stem] for stem in stems) for stems in having]
    return scores.index(max(scores)) if scores else 0


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(indexable(text).casefold())}

"""Text cut into chunks of so many tokens that overlap, at the ends of lines and sentences. Pure, streaming.

Tokens are estimated, by a rule that needs no vocabulary: so chunks are the same whatever embedding there is,
and need not be cut anew when that changes. The rule is close to what GPT vocabularies take (English prose: a
few per cent off): a word of Latin letters is one token per seven letters begun, digits go by three,
punctuation by two, other letters are one each.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from asstream.search.protocol import Chunking

_TOKENS: Final = re.compile(
    r"[A-Za-z]{1,7}|\d{1,3}|[^\W\d_A-Za-z\u2e80-\uffff\U00010000-\U0010ffff]{1,3}"
    r"|[^\S\n]{2,}|\n+|[!-/:-@\[-`{-~]{1,2}|[^\x00-\x7f]"
)
_UNITS: Final = re.compile(r"[^\n]*?[.!?。！？](?=\s)\s*|[^\n]*\n+|[^\n]+")
"""Sentences and lines, with the white space behind them: all of a text and nothing twice."""

_UNIT_TOKENS: Final = 50
"""The most tokens of a unit: cuts fall between units."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file's text, and its place: `page 3`, a heading, or nothing."""

    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its text, the place where that begins, and how many characters of it the chunk before has."""

    text: str
    place: str
    repeated: int


@dataclass(frozen=True, slots=True)
class _Unit:
    text: str
    place: str
    tokens: int


def count_tokens(text: str) -> int:
    """How many tokens a text takes, about."""
    return sum(1 for _ in _TOKENS.finditer(text))


def cut(pieces: Iterable[Piece], chunking: Chunking) -> Iterator[Chunk]:
    """The chunks of a file's pieces. Their texts without what is repeated are the whole text."""
    window: deque[_Unit] = deque()
    tokens = repeated = fresh = 0
    most = min(_UNIT_TOKENS, max(1, chunking.max_tokens))
    for unit in (unit for piece in pieces for unit in _units(piece, most)):
        # White space alone makes no chunk.
        room = chunking.max_tokens * (2 if unit.text.isspace() else 1)
        if fresh and tokens + unit.tokens > room:
            yield _chunk(window, repeated)
            fresh = 0
            while window and (tokens > chunking.overlap_tokens or tokens + unit.tokens > chunking.max_tokens):
                tokens -= window.popleft().tokens
            repeated = sum(len(each.text) for each in window)
        window.append(unit)
        tokens += unit.tokens
        fresh += 1
    if fresh:
        yield _chunk(window, repeated)


def _chunk(window: deque[_Unit], repeated: int) -> Chunk:
    # A blank line before a heading still belongs to the one above.
    place = next((unit.place for unit in window if unit.text.strip()), "")
    return Chunk("".join(unit.text for unit in window), place, repeated)


def _units(piece: Piece, most: int) -> Iterator[_Unit]:
    for found in _UNITS.finditer(piece.text):
        text = found.group()
        tokens = count_tokens(text)
        if tokens <= most:
            yield _Unit(text, piece.place, tokens)
        else:
            yield from _split(text, piece.place, most)


def _split(text: str, place: str, most: int) -> Iterator[_Unit]:
    """A long line or sentence in units, cut before a word where there is one."""
    begin = count = 0
    for token in _TOKENS.finditer(text):
        if count >= most or (count > most * 3 // 4 and text[token.start() - 1].isspace()):
            yield _Unit(text[begin : token.start()], place, count)
            begin, count = token.start(), 0
        count += 1
    yield _Unit(text[begin:], place, count)

"""A question as a full-text query: its words, without those that too many chunks have.

A word that is in over a fifth of the chunks tells little and costs most of the time: at 100,000 chunks the
slowest searches take 42 ms without them and 320 with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import apsw

from asstream.search.database import TOKENIZER, rows
from asstream.search.terms import indexable

_FREQUENT: Final = 0.2
_FEWEST: Final = 2
"""The rarest so many stay, however frequent they are."""
_ROWS: Final = 20_000
"""Rare words are taken while their chunks together are no more: the time of a search has a bound."""
_MOST: Final = 32
_SMALL: Final = 100
"""In a store of so few chunks time is no matter."""
_LONGEST: Final = 8192


def match_of(connection: apsw.Connection, question: str, chunks: int) -> str | None:
    """What to MATCH for a question in a store of so many chunks; None where none of its words is there."""
    words = _words(connection, question)
    if not words:
        return None
    marks = ", ".join("?" * len(words))
    sql = f"SELECT term, doc FROM vocabulary WHERE term IN ({marks})"  # noqa: S608 - question marks
    found = rows(connection, sql, list(words))
    known = sorted(found, key=lambda row: (row[1], row[0]))
    limit = chunks * _FREQUENT if chunks > _SMALL else chunks
    rare = [(term, count) for term, count in known if count <= limit] or known[:_FEWEST]
    kept = [
        term
        for place, (term, touched) in enumerate(_added_up(rare[:_MOST]))
        if place < _FEWEST or touched <= _ROWS
    ]
    return " OR ".join(f'"{words[term]}"' for term in kept) or None


def _added_up(counts: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Each word with the chunks of all up to it."""
    total = 0
    for term, count in counts:
        total += count
        yield term, total


def _words(connection: apsw.Connection, question: str) -> dict[str, str]:
    """The words of a question as they are indexed, each with a word that gives it.

    The index's form is not asked for: it would be shortened again (`generalization` → `gener` → `gener`,
    but `universities` → `univers` → `univer`).
    """
    text = indexable(question[:_LONGEST]).encode(errors="replace")
    name, args = TOKENIZER
    tokenize = connection.fts5_tokenizer(name, list(args))
    tokens: Iterable[Any] = tokenize(text, apsw.FTS5_TOKENIZE_QUERY, None)
    words: dict[str, str] = {}
    for start, end, *terms in tokens:
        word = text[start:end].decode().replace('"', "")
        for term in terms:
            words.setdefault(term, word)
    return words

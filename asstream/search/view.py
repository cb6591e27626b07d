"""A store at one moment: its files, and what is found in them by their words."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import apsw

from asstream.search.database import Row, rows
from asstream.search.filters import matches
from asstream.search.protocol import Attributes, Filter
from asstream.search.query import match_of
from asstream.search.vectors import Span, ids_of

if TYPE_CHECKING:
    from asstream.search.vectors import Ids


@dataclass(slots=True)
class Document:
    """A file of a store, as a search sees it."""

    id: int
    file: str
    filename: str
    attributes: Attributes
    embedding: str
    spans: list[Span] = field(default_factory=list)

    @property
    def chunks(self) -> int:
        """How many chunks it has."""
        return sum(count for _, count in self.spans)


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk that was found: of which file, where in it, and its text."""

    document: Document
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Fresh:
    """The ids of chunks that have vectors, ascending; whether there are chunks that have none."""

    ids: Ids
    some_lack: bool


def is_stale(document: Document, embedding: str, rows: int) -> bool:
    """Whether a file lacks vectors of an embedding, whose file of vectors has so many rows."""
    return document.embedding != embedding or any(first + count > rows for first, count in document.spans)


def _fresh(embedding: str, rows: int, documents: Sequence[Document]) -> Fresh:
    fresh = [document for document in documents if not is_stale(document, embedding, rows)]
    return Fresh(ids_of(span for document in fresh for span in document.spans), len(fresh) < len(documents))


class View:
    """A store as it is at one moment. Made by `Shelf.view`, good as long as that is open."""

    def __init__(self, connection: apsw.Connection, documents: Sequence[Document]) -> None:
        self._connection = connection
        self.documents = documents
        self.chunks = sum(document.chunks for document in documents)
        self._spans = _Spans(documents)
        self._fresh: dict[tuple[str, int], Fresh] = {}

    def fresh(self, embedding: str, rows: int, documents: Sequence[Document]) -> Fresh:
        """Which of these files have their vectors in a file of so many rows. Kept for all files."""
        if len(documents) < len(self.documents):
            return _fresh(embedding, rows, documents)
        if (embedding, rows) not in self._fresh:
            self._fresh = {(embedding, rows): _fresh(embedding, rows, documents)}
        return self._fresh[embedding, rows]

    def passing(self, filter: Filter | None) -> list[Document]:
        """The files that pass a filter."""
        if filter is None:
            return list(self.documents)
        return [document for document in self.documents if matches(filter, document.attributes)]

    def by_words(self, question: str, documents: Sequence[Document], most: int) -> list[tuple[int, float]]:
        """Ids of chunks of these files by BM25, best first, with a score that is higher for better ones."""
        match = match_of(self._connection, question, self.chunks)
        if match is None:
            return []
        wanted = self._spans if len(documents) == len(self.documents) else _Spans(documents)
        # Not every row that is indexed is of a file that is wanted: drafts are not.
        sql = "SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank"
        ranked = cast("Iterator[Row]", self._connection.execute(sql, (match,)))
        found = []
        for id, rank in ranked:
            if wanted.have(id):
                found.append((int(id), -float(rank)))
                if len(found) == most:
                    break
        return found

    def show(self, id: int) -> Found | None:
        """The chunk of an id; None where there is none."""
        document = self._spans.owner(id)
        found = rows(self._connection, "SELECT place, text FROM chunks WHERE id = ?", (id,))
        return Found(document, *found[0]) if document is not None and found else None

    def texts(self, first: int, count: int) -> list[str]:
        """The texts of so many neighbouring chunks."""
        return [text for text, _ in self._rows(first, count)]

    def content(self, document: Document) -> list[str]:
        """A file's text in pieces, nothing twice."""
        return [
            text[repeated:]
            for first, count in document.spans
            for text, repeated in self._rows(first, count)
            if text[repeated:]
        ]

    def _rows(self, first: int, count: int) -> list[Row]:
        sql = "SELECT text, repeated FROM chunks WHERE id >= ? AND id < ? ORDER BY id"
        return rows(self._connection, sql, (first, first + count))


class _Spans:
    """Which file an id belongs to."""

    def __init__(self, documents: Sequence[Document]) -> None:
        spans = sorted((span, number) for number, each in enumerate(documents) for span in each.spans)
        self._documents = documents
        self._spans = spans
        self._firsts = [span[0] for span, _ in spans]

    def owner(self, id: int) -> Document | None:
        place = bisect_right(self._firsts, id) - 1
        if place < 0:
            return None
        (first, count), number = self._spans[place]
        return self._documents[number] if id < first + count else None

    def have(self, id: int) -> bool:
        return self.owner(id) is not None


def read_documents(connection: apsw.Connection) -> list[Document]:
    """All files of a store that are ready."""
    sql = "SELECT id, file, filename, attributes, embedding FROM documents WHERE ready = 1 ORDER BY id"
    documents = {
        id: Document(id, file, filename, json.loads(attributes), embedding)
        for id, file, filename, attributes, embedding in rows(connection, sql)
    }
    # In the order of the text, which that of the ids need not be: they are taken where there is room.
    for first, count, owner in rows(connection, "SELECT first, count, document FROM spans ORDER BY number"):
        if owner in documents:
            documents[owner].spans.append((first, count))
    return list(documents.values())

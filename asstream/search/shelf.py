"""One store: its files put in and taken out, and what is found in them.

Several processes may use a store at once. Writes of one are one after another; each reader has a connection
of its own, and sees a store as it was at one moment.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from asstream.search.chunks import Chunk
from asstream.search.database import NAME, connect, rows, writing
from asstream.search.protocol import Attributes, Cancelled
from asstream.search.terms import indexable
from asstream.search.vectors import VectorFile
from asstream.search.view import View, read_documents

ABANDONED: Final = 900.0
"""Seconds after which a draft that did not grow is taken for one whose process is gone."""


@dataclass(slots=True)
class _Reader:
    connection: apsw.Connection
    version: int = -1
    view: View | None = None


class Shelf:
    """A store that is open.

    Args:
        folder: the store's own; made where there is none.

    Raises:
        ConfigError: its database can't be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dropped = False
        self._writer = connect(folder)
        self._write_lock = threading.Lock()
        self._readers: list[_Reader] = []
        self._readers_lock = threading.Lock()
        self._vectors: dict[str, VectorFile] = {}

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether there is a store in a folder."""
        return (folder / NAME).is_file()

    def vectors(self, embedding: str) -> VectorFile:
        """The file of an embedding's vectors."""
        return self._vectors.setdefault(embedding, VectorFile(self.folder, embedding))

    @contextmanager
    def view(self) -> Iterator[View]:
        """The store as it is now."""
        with self._readers_lock:
            reader = self._readers.pop() if self._readers else None
        if reader is None:
            reader = _Reader(connect(self.folder))
        reader.connection.execute("BEGIN")
        try:
            version = int(reader.connection.execute("PRAGMA data_version").get)
            if reader.view is None or version != reader.version:
                reader.view = View(reader.connection, read_documents(reader.connection))
                reader.version = version
            yield reader.view
        finally:
            reader.connection.execute("COMMIT")
            with self._readers_lock:
                if self.dropped:
                    reader.connection.close()
                else:
                    self._readers.append(reader)

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """A transaction that writes. Raises Cancelled where the store was dropped."""
        with self._write_lock:
            if self.dropped:
                raise Cancelled
            with writing(self._writer) as connection:
                yield connection

    def remove(self, file: str) -> None:
        """Take a file out, and what there is of it as drafts."""
        with self.writing() as connection:
            for (id,) in rows(connection, "SELECT id FROM documents WHERE file = ?", (file,)):
                delete_document(connection, id)

    def set_attributes(self, file: str, attributes: Attributes) -> None:
        """Give a file other attributes, also while it is a draft."""
        with self.writing() as connection:
            sql = "UPDATE documents SET attributes = ? WHERE file = ?"
            connection.execute(sql, (json.dumps(dict(attributes)), file))

    def drop(self) -> None:
        """Delete the store. What is being added to it is cancelled."""
        with self._write_lock:
            self.dropped = True
            self._close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of the database. Nobody may be using it."""
        with self._write_lock:
            self.dropped = True
            self._close()

    def _close(self) -> None:
        self._writer.close()
        with self._readers_lock:
            for reader in self._readers:
                reader.connection.close()
            self._readers.clear()


class Draft:
    """A file that is being added. Nothing finds it until it is finished; then it replaces its former self.

    A file that comes in one batch is added in one transaction.
    """

    def __init__(self, shelf: Shelf, file: str, filename: str, attributes: Attributes) -> None:
        self._shelf = shelf
        self._file = file
        self._row = (file, filename, json.dumps(dict(attributes)))
        self._title = indexable(filename)
        self._id: int | None = None
        self.chunks = 0

    def put(self, chunks: Sequence[Chunk], vectors: Callable[[int], None] | None) -> None:
        """Add chunks. Raises Cancelled where somebody removed the file meanwhile.

        Args:
            vectors: writes their vectors, given the id of the first.
        """
        words = self._words(chunks)
        with self._shelf.writing() as connection:
            self._put(connection, chunks, words, vectors)

    def finish(
        self, chunks: Sequence[Chunk], vectors: Callable[[int], None] | None, embedding: Callable[[], str]
    ) -> None:
        """Add the last chunks; from now on the file is there.

        Args:
            embedding: sees that all vectors are on the disk, and gives the name of their embedding; empty
                where they are not all there.
        """
        words = self._words(chunks)
        with self._shelf.writing() as connection:
            self._put(connection, chunks, words, vectors)
            sql = "SELECT id FROM documents WHERE file = ? AND id != ? AND ready = 1"
            for (id,) in rows(connection, sql, (self._file, self._id)):
                delete_document(connection, id)
            sql = "UPDATE documents SET ready = 1, embedding = ? WHERE id = ?"
            connection.execute(sql, (embedding(), self._id))

    def discard(self) -> None:
        """Leave nothing of it."""
        if self._id is not None:
            with self._shelf.writing() as connection:
                delete_document(connection, self._id)

    def _put(
        self,
        connection: apsw.Connection,
        chunks: Sequence[Chunk],
        words: Sequence[tuple[str, str]],
        vectors: Callable[[int], None] | None,
    ) -> None:
        document = self._touched(connection)
        if chunks:
            first = _free(connection, len(chunks))
            connection.execute(
                "INSERT INTO spans (first, count, document) VALUES (?, ?, ?)", (first, len(chunks), document)
            )
            connection.executemany(
                "INSERT INTO chunks VALUES (?, ?, ?, ?)",
                [(id, chunk.place, chunk.repeated, chunk.text) for id, chunk in enumerate(chunks, first)],
            )
            connection.executemany(
                "INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)",
                [(id, *columns) for id, columns in enumerate(words, first)],
            )
            if vectors is not None:
                vectors(first)
        self._id = document
        self.chunks += len(chunks)

    def _touched(self, connection: apsw.Connection) -> int:
        """The draft's row, which is made with its first chunks. What was abandoned goes."""
        now = time.time()
        if self._id is None:
            sql = "SELECT id FROM documents WHERE ready = 0 AND (file = ? OR touched < ?)"
            for (id,) in rows(connection, sql, (self._file, now - ABANDONED)):
                delete_document(connection, id)
            sql = "INSERT INTO documents (file, filename, attributes, touched) VALUES (?, ?, ?, ?)"
            connection.execute(sql, (*self._row, now))
            return connection.last_insert_rowid()
        connection.execute("UPDATE documents SET touched = ? WHERE id = ?", (now, self._id))
        if not connection.changes():
            raise Cancelled
        return self._id

    def _words(self, chunks: Sequence[Chunk]) -> list[tuple[str, str]]:
        """What is indexed of each chunk: its title and its text."""
        return [
            (f"{self._title} {indexable(chunk.place)}" if chunk.place else self._title, indexable(chunk.text))
            for chunk in chunks
        ]


def delete_document(connection: apsw.Connection, id: int) -> None:
    """Delete a file and its chunks; in a transaction that writes."""
    for first, count in rows(connection, "SELECT first, count FROM spans WHERE document = ?", (id,)):
        ids = (first, first + count)
        connection.execute("DELETE FROM words WHERE rowid >= ? AND rowid < ?", ids)
        connection.execute("DELETE FROM chunks WHERE id >= ? AND id < ?", ids)
    connection.execute("DELETE FROM spans WHERE document = ?", (id,))
    connection.execute("DELETE FROM documents WHERE id = ?", (id,))


def _free(connection: apsw.Connection, count: int) -> int:
    """The first of so many neighbouring ids that are free: in a gap where there is much room in gaps."""
    sql = "SELECT coalesce(max(first + count), 0), coalesce(sum(count), 0) FROM spans"
    end, used = rows(connection, sql)[0]
    if (end - used) * 4 > end:
        free = 0
        for first, length in rows(connection, "SELECT first, count FROM spans ORDER BY first"):
            if first - free >= count:
                return int(free)
            free = first + length
    return int(end)

"""Vectors that a store lacks, made from its rows: an embedding changed or failed, or its file was lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import apsw

from asstream.errors import ConfigError
from asstream.search.protocol import Embedding, EmbeddingError
from asstream.search.shelf import Shelf
from asstream.search.view import Document, is_stale

logger = logging.getLogger("asstream.search")

_BATCH: Final = 256
_AGAIN: Final = 60.0
_PACE: Final = 5.0

Progress = Callable[[int, int], None]
"""Told chunks done, and chunks in all."""


def refresh(shelf: Shelf, embedding: Embedding, progress: Progress | None = None) -> None:
    """Make what is missing of an embedding's vectors, file by file.

    Raises:
        EmbeddingError: the embedding can't be had.
        Cancelled: the store was dropped.
    """
    documents = stale(shelf, embedding)
    if not documents:
        return
    total, done = sum(document.chunks for document in documents), 0

    def made(chunks: int) -> None:
        nonlocal done
        done += chunks
        if progress is not None:
            progress(done, total)

    for document in documents:
        _refresh(shelf, embedding, document, made)
    with shelf.view() as view:
        if all(document.embedding == embedding.name for document in view.documents):
            shelf.vectors(embedding.name).remove_others()


def stale(shelf: Shelf, embedding: Embedding) -> list[Document]:
    """The files of a store that lack vectors of an embedding, those included whose vectors were lost."""
    rows = shelf.vectors(embedding.name).rows()
    with shelf.view() as view:
        return [document for document in view.documents if is_stale(document, embedding.name, rows)]


def _refresh(shelf: Shelf, embedding: Embedding, document: Document, made: Callable[[int], None]) -> None:
    vectors = shelf.vectors(embedding.name)
    for first, count in document.spans:
        for start in range(first, first + count, _BATCH):
            with shelf.view() as view:
                texts = view.texts(start, min(_BATCH, first + count - start))
            if texts:  # else it was removed meanwhile
                vectors.write(start, embedding.embed(texts))
            made(min(_BATCH, first + count - start))
    vectors.sync()
    with shelf.writing() as connection:
        sql = "UPDATE documents SET embedding = ? WHERE id = ?"
        connection.execute(sql, (embedding.name, document.id))


class Told:
    """Says in the log how far the vectors of a store are, where that takes a while.

    Args:
        store_id: whose they are.
        pace: seconds between two lines, and before the first.
    """

    def __init__(self, store_id: str, pace: float = _PACE) -> None:
        self._store_id = store_id
        self._pace = pace
        self._next = time.monotonic() + pace
        self._began = False

    def __call__(self, done: int, total: int) -> None:
        """So many of all chunks are done."""
        now = time.monotonic()
        if done < total and now < self._next:
            return
        self._next = now + self._pace
        if done < total:
            self._began = True
            logger.warning(
                "the vectors of %s are made anew: %d %% of %s passages; until then its words are searched",
                self._store_id,
                100 * done // total,
                f"{total:,}",
            )
        elif self._began:
            logger.warning("the vectors of %s are there", self._store_id)


class Refresher:
    """Refreshes stores in the background, one after another.

    Args:
        refresh: refreshes a store by its id, telling how far it is.
    """

    def __init__(self, refresh: Callable[[str, Progress], None]) -> None:
        self._refresh = refresh
        self._waiting: list[str] = []
        self._failed: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def wants(self, store_id: str) -> None:
        """A store lacks vectors. One that could not be refreshed is tried again a while later."""
        with self._lock:
            if self._closed or store_id in self._waiting or self._failed.get(store_id, 0) > time.monotonic():
                return
            self._waiting.append(store_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="asstream-vectors", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Begin no more."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                store_id = self._waiting[0]
            try:
                self._refresh(store_id, Told(store_id))
            except (EmbeddingError, ValueError, OSError, apsw.Error, ConfigError) as error:
                logger.warning("the vectors of %s can't be made anew: %s", store_id, error)
                self._failed[store_id] = time.monotonic() + _AGAIN
            with self._lock:
                if store_id in self._waiting:
                    self._waiting.remove(store_id)

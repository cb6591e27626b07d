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


def refresh(shelf: Shelf, embedding: Embedding, progress: Callable[[int, int], None] | None = None) -> None:
    """Make what is missing of an embedding's vectors, file by file.

    Raises:
        EmbeddingError: the embedding can't be had.
        Cancelled: the store was dropped.
    """
    documents = stale(shelf, embedding)
    if not documents:
        return
    total, done = sum(document.chunks for document in documents), 0
    for document in documents:
        _refresh(shelf, embedding, document)
        done += document.chunks
        if progress is not None:
            progress(done, total)
    with shelf.view() as view:
        if all(document.embedding == embedding.name for document in view.documents):
            shelf.vectors(embedding.name).remove_others()


def stale(shelf: Shelf, embedding: Embedding) -> list[Document]:
    """The files of a store that lack vectors of an embedding, those included whose vectors were lost."""
    rows = shelf.vectors(embedding.name).rows()
    with shelf.view() as view:
        return [document for document in view.documents if is_stale(document, embedding.name, rows)]


def _refresh(shelf: Shelf, embedding: Embedding, document: Document) -> None:
    vectors = shelf.vectors(embedding.name)
    for first, count in document.spans:
        for start in range(first, first + count, _BATCH):
            with shelf.view() as view:
                texts = view.texts(start, min(_BATCH, first + count - start))
            if texts:  # else it was removed meanwhile
                vectors.write(start, embedding.embed(texts))
    vectors.sync()
    with shelf.writing() as connection:
        sql = "UPDATE documents SET embedding = ? WHERE id = ?"
        connection.execute(sql, (embedding.name, document.id))


class Refresher:
    """Refreshes stores in the background, one after another.

    Args:
        refresh: refreshes a store by its id.
    """

    def __init__(self, refresh: Callable[[str], None]) -> None:
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
                self._refresh(store_id)
            except (EmbeddingError, ValueError, OSError, apsw.Error, ConfigError) as error:
                logger.warning("the vectors of %s can't be made anew: %s", store_id, error)
                self._failed[store_id] = time.monotonic() + _AGAIN
            with self._lock:
                if store_id in self._waiting:
                    self._waiting.remove(store_id)

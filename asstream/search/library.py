"""The library: stores of files that are searched, all in one folder.

Blocking, and safe to call from several threads and processes at once. What a store's rows say is the truth;
vectors that are missing, or of another embedding, are made anew in the background, and until then its words
alone are searched.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw

from asstream.errors import ConfigError
from asstream.search.adding import add_file
from asstream.search.protocol import (
    Attributes,
    Cancelled,
    Chunking,
    Embedding,
    EmbeddingSource,
    Filter,
    Hit,
    Ingested,
    Ranking,
    ReadingLimits,
    Unreadable,
)
from asstream.search.readers import Readers
from asstream.search.refreshing import Refresher, refresh
from asstream.search.seeking import seek
from asstream.search.shelf import Shelf

logger = logging.getLogger("asstream.search")

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_OPEN: Final = 64
"""The most stores that are kept open without use."""


def never() -> bool:
    """False: nobody cancels."""
    return False


class Library:
    """The stores of one folder.

    Args:
        folder: holds everything; made (0700) where there is none.
        embedding: makes vectors, or a function that gives what does; None where words alone are searched.
        limits: what reading one file may take.
    """

    def __init__(
        self,
        folder: Path,
        embedding: Embedding | EmbeddingSource | None = None,
        limits: ReadingLimits | None = None,
    ) -> None:
        self.folder = folder
        self._source: EmbeddingSource = embedding if callable(embedding) else lambda: embedding
        self._readers = Readers(limits or ReadingLimits())
        self._limits = limits or ReadingLimits()
        self._shelves: dict[str, Shelf] = {}
        self._users: dict[str, int] = {}
        self._lock = threading.Lock()
        self._refresher = Refresher(self.refresh)

    def add(
        self,
        store_id: str,
        file_id: str,
        path: Path,
        filename: str,
        *,
        chunking: Chunking | None = None,
        attributes: Attributes | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Ingested:
        """Read a file into a store, which is made where there is none. It replaces what the store had of it.

        Args:
            filename: its name for people; its suffix tells the kind of a text.
            cancelled: asked several times a second whether to give up.

        Raises:
            Unreadable: the file can't be read, or the store can't be written.
            Cancelled: it was asked for, or the store was dropped or the file removed meanwhile.
        """
        try:
            self._check_size(path, filename)
            with (
                self._shelf(store_id) as shelf,
                closing(self._readers.read(path, filename, chunking or Chunking(), cancelled)) as batches,
            ):
                return add_file(shelf, self._source(), file_id, filename, attributes or {}, batches)
        except (OSError, apsw.Error, ConfigError) as error:
            reason = getattr(error, "message", "") or str(error)
            raise Unreadable("server_error", f"The file {filename} can't be indexed: {reason}") from error

    def remove(self, store_id: str, file_id: str) -> None:
        """Take a file out of a store, where it is in."""
        with self._known(store_id) as shelf:
            if shelf is not None:
                shelf.remove(file_id)

    def drop(self, store_id: str) -> None:
        """Delete a store, where there is one."""
        folder = self._folder(store_id)
        if Shelf.is_in(folder):
            with self._shelf(store_id) as shelf:
                shelf.drop()
            with self._lock:
                if self._shelves.get(store_id) is shelf:
                    del self._shelves[store_id], self._users[store_id]

    def set_attributes(self, store_id: str, file_id: str, attributes: Attributes) -> None:
        """Give a file of a store other attributes, where it is in."""
        with self._known(store_id) as shelf:
            if shelf is not None:
                shelf.set_attributes(file_id, attributes)

    def content(self, store_id: str, file_id: str) -> list[str]:
        """The text of a file as it was read, in pieces; nothing where it is not in the store."""
        with self._known(store_id) as shelf:
            if shelf is None:
                return []
            with shelf.view() as view:
                return [
                    text
                    for document in view.documents
                    if document.file == file_id
                    for text in view.content(document)
                ]

    def search(
        self,
        store_ids: Sequence[str],
        queries: Sequence[str],
        *,
        limit: int = 10,
        filter: Filter | None = None,
        ranking: Ranking | None = None,
    ) -> list[Hit]:
        """What answers the queries best, best first; the queries together make one ranking.

        Args:
            filter: must have passed `check_filter`.

        Raises:
            ConfigError: a store's database can't be used.
        """
        with ExitStack() as stack:
            shelves = {}
            for store_id in dict.fromkeys(store_ids):
                shelf = stack.enter_context(self._known(store_id))
                if shelf is not None:
                    shelves[store_id] = shelf
            found = seek(shelves, self._source(), queries, limit, filter, ranking or Ranking())
        for store_id in found.stale:
            self._refresher.wants(store_id)
        return found.hits

    def refresh(self, store_id: str, progress: Callable[[int, int], None] | None = None) -> None:
        """Make the vectors that a store lacks, file by file; what is done stays done.

        Args:
            progress: called with chunks done and chunks in all.

        Raises:
            EmbeddingError: the embedding can't be had.
        """
        embedding = self._source()
        with self._known(store_id) as shelf:
            if shelf is not None and embedding is not None:
                with suppress(Cancelled):
                    refresh(shelf, embedding, progress)

    def close(self) -> None:
        """End the processes that read files, and let go of the databases."""
        self._refresher.close()
        self._readers.close()
        with self._lock:
            for store_id, shelf in list(self._shelves.items()):
                if not self._users[store_id]:
                    shelf.close()
            self._shelves.clear()
            self._users.clear()

    def _check_size(self, path: Path, filename: str) -> None:
        size, most = path.stat().st_size, self._limits.megabytes
        if size > most * 10**6:
            message = f"The file {filename} has {size / 10**6:,.1f} MB; the limit is {most:,} MB."
            raise Unreadable("invalid_file", message)

    @contextmanager
    def _known(self, store_id: str) -> Iterator[Shelf | None]:
        """A store; None where there is none."""
        if Shelf.is_in(self._folder(store_id)):
            with self._shelf(store_id) as shelf:
                yield shelf
        else:
            yield None

    @contextmanager
    def _shelf(self, store_id: str) -> Iterator[Shelf]:
        with self._lock:
            shelf = self._shelves.pop(store_id, None)
            if shelf is None or shelf.dropped:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                shelf = Shelf(self._folder(store_id))
                self._users[store_id] = 0
            self._shelves[store_id] = shelf  # the last is the one used last
            self._users[store_id] += 1
            self._let_go()
        try:
            yield shelf
        finally:
            with self._lock:
                if self._shelves.get(store_id) is shelf:
                    self._users[store_id] -= 1

    def _let_go(self) -> None:
        """Close what was not used for longest."""
        for store_id in list(self._shelves)[: max(0, len(self._shelves) - _OPEN)]:
            if not self._users[store_id]:
                self._shelves.pop(store_id).close()
                del self._users[store_id]

    def _folder(self, store_id: str) -> Path:
        """Where a store is. An id that makes no plain name of a folder gets one of its own."""
        if _PLAIN.fullmatch(store_id):
            return self.folder / store_id
        return self.folder / f"_{hashlib.sha256(store_id.encode(errors='replace')).hexdigest()}"

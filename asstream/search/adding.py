"""A file's chunks on their way into a store: their words and, where there is an embedding, their vectors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from asstream.search.chunks import Chunk
from asstream.search.protocol import Attributes, Embedding, EmbeddingError, Ingested
from asstream.search.readers import Read
from asstream.search.shelf import Draft, Shelf

logger = logging.getLogger("asstream.search")

_BATCH: Final = 512
"""Chunks of one transaction."""


def add_file(
    shelf: Shelf,
    embedding: Embedding | None,
    file_id: str,
    filename: str,
    attributes: Attributes,
    batches: Iterable[list[Chunk] | Read],
) -> Ingested:
    """Add a file whose chunks come in batches. Where anything is raised, nothing of it stays."""
    draft = Draft(shelf, file_id, filename, attributes)
    vectors = _Vectors(shelf, embedding)
    held: list[Chunk] = []
    text_bytes = 0
    try:
        for batch in batches:
            if isinstance(batch, Read):
                text_bytes = batch.text_bytes
                continue
            held += batch
            if len(held) >= _BATCH:
                draft.put(held, vectors.of(held))
                held = []
        draft.finish(held, vectors.of(held), vectors.settled)
    except BaseException:
        if not shelf.dropped:
            draft.discard()
        raise
    return Ingested(draft.chunks, text_bytes)


class _Vectors:
    """The vectors of one file. From a failure on there are none: they are asked for later."""

    def __init__(self, shelf: Shelf, embedding: Embedding | None) -> None:
        self._shelf = shelf
        self._embedding = embedding

    def of(self, chunks: list[Chunk]) -> Callable[[int], None] | None:
        """What writes the vectors of chunks, given the id of the first."""
        if self._embedding is None or not chunks:
            return None
        try:
            vectors = self._embedding.embed([chunk.text for chunk in chunks])
        except EmbeddingError as error:
            self._fail(error)
            return None
        file = self._shelf.vectors(self._embedding.name)

        def write(first: int) -> None:
            try:
                file.write(first, vectors)
            except ValueError as error:
                self._fail(error)

        return write

    def settled(self) -> str:
        """The name of the embedding whose vectors are on the disk now; empty where they are not all there."""
        if self._embedding is None:
            return ""
        self._shelf.vectors(self._embedding.name).sync()
        return self._embedding.name

    def _fail(self, error: Exception) -> None:
        logger.warning("no vectors for now: %s", error)
        self._embedding = None

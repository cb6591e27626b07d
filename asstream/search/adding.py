"""A file's chunks on their way into a store: their words and, where there is an embedding, their vectors."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from asstream.search.chunks import Chunk
from asstream.search.protocol import Attributes, Embedding, EmbeddingError, Ingested
from asstream.search.readers import Read
from asstream.search.shelf import Draft, Shelf

logger = logging.getLogger("asstream.search")

_BATCH = 512
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
    draft: Draft | None = None
    text_bytes = 0
    try:
        for batch in _gathered(batches):
            if isinstance(batch, Read):
                text_bytes = batch.text_bytes
                continue
            draft = draft or shelf.draft(file_id, filename, attributes)
            first = draft.put(batch)
            embedding = _embed(shelf, embedding, first, batch)
        draft = draft or shelf.draft(file_id, filename, attributes)
        if embedding is not None and draft.chunks:
            shelf.vectors(embedding.name).sync()
        draft.finish(embedding.name if embedding is not None else "")
    except BaseException:
        if draft is not None and not shelf.dropped:
            draft.discard()
        raise
    return Ingested(draft.chunks, text_bytes)


def _embed(shelf: Shelf, embedding: Embedding | None, first: int, batch: list[Chunk]) -> Embedding | None:
    """Write the vectors of chunks; from a failure on there are none for this file: it is asked for later."""
    if embedding is None:
        return None
    try:
        vectors = embedding.embed([chunk.text for chunk in batch])
        shelf.vectors(embedding.name).write(first, vectors)
    except (EmbeddingError, ValueError) as error:
        logger.warning("no vectors for now: %s", error)
        return None
    return embedding


def _gathered(batches: Iterable[list[Chunk] | Read]) -> Iterator[list[Chunk] | Read]:
    """Small batches put together."""
    held: list[Chunk] = []
    for batch in batches:
        if isinstance(batch, list):
            held += batch
        if held and (isinstance(batch, Read) or len(held) >= _BATCH):
            yield held
            held = []
        if isinstance(batch, Read):
            yield batch

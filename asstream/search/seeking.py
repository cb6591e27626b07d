"""A search in several stores: each query by words and by vectors, all of that made one ranking."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from asstream.search.fusion import fuse
from asstream.search.protocol import Embedding, EmbeddingError, Filter, Hit, Ranking
from asstream.search.shelf import Shelf
from asstream.search.view import View

if TYPE_CHECKING:
    from asstream.search.protocol import Vectors

logger = logging.getLogger("asstream.search")

_DEPTH: Final = 100
"""How many of each list are fused, at least."""

_Id = tuple[str, int]
"""A chunk: its store and its id in that."""


@dataclass
class Sought:
    """What was found, and the stores that lack vectors."""

    hits: list[Hit]
    stale: set[str] = field(default_factory=set)


def seek(
    shelves: Mapping[str, Shelf],
    embedding: Embedding | None,
    queries: Sequence[str],
    limit: int,
    filter: Filter | None,
    ranking: Ranking,
) -> Sought:
    """Search stores. See `Library.search`."""
    sought = Sought([])
    questions = [question for question in dict.fromkeys(queries) if question.strip()]
    text_weight, embedding_weight = _weights(ranking, embedding)
    vectors = _vectors(embedding, questions) if embedding_weight else None
    depth = max(_DEPTH, 4 * limit)
    by_words: list[list[tuple[_Id, float]]] = [[] for _ in questions]
    by_vectors: list[list[tuple[_Id, float]]] = [[] for _ in questions]
    with ExitStack() as stack:
        views = {id: stack.enter_context(shelf.view()) for id, shelf in shelves.items()}
        for store_id, view in views.items():
            documents = view.passing(filter)
            for question, found in zip(questions, by_words, strict=True):
                if text_weight and documents:
                    found += _of(store_id, view.by_words(question, documents, depth))
            if vectors is None or embedding is None:
                continue
            file = shelves[store_id].vectors(embedding.name)
            fresh = view.fresh(embedding.name, file.rows(), documents)
            if fresh.some_lack:
                sought.stale.add(store_id)
            for near, found in zip(file.nearest(vectors, fresh.ids, depth), by_vectors, strict=True):
                found += _of(store_id, near)
        # A list that found nothing has no say, also in how high a score can be.
        rankings = [(text_weight, _best(found, depth)) for found in by_words if found]
        rankings += [(embedding_weight, _best(found, depth)) for found in by_vectors if found]
        sought.hits = _hits(views, fuse(rankings), limit, ranking.score_threshold)
    return sought


def _weights(ranking: Ranking, embedding: Embedding | None) -> tuple[float, float]:
    """The weights of words and of vectors."""
    text, vectors = ranking.text_weight, ranking.embedding_weight
    if vectors is None:
        vectors = 1.0 if embedding is None else embedding.weight
    return (1.0 if text is None else max(0.0, text)), max(0.0, vectors)


def _vectors(embedding: Embedding | None, questions: Sequence[str]) -> Vectors | None:
    if embedding is None or not questions:
        return None
    try:
        return embedding.embed(questions, query=True)
    except EmbeddingError as error:
        logger.warning("searched by words alone: %s", error)
        return None


def _of(store_id: str, found: Sequence[tuple[int, float]]) -> list[tuple[_Id, float]]:
    return [((store_id, id), score) for id, score in found]


def _best(found: list[tuple[_Id, float]], most: int) -> list[_Id]:
    return [id for id, _ in sorted(found, key=lambda pair: -pair[1])[:most]]


def _hits(
    views: Mapping[str, View], fused: Sequence[tuple[_Id, float]], limit: int, threshold: float
) -> list[Hit]:
    best = [(id, score) for id, score in fused[:limit] if score >= threshold]
    shown = {id: views[id[0]].show(id[1]) for id, _ in best}
    return [
        Hit(
            id[0],
            found.document.file,
            found.document.filename,
            score,
            found.text.strip(),
            found.document.attributes,
            found.place,
        )
        for id, score in best
        if (found := shown[id]) is not None
    ]

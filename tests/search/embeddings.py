"""A small embedding that is real: texts that share words are near each other."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from asstream.search import EmbeddingError
from asstream.search.vectors import unit

if TYPE_CHECKING:
    from asstream.search.protocol import Vectors

SYNONYMS = {"automobile": "car", "physician": "doctor"}


class HashedWords:
    """A bag of hashed words in which some have the place of another."""

    weight = 1.0

    def __init__(self, name: str = "hashed", width: int = 64) -> None:
        self.name = name
        self.width = width
        self.asked = 0
        self.fails = False

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        if self.fails:
            raise EmbeddingError("it is down")
        self.asked += len(texts)
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(SYNONYMS.get(word, word).encode()) % self.width] += 1
        return unit(vectors)

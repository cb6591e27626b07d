"""Search in files: parse → chunk → embed → index → rank.

One folder holds everything. Knows nothing of runs, of the wire's objects or of what store and file ids mean.
"""

from asstream.search.filters import check_filter
from asstream.search.library import Library
from asstream.search.protocol import (
    Attributes,
    Cancelled,
    Chunking,
    Embedding,
    EmbeddingError,
    EmbeddingSource,
    Filter,
    Hit,
    Ingested,
    Ranking,
    ReadingLimits,
    Unreadable,
)

__all__ = [
    "Attributes",
    "Cancelled",
    "Chunking",
    "Embedding",
    "EmbeddingError",
    "EmbeddingSource",
    "Filter",
    "Hit",
    "Ingested",
    "Library",
    "Ranking",
    "ReadingLimits",
    "Unreadable",
    "check_filter",
]

"""What is asked of a library, and what it answers: the whole contract between it and the runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    """One row a text, each of length 1 (or 0, for a text of which the embedding knows nothing)."""

Attributes = Mapping[str, str | float | bool]
"""What a file is filtered by."""

Filter = Mapping[str, Any]
"""The wire's own JSON: a comparison `{type, key, value}` or a compound `{type: and|or, filters}`."""

UnreadableCode = Literal["unsupported_file", "invalid_file", "server_error"]
"""The codes of a vector store file's `last_error`."""


@dataclass(frozen=True, slots=True)
class Chunking:
    """How a file's text is cut. The defaults are what the wire calls `auto`.

    Attributes:
        max_tokens: the most tokens of a chunk.
        overlap_tokens: the most tokens that a chunk repeats of the one before; half of `max_tokens` at most.
    """

    max_tokens: int = 800
    overlap_tokens: int = 400


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What reading one file may take.

    Attributes:
        megabytes: size of the file.
        tokens: tokens of its text.
        seconds: time of the process that reads it, and as much again of waiting for that.
        memory_mb: address space of that process.
    """

    megabytes: int = 512
    tokens: int = 5_000_000
    seconds: float = 120
    memory_mb: int = 2048


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a file.

    Attributes:
        chunks: how many there are.
        text_bytes: bytes of its text in UTF-8, each counted once.
    """

    chunks: int
    text_bytes: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found.

    Attributes:
        score: from 0 to 1; 1 is the first in every list that was fused.
        place: where in the file it begins: `page 3`, a heading, or nothing.
    """

    store_id: str
    file_id: str
    filename: str
    score: float
    text: str
    attributes: Attributes
    place: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """How hits are ranked.

    Attributes:
        ranker: the wire's name of one; `none` too ranks as `auto` does.
        score_threshold: hits below it are left out.
        embedding_weight: weight of the embeddings' list; None is the embedding's own.
        text_weight: weight of the text's list; None is 1.
    """

    ranker: str = "auto"
    score_threshold: float = 0.0
    embedding_weight: float | None = None
    text_weight: float | None = None


class Unreadable(Exception):
    """A file that can't be read.

    Args:
        code: the wire's word for it.
        message: why, and what helps, for people.
    """

    def __init__(self, code: UnreadableCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Cancelled(Exception):
    """A file was not added, since somebody asked for that. Nothing of it is kept."""


class EmbeddingError(Exception):
    """An embedding can't be had now. Search goes on with the words alone."""


EmbeddingSource = Callable[[], "Embedding | None"]
"""Gives the embedding to be used now, quickly; None while there is none yet. May give another one later."""


class Embedding(Protocol):
    """Turns texts into vectors. Called from several threads.

    Attributes:
        name: what it is, with its version: vectors of another name are not compared with its own.
        weight: what its ranking counts beside that of the words, which counts 1.
    """

    @property
    def name(self) -> str:
        """See above."""
        ...

    @property
    def weight(self) -> float:
        """See above."""
        ...

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        """One row a text, float32, all of the same width. Raises EmbeddingError.

        Args:
            texts: at least one.
            query: whether they are searched for, rather than searched in.
        """
        ...

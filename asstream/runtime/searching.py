"""The library of a home: what searches in vector stores. Made when it is first asked for something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from asstream.search import EmbeddingSource, Library, ReadingLimits

T = TypeVar("T")

FOLDER: Final = "search"
"""The library's folder in a home."""


@dataclass(frozen=True)
class SearchOptions:
    """How files are searched.

    Attributes:
        embedding: gives what makes vectors; None where words alone are searched.
        limits: what reading one file may take.
    """

    embedding: EmbeddingSource | None = None
    limits: ReadingLimits = field(default_factory=ReadingLimits)


class LazyLibrary:
    """A library that is made when it is first used.

    Args:
        home: the library's folder is in it.
        options: how it searches.
    """

    def __init__(self, home: Path, options: SearchOptions) -> None:
        self._home = home
        self._options = options
        self._made: Library | None = None

    def get(self) -> Library:
        """The library. Everything that it does blocks: call it in a thread."""
        if self._made is None:
            self._made = Library(self._home / FOLDER, self._options.embedding, self._options.limits)
        return self._made

    async def call(self, work: Callable[[Library], T]) -> T:
        """Do something with the library, in a thread."""
        return await asyncio.to_thread(work, self.get())

    async def close(self) -> None:
        """Let go of databases, processes and connections."""
        made, self._made = self._made, None
        if made is not None:
            await asyncio.to_thread(made.close)
        close = getattr(self._options.embedding, "close", None)
        if close is not None:
            await asyncio.to_thread(close)

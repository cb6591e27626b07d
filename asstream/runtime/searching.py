"""The library of a home: what searches in vector stores. Made when it is first asked for something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from asstream.search import EmbeddingSource, Library

T = TypeVar("T")

FOLDER: Final = "search"
"""The library's folder in a home."""


class LazyLibrary:
    """A library that is made when it is first used.

    Args:
        home: the library's folder is in it.
        embedding: gives what makes vectors; None where words alone are searched.
    """

    def __init__(self, home: Path, embedding: EmbeddingSource | None = None) -> None:
        self._home = home
        self._embedding = embedding
        self._made: Library | None = None

    def get(self) -> Library:
        """The library. Everything that it does blocks: call it in a thread."""
        if self._made is None:
            self._made = Library(self._home / FOLDER, self._embedding)
        return self._made

    async def call(self, work: Callable[[Library], T]) -> T:
        """Do something with the library, in a thread."""
        return await asyncio.to_thread(work, self.get())

    async def close(self) -> None:
        """Let go of databases, processes and connections."""
        made, self._made = self._made, None
        if made is not None:
            await asyncio.to_thread(made.close)
        close = getattr(self._embedding, "close", None)
        if close is not None:
            await asyncio.to_thread(close)

"""How files are searched in a home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asstream.search import Library

FOLDER: Final = "search"


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How files are searched in a home.

    Attributes:
        make: makes the library over a folder; without embeddings where none is given.
        by_default: whether the default assistant may search.
    """

    make: Callable[[Path], Library] = Library
    by_default: bool = False

    def open(self, home: Path) -> Library:
        """The library of a home. Nothing is written before the first file comes."""
        return self.make(home / FOLDER)

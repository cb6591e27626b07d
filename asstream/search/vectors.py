"""The vectors of a store: one file for each embedding, a row of float32 for each chunk, at its id.

A file is written before the rows that name it are committed, and never shortened, so it holds at least what
the rows say. What it holds beyond is room for chunks to come. NumPy is imported when there are vectors.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from asstream.search.protocol import Vectors

    Ids = NDArray[np.intp]

_FILE: Final = re.compile(r"vectors-([0-9a-f]{16})-(\d{1,5})\.f32")
_BYTES: Final = 4

Span = tuple[int, int]
"""(first id, how many)."""


def unit(vectors: Vectors) -> Vectors:
    """The same directions, each of length 1; what has none stays 0."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return result


def ids_of(spans: Iterable[Span]) -> Ids:
    """All ids of spans, ascending."""
    import numpy as np

    parts = [np.arange(first, first + count) for first, count in sorted(spans)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp)


def _sync(path: Path, flags: int) -> None:
    file = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


class VectorFile:
    """The vectors of one embedding in a store's folder. Reads and writes may come from several threads.

    Args:
        folder: the store's.
        embedding: the name of the embedding.
    """

    def __init__(self, folder: Path, embedding: str) -> None:
        self._folder = folder
        self._digest = hashlib.sha256(embedding.encode()).hexdigest()[:16]
        self._width = self._found()
        self._mapped: Vectors | None = None
        self._is_new = False

    def write(self, first: int, vectors: Vectors) -> None:
        """Put vectors at the ids from `first` on. Raises OSError; ValueError where their width is another."""
        width = int(vectors.shape[1])
        if self._width not in (None, width):
            raise ValueError(f"vectors have {width} numbers, those before {self._width}")
        self._width = width
        self._is_new = self._is_new or not self._path(width).exists()
        data = vectors.astype("<f4", copy=False).tobytes()
        file = os.open(self._path(width), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            place = first * width * _BYTES
            while data:
                done = os.pwrite(file, data, place)
                data, place = data[done:], place + done
        finally:
            os.close(file)

    def sync(self) -> None:
        """See that what was written is on the disk. Raises OSError."""
        if self._width is not None:
            _sync(self._path(self._width), os.O_WRONLY)
            if self._is_new:
                _sync(self._folder, os.O_RDONLY)
                self._is_new = False

    def rows(self) -> int:
        """How many ids the file has room for: fewer than the rows name only where it was damaged."""
        if self._width is None:
            self._width = self._found()
        if self._width is None:
            return 0
        with suppress(OSError):
            return self._path(self._width).stat().st_size // (self._width * _BYTES)
        return 0

    def nearest(self, queries: Vectors, ids: Ids, most: int) -> list[list[tuple[int, float]]]:
        """For each query those of the ids (ascending) that are nearest to it, with cosines; best first."""
        import numpy as np

        end = int(ids[-1]) + 1 if len(ids) else 0
        mapped = self._map(end)
        if mapped is None or queries.shape[1] != self._width:
            return [[] for _ in queries]
        # A few rows are taken by themselves; for many, all are gone through once.
        few, all = len(ids) * 4 < end, len(ids) == end
        scores = (mapped[ids] if few else mapped[:end]) @ queries.T
        found = []
        for column in scores.T:
            column = column if few or all else column[ids]
            best = np.argpartition(-column, most)[:most] if len(column) > most else np.arange(len(column))
            best = best[np.lexsort((ids[best], -column[best]))]
            found.append([(int(ids[each]), float(column[each])) for each in best])
        return found

    def remove_others(self) -> None:
        """Delete the files of other embeddings."""
        for path in self._folder.glob("vectors-*.f32"):
            found = _FILE.fullmatch(path.name)
            if found and found.group(1) != self._digest:
                path.unlink(missing_ok=True)

    def _map(self, end: int) -> Vectors | None:
        """The file as an array of at least `end` rows; None where it has fewer."""
        import numpy as np

        if self._mapped is None or len(self._mapped) < end:
            rows = self.rows()
            if rows < max(1, end) or self._width is None:
                return None
            # np.asarray: a memmap checks more at each operation than the product takes.
            self._mapped = np.asarray(
                np.memmap(self._path(self._width), dtype="<f4", mode="r", shape=(rows, self._width))
            )
        return self._mapped

    def _found(self) -> int | None:
        for path in self._folder.glob(f"vectors-{self._digest}-*.f32"):
            if found := _FILE.fullmatch(path.name):
                return int(found.group(2))
        return None

    def _path(self, width: int) -> Path:
        return self._folder / f"vectors-{self._digest}-{width}.f32"

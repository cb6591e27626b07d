"""What embeds for file search: the endpoint's model where it lists one, else the static one on this machine.

Nothing is asked of any network before the first file is added or searched. It is found in the background;
until it is there, search goes by words alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from asstream.errors import AsstreamError
from asstream.runtime.models import static_embedding
from asstream.runtime.models.protocol import ModelError
from asstream.search.protocol import Embedding, EmbeddingError
from asstream.search.wordllama import WordLlama

logger = logging.getLogger("asstream.models")

_PATIENCE: Final = 10.0
"""Seconds after which nobody waits any more: an endpoint's list, and in most places the download, are there.

What is then filled or searched goes by words, and gets its vectors later.
"""
_AGAIN: Final = 600.0


_NEEDED: Final = ("numpy", "tokenizers", "pypdf", "mammoth", "pptx", "openpyxl")


def absent() -> list[str]:
    """The modules of the extra `search` that are not installed; nothing is imported."""
    return [name for name in _NEEDED if find_spec(name) is None]


class FoundEmbedding:
    """Gives the embedding, once it is found.

    Args:
        home: ASSTREAM_HOME.
        of_endpoint: gives the endpoint's embedding, or None; may raise ModelError. None: no endpoint.
        fetches: whether the static one is fetched where it is not there yet.
    """

    def __init__(
        self, home: Path, of_endpoint: Callable[[], Embedding | None] | None, *, fetches: bool = True
    ) -> None:
        self._home = home
        self._of_endpoint = of_endpoint
        self._fetches = fetches
        self._lock = threading.Lock()
        self._found: Embedding | None = None
        self._thread: threading.Thread | None = None
        self._not_before = 0.0
        self._waited_for_until = 0.0

    def __call__(self) -> Embedding | None:
        """The embedding; None while there is none."""
        with self._lock:
            now = time.monotonic()
            thread = self._thread
            if self._found is not None or (thread is None and now < self._not_before):
                return self._found
            if thread is None:
                self._not_before, self._waited_for_until = now + _AGAIN, now + _PATIENCE
                thread = self._thread = threading.Thread(
                    target=self._look, name="asstream-embedding", daemon=True
                )
                thread.start()
            patience = self._waited_for_until - now
        thread.join(max(0.0, patience))
        return self._found

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            close = getattr(self._found, "close", None)
        if close is not None:
            close()

    def _look(self) -> None:
        found = None
        try:
            found = self._endpoints() or self._static()
        except (AsstreamError, EmbeddingError) as error:
            logger.warning("files are searched by words alone: %s", " ".join(str(error).split()))
        with self._lock:
            self._found, self._thread = found, None

    def _endpoints(self) -> Embedding | None:
        if self._of_endpoint is None:
            return None
        try:
            return self._of_endpoint()
        except ModelError:
            return None  # the run itself tells what is wrong with the endpoint

    def _static(self) -> Embedding | None:
        for missing in absent():
            raise EmbeddingError(f"{missing} is missing; pip install 'asstream[search]'")
        if not static_embedding.is_there(self._home):
            if not self._fetches:
                return None
            logger.info("fetching the embedding for file search (19 MB)")
        return WordLlama(static_embedding.pull_embedding(self._home))

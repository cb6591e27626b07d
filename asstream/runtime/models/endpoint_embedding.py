"""An endpoint's `/embeddings`, for search. Imports the SDK late."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from asstream.runtime.models.endpoint import ModelEndpoint, printable
from asstream.search.protocol import EmbeddingError
from asstream.search.vectors import unit

if TYPE_CHECKING:
    import openai

    from asstream.search.protocol import Vectors

_PREFERRED: Final = ("text-embedding-3-small", "text-embedding-3-large")
_EMBEDS: Final = re.compile(r"embed|(^|[/-])(bge|gte|e5|minilm)([-/]|$)", re.IGNORECASE)
_ASKED_AT_ONCE: Final = 64
_SECONDS: Final = 120.0
_TRIES: Final = 3
_SHORTEST: Final = 400
"""Characters below which a text that is refused is not cut any more."""
_NO_KEY: Final = "none"


def choose(names: Sequence[str]) -> str | None:
    """The name of a model that embeds, as far as names tell."""
    for preferred in _PREFERRED:
        if preferred in names:
            return preferred
    return next((name for name in names if _EMBEDS.search(name) and "rerank" not in name.lower()), None)


class EndpointEmbedding:
    """One embedding model of an endpoint.

    Args:
        endpoint: where it is.
        model: the name that the endpoint knows it by.
    """

    weight = 1.0

    def __init__(self, endpoint: ModelEndpoint, model: str) -> None:
        self.name = f"{endpoint.shown_url} {model}"
        self._endpoint = endpoint
        self._model = model
        self._client: openai.OpenAI | None = None
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        """See `Embedding`. What is too long for the model is cut."""
        import numpy as np

        parts = [
            self._ask(list(texts[start : start + _ASKED_AT_ONCE]))
            for start in range(0, len(texts), _ASKED_AT_ONCE)
        ]
        return unit(np.concatenate(parts))

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _ask(self, texts: list[str]) -> Vectors:
        import numpy as np
        import openai

        client = self._open()
        while True:
            try:
                # As numbers: not every endpoint knows base64, which the SDK would ask for.
                answer = client.embeddings.create(
                    model=self._model, input=[text or " " for text in texts], encoding_format="float"
                )
                break
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                longest = max(map(len, texts))
                if longest <= _SHORTEST:
                    raise self._failed(error) from error
                texts = [text[: longest // 2] for text in texts]
            except openai.OpenAIError as error:
                raise self._failed(error) from error
        rows = sorted(answer.data, key=lambda row: row.index)
        if len(rows) != len(texts) or len({len(row.embedding) for row in rows}) != 1:
            raise EmbeddingError(f"{self.name} gave {len(rows)} vectors for {len(texts)} texts.")
        vectors = np.asarray([row.embedding for row in rows], dtype=np.float32)
        if not np.isfinite(vectors).all():
            raise EmbeddingError(f"{self.name} gave vectors that are no numbers.")
        return vectors

    def _open(self) -> openai.OpenAI:
        with self._lock:
            if self._client is None:
                import openai

                self._client = openai.OpenAI(
                    base_url=self._endpoint.base_url,
                    api_key=self._endpoint.api_key or _NO_KEY,
                    max_retries=_TRIES,
                    timeout=_SECONDS,
                    http_client=openai.DefaultHttpxClient(trust_env=not self._endpoint.is_loopback),
                )
                # The SDK took them from the environment, where they belong to another key.
                self._client.organization = self._client.project = None
            return self._client

    def _failed(self, error: Exception) -> EmbeddingError:
        said = str(error)
        if self._endpoint.api_key:
            said = said.replace(self._endpoint.api_key, "***")
        return EmbeddingError(f"{self.name} gives no embeddings ({printable(said, 200)}).")

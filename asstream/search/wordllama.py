"""WordLlama's static embedding: a vector for each token of a vocabulary, averaged over a text.

Read from its two files with NumPy and tokenizers; the package itself is not needed, nor its platforms. Its
256 numbers a token were distilled from large models' token embeddings (Miller, MIT licence); a token's length
is its weight in the mean.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asstream.search.protocol import EmbeddingError
from asstream.search.vectors import unit

if TYPE_CHECKING:
    from asstream.search.protocol import Vectors

WEIGHTS: Final = "weights.safetensors"
TOKENIZER: Final = "tokenizer.json"

_WEIGHT: Final = 0.5
"""Words find better than means of tokens do; both together better than either (tests/benchmarks)."""
_NAME: Final = "wordllama-l2-supercat-256"
_TENSOR: Final = "embedding.weight"
_TYPES: Final = {"F16": "<f2", "F32": "<f4"}
_LONGEST: Final = 32_768
"""Characters of a text that count. Chunks are shorter, unless their tokens are very long."""


class WordLlama:
    """The embedding in a folder. Made once: its 32 MB stay in memory.

    Args:
        folder: holds `weights.safetensors` (tokens × width) and `tokenizer.json`.

    Raises:
        EmbeddingError: they are not there, damaged, or what reads them is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tokenizers import Tokenizer

            self._tokenizer: Any = Tokenizer.from_file(str(folder / TOKENIZER))
            self._weights = _tensor(folder / WEIGHTS)
        except ImportError as error:
            raise EmbeddingError(f"{error.name} is missing; pip install 'asstream[search]'") from error
        except Exception as error:  # tokenizers raises bare exceptions
            raise EmbeddingError(f"{folder} holds no embedding: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.name = _NAME
        self.weight = _WEIGHT

    def embed(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        """See `Embedding`. Queries and texts are embedded alike."""
        import numpy as np

        encoded = self._tokenizer.encode_batch_fast(
            [text[:_LONGEST] for text in texts], add_special_tokens=False
        )
        means = np.zeros((len(texts), self._weights.shape[1]), dtype=np.float32)
        for number, each in enumerate(encoded):
            if ids := each.ids:
                means[number] = self._weights[np.minimum(ids, len(self._weights) - 1)].mean(axis=0)
        return unit(means)


def _tensor(path: Path) -> Vectors:
    """The matrix of a safetensors file: length of the head (8 bytes), the head as JSON, the numbers."""
    import numpy as np

    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8 : 8 + length])[_TENSOR]
    begin, end = entry["data_offsets"]
    numbers = np.frombuffer(data[8 + length :][begin:end], dtype=_TYPES[entry["dtype"]])
    return numbers.reshape(entry["shape"]).astype(np.float32)

"""Reading the head of a GGUF file: is it one, and what does it say of its model. No weights are read.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
_MOST_KEYS = 100_000
_LONGEST_STRING = 64 * 1024 * 1024
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    24: "IQ1_S", 25: "IQ4_NL", 30: "IQ4_XS", 32: "BF16",
}  # fmt: skip


class NotGgufError(ValueError):
    """The file is no GGUF file, or its head is cut off."""


@dataclass(frozen=True)
class GgufHead:
    """What a model file says of itself; 0 or empty where it says nothing.

    Attributes:
        context_length: tokens that the model was trained to have in view.
        cache_bytes_per_token: what a token in view costs in memory, with 16-bit keys and values.
        quantisation: llama.cpp's name of the file type, e.g. `Q4_1`.
    """

    architecture: str
    name: str
    context_length: int
    cache_bytes_per_token: int
    quantisation: str
    has_chat_template: bool


def read_head(path: Path) -> GgufHead:
    """Read the head of a GGUF file. Raises NotGgufError, OSError."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotGgufError("it does not begin like a GGUF file")
        version, _tensors, keys = _unpack(file, "<IQQ")
        if version not in (2, 3):
            raise NotGgufError(f"it is of GGUF version {version}, which is not known")
        if keys > _MOST_KEYS:
            raise NotGgufError("its head is damaged")
        values: dict[str, Any] = {}
        for _ in range(keys):
            name = _string(file)
            values[name] = _value(file, *_unpack(file, "<I"))
    return _head(values)


def _head(values: dict[str, Any]) -> GgufHead:
    architecture = str(values.get("general.architecture", ""))

    def number(name: str) -> int:
        value = values.get(f"{architecture}.{name}")
        return value if isinstance(value, int) and value > 0 else 0

    heads = number("attention.head_count") or 1
    width = number("attention.key_length") or number("embedding_length") // heads
    per_token = number("block_count") * (number("attention.head_count_kv") or heads) * width * 2 * 2
    file_type = values.get("general.file_type")
    return GgufHead(
        architecture=architecture,
        name=str(values.get("general.name", "")),
        context_length=number("context_length"),
        cache_bytes_per_token=per_token,
        quantisation=_FILE_TYPES.get(file_type, "") if isinstance(file_type, int) else "",
        has_chat_template="tokenizer.chat_template" in values,
    )


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind != _ARRAY:
        return _scalar(file, kind)
    item, count = _unpack(file, "<IQ")
    if item == _STRING:
        for _ in range(count):
            (length,) = _unpack(file, "<Q")
            _skip(file, length)
    elif item in _SCALARS:
        _skip(file, count * struct.calcsize(_SCALARS[item]))
    else:
        raise NotGgufError("its head is damaged")
    return None  # arrays are vocabularies, and nobody here asks for them


def _scalar(file: BinaryIO, kind: int) -> Any:
    if kind not in _SCALARS:
        raise NotGgufError("its head is damaged")
    return _unpack(file, _SCALARS[kind])[0]


def _unpack(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    size = struct.calcsize(layout)
    piece = file.read(size)
    if len(piece) < size:
        raise NotGgufError("its head is cut off")
    return struct.unpack(layout, piece)


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<Q")
    if length > _LONGEST_STRING:
        raise NotGgufError("its head is damaged")
    piece = file.read(length)
    if len(piece) < length:
        raise NotGgufError("its head is cut off")
    return piece.decode("utf-8", "replace")


def _skip(file: BinaryIO, length: int) -> None:
    if length > 2**40:
        raise NotGgufError("its head is damaged")
    file.seek(length, 1)

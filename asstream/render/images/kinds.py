"""What the first bytes of a picture say: its kind and its size. Decodes nothing; knows four formats.

A picture comes from model-written code or from a server: bytes that only claim to be one, or that would
unpack to gigabytes, are refused here, before a decoder or a terminal sees them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 40_000_000
"""Four bytes each when they are decoded."""

_FRAMES_WITH_SIZE = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""JPEG's frame headers, whatever the coding."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A picture's format and its size in pixels."""

    format: str
    width: int
    height: int

    @property
    def suffix(self) -> str:
        """The end of its file's name."""
        return {"jpeg": ".jpg"}.get(self.format, f".{self.format}")


class NotAPictureError(ValueError):
    """Bytes that are not shown; the message says why."""


def kind_of(data: bytes) -> Kind:
    """The kind of a picture that may be decoded here. Raises NotAPictureError."""
    kind = header_of(data)
    if kind.width * kind.height > MOST_PIXELS:
        raise NotAPictureError(f"{kind.width} × {kind.height} pixels are too many")
    return kind


def header_of(data: bytes) -> Kind:
    """The kind of a picture, however many pixels it has. Raises NotAPictureError."""
    if len(data) > MOST_BYTES:
        raise NotAPictureError(f"it has more than {MOST_BYTES // 1024 // 1024} MB")
    for start, (name, size) in _FORMATS.items():
        if data.startswith(start) and (name != "webp" or data[8:12] == b"WEBP"):
            try:
                width, height = size(data)
            except (struct.error, IndexError, ValueError):
                raise NotAPictureError(f"its {name.upper()} header is broken") from None
            if width <= 0 or height <= 0:
                raise NotAPictureError("it is empty")
            return Kind(name, width, height)
    raise NotAPictureError("it is not a PNG, JPEG, GIF or WebP")


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError
    return struct.unpack(">II", data[16:24])


def _gif(data: bytes) -> tuple[int, int]:
    return struct.unpack("<HH", data[6:10])


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
        elif marker in _FRAMES_WITH_SIZE:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # they stand alone
            at += 2
        elif marker in (0xD9, 0xDA):  # the picture's data, with no size before it
            raise ValueError
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]


def _webp(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if len(data) < 30:
        raise ValueError
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L" and data[20] == 0x2F:
        bits = struct.unpack("<I", data[21:25])[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError


_FORMATS: Mapping[bytes, tuple[str, Callable[[bytes], tuple[int, int]]]] = {
    b"\x89PNG\r\n\x1a\n": ("png", _png),
    b"\xff\xd8\xff": ("jpeg", _jpeg),
    b"GIF87a": ("gif", _gif),
    b"GIF89a": ("gif", _gif),
    b"RIFF": ("webp", _webp),
}

"""What the bytes of a picture say, and which are refused."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from asstream.render.images.kinds import MOST_BYTES, Kind, NotAPictureError, kind_of


def picture(format: str, size: tuple[int, int] = (7, 5), **more: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, format, **more)
    return out.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + head
        + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    )


@pytest.mark.parametrize(
    ("format", "more"),
    [
        ("png", {}),
        ("jpeg", {}),
        ("jpeg", {"progressive": True}),
        ("gif", {}),
        ("webp", {}),
        ("webp", {"lossless": True}),
        ("webp", {"exif": b"Exif\0\0x"}),
    ],
)
def test_four_formats_tell_their_size(format: str, more: dict[str, object]) -> None:
    assert kind_of(picture(format, **more)) == Kind(format, 7, 5)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
        (b"GIF89a", "header is broken"),
        (b"\x89PNG\r\n\x1a\n", "header is broken"),
        (b"\xff\xd8\xff", "header is broken"),
        (b"\xff\xd8\xff\xe0\x00\x02\xff\xda", "header is broken"),
        (b"RIFF\0\0\0\0WAVE", "not a PNG"),
        (b"RIFF\0\0\0\0WEBPVP8X", "broken"),
        (png_that_claims(0, 9), "empty"),
        (png_that_claims(100_000, 100_000), "too many"),
        (png_that_claims(8, 2**31), "too many"),
        (b"\x89PNG\r\n\x1a\n" + bytes(MOST_BYTES), "more than 20 MB"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(NotAPictureError, match=why):
        kind_of(data)


def test_any_cut_of_a_picture_is_read_or_refused() -> None:
    for format in ("png", "jpeg", "gif", "webp"):
        whole = picture(format)
        for cut in range(len(whole)):
            try:
                kind_of(whole[:cut])
            except NotAPictureError:
                continue

"""Which files and addresses can be sent as pictures, and under which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from asstream.chat.pictures import look
from asstream.errors import UsageError

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (9000).to_bytes(4, "big") + (9000).to_bytes(4, "big")
GIF = b"GIF89a\x07\0\x05\0"
WEBP = b"RIFF\0\0\0\0WEBPVP8X" + bytes(14)
JPEG = b"\xff\xd8\xff\xc0\0\x11\x08\0\x05\0\x07"


@pytest.mark.parametrize(
    ("name", "data", "sent"),
    [
        ("a.png", PNG, "a.png"),  # of more pixels than are drawn here: the model may take them
        ("a.JPEG", JPEG, "a.JPEG"),
        ("a.png", JPEG, "a.png.jpg"),
        ("photo", GIF, "photo.gif"),
        ("-a\x1b[2J.webp", WEBP, "_-a.webp"),
    ],
)
def test_a_file_is_known_by_its_bytes_and_named_by_its_kind(
    tmp_path: Path, name: str, data: bytes, sent: str
) -> None:
    (tmp_path / name).write_bytes(data)
    found = look(str(tmp_path / name))
    assert (found.name, found.data, found.url) == (sent, data, "")
    assert "\x1b" not in found.shown


@pytest.mark.parametrize(
    "source",
    ["https://a/b c.png", "https://a/\x1b[2J", "https://a/" + "b" * 9000, "data:image/png,", "gopher://a"],
)
def test_an_odd_address_is_refused(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        look(source)
    assert "\x1b" not in caught.value.message


def test_an_address_passes_through_as_it_is() -> None:
    found = look("HTTPS://example.org/a.png?x=1&y=%20")
    assert (found.url, found.data) == ("HTTPS://example.org/a.png?x=1&y=%20", b"")

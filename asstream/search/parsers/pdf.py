"""PDF through pypdf: the text of each page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError

from asstream.search.chunks import Piece
from asstream.search.protocol import Unreadable

_ENCRYPTED = "The PDF is encrypted. Save it without a password."


def pdf(path: Path) -> Iterator[Piece]:
    """The pages; one that can't be read is left out, unless that is all of them."""
    reader = PdfReader(path)
    try:
        # Many have a password for changes alone, and an empty one for reading.
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("invalid_file", _ENCRYPTED)
        count = len(reader.pages)
    except (DependencyError, FileNotDecryptedError) as error:
        raise Unreadable("invalid_file", _ENCRYPTED) from error
    read, failure = False, None
    for number in range(count):
        text = _text(reader.pages[number])
        if isinstance(text, Exception):
            failure = text
            continue
        read = True
        yield Piece(text.rstrip() + "\n\n", f"page {number + 1}")
    if failure is not None and not read:
        raise failure


def _text(page: PageObject) -> str | Exception:
    try:
        return page.extract_text()
    except (MemoryError, Unreadable):
        raise
    except Exception as error:  # whatever a broken page makes pypdf raise
        return error

"""Word's docx through mammoth, which knows headings, lists, tables and notes by their styles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mammoth

from asstream.search.chunks import Piece
from asstream.search.parsers.html import pieces_of


def docx(path: Path) -> Iterator[Piece]:
    """The text of a docx; a place is the headings above, outermost first."""
    with path.open("rb") as file:
        # Pictures would come as text, in base64.
        result = mammoth.convert_to_html(file, convert_image=lambda image: [])
    return pieces_of(iter([result.value]))

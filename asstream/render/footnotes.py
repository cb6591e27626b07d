"""The notes that close a message: what stands in it, and what is to be said of that. Knows no openai."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from asstream.render.clean import clean_line
from asstream.render.markdown.links import safe_href
from asstream.render.pen import Pen


class Footnote(NamedTuple):
    """One note.

    Attributes:
        mark: what stands in the message: a raised number, a file's name.
        note: what is said of it.
        path: where its file lies on this machine.
    """

    mark: str
    note: str
    path: Path | None = None


def painted(footnote: Footnote, pen: Pen) -> str:
    """The line of a note; its mark leads to the file where a terminal has links."""
    mark, note = clean_line(footnote.mark), clean_line(footnote.note)
    href = safe_href(footnote.path.absolute().as_uri()) if footnote.path and pen.links else ""
    return pen.link(mark, "dim", href) + pen.paint(f"  {note}", "dim")

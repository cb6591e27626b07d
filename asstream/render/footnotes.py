"""The notes that close a message: what stands in it, and what is to be said of that. Knows no openai."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from asstream.render.clean import clean_line
from asstream.render.markdown.links import safe_href
from asstream.render.pen import Pen

_GAP: Final = "  "
_NARROWEST: Final = 20


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


def painted(footnote: Footnote, pen: Pen, console: Console) -> str:
    """The lines of a note; its mark leads to the file where a terminal has links.

    Where it is a person who reads, a line ends between words; one with a path is left whole, to be copied.
    """
    mark, note = clean_line(footnote.mark), clean_line(footnote.note)
    href = safe_href(footnote.path.absolute().as_uri()) if footnote.path and pen.links else ""
    indent = " " * (cell_len(mark) + len(_GAP))
    room = console.width - len(indent)
    lines = [note]
    if pen.live and footnote.path is None and room >= _NARROWEST:
        lines = [line.plain.rstrip() for line in Text(note).wrap(console, room)] or [""]
    rest = "".join("\n" + pen.paint(indent + line, "dim") for line in lines[1:])
    return pen.link(mark, "dim", href) + pen.paint(_GAP + lines[0], "dim") + rest

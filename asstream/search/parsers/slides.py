"""PowerPoint's pptx through python-pptx: the text of each slide, its tables and its notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pptx import Presentation

from asstream.search.chunks import Piece


def pptx(path: Path) -> Iterator[Piece]:
    """The slides of a pptx."""
    for number, slide in enumerate(Presentation(str(path)).slides, start=1):
        lines = list(_lines(slide.shapes))
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            lines.append(slide.notes_slide.notes_text_frame.text)
        yield Piece("\n".join(line for line in lines if line.strip()) + "\n\n", f"slide {number}")


def _lines(shapes: Iterable[Any]) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _lines(shape.shapes)
        if getattr(shape, "has_text_frame", False):
            yield shape.text_frame.text
        if getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield "\t".join(cell.text for cell in row.cells)

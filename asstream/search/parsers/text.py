"""Text, Markdown and CSV: read in blocks, so that memory does not grow with the file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from asstream.search.chunks import Piece

_BLOCK: Final = 1 << 20
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*\n?$")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_LONGEST_PLACE: Final = 120
_ROWS: Final = 50

_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def text(path: Path) -> Iterator[Piece]:
    """Plain text, code, JSON: as it is."""
    for block in blocks(path):
        yield Piece(block)


def markdown(path: Path) -> Iterator[Piece]:
    """Markdown, as it is; a place is the headings above, outermost first."""
    above: list[tuple[int, str]] = []
    held: list[str] = []
    fence = ""
    for line in _lines(path):
        mark = _FENCE.match(line)
        if mark and (not fence or mark.group(1).startswith(fence)):
            fence = "" if fence else mark.group(1)
        heading = None if fence else _HEADING.match(line)
        if heading or len(held) >= _ROWS:
            yield Piece("".join(held), place_of(above))
            held = []
        if heading:
            level = len(heading.group(1))
            above = [each for each in above if each[0] < level] + [(level, heading.group(2))]
        held.append(line)
    yield Piece("".join(held), place_of(above))


def place_of(above: list[tuple[int, str]]) -> str:
    """The place below these headings, each with its level."""
    return " > ".join(title for _, title in above)[:_LONGEST_PLACE]


def csv(path: Path) -> Iterator[Piece]:
    """Tables as text, row by row as they are; a place is a row's number. The first row names the columns."""
    for number, line in enumerate(_lines(path), start=1):
        yield Piece(line, f"row {number}")


def encoding_of(path: Path) -> str:
    """UTF-8 or UTF-16 where the file is that, else Windows' Latin, in which every file is something."""
    with path.open("rb") as file:
        head = file.read(_BLOCK)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return "utf-8-sig" if name == "utf-8" else name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def blocks(path: Path) -> Iterator[str]:
    """A file as text, in blocks that end with a line where lines are shorter than a block."""
    rest = ""
    with path.open(encoding=encoding_of(path), errors="replace") as file:
        while block := file.read(_BLOCK):
            whole, line, rest = (rest + block).rpartition("\n")
            if whole or line:
                yield whole + line
            if len(rest) > _BLOCK:
                yield rest
                rest = ""
    if rest:
        yield rest


def _lines(path: Path) -> Iterator[str]:
    for block in blocks(path):
        yield from block.splitlines(keepends=True)

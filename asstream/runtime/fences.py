"""Finds the first fenced block of Python in streamed text. Pure.

A fence opens at the beginning of a line with ``` and `python` or `py`; it closes with the next line that
begins with as many backticks. Blocks of other languages are text. Text is held back only while a fence may
be coming.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

_OPENS: Final = re.compile(r"([ \t]{0,12})(`{3,}|~{3,})[ \t]*([\w+-]*)[^`\n]*", re.ASCII)
_MAY_OPEN: Final = re.compile(r"[ \t]{0,12}(`{0,2}|~{0,2}|(`{3,}|~{3,})[^`\n]*)", re.ASCII)
_LANGUAGES: Final = frozenset({"python", "py", "python3", "ipython"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text or of the code."""

    kind: Literal["text", "code"]
    text: str


class Fences:
    """One reply. `closed` is true once a block of Python came to its end: nothing after it is looked at."""

    def __init__(self) -> None:
        self.closed = False
        self.in_code = False
        """Whether a block of Python was opened."""
        self._line = ""
        self._known = False
        """Whether the line that is coming is plain: then it is given out as it comes."""
        self._fence = ""
        self._indent = ""
        self._space = ""
        """White space at the end of the text so far: none of it stands before a block of code."""
        self._first_line = True

    def feed(self, text: str) -> Iterator[Piece]:
        """What a further piece of the reply holds."""
        for segment in _lines(text):
            if self.closed:
                return
            yield from self._code(segment) if self.in_code else self._plain(segment)

    def end(self) -> Iterator[Piece]:
        """What was held back, once the reply is at its end."""
        line, self._line = self._line, ""
        if self.in_code:
            if not self.closed and line.strip(" \t`~"):
                yield self._code_piece(line)
            return
        if _opened(line) is None or self._fence:
            yield from self._say(line)

    def _plain(self, segment: str) -> Iterator[Piece]:
        if self._known:
            yield from self._say(segment)
            self._known = not segment.endswith("\n")
            return
        self._line += segment
        if not self._line.endswith("\n"):
            if not _MAY_OPEN.fullmatch(self._line):
                self._known = True
                yield from self._release()
            return
        found = _OPENS.fullmatch(self._line.rstrip("\r\n"))
        if found is not None and self._fence:
            if found[2].startswith(self._fence) and not found[3]:
                self._fence = ""  # the end of a block that is none of Python
        elif found is not None:
            self._fence = found[2]
            if found[3].lower() in _LANGUAGES:
                self.in_code, self._indent, self._line = True, found[1], ""
                return
        yield from self._release()

    def _release(self) -> Iterator[Piece]:
        line, self._line = self._line, ""
        return self._say(line)

    def _say(self, text: str) -> Iterator[Piece]:
        text = self._space + text
        said = text.rstrip()
        self._space = text[len(said) :]
        if said:
            yield Piece("text", said)

    def _code(self, segment: str) -> Iterator[Piece]:
        ended = segment.endswith("\n")
        if self._known:
            if rest := segment.rstrip("\r\n"):
                yield Piece("code", rest)
        else:
            self._line += segment
            bare = self._line.strip()
            if bare.startswith(self._fence):
                self.closed = True
                return
            if not ended and (not bare or self._fence.startswith(bare)):
                return
            line, self._line, self._known = self._line, "", True
            yield self._code_piece(line)
        if ended:
            self._known = False

    def _code_piece(self, line: str) -> Piece:
        # Line ends are given with the next line: the one before the closing fence is no part of the code.
        before, self._first_line = "" if self._first_line else "\n", False
        return Piece("code", before + line.rstrip("\r\n").removeprefix(self._indent))


def _opened(line: str) -> re.Match[str] | None:
    found = _OPENS.fullmatch(line)
    return found if found is not None and found[3].lower() in _LANGUAGES else None


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)

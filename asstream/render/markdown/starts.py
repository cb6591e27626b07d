"""What begins on a line: quotes, lists, headings, fences, rules, tables. Pure.

CommonMark's rules, read from the left as the line comes: a line that may still become two things is not read
yet. Line by line these are left out: blocks of HTML (shown as the text that they are), definitions of link
references, and underlined headings of more than one line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

LONGEST = 1000
"""Characters by which a line has shown what it is, or is text."""

DEEPEST = 12
"""Quotes and lists in one another; deeper ones are text."""

Kind = Literal[
    "text", "blank", "heading", "underline", "rule", "fence", "code", "closing", "indented", "table"
]


@dataclass(frozen=True)
class Container:
    """A quote, or an item of a list.

    Attributes:
        marker: of an item: a bullet, or a number with its delimiter; empty for a quote.
        width: columns by which the lines of an item are indented at least.
    """

    marker: str = ""
    width: int = 0


@dataclass(frozen=True)
class State:
    """What is open where a line begins.

    Attributes:
        containers: from the outermost.
        leaf: what kind of block is open in the innermost.
        fence: of a fence: its marks.
        indent: of a fence: the blanks before it.
        underlines: whether the open text may be made a heading by the line.
        columns: of the open text's last line: how many columns it has if a table's rule may follow; else 0.
    """

    containers: tuple[Container, ...] = ()
    leaf: Literal["", "text", "fence", "indented", "table"] = ""
    fence: str = ""
    indent: int = 0
    underlines: bool = False
    columns: int = 0


@dataclass(frozen=True)
class Start:
    """What a line begins.

    Attributes:
        kind: `closing` ends a fence, `code` goes on in one; `text` begins or goes on.
        stays: how many of the open containers the line is in.
        opened: containers that it begins.
        rest: where its content begins.
        blanks: blanks to put before the content, of a tab that is only in part indentation.
        level: of a heading, 1 to 6.
        lazy: it goes on with text that it is not indented for.
        info: of a fence: what stands behind its marks; of a table: its rule.
        fence: the marks.
        indent: blanks before them.
    """

    kind: Kind
    stays: int
    opened: tuple[Container, ...] = ()
    rest: int = 0
    blanks: int = 0
    level: int = 0
    lazy: bool = False
    info: str = ""
    fence: str = ""
    indent: int = 0


_RULE = re.compile(r"([-*_])[ \t]*(?:\1[ \t]*){2,}\Z")
_RULE_BEGINS = re.compile(r"([-*_])(?:\1|[ \t])*\Z")
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+|\Z)")
_FENCE = re.compile(r"(`{3,})([^`]*)\Z|(~{3,})(.*)\Z", re.DOTALL)
_FENCE_BEGINS = re.compile(r"`{1,2}\Z|~{1,2}\Z|`{3,}[^`]*\Z|~{3,}.*\Z", re.DOTALL)
_ITEM = re.compile(r"([-+*]|\d{1,9}[.)])([ \t]+|\Z)")
_ITEM_BEGINS = re.compile(r"(?:[-+*]|\d{1,9}[.)])[ \t]*\Z|\d{1,9}\Z")
_UNDERLINE = re.compile(r"(=+|-+)[ \t]*\Z")
_TABLE_RULE = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")
_TABLE_RULE_BEGINS = re.compile(r"[|:\- \t]+\Z")


class _Cursor:
    """A place in a line; tabs count to the next of every fourth column."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.at = self.column = self.blanks = 0

    def indent(self) -> int:
        """Columns of blanks before the next other character."""
        column = self.column + self.blanks
        for char in self.line[self.at :]:
            if char == " ":
                column += 1
            elif char == "\t":
                column += 4 - column % 4
            else:
                break
        return column - self.column

    def skip(self, columns: int) -> None:
        """Go on over so many columns of blanks, at most to the next other character."""
        while columns > 0:
            if self.blanks:
                taken = min(self.blanks, columns)
                self.blanks -= taken
                self.column += taken
                columns -= taken
            elif self.at < len(self.line) and self.line[self.at] in " \t":
                self.blanks = 1 if self.line[self.at] == " " else 4 - self.column % 4
                self.at += 1
            else:
                return

    def take(self, length: int) -> None:
        self.at += length
        self.column += length

    @property
    def rest(self) -> str:
        return self.line[self.at :]


def read(line: str, state: State, *, whole: bool) -> Start | None:
    """What a line begins; None while that is not known.

    Args:
        line: as much of it as has come, without its end.
        whole: whether it has ended.
    """
    if len(line) <= LONGEST:
        return _Reader(line, state, whole=whole).read()
    return _Reader(line[:LONGEST], state, whole=False).read() or _Reader(line, state, whole=True).content()


@dataclass
class _Reader:
    line: str
    state: State
    whole: bool
    opened: list[Container] = field(default_factory=list)
    stays: int = 0

    def __post_init__(self) -> None:
        self.cursor = _Cursor(self.line)

    def read(self) -> Start | None:
        if not self._enter():
            return None
        if self._is_in_fence():
            return self._in_fence()
        while True:
            rest = self.cursor.rest.lstrip(" \t")
            if not rest:
                return self._start("blank") if self.whole else None
            if self.cursor.indent() >= 4:
                return self.text() if self._is_text_open() else self._indented()
            for look in (self._underline, self._table, self._rule, self._heading, self._fence):
                found = look(rest)
                if found is None or isinstance(found, Start):
                    return found
            found = self._container(rest)
            if found is None:
                return None
            if not found:
                return self.text()

    def content(self) -> Start:
        """What a line is that shows nothing else for too long."""
        self._enter()
        return self._code() if self._is_in_fence() else self.text()

    # containers

    def _enter(self) -> bool:
        """Go into the open containers as far as the line is in them; false while that is not known."""
        cursor = self.cursor
        for container in self.state.containers:
            rest = cursor.rest.lstrip(" \t")
            if not rest and not self.whole:
                return False
            if not container.marker:
                if cursor.indent() > 3 or not rest.startswith(">"):
                    break
                cursor.skip(3)
                cursor.take(1)
                if not cursor.rest and not self.whole:
                    return False
                cursor.skip(1)
            else:
                if rest and cursor.indent() < container.width:
                    break
                cursor.skip(container.width)
            self.stays += 1
        return True

    def _container(self, rest: str) -> bool | None:
        """Begin a quote or an item; false where there is none, None while that is not known."""
        cursor = self.cursor
        if self.stays + len(self.opened) >= DEEPEST:
            return False
        if rest[0] == ">":
            cursor.skip(3)
            cursor.take(1)
            if not cursor.rest and not self.whole:
                return None
            cursor.skip(1)
            self.opened.append(Container())
            return True
        if not self.whole and _ITEM_BEGINS.match(rest):
            return None
        item = _ITEM.match(rest)
        if item is None:
            return False
        indent = cursor.indent()
        empty = not rest[item.end() :]
        if self._interrupts() and (empty or (item[1][:-1].isdigit() and item[1][:-1] != "1")):
            return False
        cursor.skip(indent)
        cursor.take(len(item[1]))
        blanks = cursor.indent()
        if empty or blanks > 4:
            blanks = 1
        cursor.skip(blanks)
        self.opened.append(Container(item[1], indent + len(item[1]) + blanks))
        return True

    def _is_text_open(self) -> bool:
        """Whether text is open that the line goes on with unless it begins something."""
        return self.state.leaf == "text" and not self.opened

    def _interrupts(self) -> bool:
        """Whether what begins here would come in the middle of text."""
        return self._is_text_open() and self.stays == len(self.state.containers)

    # blocks

    def _start(self, kind: Kind, **more: object) -> Start:
        return Start(kind, self.stays, tuple(self.opened), **more)  # type: ignore[arg-type]

    def text(self) -> Start:
        lazy = self._is_text_open() and self.stays < len(self.state.containers)
        rest = self.cursor.rest
        return self._start("text", lazy=lazy, rest=len(self.line) - len(rest.lstrip(" \t")))

    def _is_in_fence(self) -> bool:
        return self.state.leaf == "fence" and self.stays == len(self.state.containers)

    def _indented(self) -> Start:
        self.cursor.skip(4)
        return self._start("indented", rest=self.cursor.at, blanks=self.cursor.blanks)

    def _in_fence(self) -> Start | None:
        cursor, fence = self.cursor, self.state.fence
        rest = cursor.rest.lstrip(" \t")
        if cursor.indent() <= 3:
            marks = len(rest) - len(rest.lstrip(fence[0]))
            if not rest[marks:].strip(" \t"):  # nothing but marks and blanks
                if not self.whole:
                    return None
                if marks >= len(fence):
                    return self._start("closing")
        elif not rest and not self.whole:
            return None
        return self._code()

    def _code(self) -> Start:
        self.cursor.skip(self.state.indent)
        return self._start("code", rest=self.cursor.at, blanks=self.cursor.blanks)

    def _underline(self, rest: str) -> Start | bool | None:
        if not (self.state.underlines and self._interrupts()):
            return False
        if _UNDERLINE.match(rest) is None:
            return False
        return self._start("underline", level=1 if rest[0] == "=" else 2) if self.whole else None

    def _table(self, rest: str) -> Start | bool | None:
        if not (self.state.columns and self._interrupts()) or _TABLE_RULE_BEGINS.match(rest) is None:
            return False
        if not self.whole:
            return None
        if _TABLE_RULE.match(rest) is None or len(cells(rest)) != self.state.columns:
            return False
        return self._start("table", info=rest)

    def _rule(self, rest: str) -> Start | bool | None:
        if not self.whole and _RULE_BEGINS.match(rest):
            return None
        return self._start("rule") if _RULE.match(rest) else False

    def _heading(self, rest: str) -> Start | bool | None:
        found = _HEADING.match(rest)
        if found is None:
            return False
        if found.end() == len(rest) and not self.whole:
            return None
        return self._start("heading", level=len(found[1]), rest=len(self.line) - len(rest) + found.end())

    def _fence(self, rest: str) -> Start | bool | None:
        if rest[0] not in "`~":
            return False
        if not self.whole:
            return None if _FENCE_BEGINS.match(rest) else False
        found = _FENCE.match(rest)
        if found is None:
            return False
        marks, info = found[1] or found[3], found[2] or found[4] or ""
        return self._start("fence", fence=marks, info=info.strip(), indent=self.cursor.indent())


def cells(row: str) -> list[str]:
    """The cells of a row of a table: what stands between its bars, without blanks around it."""
    row = row.strip(" \t")
    row = row.removeprefix("|")
    parts: list[str] = []
    cell = ""
    for piece in re.findall(r"\\.|`+[^`]*`+|[|]|[^\\|`]+|.", row, re.DOTALL):
        if piece == "|":
            parts.append(cell)
            cell = ""
        else:
            cell += "|" if piece == "\\|" else piece.replace("\\|", "|") if piece[0] == "`" else piece
    if cell.strip(" \t"):
        parts.append(cell)
    return [part.strip(" \t") for part in parts]

"""The blocks of a text as it streams: line by line, each in its quotes and lists. Pure.

What is finished goes to a sink, rows and code in their order; what is open can be asked for.
"""

from __future__ import annotations

import re
from typing import Protocol

from asstream.render.markdown.flow import LEAST, Flow, Room, end_of
from asstream.render.markdown.leaves import Heading, Paragraph
from asstream.render.markdown.runs import Row, Run, cells_of, trimmed
from asstream.render.markdown.starts import Container, Start, State, read
from asstream.render.markdown.tables import Table

_BULLETS = "•◦▪"
_QUOTE = Run("▌ ", "dim")
_MARKER_STYLE = "cyan"
_TASK = re.compile(r"\[([ xX])\][ \t]")
_TASK_BEGINS = re.compile(r"(?:\[(?:[ xX]\]?)?)?\Z")
_SPACED_BEFORE = ("heading", "underline", "fence", "table", "rule", "indented")
_SPACED_BEHIND = ("fence", "table", "rule", "indented")
_RULE_WIDTH = 40
_CODE = "code"
"""What stands before code whose language is not said."""


class Sink(Protocol):
    """Takes what is finished, in order."""

    def rows(self, rows: list[Row]) -> None:
        """Rows that stand for good."""

    def code_begins(self, language: str, prefix: Row) -> None:
        """Lines of code follow, each behind a prefix that is in their text too."""

    def code(self, text: str) -> None:
        """More of the code, its lines ended by newlines."""

    def code_ends(self) -> None:
        """The code is whole, its last line ended."""


class Blocks:
    """One text: `feed` its pieces, `finish` at its end.

    Args:
        sink: takes what is finished.
        room: of the screen.
    """

    def __init__(self, sink: Sink, room: Room) -> None:
        self._sink = sink
        self._room = room
        self._containers: tuple[Container, ...] = ()
        self._fresh = 0
        """How many of the containers have shown their markers."""
        self._leaf: Paragraph | Table | None = None
        self._code: Start | None = None
        """What began the code that is open."""
        self._blank_code = 0
        self._label = 0
        """The cells of the line before the code."""
        self._line: str | None = ""
        """The beginning of a line that is not read yet; None in a line that was."""
        self._task = ""
        self._may_be_task = False
        self._first_row: Row = ()
        """What stands before an item's first row."""
        self._last = ""
        self._inside = False
        """Whether the last block stands in a quote or list."""
        self._gap = False

    def feed(self, text: str) -> None:
        """The next piece."""
        while text:
            piece, newline, text = text.partition("\n")
            if self._line is None:
                self._more(piece)
            else:
                self._line += piece
                self._begin(whole=bool(newline))
            if newline:
                self._end_line()
        if self._leaf is not None and (rows := self._leaf.settled()):
            self._sink.rows(rows)

    def finish(self) -> None:
        """Nothing follows."""
        if self._line:
            self._begin(whole=True)
        if self._line is None:
            self._end_line()
        self._close()

    def rows(self) -> list[Row]:
        """The rows that may change."""
        return self._leaf.rows() if self._leaf is not None else []

    def loosen(self, room: Room) -> None:
        """The window was resized, and all that it shows stands."""
        self._room = room
        if self._leaf is not None:
            self._leaf.loosen(room)

    def stretch(self, room: Room) -> None:
        """The window became higher or lower: what it shows may still change."""
        self._room = room
        if isinstance(self._leaf, Table):
            self._leaf.stretch(room)

    # lines

    def _begin(self, *, whole: bool) -> None:
        line = self._line or ""
        start = read(line, self._state(), whole=whole)
        if start is None:
            return
        self._line = None
        self._apply(start, " " * start.blanks + line[start.rest :])

    def _more(self, text: str) -> None:
        if self._code is not None:
            self._sink.code(text)
        elif self._leaf is not None:
            if self._may_be_task:
                text = self._task_of(text)
            if text:
                self._leaf.feed(text)

    def _end_line(self) -> None:
        if self._may_be_task and self._leaf is not None:
            self._may_be_task = False
            self._leaf.feed(self._task)
        if self._line is None and self._code is not None and self._last == "code":
            self._sink.code("\n")
        elif isinstance(self._leaf, Table) and self._line is None and self._last == "row":
            self._leaf.end_row()
        elif isinstance(self._leaf, Heading):
            self._close()
        self._line = ""

    def _state(self) -> State:
        leaf = self._leaf
        if self._code is not None:
            kind = "fence" if self._code.kind == "fence" else "indented"
            return State(self._containers, kind, self._code.fence, self._code.indent)  # type: ignore[arg-type]
        if isinstance(leaf, Table):
            return State(self._containers, "table")
        if leaf is None:
            return State(self._containers)
        return State(self._containers, "text", underlines=leaf.underlines, columns=leaf.columns)

    def _apply(self, start: Start, text: str) -> None:
        goes_on = not start.opened and (start.lazy or start.stays == len(self._containers))
        if goes_on and self._goes_on(start, text):
            return
        self._close()
        kept = self._containers[: start.stays]
        self._fresh = min(self._fresh, len(kept))
        self._containers = kept + start.opened
        if start.kind == "blank":
            if start.opened:
                self._space("text")
                self._sink.rows([trimmed(self._first())])
            else:
                self._gap = True
            return
        self._space(start.kind)
        self._open(start, text)

    def _goes_on(self, start: Start, text: str) -> bool:
        """Whether the line belongs to the block that is open, which takes it."""
        leaf, code = self._leaf, self._code
        if start.kind in ("code", "closing", "indented", "blank") and code is not None:
            return self._code_goes_on(start, text)
        if start.kind == "text" and isinstance(leaf, Table) and (leaf.bare or text.startswith("|")):
            self._last = "row"
            leaf.feed(text)
            return True
        if start.kind == "text" and isinstance(leaf, Paragraph):
            leaf.go_on()
            leaf.feed(text)
            return True
        if start.kind == "underline" and isinstance(leaf, Paragraph):
            self._leaf, self._last = None, "underline"
            self._sink.rows(leaf.as_heading(start.level))
            return True
        if start.kind == "table" and isinstance(leaf, Paragraph):
            rows, head, first, rest = leaf.as_head()
            self._sink.rows(rows)
            self._leaf, self._last = Table(self._room, head, start.info, first, rest), "table"
            return True
        return False

    def _code_goes_on(self, start: Start, text: str) -> bool:
        if start.kind == "closing":
            self._close()
            self._last = "fence"
            return True
        if start.kind == "blank":
            self._blank_code += 1
            self._last = "indented"
            return True
        self._last = "code"
        self._sink.code("\n" * self._blank_code + text)
        self._blank_code = 0
        return True

    # blocks

    def _open(self, start: Start, text: str) -> None:
        item = len(self._containers) > self._fresh and bool(self._containers[-1].marker)
        first, rest = self._first(), self._rest()
        self._last, self._inside = start.kind, bool(self._containers)
        if start.kind == "heading":
            self._leaf = Heading(self._room, first, rest, start.level)
            self._leaf.feed(text)
        elif start.kind == "rule":
            room = self._room.columns - sum(len(run.text) for run in first)
            self._sink.rows([(*first, Run("─" * max(min(room, _RULE_WIDTH), 1), "dim"))])
        elif start.kind in ("fence", "indented"):
            self._open_code(start, text, first, rest)
        else:
            self._leaf = Paragraph(self._room, first, rest)
            self._may_be_task, self._task, self._first_row = item, "", first
            self._more(text)

    def _open_code(self, start: Start, text: str, first: Row, rest: Row) -> None:
        self._code, self._blank_code = start, 0
        flow = Flow(self._room.columns, first, rest)
        flow.push([Run(f"── {start.info or _CODE} ──", "dim")])
        label = [*flow.settled(), *flow.rows()]
        self._label = max(map(cells_of, label)) - cells_of(rest)
        self._sink.rows(label)
        language = (start.info.split() or [""])[0].strip("{}.")
        self._sink.code_begins(language, rest)
        if start.kind == "indented":
            self._last = "code"
            self._sink.code(text)

    def _close(self) -> None:
        """End the block that is open."""
        if self._code is not None:
            self._last = self._code.kind
            self._gap = self._gap or self._blank_code > 0
            self._code = None
            self._sink.code_ends()
            self._sink.rows([(*self._rest(), Run("─" * self._label, "dim"))])
        if self._leaf is not None:
            leaf, self._leaf = self._leaf, None
            if isinstance(leaf, Table):
                self._last = "table"
            self._sink.rows(leaf.finish())

    def _task_of(self, text: str) -> str:
        """The beginning of an item's text; of a task's, behind a box in the bullet's place.

        Nothing while that is not known.
        """
        self._task += text
        if _TASK_BEGINS.match(self._task):
            return ""
        self._may_be_task = False
        box = _TASK.match(self._task)
        if box is None:
            return self._task
        shown, text = "☐ " if box[1] == " " else "☑ ", self._task[box.end() :]
        if self._containers[-1].marker[:-1]:  # a number stays beside it
            return shown + text
        first = (*self._first_row[:-1], Run(shown, _MARKER_STYLE))
        self._leaf = Paragraph(self._room, first, self._rest())
        return text

    # what stands around blocks

    def _space(self, kind: str) -> None:
        """A blank row before a block where the text has one, or the kinds of both ask for one."""
        between = not self._containers and kind in _SPACED_BEFORE
        between |= not (self._containers and self._inside) and self._last in _SPACED_BEHIND
        if self._last and (self._gap or between):
            self._sink.rows([trimmed(self._prefix(self._containers[: self._fresh]))])
        self._gap = False

    def _first(self) -> Row:
        """What stands before the first row of a block; markers of items once."""
        fresh, self._fresh = self._fresh, len(self._containers)
        shown = list(self._prefix(self._containers[:fresh]))
        depth = sum(bool(c.marker) for c in self._containers[:fresh])
        for container in self._containers[fresh:]:
            if not container.marker:
                shown.append(_QUOTE)
                continue
            marker = container.marker
            if not marker[:-1]:
                marker = _BULLETS[depth % len(_BULLETS)]
            depth += 1
            shown.append(Run(f"{marker} ", _MARKER_STYLE))
        return end_of(tuple(shown), self._room.columns - LEAST)

    def _rest(self) -> Row:
        """What stands before the rows of a block but its first."""
        return self._prefix(self._containers)

    def _prefix(self, containers: tuple[Container, ...]) -> Row:
        rows = tuple(Run(" " * (len(c.marker) + 1)) if c.marker else _QUOTE for c in containers)
        return end_of(rows, self._room.columns - LEAST)

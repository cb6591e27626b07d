"""A reply on a Rich console: text, code and its output, tool activity, notices, as they come.

Knows rich; knows nothing of openai. Everything given in is made harmless here. What stands is not changed,
but for the colours of a line as it ends (`lines`) and the one line below that says what goes on (`status`).
"""

from __future__ import annotations

import math
import sys
import threading
import weakref
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from asstream.render.clean import Cleaner, clean_line
from asstream.render.footnotes import Footnote, painted
from asstream.render.frames import Frames
from asstream.render.lines import Lines, Plain, Styler
from asstream.render.markdown.runs import Highlight
from asstream.render.markdown.section import Markdown
from asstream.render.output import Output
from asstream.render.pen import Pen
from asstream.render.size import size_of
from asstream.render.status import Status

_live: list[weakref.ref[Transcript]] = []
"""The transcript that has the terminal, while there is one."""


def say_aside(line: str) -> bool:
    """Write a line that is no part of a reply (it is clean) on stderr, from any thread; whether it was.

    Where a reply has the terminal it comes between two lines of it, not into one. Where none has, nothing is
    written.
    """
    transcript = _live[0]() if _live else None
    if transcript is not None:
        transcript.aside(line)
    return transcript is not None


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Transcript:
    """One reply, written from top to bottom.

    Args:
        console: where the reply goes.
        errors: where notices go.
    """

    def __init__(self, console: Console, errors: Console) -> None:
        self._console = console
        self._errors = errors
        self._output = Output(console.file)
        self._pen = Pen(console)
        self._size = size_of(console)
        self._section: object = None
        self._cleaner = Cleaner()
        self._lines: Lines | Markdown = Lines(self._pen, Plain(), self._size)
        self._frames = Frames(self._draw_frame)
        self._lock = threading.RLock()
        self._status = Status(self._draw_status)
        self._takes_away = ""
        """What takes the status line away; empty while none is drawn."""
        self._asides: list[str] = []
        if self._pen.live:
            _live[:] = [weakref.ref(self)]

    @property
    def broken(self) -> bool:
        """Whether nobody reads any more."""
        return self._output.broken

    @property
    def pen(self) -> Pen:
        return self._pen

    def open(
        self,
        section: object,
        title: str = "",
        *,
        styler: Styler | None = None,
        markdown: bool = False,
        highlight: Highlight | None = None,
        redraws: bool = False,
        goes_on: bool = False,
    ) -> None:
        """Begin a section (a text, a call's code, its output) unless it is the one that is open.

        Args:
            section: names it; pieces of the same section follow each other.
            title: a line before it.
            styler: colours its lines.
            markdown: it is rendered, where the cursor can move; elsewhere it is shown as it is.
            highlight: styles of its rows beyond Markdown's.
            redraws: carriage returns in it draw the open line anew.
            goes_on: what the line below says is still so.
        """
        if section == self._section:
            return
        self._end_section() if goes_on else self.close()
        if title:
            self._write(self._pen.paint(self._titled(title), "bold dim") + "\n")
        self._section = section
        self._cleaner = Cleaner(returns=redraws)
        with self._lock:
            if markdown and self._pen.live:
                self._lines = Markdown(self._pen, self._size, highlight=highlight)
            else:
                self._lines = Lines(self._pen, styler or Plain(), self._size, redraws=redraws)

    def add(self, text: str) -> None:
        """Write a piece into the open section."""
        self._put(self._cleaner.feed(text))

    def close(self) -> None:
        """End the open section and its line; nothing goes on any more."""
        self.idle()
        self._end_section()

    def _end_section(self) -> None:
        self._put(self._cleaner.flush())
        with self._lock:
            self._write(self._lines.end())
            self._say_asides()
        self._section = None

    def line(self, text: str, *, style: str = "dim") -> None:
        """One line of its own."""
        self.close()
        self._write(self._pen.paint(clean_line(text), style) + "\n")

    def picture(self, drawn: str) -> None:
        """A picture as `images` drew it: escape sequences of our own, written as they are."""
        self.close()
        self._write(drawn)

    def footnotes(self, notes: Sequence[Footnote]) -> None:
        """The list that closes a message: what stands in the text, and what is to be said of it."""
        self.close()
        for note in notes:
            self._write(painted(note, self._pen, self._console) + "\n")

    def notice(self, what: str, remedy: str = "") -> None:
        """Say what went wrong and what to do about it, to the person and not into the reply."""
        self.close()
        self._errors.print(Text(clean_line(what), style="red"), soft_wrap=True)
        if remedy:
            self._errors.print(Text(clean_line(remedy)), soft_wrap=True)

    def busy(self, what: str, silent: str = "") -> None:
        """Say on a line below what goes on, until something else happens. Only where the cursor can move.

        `silent`: what it is instead once nothing came for a while.
        """
        if self._pen.live:
            self._status.start(what, silent)

    def aside(self, line: str) -> None:
        """Write a line of somebody else's on stderr, now or once the open line has ended."""
        with self._lock:
            self._asides.append(line)
            self._say_asides()

    def _say_asides(self) -> None:
        if self._asides and not self._lines.is_open:
            self._write_out("")
            asides, self._asides = self._asides, []
            for line in asides:
                _to_stderr(line)

    def idle(self) -> None:
        """Nothing goes on any more: the line below is taken away."""
        self._status.stop()
        with self._lock:
            self._write_out("")

    def _titled(self, title: str) -> str:
        return f"── {clean_line(title)} ──" if self._pen.live else clean_line(title)

    def _put(self, text: str) -> None:
        if text:
            with self._lock:  # the status line's thread asks the lines where the cursor stands
                if self._asides and (ended := text.find("\n") + 1):
                    self._write(self._lines.feed(text[:ended]))
                    self._say_asides()
                    text = text[ended:]
                self._write(self._lines.feed(text))
                if isinstance(self._lines, Markdown) and self._lines.due() != math.inf:
                    self._frames.want()

    def _draw_frame(self) -> float:
        """Draw what was put off; the seconds until there is more to draw."""
        with self._lock:
            if not isinstance(self._lines, Markdown):
                return math.inf
            if (left := self._lines.due()) > 0:
                return left
            self._write(self._lines.frame())
            return math.inf

    # everything that is written goes through here; the status line's thread draws through here too

    def _write(self, text: str) -> None:
        if text and not self.broken:
            with self._lock:
                self._status.touch()
                self._write_out(text)

    def _write_out(self, text: str) -> None:
        takes_away, self._takes_away = self._takes_away, ""
        self._output.write(takes_away + text)

    def _draw_status(self, text: str) -> None:
        with self._lock:
            if not self._status.what:  # it was stopped while this waited for the lock
                return
            column = self._lines.column()
            if column is None:
                return
            columns, rows = self._size()
            if rows < 2:
                return
            drawn = "\r" + self._pen.paint(text[: columns - 1], "dim") + "\x1b[K"
            if self._takes_away:
                self._output.write(drawn)
                return
            self._output.write(("\n" if column else "") + drawn)
            self._takes_away = "\r\x1b[K" + (f"\x1b[A\x1b[{column + 1}G" if column else "")

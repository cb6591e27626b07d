"""A reply on a Rich console: text, tool activity, notices, as they come. Knows rich; knows nothing of openai.

The simple form: text appears as it is written, with no markup. Everything given in is made harmless here.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from asstream.render.clean import Cleaner, clean_line
from asstream.render.output import Output


class Transcript:
    """One reply, written from top to bottom; nothing that stands is changed.

    Args:
        console: where the reply goes.
        errors: where notices go.
    """

    def __init__(self, console: Console, errors: Console) -> None:
        self._console = console
        self._errors = errors
        self._output = Output(console.file)
        self._section: object = None
        self._style = ""
        self._cleaner = Cleaner()
        self._at_line_start = True

    @property
    def broken(self) -> bool:
        """Whether nobody reads any more."""
        return self._output.broken

    def open(self, section: object, title: str = "", *, style: str = "") -> None:
        """Begin a section (a text, a call's code, its output) unless it is the one that is open.

        Args:
            section: names it; pieces of the same section follow each other.
            title: a line before it.
            style: Rich style of its text.
        """
        if section == self._section:
            return
        self.close()
        self._section, self._style = section, style
        if title:
            self._print(Text(clean_line(title), style="bold dim"), end="\n")

    def add(self, text: str) -> None:
        """Write a piece into the open section."""
        self._put(self._cleaner.feed(text))

    def close(self) -> None:
        """End the open section and its line."""
        self._put(self._cleaner.flush())
        if not self._at_line_start:
            self._print(Text(""), end="\n")
            self._at_line_start = True
        self._section = None

    def line(self, text: str, *, style: str = "dim") -> None:
        """One line of its own."""
        self.close()
        self._print(Text(clean_line(text), style=style), end="\n")

    def citations(self, citations: Sequence[tuple[str, str]]) -> None:
        """The list that closes a message: marker in the text, and what it stands for."""
        self.close()
        for marker, target in citations:
            self._print(Text(f"{clean_line(marker)}  {clean_line(target)}", style="dim"), end="\n")

    def notice(self, what: str, remedy: str = "") -> None:
        """Say what went wrong and what to do about it, to the person and not into the reply."""
        self.close()
        self._errors.print(Text(clean_line(what), style="red"), soft_wrap=True)
        if remedy:
            self._errors.print(Text(clean_line(remedy)), soft_wrap=True)

    def _put(self, text: str) -> None:
        if text:
            self._print(Text(text, style=self._style), end="")
            self._at_line_start = text.endswith("\n")

    def _print(self, text: Text, *, end: str) -> None:
        if self.broken:
            return
        # Rich answers a broken pipe by ending the program; what it renders is written here instead.
        with self._console.capture() as rendered:
            self._console.print(text, end=end, soft_wrap=True, highlight=False)
        self._output.write(rendered.get())

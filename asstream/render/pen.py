"""Colour where a terminal has it. Knows rich; one Pen for each console."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style

from asstream.render.hyperlinks import has_links

Span = tuple[str, str]
"""A piece of a line, and its Rich style."""


class Pen:
    """Paints pieces of text for one console.

    Attributes:
        live: whether the cursor may be moved: a terminal that knows how, and a person who did not ask for
            plain output with NO_COLOR.
        links: whether a text may be a link; where it may not, addresses are shown.
    """

    def __init__(self, console: Console) -> None:
        self.live = console.is_terminal and not console.is_dumb_terminal and not console.no_color
        system = console.color_system if self.live else None
        self._system = COLOR_SYSTEMS.get(system) if system else None
        # Rich keeps the environment that it has, or was given, to itself.
        self.links = self._system is not None and has_links(getattr(console, "_environ", {}))

    @property
    def system(self) -> ColorSystem | None:
        """The colours that there are; None writes no escape sequence at all."""
        return self._system

    def paint(self, text: str, style: str) -> str:
        """A text in a style; the text itself where there are no colours."""
        if self._system is None or not style or not text:
            return text
        return _parsed(style).render(text, color_system=self._system)

    def link(self, text: str, style: str, href: str) -> str:
        """A text that leads to an address (printable ASCII) where a terminal has links."""
        painted = self.paint(text, style)
        return f"\x1b]8;;{href}\x1b\\{painted}\x1b]8;;\x1b\\" if href and self.links else painted

    def line(self, spans: Iterable[Span]) -> str:
        """The spans of a line, one after another."""
        return "".join(self.paint(text, style) for text, style in spans)


@lru_cache(maxsize=4096)
def _parsed(style: str) -> Style:
    return Style.parse(style)

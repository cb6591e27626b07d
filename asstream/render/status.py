"""What goes on just now, below what stands: one line that ticks, and leaves nothing behind.

Knows threads and the clock; where and how the line is drawn is its owner's affair.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TICK = 0.1
QUIET = 0.3
"""Seconds without output before the line is drawn: between pieces that follow each other it would flicker."""

SILENT = 1.0
"""Seconds without output after which something else than writing is likely to go on."""


class Status:
    """A line such as `⠹ running 3 s`, drawn again and again until it is stopped.

    Args:
        draw: draws the line, or draws it anew. It is called from a thread of this object's own.
    """

    def __init__(self, draw: Callable[[str], None]) -> None:
        self._draw = draw
        self._ended = threading.Event()
        self._ended.set()
        self._what = self._silent = ""
        self._since = self._touched = 0.0

    @property
    def what(self) -> str:
        """What is going on; empty while the line is stopped."""
        return "" if self._ended.is_set() else self._what

    def start(self, what: str, silent: str = "") -> None:
        """Say what goes on from now on; seconds are counted from the first time that it is said.

        Args:
            silent: what is said in its place once nothing was written for `SILENT` seconds, which count;
                empty for nothing else.
        """
        self._silent = silent
        if self.what == what:
            return
        self._what, self._since = what, time.monotonic()
        self.touch()
        if self._ended.is_set():
            self._ended = threading.Event()
            threading.Thread(
                target=self._run, args=(self._ended,), name="asstream-status", daemon=True
            ).start()

    def touch(self) -> None:
        """Something was written: wait a little before the line is drawn again."""
        self._touched = time.monotonic()

    def stop(self) -> None:
        """End it; its owner takes away what was drawn. Twice is once."""
        self._ended.set()

    def _run(self, ended: threading.Event) -> None:
        tick = 0
        while not ended.wait(TICK):
            now = time.monotonic()
            if now - self._touched < QUIET:
                continue
            if self._silent and now - self._touched >= SILENT:
                self._what, self._since, self._silent = self._silent, self._touched, ""
            tick += 1
            try:
                self._draw(f"{FRAMES[tick % len(FRAMES)]} {self._what} {now - self._since:.0f} s")
            except (OSError, ValueError):  # the terminal is gone: whoever writes next is told
                return

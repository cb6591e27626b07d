"""Draws once more when the time has come, from a thread that ends when nobody needs it. Knows the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable

_IDLE = 1.0
"""Seconds after which a thread that nobody needs ends."""


class Frames:
    """Calls `draw` as soon as that is due.

    Args:
        draw: draws what is due, and gives the seconds until it has something to draw; infinite for nothing.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._runs = False

    def want(self) -> None:
        """There is something to draw."""
        if self._wanted.is_set():
            return
        with self._lock:
            self._wanted.set()
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="asstream-frames", daemon=True).start()

    def _run(self) -> None:
        sleep = threading.Event().wait
        while True:
            if not self._wanted.wait(_IDLE):
                with self._lock:
                    if not self._wanted.is_set():
                        self._runs = False
                        return
            self._wanted.clear()
            try:
                while (left := self._draw()) != float("inf"):
                    sleep(max(left, 0.001))
            except (OSError, ValueError):  # the terminal is gone: whoever writes next is told
                pass

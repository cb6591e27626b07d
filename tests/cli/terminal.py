"""The program in a real pseudo-terminal, and what a person sees of it (pyte)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyte

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


class Terminal:
    """A program that runs in a terminal of its own, 100×30.

    Attributes:
        raw: every byte that the program wrote.
        code: the exit code, once it has ended.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._screen = pyte.HistoryScreen(100, 30, history=1000)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self.code: int | None = None
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.execve(command[0], list(command), dict(environ))
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def type(self, text: str) -> None:
        """Type as a keyboard does; `\\r` is Enter, `\\x03` Ctrl-C, `\\x04` Ctrl-D."""
        os.write(self._descriptor, text.encode())

    def text(self) -> str:
        """What is on the screen and was scrolled off it, without trailing blanks."""
        past = ["".join(line[x].data for x in range(100)).rstrip() for line in self._screen.history.top]
        return "\n".join([*past, *(line.rstrip() for line in self._screen.display)]).rstrip()

    def wait_for(self, wanted: str | Callable[[str], bool], seconds: float = PATIENCE) -> str:
        """Read until the text is on the screen; returns the screen. Fails when it does not come."""
        found = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + seconds
        while not found(self.text()):
            assert time.monotonic() < deadline, f"{wanted!r} did not come:\n{self.text()}"
            assert self.read(0.2) or self.code is None, f"{wanted!r} did not come, it ended:\n{self.text()}"
        return self.text()

    def read(self, seconds: float) -> bool:
        """Read what comes within so many seconds; False when nothing came."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return False
        try:
            chunk = os.read(self._descriptor, 65536)
        except OSError:  # the program's end of the terminal is closed
            chunk = b""
        if not chunk:
            self._reap()
            return False
        self.raw += chunk
        self._stream.feed(chunk)
        return True

    def wait_end(self, seconds: float = PATIENCE) -> int:
        """Read until the program ends; its exit code."""
        deadline = time.monotonic() + seconds
        while self.code is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text()}"
            self.read(0.2)
        return self.code

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed by itself."""
        return bool(termios.tcgetattr(self._descriptor)[3] & termios.ECHO)

    def close(self) -> None:
        """End the program, if it still runs."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._reap()
        os.close(self._descriptor)

    def _reap(self) -> None:
        if self.code is None:
            _, status = os.waitpid(self.pid, 0)
            self.code = os.waitstatus_to_exitcode(status)


@contextlib.contextmanager
def terminal(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[Terminal]:
    """`asstream ARGUMENTS` in a terminal, ended at the end."""
    started = Terminal([sys.executable, "-m", "asstream", *arguments], environ)
    try:
        yield started
    finally:
        started.close()

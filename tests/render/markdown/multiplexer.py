"""A program in tmux: a terminal that people use, which breaks rows anew when it is resized."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLAYER = Path(__file__).with_name("player.py")
PATIENCE = 60.0


class Tmux:
    """A window of tmux in which a program runs."""

    def __init__(self, folder: Path, command: Sequence[str], columns: int, rows: int) -> None:
        self._done = folder / "done"
        self._tmux = ["tmux", "-S", str(folder / "socket"), "-f", "/dev/null"]
        self._environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "SHELL": "/bin/sh",
        }
        program = f"{shlex.join(command)}; touch {shlex.quote(str(self._done))}; exec sleep 600"
        self.run("new-session", "-d", "-x", str(columns), "-y", str(rows), "exec sleep 600")
        self.run("set", "-g", "history-limit", "100000")
        self.run("set", "-g", "status", "off")
        self.run("new-window", "-c", str(ROOT), program)
        self.resize(columns, rows)

    def run(self, *arguments: str) -> str:
        return subprocess.run(
            [*self._tmux, *arguments], env=self._environ, check=True, capture_output=True, text=True
        ).stdout

    def resize(self, columns: int, rows: int) -> None:
        self.run("resize-window", "-x", str(columns), "-y", str(rows))

    def lines(self, *, joined: bool = False) -> list[str]:
        """All rows, scrolled off ones too; `joined`: those that tmux broke itself as one."""
        text = self.run("capture-pane", "-p", *(["-J"] if joined else []), "-S", "-")
        return [line.rstrip() for line in text.rstrip().split("\n")]

    @property
    def has_ended(self) -> bool:
        return self._done.exists()

    def wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.has_ended:
            assert time.monotonic() < deadline, "\n".join(self.lines())
            time.sleep(0.02)

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.run("kill-server")


@contextlib.contextmanager
def played(path: Path, between: float, columns: int, rows: int, length: int = 4) -> Iterator[Tmux]:
    """A reply in a file as it is written piece by piece, in a window of tmux."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(PLAYER), str(path), str(between), str(length)]
        tmux = Tmux(Path(folder), command, columns, rows)
        try:
            yield tmux
        finally:
            tmux.close()

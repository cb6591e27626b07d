"""The prompt's history in a file for its owner alone, in prompt_toolkit's format."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from asstream.render.clean import clean

MOST_BYTES = 1_000_000
"""How much of the file's end is read: a history of years must not hold up the first prompt."""


def history(path: Path | None) -> History:
    """The history kept in a file (0600, its folder 0700), else in memory: None, or what can't be used.

    A history that can't be kept is no reason not to chat. A pipe or a device under its name would hold the
    prompt up: only a plain file is used.
    """
    if path is None:
        return InMemoryHistory()
    try:
        # The prompt comes before all else: the folder above, the home, may not be there yet either.
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        if not stat.S_ISREG(path.lstat().st_mode):
            return InMemoryHistory()
        path.parent.chmod(0o700)
        path.chmod(0o600)
        path.open("ab").close()
    except OSError:
        return InMemoryHistory()
    return _Kept(path)


class _Kept(FileHistory):
    """prompt_toolkit's file of lines, read from its end, made harmless, and written an entry at a time.

    An entry is the lines that begin with `+`; its own line ends are kept so.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_BYTES))
                text = file.read(MOST_BYTES).decode("utf-8", errors="replace")
        except OSError:
            return []
        entries: list[list[str]] = [[]]
        for line in text.split("\n"):
            if line.startswith("+"):
                entries[-1].append(line[1:])
            elif entries[-1]:
                entries.append([])
        return [clean("\n".join(lines)) for lines in reversed(entries) if lines]

    def store_string(self, string: str) -> None:
        lines = "".join(f"+{line}\n" for line in string.split("\n"))
        entry = f"\n# {time.strftime('%Y-%m-%d %H:%M:%S')}\n{lines}".encode("utf-8", errors="replace")
        try:
            # In one write: another chat of the profile appends to the same file.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, entry)
            finally:
                os.close(descriptor)
        except OSError:  # a full disk: what was typed is still sent
            return

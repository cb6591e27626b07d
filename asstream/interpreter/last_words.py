"""What a cell says, beside the socket: a file that a process writes as it speaks and that outlives its death.

The library that sends has threads of its own: what it was given a moment before a SIGKILL may never reach the
socket. The kernel's side maps the file, so that each text is in it once it was written; each message says up
to which byte the text goes that ends with it. When the process is dead, the host reads what it did not hear.

It runs inside the kernel's process too, so it imports nothing of the project.
"""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

NAME = "words"
"""Of the file, in the connection folder."""
_HEAD = 16
_MOST = 2**20


def ring_bytes(output_kb: int) -> int:
    """Bytes of text that the file holds: all that is sent of a cell before its end, where that is ASCII."""
    return min(output_kb * 1024, _MOST)


class Words:
    """The kernel's side.

    In the file are two numbers, the bytes said ever and those said before this cell, and a ring of UTF-8.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._size = len(self._map) - _HEAD
        self._said = 0

    def begin(self) -> None:
        """A cell begins."""
        self._map[8:_HEAD] = self._said.to_bytes(8, "little")

    def say(self, text: str) -> None:
        """Take a text that is going to be sent; not from two threads at once."""
        data = text.encode(errors="replace")
        self._said += len(data)
        data = data[-self._size :]
        at = (self._said - len(data)) % self._size
        first = min(len(data), self._size - at)
        self._map[_HEAD + at : _HEAD + at + first] = data[:first]
        self._map[_HEAD : _HEAD + len(data) - first] = data[first:]
        # Last: what is counted is there.
        self._map[:8] = self._said.to_bytes(8, "little")


class Reader:
    """The host's side. What is read is the kernel's word, and no more than the file's size.

    Makes the file in `folder`, and keeps it open: what code does to the name leads nowhere.
    """

    def __init__(self, folder: Path, output_kb: int) -> None:
        self._size = ring_bytes(output_kb)
        self._file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Not by its length alone: on a full disk a mapped hole would be the process's end.
            if os.write(self._file, bytes(_HEAD + self._size)) < _HEAD + self._size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except BaseException:
            os.close(self._file)
            raise

    def unheard(self, heard: int) -> str:
        """The text of the last cell beyond byte `heard`, as much of it as there is."""
        data = os.pread(self._file, _HEAD + self._size, 0)
        said, begun = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:_HEAD], "little")
        missing = min(said - max(heard, begun), self._size)
        if missing <= 0 or len(data) < _HEAD + self._size:
            return ""
        ring, at = data[_HEAD:], (said - missing) % self._size
        return (ring[at:] + ring[:at])[:missing].decode(errors="replace")

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

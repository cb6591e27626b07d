"""Which process works on a run: a file under HOME/owners, locked for as long as the process lives.

The lock is the operating system's (`flock`): it goes with the process however that ends, also by kill -9, and
no process can hold a dead one's. So whoever can take the lock of a run's owner knows that nobody works on
that run.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from asstream.runtime.ids import new_id


class Owner:
    """This process's own lock. `id` names it in the rows of its runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.id, self._descriptor = self._take_new()

    def _take_new(self) -> tuple[str, int]:
        while True:
            id = new_id("owner_")
            descriptor = os.open(self.folder / id, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Between open and lock another process may have taken the file for a dead one's and removed it.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat((self.folder / id).stat(), os.fstat(descriptor)):
                    return id, descriptor
            os.close(descriptor)

    def close(self) -> None:
        """Give the lock back. What this process still owned may be taken over from now on."""
        (self.folder / self.id).unlink(missing_ok=True)
        os.close(self._descriptor)


def remove_dead(folder: Path, mine: str) -> None:
    """Remove the files of dead processes. A run of an owner without a file counts as left, as before."""
    for path in folder.iterdir():
        if path.name != mine:
            with taken_over(folder, path.name):
                pass


@contextlib.contextmanager
def taken_over(folder: Path, owner: str) -> Iterator[bool]:
    """Whether `owner` is dead. While inside, its lock is held: one process clears up after it."""
    path = folder / owner
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)

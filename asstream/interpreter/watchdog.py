"""Watches what the sessions use, every 0.1 s, and ends the process of one that is past a limit.

The system holds each process to its own limits; those of all together, and of the disk, are held here. So is
this process's own memory: raw bytes on a kernel's socket that never become a whole message are kept by the
library that reads it, where no limit of messages counts them.
A thread of its own: looking through thousands of files must not delay output.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from asstream.interpreter import notes
from asstream.interpreter.data import usage
from asstream.interpreter.processes import Tree, resident
from asstream.interpreter.protocol import Limits

EVERY_SECONDS = 0.1
OWN_GROWTH = 512 * 2**20
"""Bytes by which this process may grow while cells run. Output at its worst takes a tenth of it."""
_SHARE = 0.2
"""Of one processor's time that watching may take."""


class Watched(Protocol):
    """A kernel, as the watchdog sees it."""

    @property
    def tree(self) -> Tree: ...

    @property
    def folders(self) -> tuple[Path, Path]:
        """The data folder and the connection folder."""
        ...

    @property
    def scratch(self) -> tuple[str, ...]:
        """Folders in memory, as the kernel's process sees them."""
        ...

    @property
    def alive(self) -> bool:
        """Whether its process has not ended."""
        ...

    def condemn(self, doom: str, *, full: bool) -> None:
        """End it, for this reason. `full`: its data folder is the reason."""
        ...


def filled(one: Watched, limits: Limits) -> str:
    """The name of the limit that what it has on the disk is past; empty where none is."""
    data, connection = one.folders
    size = files = 0
    for folder in (data, connection):
        used = usage(folder, limits.files + 16)
        size, files = size + used.size, files + used.files
    if files - 16 > limits.files:
        return "files"
    size += one.tree.unlinked(data.stat().st_dev)
    return "disk_mb" if size > limits.disk_mb * 2**20 else ""


class Watchdog:
    """The thread, from `start` to `stop`; `watched` is asked each time for what there is."""

    def __init__(self, limits: Limits, watched: Callable[[], list[Watched]]) -> None:
        self._limits = limits
        self._watched = watched
        self._stop = threading.Event()
        self._own = resident(os.getpid())
        self._swollen = False
        self._thread = threading.Thread(target=self._run, name="asstream-watchdog", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def _run(self) -> None:
        pause = EVERY_SECONDS
        while not self._stop.wait(pause):
            began = time.monotonic()
            # An idle session is no work.
            ran = [one for one in self._watched() if one.alive and one.tree.ran()]
            for one in ran:
                with suppress(OSError):
                    reached = self._reached(one)
                    if reached and one.alive:
                        one.condemn(notes.limit(reached, self._limits), full=reached in ("disk_mb", "files"))
            self._look_at_own(ran)
            pause = max(EVERY_SECONDS, (time.monotonic() - began) / _SHARE)

    def _reached(self, one: Watched) -> str:
        """The name of the limit that is passed; empty where none is."""
        limits = self._limits
        cap = limits.memory_mb * 2**20
        if one.tree.memory(cap) > cap:
            return "memory_mb"
        if one.tree.threads() > limits.processes + 2:  # the launcher's do not count
            return "processes"
        if self._scratch_files(one) > limits.files:
            return "files"
        return filled(one, limits)

    def _look_at_own(self, ran: list[Watched]) -> None:
        """End the sessions that ran while this process grew far beyond what their output may take."""
        own = resident(os.getpid())
        if not ran:
            if self._swollen:
                _give_back()
            self._own, self._swollen = own, False
        elif own - self._own > OWN_GROWTH:
            self._swollen = True
            for one in ran:
                one.condemn(notes.SWOLLEN, full=False)

    def _scratch_files(self, one: Watched) -> int:
        """Files in the folders in memory, whose size is limited by the sandbox, but not their number."""
        pid = one.tree.kernel() if one.scratch else None
        count = 0
        for folder in one.scratch if pid else ():
            with suppress(OSError):
                found = os.statvfs(f"/proc/{pid}/root{folder}")
                count += found.f_files - found.f_ffree
        return count


def _give_back() -> None:
    """Have the C library return what it holds for later; another library than glibc may not know how."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

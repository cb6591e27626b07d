"""Watches what the sessions use, every 0.1 s, and ends the process of one that is past a limit.

The system holds each process to its own limits; those of all together, and of the disk, are held here.
A thread of its own: looking through thousands of files must not delay output.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

from asstream.interpreter import notes
from asstream.interpreter.data import Usage, usage
from asstream.interpreter.processes import Held, Tree
from asstream.interpreter.protocol import Limits

EVERY_SECONDS = 0.1
MOST_SECONDS = 1.0
"""And at least every second, however long watching takes: code must not win time by making it slow."""
_SHARE = 0.2
"""Of one processor's time that watching may take before that, in which waiting for it does not count."""
_CLOSED_SECONDS = 1.0
"""How long what processes have open may not be seen. A program that can't be read may run for a moment."""
_HIDING = "hiding"
_OURS = 18
"""Files and folders in the connection folder that are none of the code's."""


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


def filled(one: Watched, limits: Limits, held: Held | None = None) -> str:
    """The name of the limit that what it has on the disk is past; empty where none is.

    Args:
        held: what its processes have open, where that is known.
    """
    data, connection = one.folders
    size = files = 0
    for folder in (data, connection):
        used = usage(folder, limits.files + _OURS)
        size, files = size + used.size, files + used.files
    if files - _OURS > limits.files:
        return "files"
    tree = one.tree
    held = held or tree.held(data.stat().st_dev)
    size += sum(held.unlinked.values())
    size += tree.hidden.disk(tree.pids(), set(held.unlinked), held.unseen, size)
    return "disk_mb" if size > limits.disk_mb * 2**20 else ""


def pause_after(spent: float) -> float:
    """Seconds until the next look, where this one took so many of a processor's time."""
    return min(max(EVERY_SECONDS, spent / _SHARE), MOST_SECONDS)


class Watchdog:
    """The thread, from `start` to `stop`; `watched` is asked each time for what there is."""

    def __init__(self, limits: Limits, watched: Callable[[], list[Watched]]) -> None:
        self._limits = limits
        self._watched = watched
        self._stop = threading.Event()
        self._closed: WeakKeyDictionary[Tree, float] = WeakKeyDictionary()
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
            began = time.thread_time()
            for one in self._watched():
                with suppress(OSError):
                    reached = self._reached(one) if one.alive else ""
                    if reached and one.alive:
                        doom = notes.HIDING if reached == _HIDING else notes.limit(reached, self._limits)
                        one.condemn(doom, full=reached in ("disk_mb", "files"))
            pause = pause_after(time.thread_time() - began)

    def _reached(self, one: Watched) -> str:
        """The name of the limit that is passed; empty where none is."""
        ran = one.tree.ran()
        one.tree.hidden.sample(one.folders[0], ran=ran)  # what came to the machine meanwhile may be its
        if not ran and one.tree not in self._closed:
            return ""  # an idle session is no work, but for one that has not let us see all of it
        limits = self._limits
        cap = limits.memory_mb * 2**20
        held = one.tree.held(one.folders[0].stat().st_dev)
        if self._hides(one.tree, held):
            return _HIDING
        scratch = self._scratch(one)
        if one.tree.memory(cap, held, scratch.size) > cap:
            return "memory_mb"
        if one.tree.threads() > limits.processes + 2:  # the launcher's do not count
            return "processes"
        if scratch.files > limits.files:
            return "files"
        return filled(one, limits, held)

    def _hides(self, tree: Tree, held: Held) -> bool:
        """Whether a process has not let us see what it has open for too long."""
        if not held.closed:
            self._closed.pop(tree, None)
            return False
        return time.monotonic() - self._closed.setdefault(tree, time.monotonic()) > _CLOSED_SECONDS

    def _scratch(self, one: Watched) -> Usage:
        """What is in the folders in memory. The sandbox limits their size, but not the number of files."""
        pid = one.tree.kernel() if one.scratch else None
        size = files = 0
        for folder in one.scratch if pid else ():
            with suppress(OSError):
                found = os.statvfs(f"/proc/{pid}/root{folder}")
                size += (found.f_blocks - found.f_bfree) * found.f_frsize
                files += found.f_files - found.f_ffree
        return Usage(size, files)

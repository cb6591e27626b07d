"""Memory that the system needs to keep account of processes: in none of their sizes, seen from the host.

An area of memory that was mapped and a lock on a part of a file take a few hundred bytes each. The system
limits the areas of one process, and locks not at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
AREA_BYTES = 280
"""Of an area, with its place in the tree of them: 279 measured with Linux 6.18 on x86-64."""
LOCK_BYTES = 192
"""Of a lock: 192 measured there."""

_LOCK = b"\nlock:\t"
_KERNEL = re.compile(rb"^SUnreclaim:\s+(\d+) kB$", re.M)


def of_machine() -> int:
    """Bytes that the system of the whole machine needs for such things; 0 where that can't be told."""
    with suppress(OSError):
        found = _KERNEL.search((PROC / "meminfo").read_bytes())
        return int(found[1]) * 1024 if found else 0
    return 0


def bytes_of_locks(pids: Iterable[int], most: int) -> int:
    """Bytes of the locks that processes hold by what they have open; looks no further where that is `most`.

    A lock is listed with each descriptor of its file that the process has, and counts as often: few programs
    have many of both, and a list that is as long as somebody likes is not to be read again and again.
    """
    size = 0
    for pid in pids:
        with suppress(OSError):
            for descriptor in os.listdir(PROC / str(pid) / "fdinfo"):  # noqa: PTH208 - many, and often
                size += locks(str(pid), descriptor) * LOCK_BYTES
                if size > most:
                    return size
    return size


def locks(pid: str, descriptor: str) -> int:
    """How many locks a process holds by a descriptor."""
    count, end = 0, b""
    with suppress(OSError), (PROC / pid / "fdinfo" / descriptor).open("rb", buffering=0) as file:
        while piece := file.read(2**16):
            piece = end + piece
            count += piece.count(_LOCK)
            end = piece[-len(_LOCK) + 1 :]
    return count

"""What processes hold that shows neither in their sizes nor in a folder, seen from the host.

Memory that is shared and not mapped, or not looked at, belongs to no process's resident size; a file without
a name whose descriptor is closed, or on its way through a socket, is in no list of descriptors. The system
does not say how large they are, except to root. What it says to all is how much of it the whole machine has:
no more can be a session's than came while the session ran. Finding what it has means reading the maps of
every process, or what each has open: that is done when so much came that it matters, and now and then.

So a session is charged for what others write in one case: it holds something whose size can't be had, and
they write while it runs. It is charged for no more than came, of files for no more than came beside those
that are seen; as what came goes, so does the charge. While it hides nothing, all that comes is another's.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asstream.interpreter import bookkeeping

PROC = Path("/proc")
STEP = 32 * 2**20
"""Growth after which the processes are looked at again: so much at most is not noticed at once."""
EVERY_SECONDS = 2.0
"""And after how long in any case."""
_MOST = 256 * 2**20
"""Bytes that a piece of shared memory may have at most, where less of it is mapped by now."""

_SHARED_MEMORY = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) ...s \w+ \S+ (\d+) +/dev/zero \(deleted\)$", re.M)
"""In a process's maps: memory that was mapped as shared, without a file."""
_NAMELESS = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) .... \w+ \S+ ([1-9]\d*) +(/.*) \(deleted\)$", re.M)
"""And files that have no name any more. Their device is not compared: it is another than that of `stat` on
overlays and Btrfs."""
_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", sys.prefix, sys.base_prefix)
_NO_FILES = (
    *(os.fsencode(os.path.realpath(folder)) + b"/" for folder in _FOLDERS),
    *(b"/dev/zero", b"/memfd:", b"/SYSV"),
)
"""Where the code can't write: libraries that were replaced while it runs have no name either."""


class Growth:
    """How much of something came to the machine while one session ran."""

    def __init__(self) -> None:
        self.charged = 0
        self._before: int | None = None

    def sample(self, now: int, *, ran: bool) -> None:
        """What the machine has now; `ran`: whether the session did since the last time."""
        if ran and self._before is not None:
            self.charged = max(0, self.charged + now - self._before)
        self._before = now


class Hidden:
    """What one session's processes hold in secret, as of the last look at them."""

    def __init__(self) -> None:
        self._memory, self._disk, self._system = Growth(), Growth(), Growth()
        self._known: dict[bytes, int] = {}
        self._supposed: dict[bytes, int] = {}
        self._files: int | None = 0
        self._memory_looked, self._disk_looked, self._system_looked = _Look(), _Look(), _Look()
        self._booked = 0
        self._maps: dict[int, _Maps] = {}
        """Of this moment: reading those of a process with many areas takes a while."""

    def sample(self, folder: Path, *, ran: bool) -> None:
        """To be called at each moment of watching, whether or not the session ran; costs next to nothing.

        Args:
            folder: on the file system that counts.
        """
        self._maps.clear()
        self._memory.sample(_shared_of_machine(), ran=ran)
        self._system.sample(bookkeeping.of_machine(), ran=ran)
        with suppress(OSError):
            found = os.statvfs(folder)
            self._disk.sample((found.f_blocks - found.f_bfree) * found.f_frsize, ran=ran)

    def memory(self, pids: Sequence[int], *, visible: int = 0, anew: bool = False) -> int:
        """Bytes of shared memory, whether or not a process has it mapped.

        Args:
            visible: bytes of files in memory, which the machine counts as shared too.
            anew: look in any case.
        """
        growth = self._memory
        if self._memory_looked.is_due(growth.charged) or anew:
            self._known, self._supposed = _shared_memory(self._mapped(pids), self._supposed)
            if not self._known and not self._supposed:
                growth.charged = 0  # it was another's
            self._memory_looked.done(growth.charged)
        # What another let go of lowers the growth: what is known does not depend on it.
        return sum(self._known.values()) + min(sum(self._supposed.values()), max(0, growth.charged - visible))

    def booked(self, pids: Sequence[int], cap: int) -> int:
        """Bytes that the system needs for mapped areas and locks; how far beyond `cap` does not matter."""
        growth = self._system
        if self._system_looked.is_due(growth.charged):
            areas = sum(maps.areas for maps in self._mapped(pids).values()) * bookkeeping.AREA_BYTES
            self._booked = areas + bookkeeping.bytes_of_locks(pids, max(0, cap - areas))
            self._system_looked.done(growth.charged)
        return self._booked

    def _mapped(self, pids: Sequence[int]) -> dict[int, _Maps]:
        found: dict[int, _Maps] = {}
        for pid in pids:  # another thread may forget what is known meanwhile: it is taken at once
            maps = self._maps.get(pid)
            if maps is None:
                maps = self._maps[pid] = _read_maps(pid)
            found[pid] = maps
        return found

    def disk(self, pids: Sequence[int], listed: set[int], unseen: int, visible: int) -> int:
        """Bytes in files without a name and a descriptor.

        Args:
            listed: inodes of files without a name that have a descriptor, be it one that waits in a socket.
            unseen: descriptors that wait in sockets and could not be looked at.
            visible: bytes of all that is not hidden.
        """
        growth = self._disk
        if self._disk_looked.is_due(growth.charged):
            self._files = _nameless(self._mapped(pids), listed)
            if self._files == 0 and not unseen:
                growth.charged = visible
            self._disk_looked.done(growth.charged)
        most = max(0, growth.charged - visible)
        return most if unseen or self._files is None else min(self._files, most)


@dataclass(frozen=True, slots=True)
class _Maps:
    """What a process has mapped.

    Attributes:
        areas: how many areas there are.
        shared: (start, end, inode) of each that is shared memory without a file.
        nameless: (start, end, inode, name) of each of a file that has no name any more.
    """

    areas: int
    shared: list[tuple[bytes, bytes, bytes]]
    nameless: list[tuple[bytes, bytes, bytes, bytes]]


def _read_maps(pid: int) -> _Maps:
    text = b""
    with suppress(OSError):
        text = (PROC / str(pid) / "maps").read_bytes()
    some = b" (deleted)\n" in text  # most have none, and looking for it is quick
    return _Maps(
        text.count(b"\n"),
        _SHARED_MEMORY.findall(text) if some else [],
        _NAMELESS.findall(text) if some else [],
    )


class _Look:
    """When the processes were last looked at, and what had come until then."""

    def __init__(self) -> None:
        self._charged = 0
        self._at = float("-inf")

    def is_due(self, charged: int) -> bool:
        self._charged = min(self._charged, charged)
        return charged - self._charged > STEP or time.monotonic() - self._at > EVERY_SECONDS

    def done(self, charged: int) -> None:
        self._charged, self._at = charged, time.monotonic()


def _shared_memory(
    maps: Mapping[int, _Maps], before: dict[bytes, int]
) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """Bytes of each piece of shared memory by its inode: known ones, and for others the most it can be.

    Args:
        before: the latter, as of the last time.
    """
    known: dict[bytes, int] = {}
    supposed: dict[bytes, int] = {}
    for pid, those in maps.items():
        mapped: dict[bytes, int] = {}
        for start, end, inode in those.shared:
            if (size := _size(pid, start, end)) is not None:
                known[inode] = size
            else:
                mapped[inode] = mapped.get(inode, 0) + int(end, 16) - int(start, 16)
        for inode, size in mapped.items():
            # What is not mapped any more is not let go of before the last of it is.
            supposed[inode] = max(size, supposed.get(inode, 0), before.get(inode, 0), _MOST)
    return known, {inode: size for inode, size in supposed.items() if inode not in known}


def _nameless(maps: Mapping[int, _Maps], listed: set[int]) -> int | None:
    """Bytes of files without a name that are mapped and not listed; None where that can't be told."""
    sizes: dict[int, int | None] = {}
    for pid, those in maps.items():
        for start, end, inode, name in those.nameless:
            if int(inode) not in listed and not name.startswith(_NO_FILES):
                sizes[int(inode)] = _size(pid, start, end)
    known = [size for size in sizes.values() if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _size(pid: int, start: bytes, end: bytes) -> int | None:
    """Bytes of a mapped file; None where they are not to be had, which is so for all but root."""
    name = f"{int(start, 16):x}-{int(end, 16):x}"
    with suppress(OSError):
        return (PROC / str(pid) / "map_files" / name).stat().st_blocks * 512
    return None


class _Machine(ctypes.Structure):
    """struct sysinfo, of linux/sysinfo.h; more than the system's, whatever is at its end."""

    _fields_ = (
        ("uptime", ctypes.c_long),
        ("loads", ctypes.c_ulong * 3),
        ("memory", ctypes.c_ulong * 4),  # all, free, shared, buffers
        ("swap", ctypes.c_ulong * 2),
        ("processes", ctypes.c_ushort * 2),
        ("high", ctypes.c_ulong * 2),
        ("unit", ctypes.c_uint),
        ("rest", ctypes.c_char * 64),
    )


_sysinfo = getattr(ctypes.CDLL(None), "sysinfo", None)


def _shared_of_machine() -> int:
    """Bytes of shared memory of the whole machine, or swapped out; 0 where that can't be told."""
    machine = _Machine()
    if _sysinfo is None or _sysinfo(ctypes.byref(machine)):
        return 0
    swapped = int(machine.swap[0]) - int(machine.swap[1])
    return (int(machine.memory[2]) + swapped) * int(machine.unit)

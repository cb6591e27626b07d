"""The processes of a session, seen from the host: which there are, what they use, how they are ended.

Reads /proc; where there is none (macOS) only the launcher and its process group are known.
"""

from __future__ import annotations

import os
import signal
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from asstream.interpreter.bookkeeping import LOCK_BYTES
from asstream.interpreter.hidden import Hidden
from asstream.interpreter.sockets import SOCKET_BYTES, in_namespace, waiting

PROC = Path("/proc")
LAUNCHERS = frozenset({"bwrap"})
"""Names of processes that stay around the kernel's: a signal would end them, and all inside."""


@dataclass(slots=True)
class Held:
    """What processes have open.

    Attributes:
        unlinked: bytes by inode of files on one device that have no name any more.
        sockets: inodes of the sockets.
        underway: how many descriptors were sent to these and not fetched.
        unseen: how many of those could not be looked at.
        locks: how many locks the files have that are under way.
        closed: whether a process did not let us see.
    """

    unlinked: dict[int, int] = field(default_factory=dict)
    sockets: set[int] = field(default_factory=set)
    underway: int = 0
    unseen: int = 0
    locks: int = 0
    closed: bool = False


class Tree:
    """The launcher and everything that came from it.

    Processes that were once seen stay known by their start time, also when their parent is gone.

    Args:
        root: pid of the launcher, a child of this process that leads a process group.
        user: the uid that belongs to this session alone, if one does.
    """

    def __init__(self, root: int, user: int | None) -> None:
        self.root = root
        self._user = user
        self._root_began = _start(root)  # it may have ended already, and left others
        self._known: dict[int, str] = {}
        self._ticks: dict[int, int] = {}
        self._kernel: tuple[int, str] | None = None
        self._launchers = {root}
        self.hidden = Hidden()

    def pids(self) -> list[int]:
        """All processes that live, the launcher first, parents before children."""
        return list(self._look())

    def _look(self) -> dict[int, list[str]]:
        """What `_fields` says of each of `pids`, which is read once: this is done all the time."""
        # A pid alone may be another process by now.
        waiting = [
            (pid, began) for pid, began in {self.root: self._root_began, **self._known}.items() if began
        ]
        found: dict[int, list[str]] = {}
        for pid, began in waiting:  # grows while it is walked
            fields = [] if pid in found else _fields(pid)
            if _lives(fields) and began in ("", fields[19]):
                found[pid] = fields
                waiting += [(child, "") for child in _children(pid)]
        self._known = {pid: fields[19] for pid, fields in found.items()}
        return found

    def ran(self) -> bool:
        """Whether any of them ran since this was asked last, or came, or went.

        What did not run has used nothing more. Where there is no /proc: yes.
        """
        before, self._ticks = self._ticks, {pid: _ticks(fields) for pid, fields in self._look().items()}
        return self._ticks != before or not self._ticks

    def kernel(self) -> int | None:
        """The process that runs the code: the first that is no launcher.

        It is known from the first time on, before any code ran: later it may call itself what it likes.
        """
        if self._kernel is not None:
            pid, began = self._kernel
            return pid if _began(pid) == began else None
        for pid in self.pids():
            with suppress(OSError):
                if (PROC / str(pid) / "comm").read_text().strip() not in LAUNCHERS:
                    self._kernel = pid, _began(pid)
                    self._launchers.discard(pid)
                    return pid
                self._launchers.add(pid)
        return self.root if not PROC.is_dir() else None

    def interrupt(self) -> None:
        """SIGINT to the process that runs the code."""
        pid = self.kernel()
        if pid is not None:
            with suppress(OSError):
                os.kill(pid, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to all, again until none is left that was not there before."""
        if not PROC.is_dir():
            with suppress(OSError):
                os.killpg(self.root, signal.SIGKILL)
            return
        for _ in range(5):
            # Who forks and ends without pause is never in a list; a signal to the group finds all at once.
            self._kill_group()
            pids = self.pids() + (_of_user(self._user) if self._user else [])
            for pid in pids:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if not pids:
                return

    def _kill_group(self) -> None:
        """SIGKILL to the launcher's group, which has its number as long as a process of it is left."""
        if _start(self.root) in ("", self._root_began):  # else the number is another process's
            with suppress(OSError):
                os.killpg(self.root, signal.SIGKILL)

    def memory(self, cap: int, held: Held | None = None, scratch: int = 0) -> int:
        """Bytes in memory of all of them; below `cap`, pages that are shared count more than once.

        Args:
            held: what they have open, whose buffers and locks count too.
            scratch: bytes of files that are in memory.
        """
        pids = self.pids()
        uses = [_use(pid) for pid in pids]
        besides = sum(use.tables for use in uses) + self.hidden.booked(pids, cap)
        if held:
            besides += self._buffers(held) + held.locks * LOCK_BYTES
        rough = (
            sum(use.resident for use in uses) + self.hidden.memory(pids, visible=scratch) + scratch + besides
        )
        if rough <= cap:
            return rough
        shared = self.hidden.memory(pids, visible=scratch, anew=True) + scratch
        exact = [_proportional(pid) for pid in pids]
        # What is shared is in the one or in the other, never surely in both.
        return besides + max(
            sum(use.resident for use in exact), shared + sum(use.resident - use.shared for use in exact)
        )

    def _buffers(self, held: Held) -> int:
        """Bytes that may wait in sockets: memory of no process."""
        inside = in_namespace(self.kernel())
        return (len(held.sockets) + held.underway) * SOCKET_BYTES if inside is None else inside

    def threads(self) -> int:
        """How many processes and threads there are."""
        return sum(_threads(pid) for pid in self.pids())

    def held(self, device: int) -> Held:
        """What they have open; of files, those on `device` that have no name any more."""
        held = Held()
        for pid in self.pids():
            try:
                with os.scandir(PROC / str(pid) / "fd") as entries:
                    for entry in entries:
                        with suppress(OSError):
                            _see(pid, entry, device, held)
            except PermissionError:
                # A launcher may be a program that is not to be seen.
                held.closed = held.closed or (pid not in self._launchers and bool(_began(pid)))
            except OSError:
                continue  # it has ended
        return held


@dataclass(frozen=True, slots=True)
class _Use:
    """Bytes of one process: in memory or swapped out, of them shared memory; and of its pages' tables."""

    resident: int = 0
    shared: int = 0
    tables: int = 0


def _see(pid: int, entry: os.DirEntry[str], device: int, held: Held) -> None:
    """Add what a descriptor leads to."""
    found = entry.stat()
    if stat.S_ISSOCK(found.st_mode) and found.st_ino not in held.sockets:
        held.sockets.add(found.st_ino)
        there = waiting(pid, entry.name)
        held.underway += there.count
        held.unseen += there.unseen
        held.locks += there.locks
        held.unlinked |= {file.st_ino: file.st_blocks * 512 for file in there.files if file.st_dev == device}
    elif stat.S_ISREG(found.st_mode) and not found.st_nlink and found.st_dev == device:
        held.unlinked[found.st_ino] = found.st_blocks * 512


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; the second may hold anything."""
    try:
        return _read(f"{PROC}/{pid}/stat").rpartition(b")")[2].decode().split()
    except OSError:
        return []


def _read(path: str) -> bytes:
    """A file of the system's, several times as fast as by its `Path`: it is read ten times a second."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(file, 4096)]
        while parts[-1]:
            parts.append(os.read(file, 65536))
        return b"".join(parts)
    finally:
        os.close(file)


def _start(pid: int) -> str:
    """When a process started, be it a zombie by now; empty where there is none."""
    return next(iter(_fields(pid)[19:20]), "")


def _lives(fields: list[str]) -> bool:
    """Whether there is such a process that is no zombie."""
    return len(fields) > 19 and fields[0] not in "ZX"


def _began(pid: int) -> str:
    """When a process that is not a zombie started; empty where there is none."""
    fields = _fields(pid)
    return fields[19] if _lives(fields) else ""


def _ticks(fields: list[str]) -> int:
    """What only grows where a process runs: its processor time in the system's ticks, and its page faults.

    Of all its threads together. Much memory can be filled within a tick.
    """
    return sum(int(fields[at]) for at in (7, 9, 11, 12))


def _threads(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[17]) if len(fields) > 17 else 0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    folder = f"{PROC}/{pid}/task"
    with suppress(OSError):
        for task in os.listdir(folder):  # noqa: PTH208 - as in `_read`
            with suppress(OSError):
                found += map(int, _read(f"{folder}/{task}/children").split())
    return found


def _of_user(user: int) -> list[int]:
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if entry.stat().st_uid == user:
                    found.append(int(entry.name))
    return found


def _use(pid: int) -> _Use:
    found = _sizes(pid, "status")
    resident = sum(found.get(name, 0) for name in ("VmRSS", "VmSwap", "HugetlbPages"))
    return _Use(resident, found.get("RssShmem", 0), found.get("VmPTE", 0))


def _proportional(pid: int) -> _Use:
    found = _sizes(pid, "smaps_rollup")
    if "Pss" not in found:
        return _use(pid)
    names = ("Pss", "SwapPss", "Private_Hugetlb", "Shared_Hugetlb")
    return _Use(sum(found.get(name, 0) for name in names), found.get("Pss_Shmem", 0))


def _sizes(pid: int, name: str) -> dict[str, int]:
    """The bytes that a file of a process gives names to."""
    sizes = {}
    with suppress(OSError):
        for line in (PROC / str(pid) / name).read_text(errors="replace").splitlines():
            if line.endswith(" kB"):
                key, _, value = line.partition(":")
                sizes[key] = int(value.split()[0]) * 1024
    return sizes

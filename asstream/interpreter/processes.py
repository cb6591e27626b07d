"""The processes of a session, seen from the host: which there are, what they use, how they are ended.

Reads /proc; where there is none (macOS) only the launcher and its process group are known.
"""

from __future__ import annotations

import os
import signal
import stat
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE")
LAUNCHERS = frozenset({"bwrap"})
"""Names of processes that stay around the kernel's: a signal would end them, and all inside."""


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

    def pids(self) -> list[int]:
        """All processes that live, the launcher first, parents before children."""
        known: dict[int, str] = {}
        # A pid alone may be another process by now.
        before = {self.root: self._root_began, **self._known}
        waiting = [pid for pid, began in before.items() if began and _began(pid) == began]
        for pid in waiting:  # grows while it is walked
            if pid not in known and (began := _began(pid)):
                known[pid] = began
                waiting += _children(pid)
        self._known = known
        return list(known)

    def ran(self) -> bool:
        """Whether any of them was on a processor since this was asked last, or came, or went.

        What did not run has used nothing more. Where there is no /proc: yes.
        """
        before, self._ticks = self._ticks, {pid: _ticks(pid) for pid in self.pids()}
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
                    return pid
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

    def memory(self, cap: int) -> int:
        """Bytes in memory of all of them; below `cap`, pages that are shared count more than once."""
        pids = self.pids()
        rough = sum(_resident(pid) for pid in pids)
        return rough if rough <= cap else sum(_proportional(pid) for pid in pids)

    def threads(self) -> int:
        """How many processes and threads there are."""
        return sum(_threads(pid) for pid in self.pids())

    def unlinked(self, device: int) -> int:
        """Bytes on `device` in files that have no name any more but are open."""
        seen: dict[int, int] = {}
        for pid in self.pids():
            with suppress(OSError), os.scandir(PROC / str(pid) / "fd") as entries:
                for entry in entries:
                    with suppress(OSError):
                        found = entry.stat()
                        if stat.S_ISREG(found.st_mode) and not found.st_nlink and found.st_dev == device:
                            seen[found.st_ino] = found.st_blocks * 512
        return sum(seen.values())


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; the second may hold anything."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _start(pid: int) -> str:
    """When a process started, be it a zombie by now; empty where there is none."""
    return next(iter(_fields(pid)[19:20]), "")


def _began(pid: int) -> str:
    """When a process that is not a zombie started; empty where there is none."""
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def _ticks(pid: int) -> int:
    """Processor time of a process so far, all its threads together, in the system's ticks."""
    fields = _fields(pid)
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0


def _threads(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[17]) if len(fields) > 17 else 0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _of_user(user: int) -> list[int]:
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if entry.stat().st_uid == user:
                    found.append(int(entry.name))
    return found


def _resident(pid: int) -> int:
    """Bytes of a process in memory; 0 where that can't be told."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return _resident(pid)

"""A user for a session, where this process is root: a uid that is nobody's, and folders that belong to it.

A uid of its own is what makes RLIMIT_NPROC count, and what keeps one session from another's processes.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import stat
from collections import deque
from pathlib import Path

_FIRST = 1_879_048_192
_COUNT = 1 << 28
"""A range that no distribution and no container runtime gives out (systemd's table of uids)."""

_NEEDED = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8}
"""Capabilities by number: to become another, to read and remove what is theirs, to end what they run."""

TOO_FEW = "this container maps too few uids to give a session one of its own"

_recent: deque[int] = deque(maxlen=1024)  # given out, perhaps not running yet


def lacking(capabilities: int) -> list[str]:
    """What a set of capabilities, as in /proc/PID/status, lacks for a session with a uid of its own."""
    return [name for name, number in _NEEDED.items() if not capabilities >> number & 1]


def is_machines_root() -> bool:
    """Whether this process is root also outside of its namespace of users, to whom /proc/sys belongs."""
    return os.geteuid() == 0 and Path("/proc/sys/kernel").stat().st_uid == 0


def unused_user() -> int:
    """A uid that no account has, no process runs as, and that was not given out lately.

    Raises OSError where this namespace of users has no room for one, or where root can't make use of it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    if os.geteuid() == 0 and (lacks := lacking(int(status.split("CapEff:")[1].split()[0], 16))):
        raise OSError(f"root lacks {' '.join(f'CAP_{name}' for name in lacks)} to run code as another user")
    first, count = _mapped_range(Path("/proc/self/uid_map").read_text(encoding="ascii"))
    busy = _running() | set(_recent)
    for _ in range(256):
        user = first + secrets.randbelow(count)
        if user not in busy and not _has_account(user):
            _recent.append(user)
            return user
    raise OSError("no unused uid was found")


def _mapped_range(uid_map: str) -> tuple[int, int]:
    """The first and the number of the uids to draw from: our range, or what a container leaves of the top."""
    ranges = [tuple(map(int, line.split())) for line in uid_map.splitlines()]
    if any(start <= _FIRST and start + length >= _FIRST + _COUNT for start, _, length in ranges):
        return _FIRST, _COUNT
    start, length = max(((start, length) for start, _, length in ranges), key=lambda each: each[0] + each[1])
    top = start + length
    # 65534 is nobody, 65535 the missing uid of 16 bits; below a thousand are the system's.
    first = max(start, 1000, top - 20_000)
    if top - 16 - first < 256:
        raise OSError(TOO_FEW)
    return first, top - 16 - first


def _running() -> set[int]:
    users = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                users.add(entry.stat().st_uid)
            except OSError:  # it has ended
                continue
    return users


def _has_account(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def counted_apart(release: str) -> bool:
    """Whether a kernel, by its release, counts the processes of a namespace of users by themselves."""
    numbers = [int(word) for word in re.findall(r"\d+", release)[:2]]
    return numbers >= [5, 14]


def give(folder: Path, user: int) -> None:
    """Make a folder and what is in it a user's, closed to others. Links are not followed.

    A file with more than one name is left alone: one of its names may be somewhere else.
    """
    folder.chmod(0o700)
    os.chown(folder, user, user, follow_symlinks=False)
    for _, folders, files, at in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and status.st_uid != user:
                continue
            os.chown(name, user, user, dir_fd=at, follow_symlinks=False)

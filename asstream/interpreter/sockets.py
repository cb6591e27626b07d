"""What may wait in the sockets of a session: memory of no process, seen from the host.

All of them are Unix's, by the filter of system calls, which also keeps their buffers as large as they come.
"""

from __future__ import annotations

import array
import ctypes
import os
import re
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from asstream.interpreter.bookkeeping import locks

PROC = Path("/proc")
_DATAGRAMS = 11
"""Messages that wait in a socket of datagrams, in a namespace that nobody set otherwise, and one more."""
_LARGEST = 2**20


def _buffer() -> int:
    """Bytes that a socket may have sent before it has to wait, and half of them again for the last message.

    No more than a mebibyte is taken for it: a machine may let sockets have what ordinary code never uses.
    """
    with suppress(OSError, ValueError):
        return min(int((PROC / "sys/net/core/wmem_default").read_text()), _LARGEST) * 3 // 2
    return 212_992 * 3 // 2


SOCKET_BYTES = _buffer()

_SOCKET = re.compile(rb"^[0-9a-f]{8,}: [0-9A-F]{8} [0-9A-F]{8} [0-9A-F]{8} ([0-9A-F]{4}) ", re.M)
_UNDERWAY = re.compile(rb"^scm_fds:\s*(\d+)$", re.M)
_OF_DATAGRAMS = b"0002"
_PIDFD_GETFD = 438
_PEEK_OFFSET = 42
"""SO_PEEK_OFF, from which on MSG_PEEK looks; it goes on by what was looked at."""
_MOST_MESSAGES = 1000
_DEEPEST = 4
"""Sockets that wait in sockets, as the system allows them."""


def in_namespace(pid: int | None) -> int | None:
    """Bytes of all sockets in the network of a process; None where it has none of its own.

    Those that wait for `accept`, or for whoever is sent them, are there too.
    """
    try:
        if pid is None or _network(str(pid)) == _network("self"):
            return None
        kinds = _SOCKET.findall((PROC / str(pid) / "net/unix").read_bytes())
    except OSError:
        return None
    datagrams = kinds.count(_OF_DATAGRAMS)
    return (len(kinds) + datagrams * (_DATAGRAMS - 1)) * SOCKET_BYTES


def _network(pid: str) -> int:
    return os.stat(PROC / pid / "ns/net").st_ino  # noqa: PTH116 - the link is followed to the namespace


@dataclass(slots=True)
class Waiting:
    """Descriptors that were sent to a socket and not fetched.

    Attributes:
        count: how many there are.
        unseen: how many of them could not be looked at.
        locks: how many locks the files among the others have.
        files: of the others, those that are files without a name.
    """

    count: int = 0
    unseen: int = 0
    locks: int = 0
    files: list[os.stat_result] = field(default_factory=list)


def waiting(pid: int, descriptor: str) -> Waiting:
    """What waits in a socket of a process, and in sockets that wait there.

    It is looked at through a descriptor of our own, and stays where it is.
    """
    found = Waiting()
    if _underway(str(pid), descriptor):
        try:
            here = _borrow(pid, int(descriptor))
        except OSError:
            found.count = found.unseen = _underway(str(pid), descriptor)
        else:
            with here:
                _peek(here, found, 0)
    return found


def _underway(pid: str, descriptor: str) -> int:
    try:
        found = _UNDERWAY.search((PROC / pid / "fdinfo" / descriptor).read_bytes())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _borrow(pid: int, descriptor: int) -> socket.socket:
    """A descriptor of ours for a process's socket; OSError where the system refuses it."""
    handle = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        got = libc.syscall(_PIDFD_GETFD, handle, descriptor, 0)
        if got < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
    finally:
        os.close(handle)
    try:
        return socket.socket(fileno=got)
    except OSError:  # it is no socket any more
        os.close(got)
        raise


def _peek(here: socket.socket, found: Waiting, depth: int) -> None:
    seen = 0
    with suppress(OSError):
        before = here.getsockopt(socket.SOL_SOCKET, _PEEK_OFFSET)
        here.setsockopt(socket.SOL_SOCKET, _PEEK_OFFSET, 0)
        try:
            for _ in range(_MOST_MESSAGES):
                if (count := _peek_once(here, found, depth)) is None:
                    break
                seen += count
        finally:
            here.setsockopt(socket.SOL_SOCKET, _PEEK_OFFSET, before)
    # After the look: what was fetched meanwhile is hidden no more.
    count = _underway("self", str(here.fileno()))
    found.count += count
    found.unseen += max(0, count - seen)


def _peek_once(here: socket.socket, found: Waiting, depth: int) -> int | None:
    """Look at the next message with descriptors: how many; None where there is no further message."""
    flags = socket.MSG_PEEK | socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    # As long as any message: what is looked at in two pieces would have its descriptors twice.
    data, besides, _, _ = here.recvmsg(SOCKET_BYTES, socket.CMSG_SPACE(253 * 4), flags)
    got = array.array("i")
    for level, kind, content in besides:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            got.frombytes(content[: len(content) // got.itemsize * got.itemsize])
    try:
        for descriptor in got:
            _look_at(descriptor, found, depth)
    finally:
        for descriptor in got:
            os.close(descriptor)
    return len(got) if data or got else None


def _look_at(descriptor: int, found: Waiting, depth: int) -> None:
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        found.locks += locks("self", str(descriptor))
        found.files += [] if status.st_nlink else [status]
    elif stat.S_ISSOCK(status.st_mode) and (inside := _underway("self", str(descriptor))):
        if depth == _DEEPEST:
            found.count, found.unseen = found.count + inside, found.unseen + inside
            return
        with socket.socket(fileno=os.dup(descriptor)) as here:
            _peek(here, found, depth + 1)

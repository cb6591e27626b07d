"""What may wait in the sockets of a session: memory of no process, seen from the host.

All of them are Unix's, by the filter of system calls, which also keeps their buffers as large as they come.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

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


def underway(pid: int, descriptor: str) -> int:
    """How many descriptors were sent to a socket and not fetched."""
    try:
        found = _UNDERWAY.search((PROC / str(pid) / "fdinfo" / descriptor).read_bytes())
    except OSError:
        return 0
    return int(found[1]) if found else 0

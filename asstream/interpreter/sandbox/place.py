"""Where a kernel is put, how it is started there, what a sandbox is: the contract with who starts kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asstream.interpreter.protocol import Limits

DATA = "/mnt/data"
"""Where code finds its files, wherever a sandbox can have it so."""


@dataclass(frozen=True, slots=True)
class Place:
    """Folders on the host, absolute and our own, for one session.

    Attributes:
        data: becomes /mnt/data.
        connection: the folder of the connection file and of the kernel's sockets.
    """

    data: Path
    connection: Path
    limits: Limits


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to start, once: the descriptors are read to their end by it.

    Start it with exactly this environment, with stdin from /dev/null, in a session of its own, and from a
    thread that lives on: the sandbox ends when that thread does.

    Attributes:
        pass_fds: to be inherited; everything else must be closed.
        data: where the code finds its data: /mnt/data, or the host's path where nothing can be mounted.
        connection: the folder of the connection file as the kernel sees it.
        close: lets go of the descriptors, after the start or instead of it.
        user: the uid that the processes run as, where they were dropped from root; data and connection
            belong to it now.
        alone: whether RLIMIT_NPROC counts the session's processes only. Where it does not (no namespace of
            users, no uid of its own), it counts whatever else this user runs.
        scratch: folders in memory, as the kernel sees them, whose bytes are limited but whose number of
            files is not; `statvfs` of /proc/PID/root/FOLDER counts them from the host.
    """

    argv: list[str]
    env: dict[str, str]
    pass_fds: tuple[int, ...]
    data: str
    connection: str
    close: Callable[[], None]
    user: int | None = None
    alone: bool = True
    scratch: tuple[str, ...] = ()


class Sandbox(Protocol):
    """A way to hold code.

    Attributes:
        name: `bubblewrap`, `landlock`, `sandbox-exec` or `none`.
        note: why it is weaker than it could be, in one line; empty where it is not.
    """

    @property
    def name(self) -> str: ...

    @property
    def note(self) -> str: ...

    def prepare(self, place: Place, command: list[str]) -> Launch:
        """Have `command` (of host paths) ready to start inside. Raises OSError where it can't be."""
        ...

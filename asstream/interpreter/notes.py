"""What the interpreter says in a cell's logs: each limit under its name and with its value."""

from __future__ import annotations

import signal

from asstream.interpreter.protocol import Limits

_LIMITS = {
    "seconds": "the cell was stopped: it ran longer than {0:g} s (interpreter.seconds)",
    "memory_mb": "the process was ended: it used more than {0} MiB of memory (interpreter.memory_mb is {0})",
    "processes": "the process was ended: it had more than {0} processes and threads"
    " (interpreter.processes is {0})",
    "disk_mb": "the process was ended: /mnt/data took more than {0} MiB (interpreter.disk_mb is {0})",
    "files": "the process was ended: /mnt/data held more than {0} files and folders, or too deep ones"
    " (interpreter.files is {0})",
    "idle_seconds": "the session had ended after {0:g} s without a cell (interpreter.idle_seconds)",
    "sessions": "the session had made room for another (interpreter.sessions is {0})",
}

GONE = "its variables are gone, the files in /mnt/data are there"
GONE_WITH_CHANGES = "its variables are gone, and so are the files in /mnt/data that the cell made or changed"
GONE_WITH_FILES = "its variables are gone; files that the code made are there as they were kept"
LEFT = "the process was ended by the code: exit() or quit()"
FLOODED = "the process was ended: it sent more messages than can be shown"
BROKEN = "the process was ended: its connection broke, perhaps by a message larger than can be taken"
HIDING = "the process was ended: what one of its processes has open could not be seen"
STUBBORN = "the process was ended: it did not stop when interrupted"

_SIGNALS = {
    signal.SIGSEGV: "a segmentation fault (SIGSEGV)",
    signal.SIGKILL: "SIGKILL; the machine may have run out of memory",
    signal.SIGABRT: "an abort (SIGABRT)",
    signal.SIGBUS: "a bus error (SIGBUS)",
    signal.SIGFPE: "an arithmetic error (SIGFPE)",
    signal.SIGILL: "an illegal instruction (SIGILL)",
    signal.SIGSYS: "a system call that the sandbox forbids (SIGSYS)",
}


def limit(name: str, limits: Limits) -> str:
    """A limit was reached."""
    return _LIMITS[name].format(getattr(limits, name))


def memory_error(limits: Limits) -> str:
    """The code got a MemoryError."""
    return f"a cell has {limits.memory_mb} MiB of memory: interpreter.memory_mb"


def ended(status: int) -> str:
    """A process ended that nobody ended here. `status` as Popen's; a launcher says 128 + signal."""
    number = -status if status < 0 else status - 128
    try:
        cause = signal.Signals(number)
    except ValueError:
        return f"the process ended by itself, with exit status {status}"
    return f"the process was ended by {_SIGNALS.get(cause, cause.name)}"

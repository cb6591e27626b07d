"""Landlock and a filter of system calls, where bubblewrap does not work: no namespaces, so it is weaker.

Names, sizes and times of the host's files can be seen, their contents cannot be read. Of /proc, the kernel's
process sees itself, the processes that it starts see nothing. What it started may outlive it: whoever ends
it ends its group of processes, which none of them can leave. There is no folder in memory: temporary files
lie in the connection folder.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from asstream.interpreter.sandbox import confine
from asstream.interpreter.sandbox.descriptors import Descriptors
from asstream.interpreter.sandbox.environment import environment
from asstream.interpreter.sandbox.place import Launch, Place
from asstream.interpreter.sandbox.runtime_files import runtime_files
from asstream.interpreter.sandbox.seccomp import filter_program
from asstream.interpreter.sandbox.users import give, unused_user

CLOSED = "is closed to other users"

_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"),
    *("/etc/ld.so.cache", "/etc/fonts", "/etc/alternatives", "/etc/localtime", "/etc/mime.types"),
    *("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/sys/devices/system/cpu"),
    # Of /proc, the process itself and what says how large the machine is; not who else runs there.
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/uptime", "/proc/loadavg"),
)


@dataclass(frozen=True, slots=True)
class Landlock:
    """Landlock, ABI 6 or newer.

    Attributes:
        drop: whether this process is root: a session gets a uid of its own then.
    """

    drop: bool

    @property
    def name(self) -> str:
        return "landlock"

    @property
    def note(self) -> str:
        return "weaker than bubblewrap: the names of this machine's files can be seen, though not read"

    def prepare(self, place: Place, command: list[str]) -> Launch:
        """As of every sandbox; root's folders must lie where another user can pass, else PermissionError."""
        user = unused_user() if self.drop else None
        home, temporary = place.connection / "home", place.connection / "tmp"
        for folder in (home, temporary):
            folder.mkdir(exist_ok=True)
        runtime = runtime_files(command, [Path(path) for path in _SYSTEM])
        if user is not None:
            _check_open((place.data, place.connection, *runtime))
            give(place.data, user)
            give(place.connection, user)
        descriptors = Descriptors()
        try:
            spec = {
                "read": [*_SYSTEM, *map(str, runtime)],
                "write": [str(place.data), str(place.connection), "/dev/null"],
                "user": user,
                "filter": descriptors.add(filter_program(landlock=True)),
            }
        except BaseException:
            descriptors.close()
            raise
        launcher = [sys.executable, "-I", "-S", confine.__file__, json.dumps(spec), "--"]
        return Launch(
            argv=[*launcher, *command],
            env=environment(str(home), temporary=str(temporary)) | {"PWD": str(place.data)},
            pass_fds=descriptors.numbers,
            data=str(place.data),
            connection=str(place.connection),
            close=descriptors.close,
            user=user,
            alone=user is not None,
        )


def _check_open(paths: tuple[Path, ...]) -> None:
    """Raise OSError where a user who is not root could not pass: nothing can be mounted elsewhere here."""
    for path in paths:
        for parent in path.parents:
            if not parent.stat().st_mode & 0o001:
                raise PermissionError(f"{parent} {CLOSED}, and {path} is below it")

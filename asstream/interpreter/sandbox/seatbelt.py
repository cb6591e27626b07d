"""sandbox-exec of macOS, with a profile that denies what it does not name.

Written from the documents of others who use it and tested as text only: it has not run on a Mac yet.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asstream.interpreter.sandbox.environment import environment
from asstream.interpreter.sandbox.place import Launch, Place
from asstream.interpreter.sandbox.runtime_files import runtime_files

PROGRAM = "/usr/bin/sandbox-exec"  # by its path: whoever can change PATH must not choose the sandbox

_SYSTEM = (
    *("/usr/lib", "/usr/share", "/usr/bin", "/bin", "/System/Library", "/System/Volumes/Preboot/Cryptexes"),
    *("/private/var/db/timezone", "/private/etc/localtime", "/Library/Fonts"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")

_SYSCTLS = ("kern.osversion", "kern.osrelease", "kern.ostype", "kern.osproductversion", "kern.version")
_MORE_SYSCTLS = ("kern.hostname", "kern.argmax", "kern.maxfilesperproc", "kern.usrstack64", "vm.loadavg")
"""By name: kern.procargs2 would tell the environment of other processes."""


@dataclass(frozen=True, slots=True)
class Seatbelt:
    """sandbox-exec, for an ordinary user."""

    @property
    def name(self) -> str:
        return "sandbox-exec"

    @property
    def note(self) -> str:
        return "the profile for macOS has not been tested on a Mac yet"

    def prepare(self, place: Place, command: list[str]) -> Launch:
        # The kernel compares real paths: /tmp is /private/tmp.
        data, connection = place.data.resolve(), place.connection.resolve()
        home, temporary = connection / "home", connection / "tmp"
        for folder in (home, temporary):
            folder.mkdir(exist_ok=True)
        readable = list(dict.fromkeys(os.path.realpath(path) for path in runtime_files(command)))
        parameters = {"DATA": str(data), "CONNECTION": str(connection)}
        parameters |= {f"READ_{i}": path for i, path in enumerate(readable)}
        parents = sorted({str(parent) for path in parameters.values() for parent in Path(path).parents})
        parameters |= {f"PARENT_{i}": parent for i, parent in enumerate(parents)}
        defined = [word for name, path in parameters.items() for word in ("-D", f"{name}={path}")]
        return Launch(
            argv=[PROGRAM, "-p", profile(tuple(parameters)), *defined, *command],
            env=environment(str(home), temporary=str(temporary)),
            pass_fds=(),
            data=str(data),
            connection=str(connection),
            close=lambda: None,
            alone=False,
        )


def profile(parameters: Sequence[str]) -> str:
    """The profile, in SBPL. Paths come as parameters: none of them is ever part of its text.

    Args:
        parameters: names: DATA and CONNECTION, READ_…, PARENT_… (folders that are only passed through).
    """
    read = [f'(subpath (param "{name}"))' for name in parameters if name.startswith("READ_")]
    passed = [f'(literal (param "{name}"))' for name in parameters if name.startswith("PARENT_")]
    own = ['(subpath (param "DATA"))', '(subpath (param "CONNECTION"))']
    system = [f'(subpath "{path}")' for path in _SYSTEM]
    devices = [f'(literal "{path}")' for path in _DEVICES]
    sysctls = [f'(sysctl-name "{name}")' for name in (*_SYSCTLS, *_MORE_SYSCTLS)]
    rules = [
        "(version 1)",
        "(deny default)",
        "(allow process-fork)",
        _allow("process-exec", [*system, *read, *own]),
        "(allow signal (target same-sandbox))",
        "(allow process-info* (target same-sandbox))",
        _allow("sysctl-read", ['(sysctl-name-prefix "hw.")', *sysctls]),
        _allow("file-read*", ['(literal "/")', *system, *devices, *read, *own]),
        _allow("file-read-metadata", passed),
        _allow("file-write*", own),
        _allow("file-write-data", ['(literal "/dev/null")']),
        "(deny file-write-setugid)",
        # Its own sockets, for the host to connect to; it connects to nothing itself.
        "(allow system-socket (socket-domain AF_UNIX))",
        _allow("network-bind network-inbound", ['(subpath (param "CONNECTION"))']),
    ]
    return "\n".join(rules) + "\n"


def _allow(operation: str, filters: Sequence[str]) -> str:
    return "\n  ".join((f"(allow {operation}", *filters)) + ")"

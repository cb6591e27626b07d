"""The strongest sandbox of Linux: namespaces made by bubblewrap, a filter of system calls, no capabilities.

Inside there is /usr, the interpreter, and the session's two folders; no network, no host process, no root.
As an ordinary user, the namespace of users is what holds. Root has every mount made by bubblewrap as root, so
that an interpreter below a closed home can be bound, and drops to a uid of the session's own before the
interpreter starts: bubblewrap alone does not hold root, to whom /proc/sys/kernel/core_pattern opens.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asstream.interpreter.sandbox.descriptors import Descriptors
from asstream.interpreter.sandbox.environment import environment
from asstream.interpreter.sandbox.place import DATA, Launch, Place
from asstream.interpreter.sandbox.runtime_files import runtime_files, straight
from asstream.interpreter.sandbox.seccomp import filter_program
from asstream.interpreter.sandbox.users import counted_apart, give, unused_user

_CONNECTION = "/run/k"
_HOME = "/tmp/home"  # noqa: S108  inside the sandbox
_SCRATCH_BYTES = 64 * 1024 * 1024
_USER_INSIDE = 1000

_UNTIL_DROPPED = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_DAC_READ_SEARCH")
"""What root keeps until it is dropped; the last to enter a folder that is the session's already."""

_SYSTEM_FILES = ("ld.so.cache", "fonts", "alternatives", "localtime", "mime.types")
"""In /etc: what fonts, linking and times need."""

_TOP_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64")
"""In /: links into /usr on merged systems, folders on others."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Bubblewrap, at the path of its program.

    Attributes:
        setpriv: the program that drops root; empty for an ordinary user.
    """

    program: str
    setpriv: str = ""

    @property
    def name(self) -> str:
        return "bubblewrap"

    @property
    def note(self) -> str:
        return ""

    def prepare(self, place: Place, command: list[str]) -> Launch:
        user = unused_user() if self.setpriv else None
        command = [str(straight(Path(command[0]))), *command[1:]]
        descriptors = Descriptors()
        try:
            if user is not None:
                give(place.data, user)
                give(place.connection, user)
            options = [
                *_namespaces(user),
                *_variables(environment(_HOME)),
                *_files(user, command, descriptors),
                *("--bind", str(place.connection), _CONNECTION, "--bind", str(place.data), DATA),
                *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", DATA),
                *("--seccomp", str(descriptors.add(filter_program()))),
            ]
            # /proc/1/cmdline can be read inside: the host's paths come by descriptor.
            arguments = descriptors.add(b"\0".join(map(os.fsencode, options)) + b"\0")
        except BaseException:
            descriptors.close()
            raise
        return Launch(
            argv=[self.program, "--args", str(arguments), "--", *self._drop(user), *command],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},  # /proc/1/environ, inside
            pass_fds=descriptors.numbers,
            data=DATA,
            connection=_CONNECTION,
            close=descriptors.close,
            user=user,
            alone=user is not None or counted_apart(platform.release()),
            scratch=("/tmp", "/dev/shm"),  # noqa: S108  inside the sandbox
        )

    def _drop(self, user: int | None) -> list[str]:
        if user is None:
            return []
        ids = ["--reuid", str(user), "--regid", str(user), "--clear-groups"]
        return [self.setpriv, *ids, "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]


def _namespaces(user: int | None) -> list[str]:
    common = ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--cap-drop", "ALL"]
    if user is None:
        ids = ["--uid", str(_USER_INSIDE), "--gid", str(_USER_INSIDE)]
        return ["--unshare-all", "--unshare-user", *ids, "--disable-userns", *common]
    apart = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    return [*apart, *common, *(word for name in _UNTIL_DROPPED for word in ("--cap-add", name))]


def _variables(values: dict[str, str]) -> list[str]:
    return ["--clearenv", *(word for item in values.items() for word in ("--setenv", *item))]


def _files(user: int | None, command: Sequence[str], descriptors: Descriptors) -> list[str]:
    """The mounts, in the order in which they are made: what is below another comes after it."""
    inside = _USER_INSIDE if user is None else user
    passwd = f"sandbox:x:{inside}:{inside}::{_HOME}:/bin/sh\n".encode()
    group = f"sandbox:x:{inside}:\n".encode()
    options = ["--ro-bind", "/usr", "/usr"]
    for folder in (Path("/", name) for name in _TOP_FOLDERS):
        if folder.is_symlink():
            options += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            options += ["--ro-bind", str(folder), str(folder)]
    options += ["--perms", "0755", "--dir", "/etc"]
    for name in _SYSTEM_FILES:
        options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name, content in (("passwd", passwd), ("group", group)):
        options += ["--perms", "0444", "--ro-bind-data", str(descriptors.add(content)), f"/etc/{name}"]
    options += ["--proc", "/proc", "--dev", "/dev"]
    for folder_in_memory in ("/dev/shm", "/tmp"):  # noqa: S108  inside the sandbox
        options += ["--perms", "1777", "--size", str(_SCRATCH_BYTES), "--tmpfs", folder_in_memory]
    options += ["--perms", "0777", "--dir", _HOME]
    covered = [Path("/usr"), *(Path("/", name) for name in _TOP_FOLDERS)]
    made: set[Path] = {Path("/"), Path("/tmp"), Path("/etc")}  # noqa: S108
    for path in (*runtime_files(command, covered), Path(_CONNECTION), Path(DATA)):
        # A folder that bubblewrap makes on its own is closed to whoever is not root.
        for parent in reversed(path.parents):
            if parent not in made:
                made.add(parent)
                options += ["--perms", "0755", "--dir", str(parent)]
        if path not in (Path(_CONNECTION), Path(DATA)):
            options += ["--ro-bind", str(path), str(path)]
    return options

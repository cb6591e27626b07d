"""Give up what Landlock and a filter can take away, then become the command: `confine.py SPEC -- COMMAND…`.

Started by its path, in an interpreter of its own without site-packages: it knows the standard library only.
SPEC is JSON: `read` and `write`, lists of paths; `user`, the uid to drop to or null; `filter`, a descriptor.
Whatever fails here ends the process before the command is run: exit code 71, the reason on stderr.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import stat
import sys
from collections.abc import Iterable
from typing import Any

ABI = 6
"""Of Landlock: the first that holds signals and abstract sockets."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture

# linux/landlock.h
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK, _TRUNCATE, _IOCTL_DEV = 1 << 6, 1 << 11, 1 << 14, 1 << 15
_ALL_FILES = (1 << 16) - 1
_ALL_TCP = 0b11  # bind, connect
_ALL_SCOPES = 0b11  # abstract sockets, signals
_RULE_PATH_BENEATH = 1

_READ = _EXECUTE | _READ_FILE | _READ_DIR
_WRITE = _ALL_FILES & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV)
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

# linux/prctl.h
_SET_PDEATHSIG, _SET_SECCOMP, _CAPBSET_DROP, _SET_NO_NEW_PRIVS, _CAP_AMBIENT = 1, 22, 24, 38, 47
_SECCOMP_MODE_FILTER = 2
_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # what `_pack_` means, said to newer interpreters
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def landlock_abi() -> int:
    """The ABI of this kernel's Landlock; 0 where there is none, or it is not switched on."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(what: str, option: int, *values: int | ctypes.c_void_p) -> None:
    words = [value if isinstance(value, ctypes.c_void_p) else ctypes.c_ulong(value) for value in values]
    words += [ctypes.c_ulong(0)] * (4 - len(words))
    _checked(_libc.prctl(option, *words), what)


def _ruleset(spec: dict[str, Any]) -> int:
    """A ruleset that handles everything ABI 6 knows, with the exceptions of the spec."""
    asked = _Ruleset(_ALL_FILES, _ALL_TCP, _ALL_SCOPES)
    ruleset = _checked(
        _libc.syscall(_CREATE_RULESET, ctypes.byref(asked), ctypes.c_size_t(ctypes.sizeof(asked)), 0),
        "landlock_create_ruleset",
    )
    _allow(ruleset, spec["read"], _READ)
    _allow(ruleset, spec["write"], _WRITE)
    return ruleset


def _allow(ruleset: int, paths: Iterable[str], access: int) -> None:
    for path in paths:
        try:
            at = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:  # what one machine has, another does without
            continue
        folder = stat.S_ISDIR(os.fstat(at).st_mode)
        rule = _PathBeneath(access if folder else access & _OF_A_FILE, at)
        _checked(
            _libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0),
            f"landlock_add_rule {path}",
        )
        os.close(at)


def _drop(user: int | None) -> None:
    """Root becomes a user with no group. Whoever it is then has no capability, and no way back.

    Root of a container can't always become another; without capabilities it is what it is to the machine.
    """
    for capability in range(64):
        if _libc.prctl(_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break  # past the last one that this kernel knows, or there is none to drop it with
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _prctl("ambient capabilities", _CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL)
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    _checked(_libc.capset(header, none), "capset")


def confine(spec: dict[str, Any]) -> None:
    """Hold this process and whatever it becomes. The order matters: no step takes what a later one needs."""
    if os.getpgrp() != os.getpid():
        os.setsid()
    ruleset = _ruleset(spec)
    with os.fdopen(spec["filter"], "rb") as file:
        instructions = file.read()
    _drop(spec["user"])
    _prctl("no_new_privs", _SET_NO_NEW_PRIVS, 1)
    parent = os.getppid()
    _prctl("pdeathsig", _SET_PDEATHSIG, signal.SIGKILL)  # forgotten when the uid changes: not before
    if parent != os.getppid():
        os._exit(71)
    _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)
    program = _Filter(len(instructions) // 8, instructions)
    address = ctypes.cast(ctypes.byref(program), ctypes.c_void_p)
    _prctl("seccomp", _SET_SECCOMP, _SECCOMP_MODE_FILTER, address)


def main(arguments: list[str]) -> None:
    spec, dashes, *command = arguments
    assert dashes == "--"
    try:
        confine(json.loads(spec))
        os.execv(command[0], command)  # noqa: S606  a list of our own making
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(71)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Which sandbox this machine has: the strongest that works when it is tried, or why there is none."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asstream.interpreter.protocol import InterpreterUnavailableError, SandboxChoice
from asstream.interpreter.sandbox.bubblewrap import Bubblewrap
from asstream.interpreter.sandbox.confine import ABI, landlock_abi
from asstream.interpreter.sandbox.landlock import CLOSED, Landlock
from asstream.interpreter.sandbox.none import NoSandbox
from asstream.interpreter.sandbox.place import Sandbox
from asstream.interpreter.sandbox.probe import probe
from asstream.interpreter.sandbox.seatbelt import PROGRAM, Seatbelt
from asstream.interpreter.sandbox.seccomp import ARCHITECTURES
from asstream.interpreter.sandbox.users import TOO_FEW, is_machines_root

_RESTRICTED = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")

_FOLDERS = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one mechanism.

    Attributes:
        reason: why it does not work, in one line; empty where it does.
        remedy: what to do about it, in one line; may be empty.
    """

    mechanism: str
    sandbox: Sandbox | None
    reason: str = ""
    remedy: str = ""


def _bubblewrap() -> Finding:
    program = _program("bwrap")
    if not program:
        return Finding("bubblewrap", None, "bwrap is not installed", _install("bubblewrap"))
    setpriv = _program("setpriv") if os.geteuid() == 0 else ""
    if setpriv is None and is_machines_root():
        return Finding(
            "bubblewrap", None, "setpriv, which drops root, is not installed", _install("util-linux")
        )
    tried = [Bubblewrap(program, setpriv)] if setpriv else []
    if not is_machines_root():
        tried.append(Bubblewrap(program))
    sandbox, reason = _first(tried)
    remedy = _bubblewrap_remedy(reason) if reason else ""
    return Finding("bubblewrap", sandbox, reason, remedy)


def _first(sandboxes: Sequence[Sandbox]) -> tuple[Sandbox | None, str]:
    """The first that works, or why the last does not.

    Root of a container that has no power outside of it is an ordinary user to the kernel: where it can't give
    a session a uid of its own, it is held as one.
    """
    reason = ""
    for sandbox in sandboxes:
        reason = probe(sandbox)
        if not reason:
            return sandbox, ""
    return None, reason


def _program(name: str) -> str | None:
    """The path of a program: root takes it from where root alone can put it."""
    return shutil.which(name, path=_FOLDERS) or (None if os.geteuid() == 0 else shutil.which(name))


def _bubblewrap_remedy(reason: str) -> str:
    if "nknown option" in reason:
        return "bubblewrap 0.8 or newer is needed"
    if is_machines_root():
        if remedy := _drop_remedy(reason):
            return remedy
        newer = "" if landlock_abi() >= ABI else ", or on Linux 6.12 or newer, whose Landlock needs neither"
        return (
            "in a container: run it with --cap-add SYS_ADMIN --security-opt seccomp=unconfined "
            f"--security-opt apparmor=unconfined{newer}"
        )
    if os.geteuid() == 0 and "uid map" in reason:
        return (
            "let this root make a namespace (in a container: --cap-add SETFCAP), "
            "or run asstream as an ordinary user (--user 1000)"
        )
    if "mount proc" in reason:
        return (
            "let the container mount a /proc of its own (podman: --security-opt unmask=ALL; "
            "docker: --security-opt systempaths=unconfined)"
        )
    if _RESTRICTED.exists() and _RESTRICTED.read_text().strip() == "1":
        return (
            "allow bwrap to make namespaces: install its AppArmor profile (bwrap-userns-restrict), "
            "or run `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
        )
    if _NAMESPACES.exists() and _NAMESPACES.read_text().strip() == "0":
        return "run `sudo sysctl user.max_user_namespaces=15000`"
    return "allow this user to make namespaces (in a container: --security-opt seccomp=unconfined)"


def _drop_remedy(reason: str) -> str:
    """What to do where root could not become another user; empty where it could."""
    if TOO_FEW in reason:
        return "map at least 1300 uids into the container, or run asstream as an ordinary user"
    if reason.startswith("root lacks"):
        options = " ".join(f"--cap-add {name}" for name in re.findall(r"CAP_(\w+)", reason))
        return (
            f"run asstream as an ordinary user (in a container: --user 1000), or give root these ({options})"
        )
    return ""


def _install(package: str) -> str:
    tools = {"apt-get": "apt-get install", "dnf": "dnf install", "apk": "apk add", "pacman": "pacman -S"}
    found = next((line for tool, line in tools.items() if shutil.which(tool)), "")
    prefix = "" if os.geteuid() == 0 else "sudo "
    return f"run `{prefix}{found} {package}`" if found else f"install {package}"


def _landlock() -> Finding:
    abi = landlock_abi()
    if abi < ABI:
        found = f"this kernel has ABI {abi}" if abi else "this kernel has none, or it is switched off"
        return Finding("landlock", None, f"ABI {ABI} (Linux 6.12) is needed, {found}", "")
    tried = [Landlock(drop=True)] if os.geteuid() == 0 else []
    if not is_machines_root():
        tried.append(Landlock(drop=False))
    sandbox, reason = _first(tried)
    remedy = "install asstream where other users may read it" if CLOSED in reason else _drop_remedy(reason)
    return Finding("landlock", sandbox, reason, remedy)


def _seatbelt() -> Finding:
    if os.geteuid() == 0:
        return Finding("sandbox-exec", None, "it does not hold root", "run asstream as an ordinary user")
    if not Path(PROGRAM).exists():
        return Finding("sandbox-exec", None, f"there is no {PROGRAM}")
    sandbox = Seatbelt()
    reason = probe(sandbox)
    return Finding("sandbox-exec", None, reason) if reason else Finding("sandbox-exec", sandbox)


_MECHANISMS: dict[str, tuple[Callable[[], Finding], ...]] = {
    "linux": (_bubblewrap, _landlock),
    "darwin": (_seatbelt,),
}
"""By `sys.platform`, the strongest first."""


@cache
def _tried(mechanism: Callable[[], Finding]) -> Finding:
    """What came of trying a mechanism, which is done once in a process."""
    return mechanism()


def _findings() -> Iterator[Finding]:
    """The mechanisms that this system could have, the strongest first, each tried when it is asked for."""
    if sys.platform == "linux" and platform.machine() not in ARCHITECTURES:
        reason = f"the system calls of {platform.machine()} are not known to us"
        yield Finding("seccomp", None, reason, f"use a machine with {' or '.join(ARCHITECTURES)}")
        return
    yield from map(_tried, _MECHANISMS.get(sys.platform, ()))


def look() -> list[Finding]:
    """Each mechanism that this system could have, tried; the strongest first."""
    return list(_findings())


def choose(choice: SandboxChoice) -> Sandbox:
    """The strongest sandbox that works; the first call in a process tries them in turn, some 50 ms each.

    Raises InterpreterUnavailableError where none works, with the reasons and what would mend each.
    """
    if choice == "none":
        return NoSandbox()
    findings = []
    for finding in _findings():
        if finding.sandbox is not None:
            return finding.sandbox
        findings.append(finding)
    if not findings:
        raise InterpreterUnavailableError(
            f"code can't be run on {sys.platform}: no sandbox is known for it", "on Windows, use WSL2"
        )
    remedies = dict.fromkeys(finding.remedy for finding in findings if finding.remedy)
    reasons = "; ".join(f"{finding.mechanism}: {finding.reason}" for finding in findings)
    raise InterpreterUnavailableError(f"no sandbox works here ({reasons})", "; or ".join(remedies))

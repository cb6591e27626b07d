"""Server processes that are killed: started, spoken to by a client, ended by their id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def server_process(home: Path, spec: str) -> Iterator[tuple[subprocess.Popen[str], openai.OpenAI]]:
    """A server over `home` in a process of its own, and a client of it. It is killed at the end, if not
    before.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.server_process", str(home), spec],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    client = openai.OpenAI(
        base_url=process.stdout.readline().strip(),
        api_key="none",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )
    try:
        yield process, client
    finally:
        client.close()
        kill(process)
        process.stdout.close()


def kill(process: subprocess.Popen[str]) -> None:
    """End a process as kill -9 does, and wait until it is gone."""
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()

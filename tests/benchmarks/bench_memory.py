"""Resident memory of `asstream chat` with the embedded runtime after a chat, the model's process apart.

A real chat in a process of its own, over pipes, on the model of this machine (pulled if it is not there):
three messages, then VmRSS from /proc. Beside it, in the same run, what the SDK alone takes with
`client.beta.threads`.

    python tests/benchmarks/bench_memory.py

Prints megabytes and their ratio to the limit of 110 MB.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from asstream.config import load
from asstream.runtime.models import catalog
from asstream.runtime.models.pull import pull

LIMIT = 110
QUESTIONS = ("What is the capital of France?", "And of Italy?", "Which of the two is larger?")
SDK = """
import openai, sys
client = openai.OpenAI(api_key="x")
client.beta.threads.runs
from openai.types.beta import AssistantStreamEvent
print("ready", flush=True)
sys.stdin.readline()
"""


def resident(pid: int) -> float:
    """A process's resident memory in megabytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def of_the_sdk() -> float:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SDK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        taken = resident(process.pid)
        process.stdin.write("\n")
    return taken


def of_a_chat(home: Path) -> float:
    with (
        tempfile.TemporaryFile("w+") as replies,
        subprocess.Popen(
            [sys.executable, "-m", "asstream", "chat", "--json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=replies,
            text=True,
            env={"ASSTREAM_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home)},
        ) as process,
    ):
        assert process.stdout is not None and process.stdin is not None
        for question in QUESTIONS:
            process.stdin.write(question + "\n")
            process.stdin.flush()
            for line in process.stdout:
                if '"event": "thread.run.completed"' in line or '"event":"thread.run.completed"' in line:
                    break
            else:
                replies.seek(0)
                raise RuntimeError(f"the chat ended: {replies.read()}")
        taken = resident(process.pid)
        process.stdin.close()
    return taken


def main() -> None:
    home = load({}).home
    if catalog.current(home) is None:
        pull(home, "default")
    sdk, chat = of_the_sdk(), of_a_chat(home)
    print(f"the SDK alone {sdk:.0f} MB, a chat {chat:.0f} MB ({chat / sdk:.2f} times)")
    print(f"of the limit of {LIMIT} MB: {chat / LIMIT:.2f} (goal 1.0 at most)")


if __name__ == "__main__":
    main()

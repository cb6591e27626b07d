"""Resident memory of `asstream chat` with the embedded runtime after a chat, the model's process apart.

A real chat at a terminal, as a person has it (line editor, console, server, store, SDK), on the model of
this machine (pulled if it is not there): three messages, then VmRSS and its peak from /proc. Beside it, in
the same run, what the SDK alone takes with `client.beta.threads`.

    python tests/benchmarks/bench_memory.py

Prints megabytes and their ratio to the limit of 110 MB; exits with 1 where the chat is over it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from asstream.config import load
from asstream.runtime.models import catalog
from asstream.runtime.models.pull import pull
from tests.cli.terminal import terminal

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


def memory(pid: int, kind: str = "VmRSS") -> float:
    """A process's resident memory in megabytes; VmHWM is its peak."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def of_the_sdk() -> float:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SDK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        taken = memory(process.pid)
        process.stdin.write("\n")
    return taken


def of_a_chat(home: Path) -> tuple[float, float]:
    """What a chat takes after its messages, and what it took at most."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "ASSTREAM_HOME": str(home),
        "ASSTREAM_CONFIG": str(home / "none.toml"),
    }
    with terminal(["chat"], environ) as chat:
        chat.wait_for("/help helps")
        for number, question in enumerate(QUESTIONS, start=1):
            chat.type(f"{question}\r")
            # The line below each reply says what it took; the prompt follows it.
            chat.wait_for(lambda text, n=number: text.count(" tokens · ") == n and text.endswith("\n>"))
        return memory(chat.pid), memory(chat.pid, "VmHWM")


def main() -> int:
    home = load({}).home
    if catalog.current(home) is None:
        pull(home, "default")
    sdk, (chat, peak) = of_the_sdk(), of_a_chat(home)
    print(f"the SDK alone {sdk:.0f} MB, a chat {chat:.0f} MB ({chat / sdk:.2f} times), {peak:.0f} at most")
    print(f"of the limit of {LIMIT} MB: {chat / LIMIT:.2f} (goal 1.0 at most)")
    return 0 if chat <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

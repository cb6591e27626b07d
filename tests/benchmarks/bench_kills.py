"""Kills a server at random moments under load, and counts what was lost.

Four clients make threads, messages and runs, and write down every object that was answered with 2xx. The
server is killed with SIGKILL, started again over the same home, and everything written down is looked for;
then every thread must take a message again.

    python tests/benchmarks/bench_kills.py [KILLS]

Prints the numbers; the goal is 0 lost and 0 stuck.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import openai

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.processes import kill, server_process
from tests.support.served import reply, write_script

CLIENTS = 4
warnings.simplefilter("ignore", DeprecationWarning)

SCRIPT = [reply([{"text": [f"word{n} "]} if n % 2 else {"wait": 0.01} for n in range(60)])]


class Load(threading.Thread):
    """One client that works until its server is gone, and keeps what was acknowledged."""

    def __init__(self, client: openai.OpenAI, assistant: str) -> None:
        super().__init__(daemon=True)
        self.client, self.assistant = client, assistant
        self.threads: list[str] = []
        self.messages: list[tuple[str, str]] = []
        self.runs: list[tuple[str, str]] = []

    def run(self) -> None:
        try:
            while True:
                self._work()
        except openai.APIConnectionError:
            pass

    def _work(self) -> None:
        threads = self.client.beta.threads
        if not self.threads or random.random() < 0.3:
            self.threads.append(threads.create().id)
        thread = random.choice(self.threads)
        try:
            message = threads.messages.create(thread, role="user", content="go on")
            self.messages.append((thread, message.id))
            run = threads.runs.create(thread, assistant_id=self.assistant)
            self.runs.append((thread, run.id))
        except openai.BadRequestError:
            time.sleep(0.005)  # its run is active still


def lost(client: openai.OpenAI, load: Load) -> int:
    """How many acknowledged objects are not there."""
    gone = 0
    beta = client.beta.threads
    for look, things in (
        (lambda thread: beta.retrieve(thread), [(thread,) for thread in load.threads]),
        (lambda thread, id: beta.messages.retrieve(id, thread_id=thread), load.messages),
        (lambda thread, id: beta.runs.retrieve(id, thread_id=thread), load.runs),
    ):
        for thing in things:
            try:
                look(*thing)  # type: ignore[operator]
            except openai.NotFoundError:
                gone += 1
    return gone


def stuck(client: openai.OpenAI, load: Load) -> int:
    """How many threads take no message."""
    count = 0
    for thread in load.threads:
        try:
            client.beta.threads.messages.create(thread, role="user", content="still there?")
        except openai.BadRequestError:
            count += 1
    return count


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    total = {"objects": 0, "lost": 0, "threads": 0, "stuck": 0}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        spec = write_script(home / "script.json", SCRIPT)
        loads: list[Load] = []
        for number in range(kills + 1):
            with server_process(home, spec) as (process, client):
                for load in loads:
                    total["objects"] += len(load.threads) + len(load.messages) + len(load.runs)
                    total["threads"] += len(load.threads)
                    total["lost"] += lost(client, load)
                    total["stuck"] += stuck(client, load)
                if number == kills:
                    break
                assistant = client.beta.assistants.create(model="m").id
                loads = [Load(client, assistant) for _ in range(CLIENTS)]
                for load in loads:
                    load.start()
                time.sleep(random.uniform(0.05, 0.8))
                kill(process)
                for load in loads:
                    load.join(10)
    print(f"{kills} kills, {total['objects']} objects acknowledged on {total['threads']} threads")
    print(f"lost {total['lost']} (goal 0), threads stuck {total['stuck']} (goal 0)")


if __name__ == "__main__":
    main()

"""Kills a server at random moments under load, and counts what was lost.

Four clients make threads, messages and runs, and write down every object that was answered with 2xx. The
server is killed with SIGKILL, started again over the same home, and everything written down is looked for,
messages with their words; then every thread must take a message again, and one of each client's threads a
run that completes. After the last kill all that was ever written down is looked for once more.

    python tests/benchmarks/bench_kills.py [KILLS]

Prints the numbers and exits with 1 unless they are the goal: 0 lost and 0 stuck.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import openai
from openai.types.beta.threads import Message

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
        self.messages: list[tuple[str, str, str]] = []
        self.runs: list[tuple[str, str]] = []
        self.fault: Exception | None = None

    @property
    def objects(self) -> int:
        """How many were acknowledged."""
        return len(self.threads) + len(self.messages) + len(self.runs)

    def run(self) -> None:
        try:
            while True:
                self._work()
        except openai.APIConnectionError:
            pass
        except Exception as error:
            self.fault = error

    def _work(self) -> None:
        threads = self.client.beta.threads
        if not self.threads or random.random() < 0.3:
            self.threads.append(threads.create().id)
        thread = random.choice(self.threads)
        try:
            words = f"go on with {random.random()}"
            message = threads.messages.create(thread, role="user", content=words)
            self.messages.append((thread, message.id, words))
            run = threads.runs.create(thread, assistant_id=self.assistant)
            self.runs.append((thread, run.id))
        except openai.BadRequestError:
            time.sleep(0.005)  # its run is active still


def lost(client: openai.OpenAI, load: Load) -> int:
    """How many acknowledged objects are not there, or not as they were."""
    beta = client.beta.threads
    gone = 0
    for thread in load.threads:
        gone += not _kept(lambda thread=thread: beta.retrieve(thread).id == thread)
    for thread, id, words in load.messages:
        gone += not _kept(
            lambda thread=thread, id=id, words=words: (
                _text(beta.messages.retrieve(id, thread_id=thread)) == words
            )
        )
    for thread, id in load.runs:
        gone += not _kept(lambda thread=thread, id=id: beta.runs.retrieve(id, thread_id=thread).id == id)
    return gone


def _kept(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except openai.NotFoundError:
        return False


def _text(message: Message) -> str:
    [part] = message.content
    return part.text.value if part.type == "text" else ""


def stuck(client: openai.OpenAI, load: Load) -> int:
    """How many threads take no message; and one of them must complete a run."""
    beta = client.beta.threads
    free = []
    for thread in load.threads:
        try:
            beta.messages.create(thread, role="user", content="still there?")
            free.append(thread)
        except openai.BadRequestError:
            continue
    count = len(load.threads) - len(free)
    if free:
        run = beta.runs.create_and_poll(
            thread_id=random.choice(free), assistant_id=load.assistant, poll_interval_ms=20
        )
        count += run.status != "completed"
    return count


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    lost_at_once = stuck_threads = 0
    everything: list[Load] = []
    loads: list[Load] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        spec = write_script(home / "script.json", SCRIPT)
        for _ in range(kills):
            with server_process(home, spec) as (process, client):
                lost_at_once += sum(lost(client, load) for load in loads)
                stuck_threads += sum(stuck(client, load) for load in loads)
                assistant = client.beta.assistants.create(model="m").id
                loads = [Load(client, assistant) for _ in range(CLIENTS)]
                for load in loads:
                    load.start()
                time.sleep(random.uniform(0.05, 0.8))
                kill(process)
                for load in loads:
                    load.join(10)
                everything += loads
        with server_process(home, spec) as (_, client):
            stuck_threads += sum(stuck(client, load) for load in loads)
            lost_in_the_end = sum(lost(client, load) for load in everything)
    objects, threads = sum(load.objects for load in everything), sum(len(load.threads) for load in everything)
    faults = [load.fault or "hangs" for load in everything if load.fault or load.is_alive()]
    print(f"{kills} kills, {objects} objects acknowledged, {threads} threads")
    print(f"lost {lost_at_once} / {objects} after a kill, {lost_in_the_end} / {objects} in the end (goal 0)")
    print(
        f"stuck {stuck_threads} / {threads} threads (goal 0); other faults {len(faults)} {faults[:3] or ''}"
    )
    return 1 if lost_at_once or lost_in_the_end or stuck_threads or faults else 0


if __name__ == "__main__":
    sys.exit(main())

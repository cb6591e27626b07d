"""How quickly the program starts and ends, each figure as a ratio within this run.

    python tests/benchmarks/bench_start.py [--llm /path/to/bin/llm] [--turns 15]

Compared in turns, so that a machine's slow moment hits both sides; medians. `--llm` (llm in an environment
of its own, `pip install llm`) adds the first prompt of `llm chat`: once until it is seen, and once until a
key struck there is shown, since a prompt that takes no keys yet would be quick to draw. Ctrl-D is measured
after a message, and at random moments while the session still opens. Prints a line a figure, and exits with
1 where one is over its limit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.cli.terminal import Terminal  # noqa: E402 - a benchmark is run by its path

PYTHON = sys.executable
LEAVING = 0.05
"""Seconds that leaving may take."""


def seconds(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    """How long a program takes from its start to its end."""
    started = time.perf_counter()
    subprocess.run(arguments, env=dict(environ), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def first_prompt(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    """How long a chat takes until its prompt is on the screen, waiting for a line."""
    started = time.perf_counter()
    chat = Terminal(arguments, environ)
    try:
        chat.wait_for(lambda text: text.split("\n")[-1].startswith(">"))
        return time.perf_counter() - started
    finally:
        chat.close()


def first_key(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    """How long a chat takes until a key that is struck at its first prompt is shown."""
    started = time.perf_counter()
    chat = Terminal(arguments, environ)
    try:
        chat.wait_for(lambda text: text.split("\n")[-1].startswith(">"))
        chat.type("q")
        chat.wait_for(lambda text: text.split("\n")[-1].startswith("> q"))
        return time.perf_counter() - started
    finally:
        chat.close()


def leaving(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    """How long a chat takes to end after Ctrl-D, once its session is open."""
    chat = Terminal(arguments, environ)
    try:
        chat.wait_for("/help helps")
        chat.type("hello\r")
        chat.wait_for("Understood.")
        chat.wait_for(lambda text: text.split("\n")[-1].startswith(">"))
        return _left(chat, 0.3)
    finally:
        chat.close()


def leaving_early(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    """How long a chat takes to end after Ctrl-D, at a random moment while its session opens."""
    chat = Terminal(arguments, environ)
    try:
        chat.wait_for(lambda text: text.split("\n")[-1].startswith(">"))
        return _left(chat, random.uniform(0.15, 1.0))
    finally:
        chat.close()


def _left(chat: Terminal, after: float) -> float:
    settle = time.perf_counter() + after
    while (rest := settle - time.perf_counter()) > 0:
        chat.read(rest)
    started = time.perf_counter()
    chat.type("\x04")
    assert chat.wait_end() == 0
    return time.perf_counter() - started


def in_turns(turns: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each measure, taken in turns; the first turn only warms the disk cache."""
    taken: list[list[float]] = [[] for _ in measures]
    for turn in range(turns + 1):
        for found, measure in zip(taken, measures, strict=True):
            value = measure()
            if turn:
                found.append(value)
    return [statistics.median(values) for values in taken]


def environment(home: Path) -> dict[str, str]:
    """A person's environment with a scripted model."""
    script = home / "script.json"
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [[{"text": ["Understood."]}]]}]}))
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "ASSTREAM_HOME": str(home / "asstream"),
        "ASSTREAM_CONFIG": str(home / "none.toml"),
        "ASSTREAM_MODEL": f"scripted:{script}",
        "OPENAI_API_KEY": "none",
        "LLM_USER_PATH": str(home / "llm"),
    }


def report(name: str, ours: float, theirs: float, limit: float) -> bool:
    """Print a ratio; whether it keeps within its limit."""
    ratio = ours / theirs
    verdict = "ok" if ratio <= limit else "OVER"
    figures = f"{ours * 1000:7.0f} ms / {theirs * 1000:7.0f} ms = {ratio:5.2f}"
    print(f"{name:<48} {figures}  (≤ {limit:.2f})  {verdict}", flush=True)
    return ratio <= limit


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llm", help="the program llm, to compare with")
    parser.add_argument("--turns", type=int, default=15)
    chosen = parser.parse_args()
    turns: int = chosen.turns
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(Path(folder))
        asstream = [PYTHON, "-m", "asstream"]

        def run(*arguments: str) -> Callable[[], float]:
            return lambda: seconds(arguments, environ)

        kept = []
        bare, version = in_turns(turns, run(PYTHON, "-c", "pass"), run(*asstream, "--version"))
        kept.append(report("--version / python -c pass", version, bare, 2.0))
        imports, help_ = in_turns(turns, run(PYTHON, "-c", "import typer, rich"), run(*asstream, "--help"))
        kept.append(report("--help / import typer, rich", help_, imports, 1.0))
        ours: Callable[[], float] = lambda: first_prompt([*asstream, "chat"], environ)  # noqa: E731
        key: Callable[[], float] = lambda: first_key([*asstream, "chat"], environ)  # noqa: E731
        if chosen.llm:
            llm: Callable[[], float] = lambda: first_prompt([chosen.llm, "chat"], environ)  # noqa: E731
            llm_key: Callable[[], float] = lambda: first_key([chosen.llm, "chat"], environ)  # noqa: E731
            prompt, shown, theirs, theirs_shown = in_turns(turns, ours, key, llm, llm_key)
            kept.append(report("first prompt / that of llm chat", prompt, theirs, 1 / 3))
            kept.append(report("first key shown / that of llm chat", shown, theirs_shown, 1 / 3))
        leave, early = in_turns(
            turns,
            lambda: leaving([*asstream, "chat"], environ),
            lambda: leaving_early([*asstream, "chat"], environ),
        )
        kept.append(report("Ctrl-D after a message / 50 ms", leave, LEAVING, 1.0))
        kept.append(report("Ctrl-D while the session opens / 50 ms", early, LEAVING, 1.0))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())

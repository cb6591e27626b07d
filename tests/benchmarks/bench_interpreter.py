"""How fast and how small the interpreter is, each figure against its limit. Run by hand:

    python tests/benchmarks/bench_interpreter.py [auto|none]

A ratio below 1 is within the limit. Times are of a whole cell, from `run` to `CellEnd`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import CellEnd, Limits, Logs


def line(what: str, value: float, limit: float, unit: str) -> None:
    print(
        f"{what:<44}{value:>9.1f} {unit:<4} limit {limit:>7.1f} {unit:<4} ratio {value / limit:.2f}",
        flush=True,
    )


async def cell(interpreter: KernelInterpreter, code: str, thread: str = "t") -> str:
    logs = []
    async for event in interpreter.run(thread, code):
        if isinstance(event, Logs):
            logs.append(event.text)
        if isinstance(event, CellEnd):
            assert event.status == "ok", (code, event, logs)
    return "".join(logs)


async def timed(interpreter: KernelInterpreter, code: str, thread: str = "t") -> float:
    began = time.perf_counter()
    await cell(interpreter, code, thread)
    return time.perf_counter() - began


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


async def spare_is_ready(interpreter: KernelInterpreter) -> None:
    interpreter.warm()
    while interpreter._sessions is None or interpreter._sessions._spare is None:
        await asyncio.sleep(0.05)


async def prints(interpreter: KernelInterpreter) -> list[float]:
    """Seconds from each print in the kernel to its event here: both read the same clock."""
    code = "import time\nfor _ in range(200):\n    print(time.monotonic()); time.sleep(0.03)"
    late = []
    async for event in interpreter.run("t", code):
        if isinstance(event, Logs):
            now = time.monotonic()
            late += [now - float(word) for word in event.text.split()]
    return late


class Memory:
    """The most that this process had in memory, above what it had at first, in MB."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._first = self._most = self._now()
        self._thread = threading.Thread(target=self._watch)

    def _now(self) -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self._most = max(self._most, self._now())

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def above(self) -> float:
        return (self._most - self._first) / 1e6


FLOOD = "line = 'x' * 99\nfor _ in range(1_000_000): print(line)"
CHILD_FLOOD = "import subprocess; subprocess.run('yes | head -c 100000000', shell=True);"


async def main(choice: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        interpreter = KernelInterpreter(Path(folder), choice, Limits(seconds=300))
        await cell(interpreter, "1", "first")  # imports here, the sandbox found
        await spare_is_ready(interpreter)

        taken = []
        for number in range(5):
            taken.append(await timed(interpreter, "1", f"spare {number}"))
            await spare_is_ready(interpreter)
        line("session from the spare, median of 5", statistics.median(taken) * 1e3, 50, "ms")

        cold = []
        for number in range(7):
            sessions = interpreter._sessions
            assert sessions is not None
            spare, sessions._spare = sessions._spare, None
            keep, sessions.warm = sessions.warm, lambda: None  # type: ignore[method-assign]
            cold.append(await timed(interpreter, "1", f"cold {number}"))
            sessions.warm = keep  # type: ignore[method-assign]
            sessions._spare = spare
        line("cold session, median of 7", statistics.median(cold) * 1e3, 600, "ms")

        await cell(interpreter, "1")
        await spare_is_ready(interpreter)
        warm = [await timed(interpreter, "1 + 1") for _ in range(300)]
        line("warm cell, median of 300", statistics.median(warm) * 1e3, 10, "ms")
        line("warm cell, p95 of 300", p95(warm) * 1e3, 10, "ms")
        line("print to event, p95 of 200", p95(await prints(interpreter)) * 1e3, 100, "ms")

        for what, code in (("100 MB of prints", FLOOD), ("100 MB of a child process", CHILD_FLOOD)):
            with Memory() as memory:
                began = time.perf_counter()
                logs = await cell(interpreter, code)
                seconds = time.perf_counter() - began
            assert "cut out" in logs
            line(f"{what}: memory above idle", memory.above, 100, "MB")
            print(f"{'':<44}{seconds:>9.1f} s    to its end")

        await interpreter.close()
        eight = KernelInterpreter(Path(folder) / "eight", choice)
        began = time.perf_counter()
        await asyncio.gather(*(timed(eight, "sum(range(10**6))", f"{n}") for n in range(8)))
        line("eight cold sessions at once", (time.perf_counter() - began) * 1e3, 8 * 600, "ms")
        began = time.perf_counter()
        await asyncio.gather(*(timed(eight, "1", f"{n}") for n in range(8)))
        line("eight warm cells at once", (time.perf_counter() - began) * 1e3, 80, "ms")
        await eight.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "auto"))

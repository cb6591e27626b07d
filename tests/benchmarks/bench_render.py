"""What rendering Markdown costs while it streams, each figure as a ratio within this run.

    python tests/benchmarks/bench_render.py [--length 32000] [--rounds 5] [--rate 200]

Replies of 4-character deltas, mixed and in one endless block of each kind, are written to a pseudo-terminal
that is read all the while. CPU time of the writing process is compared with a plain print of the same deltas
and with one static Rich print of the whole; that of the last quarter of the deltas with that of the first;
the bytes with those of the static print and of the text. A paced reply measures how long a delta takes from
its delivery to the terminal's other end, until the mark that it completes has arrived as a whole. Pieces of
work take turns, so that all meet the same machine; the least of the rounds counts. Exits with 1 where a
figure is over its limit.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.markdown import Markdown

sys.path.insert(0, str(Path(__file__).parents[2]))

from asstream.render.transcript import Transcript
from tests.render.markdown.replies import KINDS, MARK, Author, deltas

COLUMNS, ROWS = 80, 24
GROWTH = 1.2
FLOODED = 1.0
PACED = 7.0
P50, P95 = 25.0, 50.0
SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;;[^\x1b]*\x1b\\")
Feed = Callable[[str], object]


class Reader:
    """The other end of a pseudo-terminal: takes what is written, and when it came."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.file: IO[str] = os.fdopen(theirs, "w", encoding="utf-8", newline="\n")
        self.chunks: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the writing end was closed
            while chunk := os.read(self._ours, 65536):
                self.chunks.append((time.monotonic(), chunk))

    def close(self) -> bytes:
        """All that was written."""
        self.file.close()
        self._thread.join()
        os.close(self._ours)
        return b"".join(chunk for _, chunk in self.chunks).replace(b"\r\n", b"\n")

    def console(self) -> Console:
        return Console(
            file=self.file,
            force_terminal=True,
            color_system="standard",
            width=COLUMNS,
            height=ROWS,
            legacy_windows=False,
            _environ={},
        )


@contextlib.contextmanager
def plain(reader: Reader) -> Iterator[Feed]:
    """Deltas printed as they come."""
    yield lambda delta: print(delta, end="", flush=True, file=reader.file)


@contextlib.contextmanager
def static(reader: Reader) -> Iterator[Feed]:
    """The whole printed once by Rich, when all has come."""
    pieces: list[str] = []
    yield pieces.append
    reader.console().print(Markdown("".join(pieces)))


@contextlib.contextmanager
def ours(reader: Reader) -> Iterator[Feed]:
    """Deltas rendered as they come."""
    transcript = Transcript(reader.console(), Console(file=io.StringIO()))
    transcript.open("reply", markdown=True)
    yield transcript.add
    transcript.close()


Way = Callable[[Reader], contextlib.AbstractContextManager[Feed]]


def flooded(way: Way, pieces: Sequence[str]) -> tuple[float, list[float], int]:
    """CPU seconds of the writing thread, those of each quarter, and the bytes."""
    reader = Reader()
    quarters = [pieces[len(pieces) * n // 4 : len(pieces) * (n + 1) // 4] for n in range(4)]
    times = []
    begun = time.thread_time()
    with way(reader) as feed:
        for quarter in quarters:
            at = time.thread_time()
            for piece in quarter:
                feed(piece)
            times.append(time.thread_time() - at)
    total = time.thread_time() - begun
    return total, times, len(reader.close())


def paced(pieces: Sequence[str], rate: float) -> tuple[list[float], int]:
    """Milliseconds from the delta that completes a mark to the mark's arrival as a whole; the bytes."""
    reader, text = Reader(), ""
    due: list[tuple[str, float]] = []
    with ours(reader) as feed:
        begun = time.monotonic()
        for number, piece in enumerate(pieces):
            time.sleep(max(begun + number / rate - time.monotonic(), 0))
            known = len(MARK.findall(text))
            text += piece
            now = time.monotonic()
            due += [(mark, now) for mark in MARK.findall(text)[known:]]
            text = text[-200:] if len(text) > 4000 else text
            feed(piece)
    written = reader.close()
    late, seen, arrived = [], b"", iter(reader.chunks)
    for mark, since in due:
        while mark.encode() not in seen:
            at, chunk = next(arrived)
            seen = SEQUENCE.sub(b"", seen[-400:] + chunk)
            came = at
        late.append((came - since) * 1000)
    return sorted(late), len(written)


def report(what: str, figure: float, limit: float | None = None) -> bool:
    """Print a figure; whether it keeps within its limit."""
    kept = limit is None or figure <= limit
    print(
        f"{what:<58} {figure:8.2f}"
        + ("" if limit is None else f"  (≤ {limit:.2f})  {'ok' if kept else 'OVER'}")
    )
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--length", type=int, default=32_000, help="characters of a reply")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=200, help="deltas a second of the paced reply")
    chosen = parser.parse_args()
    kept = []
    for kind in KINDS:
        text = Author().reply(kind, chosen.length)
        pieces = deltas(text)
        best = {way: (float("inf"), float("inf"), 0) for way in (plain, static, ours)}
        for _ in range(chosen.rounds):
            for way, (least, growth, _) in best.items():
                total, quarters, size = flooded(way, pieces)
                best[way] = min(least, total), min(growth, quarters[-1] / max(quarters[0], 1e-9)), size
        each = best[ours][0] / len(pieces) * 1e6
        report(f"{kind}: CPU a delta, µs", each)
        report(f"{kind}: CPU / plain print", best[ours][0] / best[plain][0])
        report(f"{kind}: CPU / one static Rich print", best[ours][0] / best[static][0])
        kept.append(report(f"{kind}: last quarter / first quarter", best[ours][1], GROWTH))
        flood = report(f"{kind}: bytes / one static Rich print", best[ours][2] / best[static][2], FLOODED)
        kept.append(flood)
    text = Author().reply("mixed", chosen.length // 4)
    late, size = paced(deltas(text), chosen.rate)
    kept.append(report("paced: bytes / text", size / len(text.encode()), PACED))
    kept.append(report("paced: delta → screen p50, ms", late[len(late) // 2], P50))
    kept.append(report("paced: delta → screen p95, ms", late[len(late) * 95 // 100], P95))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())

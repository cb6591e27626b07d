"""The processes that read files, from the side of who asks: started when needed, bounded, kept warm."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from asstream.search.chunks import Chunk
from asstream.search.protocol import Cancelled, Chunking, ReadingLimits, Unreadable

_TICK: Final = 0.1
_BLOCK: Final = 1 << 16
_IDLE_SECONDS: Final = 30.0
_JOBS: Final = 200
"""Files that one process reads before another takes its place: what leaks goes with it."""


@dataclass(frozen=True, slots=True)
class Read:
    """The end of a file: the bytes of its text."""

    text_bytes: int


class Readers:
    """As many processes as there are processors, at most."""

    def __init__(self, limits: ReadingLimits) -> None:
        self._limits = limits
        self._free = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._idle: list[_Reader] = []
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._closed = False

    def read(
        self, path: Path, filename: str, chunking: Chunking, cancelled: Callable[[], bool]
    ) -> Generator[list[Chunk] | Read, None, None]:
        """A file's chunks in batches, and its end. Close the iterator to let go of the process.

        Raises Unreadable, Cancelled.
        """
        while not self._free.acquire(timeout=_TICK):
            if cancelled():
                raise Cancelled
        reader = None
        try:
            reader = self._take()
            yield from reader.read(_job(path, filename, chunking, self._limits), self._limits, cancelled)
        finally:
            if reader is not None:
                self._put(reader)
            self._free.release()

    def close(self) -> None:
        """End the processes that are idle; those at work end with their file."""
        with self._lock:
            self._closed = True
        self._end_idle()

    def _take(self) -> _Reader:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Reader()

    def _put(self, reader: _Reader) -> None:
        with self._lock:
            if reader.fit and not self._closed:
                self._idle.append(reader)
                self._wait()
                return
        reader.end()

    def _wait(self) -> None:
        """End what is idle a while after the last file."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(_IDLE_SECONDS, self._end_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_idle(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.end()


def _job(path: Path, filename: str, chunking: Chunking, limits: ReadingLimits) -> dict[str, Any]:
    return {
        "path": str(path),
        "filename": filename,
        "max_tokens": chunking.max_tokens,
        "overlap_tokens": chunking.overlap_tokens,
        "tokens": limits.tokens,
        "seconds": limits.seconds,
        "memory_mb": limits.memory_mb,
    }


class _Reader:
    """One process. `fit`: whether it can be given another file."""

    def __init__(self) -> None:
        # -P: what lies in the folder where somebody started us is not imported.
        command = [sys.executable, "-P", "-m", "asstream.search.reader"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._poll = select.poll()  # `select` takes no descriptor above 1023
        self._poll.register(self._process.stdout, select.POLLIN)
        self._held = bytearray()
        self._jobs = 0
        self.fit = True

    def read(
        self, job: dict[str, Any], limits: ReadingLimits, cancelled: Callable[[], bool]
    ) -> Generator[list[Chunk] | Read, None, None]:
        """See `Readers`."""
        self.fit = False
        self._jobs += 1
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        patience = 2 * limits.seconds
        while True:
            began = time.monotonic()
            line = self._line(patience, cancelled)
            patience -= time.monotonic() - began
            if line is None:
                raise self._ended(job, limits)
            answer = json.loads(line)
            if "chunks" in answer:
                yield [Chunk(*row) for row in answer["chunks"]]
                continue
            self.fit = self._jobs < _JOBS and not answer.get("last")
            if "error" in answer:
                raise Unreadable(*answer["error"])
            yield Read(answer["done"])
            return

    def _line(self, patience: float, cancelled: Callable[[], bool]) -> bytes | None:
        """The next line of the process; None where it ended or takes too long. Raises Cancelled."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + patience
        searched = 0
        while (end := self._held.find(b"\n", searched)) < 0:
            searched = len(self._held)
            if cancelled():
                raise Cancelled
            if time.monotonic() > deadline:
                return None
            if self._poll.poll(_TICK * 1000):
                block = os.read(self._process.stdout.fileno(), _BLOCK)
                if not block:
                    return None
                self._held += block
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        return line

    def _ended(self, job: dict[str, Any], limits: ReadingLimits) -> Unreadable:
        """Why a process is gone, or has to go: a signal for its time, or a parser that fell."""
        self._process.kill()
        code = self._process.wait()
        name = job["filename"]
        if code in (-9, -24):  # SIGKILL is ours; SIGXCPU is its limit's
            return Unreadable(
                "invalid_file", f"Reading the file {name} takes longer than {limits.seconds:g} seconds."
            )
        return Unreadable("invalid_file", f"The file {name} can't be read: the process that read it ended.")

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

"""The process that reads files: a job a line on standard input, its chunks as lines on standard output.

It is run as a script and given files that may be broken or hostile: it has limits of time and memory, writes
no file, and what it prints is data and nothing else. It ends when standard input does.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

from asstream.search.chunks import Chunk, Piece, count_tokens, cut
from asstream.search.parsers.kinds import kind_of
from asstream.search.protocol import Chunking, Unreadable

PARSERS: Final = {
    "text": "text:text",
    "markdown": "text:markdown",
    "csv": "text:csv",
    "html": "html:html",
    "pdf": "pdf:pdf",
    "docx": "word:docx",
    "pptx": "slides:pptx",
    "xlsx": "sheets:xlsx",
}
"""kind → module and function below `asstream.search.parsers`; imported when a file of the kind comes."""

_ADVICE: Final = {"pdf": " It may be scanned: pictures of pages have to go through text recognition first."}
_BATCH: Final = 64
_CONTROLS: Final = {code: None for code in range(32) if chr(code) not in "\t\n"}
_MB: Final = 1 << 20


def main() -> None:
    """Do the jobs of standard input."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    # Whatever a parser prints goes nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with suppress(BrokenPipeError, KeyboardInterrupt):
        for line in sys.stdin.buffer:
            if not _answer(json.loads(line), answers):
                break


def _answer(job: dict[str, Any], answers: IO[str]) -> bool:
    """Do a job; whether this process is fit for another."""
    try:
        _limit(job["seconds"], job["memory_mb"])
        done = _read(job, lambda batch: _say(answers, {"chunks": batch}))
    except Unreadable as error:
        return _say(answers, {"error": [error.code, error.message]})
    except MemoryError:
        message = f"Reading the file {job['filename']} takes more memory than {job['memory_mb']} MiB."
        _say(answers, {"error": ["invalid_file", message], "last": True})
        return False
    except BrokenPipeError:
        raise
    except Exception as error:
        # Parsers raise what they like on broken files: their own errors, KeyError, RecursionError, …
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        message = f"The file {job['filename']} is damaged or can't be read ({reason})."
        return _say(answers, {"error": ["invalid_file", message]})
    return _say(answers, {"done": done})


def _read(job: dict[str, Any], say: Callable[[list[list[Any]]], Any]) -> int:
    """Read a file, say its chunks in batches; the bytes of its text."""
    path, filename = Path(job["path"]), job["filename"]
    kind = kind_of(path, filename, job["memory_mb"] // 4)
    pieces = _Counted(_pieces(kind, path, filename), job["tokens"], filename)
    batch: list[list[Any]] = []
    for chunk in cut(pieces, Chunking(job["max_tokens"], job["overlap_tokens"])):
        batch.append(_row(chunk))
        if len(batch) == _BATCH:
            say(batch)
            batch = []
    if not pieces.words:
        raise Unreadable("invalid_file", f"The file {filename} has no text in it.{_ADVICE.get(kind, '')}")
    say(batch)
    return pieces.bytes


def _row(chunk: Chunk) -> list[Any]:
    return [chunk.text, " ".join(chunk.place.split()), chunk.repeated]


def _pieces(kind: str, path: Path, filename: str) -> Iterator[Piece]:
    module, _, function = PARSERS[kind].partition(":")
    try:
        parse = getattr(import_module(f"asstream.search.parsers.{module}"), function)
    except ModuleNotFoundError as error:
        message = f"{filename} can't be read: {error.name} is missing. pip install 'asstream[search]'"
        raise Unreadable("server_error", message) from error
    for piece in parse(path):
        # No surrogates and no control characters: databases and terminals take neither.
        text = piece.text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
        yield Piece(text.encode(errors="replace").decode(), piece.place.encode(errors="replace").decode())


class _Counted:
    """Pieces on their way, counted. Raises Unreadable where there are too many tokens."""

    def __init__(self, pieces: Iterable[Piece], most: int, filename: str) -> None:
        self._pieces = pieces
        self._most = most
        self._filename = filename
        self._tokens = 0
        self.bytes = 0
        self.words = False

    def __iter__(self) -> Iterator[Piece]:
        for piece in self._pieces:
            self._tokens += count_tokens(piece.text)
            self.bytes += len(piece.text.encode())
            self.words = self.words or not piece.text.isspace()
            if self._tokens > self._most:
                message = f"The file {self._filename} has more than {self._most:,} tokens. Split it."
                raise Unreadable("invalid_file", message)
            yield piece


def _say(answers: IO[str], answer: dict[str, Any]) -> bool:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    return True


def _limit(seconds: float, memory_mb: int) -> None:
    """Limit this process for one more job. The hard limits stay: they could not be raised again."""
    used = time.process_time()
    _set(resource.RLIMIT_CPU, int(used + seconds) + 1)
    _set(resource.RLIMIT_AS, memory_mb * _MB)
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_CORE, 0)


def _set(what: int, value: int) -> None:
    with suppress(ValueError, OSError):  # macOS has no limit of address space
        resource.setrlimit(what, (value, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main()

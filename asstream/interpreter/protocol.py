"""What is asked of the interpreter, and what it answers: the whole contract between it and the runtime.

A cell is one piece of code. It runs in the session of its thread, which keeps variables from cell to cell for
as long as its process lives. While it runs, its `CellEvent`s come in the order in which they happened; the
first is always `CellStart`, the last `CellEnd`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from asstream.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may use. Each is named, as `interpreter.NAME`, in the words that say it was reached.

    Attributes:
        seconds: time of one cell.
        memory_mb: memory of a session's processes together, in MiB.
        processes: processes and threads of a session.
        disk_mb: size of /mnt/data, in MiB.
        files: files and folders in /mnt/data.
        output_kb: text of one cell that is kept, in KiB; what is beyond is cut out of its middle.
        idle_seconds: a session that ran no cell for so long is ended.
        sessions: sessions at once in this process; the one idle longest makes room.
    """

    seconds: float = 120
    memory_mb: int = 2048
    processes: int = 64
    disk_mb: int = 1024
    files: int = 10_000
    output_kb: int = 256
    idle_seconds: float = 900
    sessions: int = 16


SandboxChoice = Literal["auto", "none"]
"""`auto`: the strongest sandbox of this machine, or none of the code runs. `none`: no sandbox, said aloud."""


_NAME_BYTES = 200
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def safe_name(name: str) -> str:
    """A client's name as the name of a file: one component of printable characters, 200 bytes at most."""
    name = _UNSAFE.sub("_", name.replace("\\", "/").rstrip("/").rpartition("/")[2]).strip()
    if name.strip(".") == "":
        name = "file" + name.replace(".", "_")
    stem, dot, suffix = name.rpartition(".")
    if len(name.encode()) > _NAME_BYTES:
        end = (dot + suffix).encode()[:20] if stem else b""
        name = name.encode()[: _NAME_BYTES - len(end)].decode(errors="ignore") + end.decode(errors="ignore")
    return name


def printable(name: str) -> str:
    """A file's name as text that can be shown and written; else escaped, as in `%x1b` or `%udc80`.

    Not with a backslash: where the name is given back, that would separate folders.
    """
    return "".join(char if char.isprintable() else _escaped(char) for char in name)


def _escaped(char: str) -> str:
    code = char.encode("unicode_escape").decode("ascii")
    return "%" + {"\\t": "x09", "\\n": "x0a", "\\r": "x0d"}.get(code, code[1:])


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that code finds in /mnt/data, under its name and under its id.

    Attributes:
        name: as the client gave it: hostile, only used through `safe_name`. The id, where a newer file has
            the name: then it is there under its id alone.
        path: where its content is; it is copied.
        made: whether code of this thread made it: then `name` is its path below /mnt/data, as ProducedFile
            had it, and it is put there only into a session that is new.
    """

    id: str
    name: str
    path: Path
    made: bool = False


@dataclass(frozen=True, slots=True)
class CellStart:
    """The cell is about to run. `fresh`: no cell ran in this session before, so there are no variables."""

    fresh: bool


@dataclass(frozen=True, slots=True)
class Logs:
    """What the cell printed, the value of its last expression, its traceback, or a note of the interpreter.

    Without escape sequences and control characters, but for tabs, new lines, and single carriage returns:
    what follows one takes the place of what stands on the line.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A figure that the cell showed."""

    data: bytes
    format: Literal["png", "jpeg", "gif", "webp"]


@dataclass(frozen=True, slots=True)
class ProducedFile:
    """A file in /mnt/data that the cell made or changed.

    Attributes:
        name: its path below /mnt/data, with `/`; printable.
        path: a copy, there until the next event is asked for.
    """

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class RemovedFiles:
    """Files that are in /mnt/data no more, where they were after the cell before.

    Attributes:
        names: their paths, as ProducedFile has them.
    """

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CellEnd:
    """How the cell ended.

    `error`: it raised. `interrupted`, `timeout`: it was stopped. `died`: its process ended, and the variables
    with it. Whatever is to be said about it was said in `Logs`.
    """

    status: Literal["ok", "error", "interrupted", "timeout", "died"]


CellEvent = CellStart | Logs | Image | ProducedFile | RemovedFiles | CellEnd


class InterpreterUnavailableError(ConfigError):
    """No code can be run here: a part is missing, or nothing on this machine holds it."""


class Interpreter(Protocol):
    """Sessions by thread."""

    def run(self, thread: str, code: str, files: Sequence[InputFile] = ()) -> AsyncGenerator[CellEvent, None]:
        """Run a cell in the session of `thread`, which is started where there is none.

        Closing the generator interrupts the cell. `files` are put into /mnt/data unless they were before.
        Raises InterpreterUnavailableError before the first event.
        """
        ...

    def collect(self, thread: str) -> AsyncGenerator[CellEvent, None]:
        """Take out what a cell of `thread` that was interrupted made in /mnt/data.

        ProducedFile, RemovedFiles, and Logs that say what else there is. Bounded in time and size; what is
        left comes out with the next cell. Nothing comes where there is no session.
        """
        ...

    async def end(self, thread: str) -> None:
        """End the session of a thread, if there is one, and remove its files."""
        ...

    async def close(self) -> None:
        """End every session."""
        ...

    def warm(self) -> None:
        """Have a session ready in the background. Never raises."""
        ...

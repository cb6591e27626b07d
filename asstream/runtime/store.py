"""The store: one SQLite database in WAL mode, one thread that writes, one connection that reads.

A write is a function of a `Writer`; it runs in the writer's thread inside a transaction, and its future is
resolved once that transaction is on the disk (synchronous=FULL). Writes that come together are committed
together; each has a savepoint of its own, so that one that raises takes nothing else along. Reads see every
write whose future was resolved.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import apsw

from asstream.errors import ConfigError, WireError
from asstream.runtime.schema import migrate

T = TypeVar("T")
Row = tuple[Any, ...]
Writer = apsw.Connection
"""What a write is given: the connection, inside a transaction."""

_BUSY_MS: Final = 20_000
"""How long to wait for another process's write. Its transactions take milliseconds, unless its disk hangs."""

_GROUP: Final = 256
"""The most writes that share one transaction."""


class StoreFullError(WireError):
    """The disk took no more. Nothing of the write was kept."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            507,
            f"The database {path} can't be written ({reason}). Nothing of this request was kept. "
            "Free some space or mend the folder, then try again.",
            type="server_error",
            code="storage_failed",
        )


class _Job:
    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Callable[[Writer], Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def resolve(self) -> None:
        if self.future.cancelled():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Store:
    """The database of one home. It belongs to the event loop that is running when it is made."""

    def __init__(self, path: Path) -> None:
        """Open, and create or migrate, the database at `path`. Raises ConfigError when that can't be done."""
        self.path = path
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._reader = _connect(path)
        try:
            migrate(self._reader, path)
            # Here and not in its thread: who makes a store is told when it can't be written.
            self._writer = _connect(path)
        except apsw.Error as error:
            self._reader.close()
            raise _unusable(path, error) from error
        except ConfigError:
            self._reader.close()
            raise
        self._thread = threading.Thread(target=self._write_all, name="asstream-writer", daemon=True)
        self._thread.start()

    def read(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return cast("list[Row]", self._reader.execute(sql, tuple(args)).fetchall())

    def row(self, sql: str, args: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.read(sql, args)), None)

    def data_version(self) -> int:
        """A number that changes with every commit, of any process, but the reader's own."""
        return int(self._reader.execute("PRAGMA data_version").get)

    def write(self, work: Callable[[Writer], T]) -> asyncio.Future[T]:
        """Do `work` in a transaction. The future has its result once it is on the disk, or what it raised."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return future

    async def close(self) -> None:
        """Commit what was handed in, and let go of the database."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._reader.close()

    def _write_all(self) -> None:
        while (jobs := self._next_group()) is not None:
            _commit_group(self._writer, self.path, jobs)
            try:
                self._loop.call_soon_threadsafe(_resolve, jobs)
            except RuntimeError:
                break  # the loop is closed: nobody waits for these any more
        self._writer.close()

    def _next_group(self) -> list[_Job] | None:
        first = self._jobs.get()
        if first is None:
            return None
        jobs = [first]
        while len(jobs) < _GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs


def _resolve(jobs: Iterable[_Job]) -> None:
    for job in jobs:
        job.resolve()


def _commit_group(connection: apsw.Connection, path: Path, jobs: list[_Job]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            _run_in_savepoint(connection, job)
        connection.execute("COMMIT")
    except BaseException as error:
        # A rollback that fails has nothing to add; the thread must live, or every later write would hang.
        with contextlib.suppress(apsw.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        failure = StoreFullError(path, str(error)) if isinstance(error, apsw.Error) else error
        for job in jobs:
            job.error = job.error or failure


def _run_in_savepoint(connection: apsw.Connection, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CorruptError):
        raise  # the transaction itself is at an end
    except BaseException as error:
        connection.execute("ROLLBACK TO job")
        job.error = error
    connection.execute("RELEASE job")


def _connect(path: Path) -> apsw.Connection:
    try:
        # SQLite gives its -wal and -shm files the mode of the database: 0600 from the first moment on.
        # Only a file that was not there: closing another would take the locks of this process's connections
        # away, and whoever closes the database next would remove the -wal under them.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
    except (OSError, apsw.Error) as error:
        raise _unusable(path, error) from error
    return connection


def _unusable(path: Path, error: Exception) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return ConfigError(
            f"The database {path} is damaged: {reason}.",
            "Move it away (asstream makes a new one), or put a copy of it back.",
        )
    return ConfigError(
        f"The database {path} can't be used: {reason}.",
        "Make its folder writable and see that its disk has room, or set ASSTREAM_HOME to another folder.",
    )

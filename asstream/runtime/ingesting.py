"""Reads the files of vector stores into the library, in the background.

Files that wait are taken up by whichever process of the home has room, a few at once. One that its process
left behind waits again, until it was begun too often. What leaves a store leaves the library here too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import apsw

from asstream.errors import AsstreamError, WireError
from asstream.runtime import attaching, rows, store_objects
from asstream.runtime.objects import Object
from asstream.runtime.owners import Owner, taken_over
from asstream.runtime.searching import LazyLibrary
from asstream.runtime.store import Store, Writer
from asstream.search import Cancelled, Library, Unreadable

logger = logging.getLogger("asstream.runtime")

_LOOK_SECONDS: Final = 0.1
"""How often a file that is being read is held against the store: it may have been cancelled."""

_CLOSE_SECONDS: Final = 2.0
_AFTER_TROUBLE: Final = 1.0

MOST_ATTEMPTS: Final = 3
"""How often reading a file is begun; each time but the last its process ended before."""

_REMOVED_AT_ONCE: Final = 100


@dataclass(eq=False)
class _Job:
    """A file that is being read: its row, its object, and whether to give up."""

    seq: int
    file: Object
    stop: threading.Event = field(default_factory=threading.Event)
    task: asyncio.Task[None] = field(init=False)


class Ingesting:
    """What reads files here.

    Args:
        files: the folder of the files' contents.
    """

    def __init__(self, store: Store, owner: Owner, files: Path, library: LazyLibrary) -> None:
        self._store = store
        self._owner = owner
        self._files = files
        self._library = library
        self._jobs: dict[int, _Job] = {}
        # One more than there are readers: while it is embedded, another file is read.
        self._room = (os.cpu_count() or 1) + 1
        self._threads: ThreadPoolExecutor | None = None
        self._wanted = asyncio.Event()
        self._closing = False

    def wake(self) -> None:
        """Look from now on: files were attached or taken out."""
        self._wanted.set()

    async def run(self) -> None:
        """Read what waits, until cancelled."""
        while True:
            self._wanted.clear()
            try:
                await self._remove_texts()
                self._heed()
                if await self._take_up():
                    continue
                pause = _LOOK_SECONDS if self._jobs else None
            except (WireError, AsstreamError, OSError, apsw.Error) as error:
                # A disk that fails may be mended: what waits is kept.
                logger.warning("vector stores can't be looked after: %s", error)
                pause = _AFTER_TROUBLE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), pause)

    async def ready(self, store_ids: Iterable[str], seconds: float) -> bool:
        """Wait until no file of these stores is in progress, `seconds` at most; whether that is so."""
        ids = list(store_ids)
        marks = ", ".join("?" * len(ids))
        where = f"status = 'in_progress' AND vector_store_id IN ({marks})"
        sql = f"SELECT 1 FROM vector_store_files WHERE {where} LIMIT 1"  # noqa: S608
        deadline = asyncio.get_running_loop().time() + seconds
        while busy := self._store.read(sql, ids):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return not busy

    async def look(self, owners: Path) -> None:
        """Let wait again what dead processes left, and look where there is something to do."""
        sql = "SELECT DISTINCT owner FROM vector_store_files WHERE status = 'in_progress'"
        for (owner,) in self._store.read(sql):
            if owner is None:
                self.wake()
            elif owner != self._owner.id:
                with taken_over(owners, owner) as dead:
                    if dead:
                        await self._store.write(partial(_release, owner=owner))
                        self.wake()
        if self._store.row("SELECT 1 FROM texts_to_remove LIMIT 1"):
            self.wake()

    async def close(self) -> None:
        """Stop reading. What is not done waits for another process, or for the next start."""
        self._closing = True
        for job in self._jobs.values():
            job.stop.set()
        if tasks := [job.task for job in self._jobs.values()]:
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _take_up(self) -> bool:
        """Begin to read what waits, as far as there is room; whether there was something."""
        room, held = self._room - len(self._jobs), [*self._jobs]
        if room <= 0 or self._closing or not self._waiting(self._store, held, 1):
            return False
        taken = await self._store.write(partial(self._claim, held=held, most=room))
        for seq, file in taken:
            job = self._jobs[seq] = _Job(seq, file)
            job.task = asyncio.create_task(self._read(job))
        return bool(taken)

    def _waiting(self, source: Store | Writer, held: list[int], most: int) -> list[Any]:
        """Rows (seq, attempts, body) of files that nobody reads, the oldest first; `held` are read here."""
        where = "status = 'in_progress' AND (owner IS NULL OR owner = ?)"
        but = f"seq NOT IN ({', '.join(map(str, held))})"
        sql = (
            f"SELECT seq, attempts, body FROM vector_store_files WHERE {where} AND {but} ORDER BY seq LIMIT ?"  # noqa: S608
        )
        return rows.select(source, sql, (self._owner.id, most))

    def _claim(self, writer: Writer, held: list[int], most: int) -> list[tuple[int, Object]]:
        taken = []
        for seq, attempts, body in self._waiting(writer, held, most):
            sql = "UPDATE vector_store_files SET owner = ?, attempts = attempts + 1 WHERE seq = ?"
            writer.execute(sql, (self._owner.id, seq))
            if attempts < MOST_ATTEMPTS:
                taken.append((seq, rows.load(body)))
                continue
            message = f"Reading the file was interrupted {attempts} times. Attach it again to try once more."
            error = {"code": "server_error", "message": message}
            attaching.settle(writer, seq, self._owner.id, "failed", error=error)
        return taken

    def _heed(self) -> None:
        """Stop reading what was cancelled, taken out or attached again."""
        if not self._jobs:
            return
        where = f"status = 'in_progress' AND owner = ? AND seq IN ({', '.join(map(str, self._jobs))})"
        sql = f"SELECT seq FROM vector_store_files WHERE {where}"  # noqa: S608
        wanted = {seq for (seq,) in self._store.read(sql, [self._owner.id])}
        for seq, job in self._jobs.items():
            if seq not in wanted:
                job.stop.set()

    async def _read(self, job: _Job) -> None:
        """Read a file, and save what became of it."""
        try:
            settled = await self._store.write(partial(self._settle, job.seq, await self._outcome(job)))
            if settled is not None and settled["attributes"] != job.file["attributes"]:
                store_id, file_id, changed = (
                    job.file["vector_store_id"],
                    job.file["id"],
                    settled["attributes"],
                )
                await self._library.call(lambda made: made.set_attributes(store_id, file_id, changed))
        except Exception as error:
            # It is still ours in the store: the next round takes it up again.
            logger.warning("file %s of a vector store can't be settled: %s", job.file["id"], error)
            await asyncio.sleep(_AFTER_TROUBLE)
        finally:
            self._jobs.pop(job.seq, None)
            self.wake()

    def _settle(self, seq: int, outcome: Object | None, writer: Writer) -> Object | None:
        if outcome is None:
            sql = "UPDATE vector_store_files SET owner = NULL WHERE seq = ? AND owner = ?"
            writer.execute(sql, (seq, self._owner.id))
            return None
        return attaching.settle(writer, seq, self._owner.id, **outcome)

    async def _outcome(self, job: _Job) -> Object | None:
        """The end of a file: its status, with its bytes or its error; None where it has to wait again."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._room, "asstream-ingest")
        try:
            work = partial(self._add, job, self._library.get())
            bytes_used = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except Unreadable as error:
            return {"status": "failed", "error": {"code": error.code, "message": error.message}}
        except Cancelled:
            return None
        except Exception as error:
            logger.exception("reading file %s failed", job.file["id"])
            message = f"Reading the file failed: {type(error).__name__}."
            return {"status": "failed", "error": {"code": "server_error", "message": message}}
        return {"status": "completed", "usage_bytes": bytes_used}

    def _add(self, job: _Job, library: Library) -> int:
        """Runs in a thread."""
        file = job.file
        ingested = library.add(
            file["vector_store_id"],
            file["id"],
            self._files / file["id"],
            file["_filename"],
            chunking=store_objects.chunking(file),
            attributes=file["attributes"],
            cancelled=job.stop.is_set,
        )
        return ingested.text_bytes

    async def _remove_texts(self) -> None:
        """Take out of the library what is no longer in the stores."""
        sql = "SELECT vector_store_id, file_id FROM texts_to_remove LIMIT ?"
        while found := self._store.read(sql, [_REMOVED_AT_ONCE]):
            await self._library.call(partial(_remove, found))
            await self._store.write(partial(_forget_removed, found=found))


def _release(writer: Writer, owner: str) -> None:
    """Let wait again what a process left."""
    sql = "UPDATE vector_store_files SET owner = NULL WHERE owner = ? AND status = 'in_progress'"
    writer.execute(sql, (owner,))


def _remove(found: list[Any], library: Library) -> None:
    for store_id, file_id in found:
        if file_id == attaching.WHOLE:
            library.drop(store_id)
        else:
            library.remove(store_id, file_id)


def _forget_removed(writer: Writer, found: list[Any]) -> None:
    writer.executemany("DELETE FROM texts_to_remove WHERE vector_store_id = ? AND file_id = ?", found)

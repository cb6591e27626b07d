"""The event log: what a run's readers follow, on its way to the store and out of it.

`RunLog` is the writing end, held by the process that works on the run. An event that carries a whole object
is published only once it is committed together with that object; a delta is published at once and committed
at most `FLUSH_SECONDS` or `FLUSH_EVENTS` later, unless something before it still waits for its commit. The
order is the same for everyone.

Readers ask `since(n)`: the published events after number n, from memory where they are recent, else from the
store.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from asstream.runtime.states import is_delta
from asstream.runtime.store import Store, Writer

FLUSH_SECONDS: Final = 0.05
FLUSH_EVENTS: Final = 32
KEPT_IN_MEMORY: Final = 512
"""Published events that readers find in memory. Older ones are long committed."""

MOST_UNWRITTEN: Final = 256
"""A model that streams faster than the disk writes waits beyond this."""

Save = Callable[[Writer], None]
"""Saves what an event tells of, in the transaction that writes the event."""


class Entry(NamedTuple):
    """An event with its number in the run's log, counted from 1. `data` is JSON text."""

    seq: int
    event: str
    data: str


class LostRunError(Exception):
    """The run was deleted, or belongs to another process: what is still said of it counts no more."""


class RunLog:
    """The writing end of one run's log. `seq` is the number of the last event that is in it already."""

    def __init__(self, store: Store, run_id: str, owner: str, seq: int) -> None:
        self.run_id = run_id
        self.failure: BaseException | None = None
        self._store = store
        self._owner = owner
        self._seq = seq
        self._first_kept = seq + 1
        self._kept: deque[Entry] = deque()
        self._unpublished: deque[Entry] = deque()
        self._buffer: list[Entry] = []
        self._saves: list[Save] = []
        self._writes: set[asyncio.Future[None]] = set()
        self._unwritten = 0
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()

    async def append(self, event: str, data: str, save: Save | None = None) -> None:
        """Add an event with its data as JSON text.

        Returns before it is committed. Raises what an earlier commit raised.
        """
        if self.failure is not None:
            raise self.failure
        self._seq += 1
        entry = Entry(self._seq, event, data)
        self._buffer.append(entry)
        if save is not None:
            self._saves.append(save)
        if is_delta(event) and not self._unpublished:
            self._publish(entry)
        else:
            self._unpublished.append(entry)
        if not is_delta(event) or len(self._buffer) >= FLUSH_EVENTS:
            self._flush()
        else:
            self._flush_soon()
        if self._unwritten > MOST_UNWRITTEN:
            await self.committed()

    def note(self, save: Save) -> None:
        """Save something with the next commit, which comes soon: the next event may be minutes away."""
        self._saves.append(save)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    async def committed(self) -> None:
        """Wait until all that was appended is on the disk. Raises what the commit raised."""
        self._flush()
        while self._writes:
            await asyncio.wait(self._writes)
        if self.failure is not None:
            raise self.failure

    def since(self, seq: int) -> list[Entry] | None:
        """Published events after number `seq`; None when some of them are no longer in memory."""
        if seq + 1 < self._first_kept:
            return None
        # From the newest back: a reader who keeps up wants one or two of many.
        new = list(itertools.takewhile(lambda entry: entry.seq > seq, reversed(self._kept)))
        return new[::-1]

    async def changed(self) -> None:
        """Wait until something more was published, the log failed or `wake` was called."""
        await self._changed.wait()

    def wake(self) -> None:
        """Let those who wait look again."""
        # Whoever waits holds the old event; the next who comes waits for the next change.
        self._changed.set()
        self._changed = asyncio.Event()

    def _publish(self, entry: Entry) -> None:
        self._kept.append(entry)
        if len(self._kept) > KEPT_IN_MEMORY:
            self._first_kept = self._kept.popleft().seq + 1
        self.wake()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._buffer and not self._saves:
            return
        entries, saves = self._buffer, self._saves
        self._buffer, self._saves = [], []
        self._unwritten += len(entries)
        before = self._seq - len(entries)
        future = self._store.write(
            lambda writer: _write(writer, self.run_id, self._owner, before, entries, saves)
        )
        self._writes.add(future)
        future.add_done_callback(lambda done: self._written(done, entries))

    def _written(self, future: asyncio.Future[None], entries: list[Entry]) -> None:
        self._writes.discard(future)
        self._unwritten -= len(entries)
        if future.cancelled() or (error := future.exception()) is not None:
            self.failure = self.failure or (asyncio.CancelledError() if future.cancelled() else error)
            self.wake()
            return
        last = entries[-1].seq if entries else 0
        while self._unpublished and self._unpublished[0].seq <= last:
            self._publish(self._unpublished.popleft())
        # Deltas behind it waited only for their turn.
        while self._unpublished and is_delta(self._unpublished[0].event):
            self._publish(self._unpublished.popleft())


def _write(
    writer: Writer, run_id: str, owner: str, before: int, entries: list[Entry], saves: list[Save]
) -> None:
    mine = writer.execute("SELECT 1 FROM runs WHERE id = ? AND owner = ?", (run_id, owner)).fetchall()
    # After a commit that failed nothing more may be kept: the log would have a hole.
    if not mine or last_seq(writer, run_id) != before:
        raise LostRunError(run_id)
    append_rows(writer, run_id, entries)
    for save in saves:
        save(writer)


def append_rows(writer: Writer, run_id: str, entries: list[Entry]) -> None:
    """Put events into the store's log, inside a write."""
    writer.executemany(
        "INSERT INTO events (run_id, seq, event, data) VALUES (?, ?, ?, ?)",
        [(run_id, *entry) for entry in entries],
    )


def last_seq(writer: Writer, run_id: str) -> int:
    """The number of the last event in the store's log; 0 when there is none."""
    return int(writer.execute("SELECT coalesce(max(seq), 0) FROM events WHERE run_id = ?", (run_id,)).get)


def stored_since(store: Store, run_id: str, seq: int, limit: int = 512) -> list[Entry]:
    """Committed events after number `seq`."""
    found = store.read(
        "SELECT seq, event, data FROM events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        (run_id, seq, limit),
    )
    return [Entry(*row) for row in found]

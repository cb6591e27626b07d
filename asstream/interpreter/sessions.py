"""The sessions of all threads, a spare one beside them, and how many there may be.

Runs in the loop that runs kernels; imported there only, since it imports jupyter_client.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from asstream.interpreter import notes
from asstream.interpreter.folders import RunFolder
from asstream.interpreter.protocol import CellEvent, InputFile, InterpreterUnavailableError, Limits
from asstream.interpreter.sandbox import Sandbox
from asstream.interpreter.session import Session
from asstream.interpreter.watchdog import Watchdog, Watched

_REMEMBERED = 1000
"""Threads of which it is known that their session ended."""


class Sessions:
    """Sessions by thread. All methods belong to one loop, but `kill_all` and `watched`."""

    def __init__(self, run: RunFolder, sandbox: Sandbox, limits: Limits) -> None:
        self._run_folder = run
        self._sandbox = sandbox
        self._limits = limits
        self._sessions: dict[str, Session] = {}
        self._turns: dict[str, _Turn] = {}
        self._spare: Session | None = None
        self._warming: asyncio.Task[None] | None = None
        self._ended: OrderedDict[str, str] = OrderedDict()
        self._every: set[Session] = set()
        self._closed = asyncio.Event()
        self._watchdog = Watchdog(limits, self.watched)
        self._watchdog.start()
        self._idle = asyncio.create_task(self._end_idle())

    async def run(
        self,
        thread: str,
        code: str,
        files: Sequence[InputFile],
        emit: Callable[[CellEvent], None],
        stop: asyncio.Event,
        taken: Callable[[], Awaitable[bool]],
    ) -> None:
        """Run a cell in the thread's session, after those that came before it."""
        async with self._turn(thread, stop) as mine:
            if not mine:
                return
            session = self._sessions.get(thread) or await self._take(thread)
            try:
                await session.run(code, files, emit, stop, taken)
            finally:
                self.warm()

    async def collect(
        self,
        thread: str,
        emit: Callable[[CellEvent], None],
        stop: asyncio.Event,
        taken: Callable[[], Awaitable[bool]],
    ) -> None:
        """Take out what an interrupted cell made in the thread's session, if there is one."""
        async with self._turn(thread, stop) as mine:
            if mine and (session := self._sessions.get(thread)) is not None:
                await session.collect(emit, stop, taken)

    @asynccontextmanager
    async def _turn(self, thread: str, stop: asyncio.Event | None = None) -> AsyncIterator[bool]:
        """Cells of a thread, and its end, one after another. False where `stop` came before the turn."""
        turn = self._turns.setdefault(thread, _Turn())
        turn.wanted += 1
        mine = False
        try:
            mine = await _acquired(turn.lock, stop)
            yield mine
        finally:
            turn.wanted -= 1
            if mine:
                turn.lock.release()
            if not turn.wanted:
                del self._turns[thread]

    async def _take(self, thread: str) -> Session:
        """A session for a thread that has none: the spare one, where it is ready."""
        await self._make_room()
        session, self._spare = self._spare, None
        dead, session = (session, None) if session and not session.alive else (None, session)
        if session is None:
            session = self._sessions[thread] = self._new()
            try:
                await session.start()
            except BaseException:
                del self._sessions[thread]
                await self._end(session)
                raise
        self._sessions[thread] = session
        if dead is not None:
            await self._end(dead)
        ended = self._ended.pop(thread, "")
        if ended:
            session.tell(f"a new session: {ended}; {notes.GONE_WITH_FILES}")
        return session

    def _new(self) -> Session:
        session = Session(self._run_folder, self._sandbox, self._limits)
        self._every.add(session)
        return session

    async def _end(self, session: Session) -> None:
        await session.end()
        self._every.discard(session)

    async def _make_room(self) -> None:
        if len(self._sessions) < self._limits.sessions:
            return
        idle = [name for name in self._sessions if name not in self._turns]
        if not idle:
            raise InterpreterUnavailableError(
                f"all {self._limits.sessions} sessions of the interpreter are running a cell",
                "wait for one to end, or allow more: interpreter.sessions",
            )
        oldest = min(idle, key=lambda name: self._sessions[name].used)
        await self.end(oldest, notes.limit("sessions", self._limits))

    async def end(self, thread: str, reason: str = "") -> None:
        """End the session of a thread, after the cell that runs in it. `reason` is told to its next cell."""
        async with self._turn(thread):
            session = self._sessions.pop(thread, None)
            if session is None:
                return
            if reason:
                self._ended[thread] = reason
                while len(self._ended) > _REMEMBERED:
                    self._ended.popitem(last=False)
            await self._end(session)

    def warm(self) -> None:
        """Have a spare session made in the background."""
        if (
            not self._closed.is_set()
            and self._spare is None
            and (self._warming is None or self._warming.done())
        ):
            self._warming = asyncio.create_task(self._make_spare())

    async def _make_spare(self) -> None:
        session = self._new()
        try:
            await session.start(preload=True)
        except Exception:  # the cell that needs one says why
            await self._end(session)
        except asyncio.CancelledError:
            await self._end(session)
            raise
        else:
            self._spare = session

    async def _end_idle(self) -> None:
        while not self._closed.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), min(self._limits.idle_seconds / 4, 10))
            now = asyncio.get_running_loop().time()
            spare = self._spare
            if spare is not None and not self._sessions and now - spare.used >= self._limits.idle_seconds:
                self._spare = None
                await self._end(spare)
            for thread, session in list(self._sessions.items()):
                if now - session.used >= self._limits.idle_seconds and thread not in self._turns:
                    await self.end(thread, notes.limit("idle_seconds", self._limits))

    async def close(self) -> None:
        """End everything."""
        self._closed.set()
        await self._idle  # not cancelled: it may be ending a session
        if self._warming is not None:
            self._warming.cancel()
            with suppress(asyncio.CancelledError):
                await self._warming
        await asyncio.gather(*(self._end(session) for session in list(self._every)))
        self._watchdog.stop()

    def watched(self) -> list[Watched]:
        """What the watchdog looks at."""
        return [watched for session in list(self._every) if (watched := session.watched) is not None]

    def kill_all(self) -> None:
        """End all processes at once, from any thread."""
        for session in list(self._every):
            session.kill()


@dataclass(slots=True)
class _Turn:
    """A thread's lock, and how many have it or wait for it; it is there while any do."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


async def _acquired(lock: asyncio.Lock, stop: asyncio.Event | None) -> bool:
    """Wait for a lock, or for `stop`; whether it was the lock."""
    if stop is None:
        return await lock.acquire()
    mine, stopped = asyncio.create_task(lock.acquire()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({mine, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        if not mine.done():
            mine.cancel()
            await asyncio.wait({mine})
    if stop.is_set() and not mine.cancelled():
        lock.release()
        return False
    return not mine.cancelled()

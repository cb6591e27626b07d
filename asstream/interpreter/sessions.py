"""The sessions of all threads, a spare one beside them, and how many there may be.

Runs in the loop that runs kernels; imported there only, since it imports jupyter_client.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from asstream.interpreter import notes
from asstream.interpreter.folders import RunFolder
from asstream.interpreter.kernel import make_context
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
        self._context = make_context()
        self._sessions: dict[str, Session] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._spare: Session | None = None
        self._warming: asyncio.Task[None] | None = None
        self._ended: OrderedDict[str, str] = OrderedDict()
        self._every: set[Session] = set()
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
        taken: Callable[[], Any],
    ) -> None:
        """Run a cell in the thread's session, after those that came before it."""
        async with self._turn(thread):
            if stop.is_set():
                return
            session = self._sessions.get(thread) or await self._take(thread)
            try:
                await session.run(code, files, emit, stop, taken)
            except InterpreterUnavailableError:
                raise
            finally:
                self.warm()

    def _turn(self, thread: str) -> asyncio.Lock:
        """The lock of a thread. It is kept while anyone has it or waits for it."""
        for other in [name for name, lock in self._turns.items() if name != thread and not _wanted(lock)]:
            if other not in self._sessions:
                del self._turns[other]
        return self._turns.setdefault(thread, asyncio.Lock())

    async def _take(self, thread: str) -> Session:
        """A session for a thread that has none: the spare one, where it is ready."""
        await self._make_room()
        session, self._spare = self._spare, None
        if session is None or not session.alive:
            if session is not None:
                await self._end(session)
            session = self._new()
            self._sessions[thread] = session
            try:
                await session.start()
            except BaseException:
                del self._sessions[thread]
                await self._end(session)
                raise
        self._sessions[thread] = session
        ended = self._ended.pop(thread, "")
        if ended:
            session.tell(f"a new session: {ended}; {notes.GONE_WITH_FILES}")
        return session

    def _new(self) -> Session:
        session = Session(self._run_folder, self._sandbox, self._limits, self._context)
        self._every.add(session)
        return session

    async def _end(self, session: Session) -> None:
        await session.end()
        self._every.discard(session)

    async def _make_room(self) -> None:
        if len(self._sessions) < self._limits.sessions:
            return
        idle = [name for name in self._sessions if not _wanted(self._turns[name])]
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
        if self._spare is None and (self._warming is None or self._warming.done()):
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
        while True:
            await asyncio.sleep(min(self._limits.idle_seconds / 4, 10))
            now = asyncio.get_running_loop().time()
            for thread, session in list(self._sessions.items()):
                if now - session.used >= self._limits.idle_seconds and not _wanted(self._turns[thread]):
                    await self.end(thread, notes.limit("idle_seconds", self._limits))

    async def close(self) -> None:
        """End everything."""
        self._idle.cancel()
        if self._warming is not None:
            self._warming.cancel()
            with suppress(asyncio.CancelledError):
                await self._warming
        await asyncio.gather(*(self._end(session) for session in list(self._every)))
        self._watchdog.stop()
        self._context.destroy(0)

    def watched(self) -> list[Watched]:
        """What the watchdog looks at."""
        return [watched for session in list(self._every) if (watched := session.watched) is not None]

    def kill_all(self) -> None:
        """End all processes at once, from any thread."""
        for session in list(self._every):
            session.kill()


def _wanted(lock: asyncio.Lock) -> bool:
    """Whether someone has a lock or waits for it."""
    return lock.locked()

"""The interpreter: cells of threads in kernels of this machine. Implements `asstream.interpreter.protocol`.

Kernels are run by a thread with a loop of its own. It lives as long as the process, as the kernels end with
the thread that started them; and imports, which take half a second, hold up nobody there.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from asstream.interpreter import installed
from asstream.interpreter.folders import RunFolder, temporary_root
from asstream.interpreter.protocol import (
    CellEvent,
    InputFile,
    InterpreterUnavailableError,
    Limits,
    ProducedFile,
    SandboxChoice,
)
from asstream.interpreter.sandbox import Sandbox, choose

if TYPE_CHECKING:
    from asstream.interpreter.sessions import Sessions

T = TypeVar("T")
_Work = Callable[["Sessions", "_Mailbox"], Awaitable[None]]

_CLOSE_SECONDS = 5.0


class KernelInterpreter:
    """Sessions by thread, each a kernel in a sandbox.

    Nothing is started before it is needed, or `warm` is called.

    Args:
        folder: is made where it is missing; files of sessions are below it while they live.
        choice: `auto` for the strongest sandbox of this machine, `none` for none.
        limits: what each session may use.
    """

    def __init__(self, folder: Path, choice: SandboxChoice = "auto", limits: Limits | None = None) -> None:
        self._folder = folder
        self._choice: SandboxChoice = choice
        self._limits = limits or Limits()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()
        self._run_folder: RunFolder | None = None
        self._sessions: Sessions | None = None
        self._closed = False

    def run(self, thread: str, code: str, files: Sequence[InputFile] = ()) -> AsyncGenerator[CellEvent, None]:
        """Run a cell in the session of `thread`, which is started where there is none.

        Closing the generator interrupts the cell, which takes three seconds at most. `files` are put into
        /mnt/data unless they are there. Raises InterpreterUnavailableError before the first event.
        """
        given = tuple(files)

        async def cell(sessions: Sessions, mailbox: _Mailbox) -> None:
            await sessions.run(thread, code, given, mailbox.put, mailbox.stop, mailbox.until_taken)

        return self._events(cell)

    def collect(self, thread: str) -> AsyncGenerator[CellEvent, None]:
        """Take out what a cell of `thread` that was interrupted made in /mnt/data.

        For a second and 64 MiB at most; what is left comes out with the next cell.
        """

        async def collect(sessions: Sessions, mailbox: _Mailbox) -> None:
            await sessions.collect(thread, mailbox.put, mailbox.stop, mailbox.until_taken)

        return self._events(collect)

    async def _events(self, work: _Work) -> AsyncGenerator[CellEvent, None]:
        """What work in the engine's loop puts into its mailbox. Closing the generator stops it."""
        loop = self._engine()
        mailbox = _Mailbox(asyncio.get_running_loop())

        async def there() -> None:
            await work(await self._started(), mailbox)

        cell = asyncio.run_coroutine_threadsafe(there(), loop)
        cell.add_done_callback(lambda _: mailbox.close())
        try:
            while (event := await mailbox.get()) is not None:
                yield event
                if isinstance(event, ProducedFile):
                    loop.call_soon_threadsafe(mailbox.take)
            cell.result()
        finally:
            if not cell.done():
                loop.call_soon_threadsafe(mailbox.give_up)
                ended = asyncio.wrap_future(cell)
                ended.add_done_callback(lambda future: future.cancelled() or future.exception())
                # A cell is stopped in three seconds; a process that is only starting is not waited for.
                await asyncio.shield(asyncio.wait({ended}, timeout=_CLOSE_SECONDS))

    async def end(self, thread: str) -> None:
        """End the session of a thread, if there is one, and remove its files."""

        async def end() -> None:
            if self._sessions is not None:
                await self._sessions.end(thread)

        await self._there(end())

    async def close(self) -> None:
        """End every session."""

        async def close() -> None:
            self._closed = True
            if self._sessions is not None:
                await self._sessions.close()
                self._sessions = None
            if self._run_folder is not None:
                await asyncio.to_thread(self._run_folder.remove)
                self._run_folder = None

        await self._there(close())
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            atexit.unregister(self._leave)

    def warm(self) -> None:
        """Have a session ready in the background. Never raises."""

        async def warm() -> None:
            with suppress(Exception):  # the cell that needs one says why
                (await self._started()).warm()

        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(warm(), self._engine())

    async def _started(self) -> Sessions:
        """The sessions, made at the first need. In the engine's loop."""
        if self._closed:
            raise InterpreterUnavailableError("the interpreter is closed")
        if self._sessions is None:
            try:
                # Here and not at the top: it imports jupyter_client, which is an extra, and takes its time.
                from asstream.interpreter.sessions import Sessions
            except ImportError as error:
                missing = installed.absent() or [error.name or str(error)]
                raise InterpreterUnavailableError(
                    f"the code interpreter is {installed.not_installed(missing)}", installed.REMEDY
                ) from None
            sandbox = choose(self._choice)
            if self._run_folder is None:
                self._run_folder = _run_folder(self._folder, sandbox)
            self._sessions = Sessions(self._run_folder, sandbox, self._limits)
        return self._sessions

    def _engine(self) -> asyncio.AbstractEventLoop:
        """The loop that runs kernels, in a thread of its own."""
        with self._starting:
            if self._closed:
                raise InterpreterUnavailableError("the interpreter is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_run_forever, args=(self._loop,), name="asstream-interpreter", daemon=True
                ).start()
                atexit.register(self._leave)
            return self._loop

    async def _there(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do something in the engine's loop, if there is one."""
        if self._loop is None:
            work.close()
            return None
        future: concurrent.futures.Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return await asyncio.wrap_future(future)

    def _leave(self) -> None:
        """At the end of the process: nothing is left behind."""
        if self._sessions is not None:
            self._sessions.kill_all()
        if self._run_folder is not None:
            self._run_folder.remove()


class _Mailbox:
    """Events from the engine's thread to the loop that asks for them; no more than a cell may say."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: deque[CellEvent | None] = deque()
        self._came = asyncio.Event()
        self._taken = asyncio.Event()
        self._untaken = 0
        self.stop = asyncio.Event()
        """In the engine's loop: nobody asks for events any more."""

    def put(self, event: CellEvent) -> None:
        """From the engine's thread."""
        self._events.append(event)
        self._wake()

    def close(self) -> None:
        """From any thread: no more comes."""
        self._events.append(None)
        self._wake()

    async def until_taken(self) -> bool:
        """In the engine's loop, after a file: wait until its copy may go; whether it was taken."""
        self._untaken += 1
        if not self.stop.is_set():
            await self._taken.wait()
            self._taken.clear()
        return not self._untaken

    def take(self) -> None:
        """In the engine's loop: the copy of a file is not needed any more."""
        self._untaken -= 1
        self._taken.set()

    def give_up(self) -> None:
        """In the engine's loop: nobody asks for events any more."""
        self.stop.set()
        self._taken.set()

    async def get(self) -> CellEvent | None:
        """The next event; None at the end."""
        while not self._events:
            self._came.clear()
            if not self._events:
                await self._came.wait()
        return self._events.popleft()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # its loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._came.set)


def _run_folder(folder: Path, sandbox: Sandbox) -> RunFolder:
    """Where the sessions' folders are, each of them closed to others.

    Code that root dropped to another user has to pass through to its own where nothing is mounted for it:
    then they are among the temporary files, below a folder that can be passed but not read.
    """
    if sandbox.name == "landlock" and os.geteuid() == 0:
        return RunFolder(temporary_root("asstream-root", 0o711), 0o711)
    return RunFolder(folder)


def _run_forever(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()

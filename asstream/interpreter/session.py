"""One session: a kernel, its folders, and its cells one after another."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from asstream.interpreter import notes
from asstream.interpreter.data import DataFolder
from asstream.interpreter.folders import RunFolder, remove_tree
from asstream.interpreter.kernel import Kernel
from asstream.interpreter.outputs import Outputs
from asstream.interpreter.processes import Tree
from asstream.interpreter.protocol import (
    CellEnd,
    CellEvent,
    CellStart,
    InputFile,
    InterpreterUnavailableError,
    Limits,
    ProducedFile,
    RemovedFiles,
    printable,
)
from asstream.interpreter.sandbox import DATA, Place, Sandbox
from asstream.interpreter.text import code_for
from asstream.interpreter.watchdog import filled
from asstream.interpreter.wire import IMAGE_BYTES, Message

_FLUSH_SECONDS = 0.02
_PATIENCE = 1.0
"""Seconds that each way to stop a cell is given before the next is taken."""

_COLLECT_SECONDS = 1.0
_COLLECT_BYTES = 64 * 2**20
"""What a cell that was interrupted may still have taken out: somebody waits for its end."""

Status = Literal["ok", "error", "interrupted", "timeout", "died"]


class Session:
    """A kernel with its folders. One cell at a time.

    Attributes:
        used: when it last ran a cell, or was made; in the loop's time.
    """

    def __init__(self, run: RunFolder, sandbox: Sandbox, limits: Limits) -> None:
        self._run_folder = run
        self._sandbox = sandbox
        self._limits = limits
        self._data = DataFolder(run.new("data"))
        self._out = run.new("out")
        self._connection: Path | None = None
        self._kernel: Kernel | None = None
        self._fresh = True
        self._news = ""
        self.used = asyncio.get_running_loop().time()

    async def start(self, *, preload: bool = False) -> None:
        """Start its kernel, over the data that are there. Raises InterpreterUnavailableError."""
        connection = self._run_folder.new_for_sockets()
        self._connection = connection
        place = Place(data=self._data.path, connection=connection, limits=self._limits)
        try:
            from asstream.interpreter.provisioner import COMMAND

            launch = self._sandbox.prepare(place, COMMAND)
            self._data.give(launch.user)
            self._kernel = await Kernel.start(launch, connection, self._limits, preload=preload)
        except OSError as error:
            self._drop_connection()
            raise InterpreterUnavailableError(
                f"the interpreter's process could not start: {error}", "see `asstream doctor`"
            ) from None
        except BaseException:
            self._drop_connection()
            raise
        self._fresh = True

    @property
    def watched(self) -> Watch | None:
        """What the watchdog looks at; None while there is no process."""
        if self._kernel is None or self._connection is None:
            return None
        return Watch(self._kernel, (self._data.path, self._connection))

    @property
    def alive(self) -> bool:
        """Whether its process lives."""
        return self._kernel is not None and not self._kernel.died.done()

    def tell(self, news: str) -> None:
        """Have the next cell say this first."""
        self._news = news

    async def run(
        self,
        code: str,
        files: Sequence[InputFile],
        emit: Callable[[CellEvent], None],
        stop: asyncio.Event,
        taken: Callable[[], Awaitable[bool]],
    ) -> None:
        """Run a cell.

        Args:
            emit: is given each event.
            stop: when it is set, the cell is interrupted.
            taken: awaited after each ProducedFile, until its copy may go; whether it was taken.
        """
        if not self.alive:
            await self._restart()
        assert self._kernel is not None
        kernel = self._kernel
        outputs = Outputs(emit, self._limits, kernel.launch.data, IMAGE_BYTES)
        problems = await asyncio.to_thread(self._data.put, files)
        if stop.is_set():
            return
        emit(CellStart(self._fresh))
        if self._news:
            outputs.note(self._news)
        for problem in problems:
            outputs.note(problem)
        self._fresh, self._news = False, ""
        status = await self._execute(kernel, code, outputs, stop)
        if not stop.is_set():
            status = await self._held_to_disk(status, outputs)
        outputs.flush()
        if not stop.is_set():
            await self._take_out(outputs, emit, stop, taken)
        self.used = asyncio.get_running_loop().time()
        emit(CellEnd(status))

    async def collect(
        self, emit: Callable[[CellEvent], None], stop: asyncio.Event, taken: Callable[[], Awaitable[bool]]
    ) -> None:
        """Take out what a cell made that was interrupted. Arguments as those of `run`."""
        end = asyncio.get_running_loop().time() + _COLLECT_SECONDS
        outputs = Outputs(emit, self._limits, DATA, IMAGE_BYTES)
        await self._held_to_disk("interrupted", outputs)
        await self._take_out(outputs, emit, stop, taken, most=_COLLECT_BYTES, end=end)

    async def _execute(self, kernel: Kernel, code: str, outputs: Outputs, stop: asyncio.Event) -> Status:
        flushing: asyncio.TimerHandle | None = None
        flushed = 0.0
        loop = asyncio.get_running_loop()

        def flush() -> None:
            nonlocal flushing, flushed
            flushing, flushed = None, loop.time()
            outputs.flush()

        def take(message: Message) -> None:
            nonlocal flushing
            outputs.take(message.kind, message.content)
            if outputs.waiting and flushing is None:
                # Counted from the last time: from now on, a loop that was late once would always be.
                due = flushed + _FLUSH_SECONDS
                if loop.time() >= due:
                    flush()
                else:
                    flushing = loop.call_at(due, flush)

        cell = asyncio.create_task(kernel.execute(code_for(code, kernel.launch.data), take))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait(
                {cell, stopped}, timeout=self._limits.seconds, return_when=asyncio.FIRST_COMPLETED
            )
            cause: Status | None = None
            if not cell.done():
                cause = "interrupted" if stop.is_set() else "timeout"
                await _stop(kernel, cell)
            reply = await cell
        finally:
            stopped.cancel()
            if flushing is not None:
                flushing.cancel()
        if reply is not None and reply.leaving:
            await _leave(kernel)
        died = reply is None or kernel.died.done() or bool(kernel.doom)
        if died:
            await kernel.died
            outputs.take("stream", {"text": kernel.unheard()})
        outputs.end(lost=reply is None)
        if cause == "timeout":
            outputs.note(notes.limit("seconds", self._limits))
        if died:
            status = await kernel.died
            doom = kernel.doom or notes.ended(status)
            outputs.note(f"{doom}; {await self._drop_dead()}")
            return cause or "died"
        assert reply is not None
        if reply.error == "MemoryError":
            outputs.note(notes.memory_error(self._limits))
        return cause or ("ok" if reply.ok else "error")

    async def _held_to_disk(self, status: Status, outputs: Outputs) -> Status:
        """End the process of a cell that ended past a limit of the disk, before its files count as kept.

        The watchdog may not have looked yet. Later it would find them unchanged, again with each new process.
        """
        watched = self.watched
        if watched is None or not watched.alive:
            return status
        if not (reached := await asyncio.to_thread(filled, watched, self._limits)):
            return status
        doom = notes.limit(reached, self._limits)
        watched.condemn(doom, full=True)
        await watched.died
        outputs.note(f"{doom}; {await self._drop_dead()}")
        return status if status == "timeout" else "died"

    async def _take_out(
        self,
        outputs: Outputs,
        emit: Callable[[CellEvent], None],
        stop: asyncio.Event,
        taken: Callable[[], Awaitable[bool]],
        *,
        most: float = math.inf,
        end: float = math.inf,
    ) -> None:
        """Tell what is new in the data folder. What nobody takes any more, with `stop`, is told next time.

        Args:
            most: bytes of all together; what is beyond is told next time.
            end: in the loop's time; what is not copied by then is told next time.
        """
        paths, more, gone = await asyncio.to_thread(self._data.changed)
        if gone:
            emit(RemovedFiles(tuple(map(printable, gone))))
        # Together, too: holes in files and further names for one take no room in the folder, copies do.
        left = min(most, self._limits.disk_mb * 2**20)
        later: list[str] = []
        for number, path in enumerate(paths):
            if stop.is_set():
                later += [*paths[number:], *gone]
                break
            if asyncio.get_running_loop().time() >= end:
                later += paths[number:]
                break
            copy = self._out / str(number)
            size = await asyncio.to_thread(self._data.copy_out, path, copy, int(left))
            if size is not None:
                left -= size
                emit(ProducedFile(printable(path), copy, size))
                if not await taken():
                    later.append(path)
            elif most < math.inf:
                later.append(path)
            else:
                more += 1
            copy.unlink(missing_ok=True)
        self._data.tell_again(later)
        if more := more + len(later):
            outputs.note(f"{more} more files were made or changed; they stay in /mnt/data")

    async def _restart(self) -> None:
        if self._kernel is not None:
            await self._drop_dead()
        await self.start()

    async def _drop_dead(self) -> str:
        """Let go of the kernel that died; what is gone with it. The next cell says it too."""
        assert self._kernel is not None
        doom = self._kernel.doom or notes.ended(self._kernel.died.result())
        gone = notes.GONE
        full = self._kernel.full
        await self._drop_kernel()
        if full:
            # Left as it is, it would be the end of the next process as well.
            gone = notes.GONE_WITH_CHANGES
            await asyncio.to_thread(self._data.forget_changes, self._run_folder.new("data"))
        self._news = f"a new process: {doom}; {gone}"
        return gone

    async def _drop_kernel(self) -> None:
        if self._kernel is not None:
            kernel, self._kernel = self._kernel, None
            await kernel.end()
        self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            remove_tree(self._connection)
            self._connection.with_name(f"{self._connection.name}.json").unlink(missing_ok=True)
            self._connection = None

    def kill(self) -> None:
        """End its processes at once."""
        if self._kernel is not None:
            self._kernel.tree.kill()

    async def end(self) -> None:
        """End its process and remove its files."""
        await self._drop_kernel()
        await asyncio.to_thread(remove_tree, self._data.path)
        await asyncio.to_thread(remove_tree, self._out)


async def _stop(kernel: Kernel, cell: asyncio.Task[Any]) -> None:
    """Stop a cell: ask the kernel, then signal it, then end it."""
    for way in (kernel.request_interrupt, kernel.tree.interrupt, lambda: kernel.condemn(notes.STUBBORN)):
        way()
        await asyncio.wait({cell}, timeout=_PATIENCE)
        if cell.done():
            return


async def _leave(kernel: Kernel) -> None:
    """Let a kernel go that said it would: a cell that was sent to it now would wait for ever."""
    await asyncio.wait({kernel.died}, timeout=_PATIENCE)
    if kernel.died.done():
        kernel.doom = kernel.doom or notes.LEFT
    else:
        kernel.condemn(notes.LEFT)


class Watch:
    """A kernel and its folders, for the watchdog."""

    def __init__(self, kernel: Kernel, folders: tuple[Path, Path]) -> None:
        self._kernel = kernel
        self.folders = folders

    @property
    def tree(self) -> Tree:
        return self._kernel.tree

    @property
    def scratch(self) -> tuple[str, ...]:
        return self._kernel.launch.scratch

    @property
    def died(self) -> asyncio.Future[int]:
        """Done when its process ended."""
        return self._kernel.died

    @property
    def alive(self) -> bool:
        """Whether its process has not ended."""
        return not self.died.done()

    def condemn(self, doom: str, *, full: bool) -> None:
        """End it, for this reason. `full`: its data folder is the reason."""
        self._kernel.full = full
        self._kernel.condemn(doom)

"""One kernel: its process in a sandbox, its sockets, and the running of a cell in it.

Imports jupyter_client, so it is imported only by what runs kernels, in the thread that runs them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec

from asstream.interpreter import notes
from asstream.interpreter.channel import BrokenChannelError, Channel
from asstream.interpreter.processes import Tree
from asstream.interpreter.protocol import InterpreterUnavailableError, Limits
from asstream.interpreter.provisioner import (
    COMMAND,
    SOCKETS,
    SandboxKernelManager,
    SandboxProvisioner,
    Start,
)
from asstream.interpreter.sandbox import DATA, Launch
from asstream.interpreter.wire import IMAGE_BYTES, Message, read

_START_SECONDS = 30.0
_ASK_SECONDS = 0.25
_POLL_SECONDS = 0.004
_QUIET_SECONDS = 1.0
"""How long nothing may come, after the reply, until the end of the output is not waited for any more."""
_LAST_SECONDS = 5.0
"""And how long at most, whatever comes."""
_PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}


@dataclass(frozen=True, slots=True)
class Reply:
    """How the kernel says that a cell ended. All of it is the kernel's word.

    Attributes:
        leaving: whether code asked for the end of the process, by `exit()` or `quit()`.
    """

    ok: bool
    error: str
    leaving: bool = False


class Kernel:
    """A kernel that has been started; `died` is done when its process ended.

    Attributes:
        doom: why it was ended from here; empty where it was not.
        full: whether that was for what is in its data folder.
    """

    def __init__(self, manager: SandboxKernelManager, launch: Launch, most_messages: int) -> None:
        provisioner = manager.provisioner
        assert isinstance(provisioner, SandboxProvisioner) and provisioner.process is not None
        self._manager = manager
        self._provisioner = provisioner
        self._process = provisioner.process
        self.launch = launch
        self.tree = Tree(self._process.pid, launch.user)
        self.died: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.doom = ""
        self.full = False
        self._take: Callable[[Message], None] | None = None
        self._reply: asyncio.Future[Reply] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._request = ""
        self._came = self._heard_to = 0
        self._most = most_messages
        self._heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._channels: list[Channel] = []
        self._tasks = [asyncio.create_task(self._watch_process())]

    @classmethod
    async def start(cls, launch: Launch, connection: Path, limits: Limits, *, preload: bool) -> Kernel:
        """Start a kernel and wait until it answers.

        Args:
            connection: the connection folder on the host; a file for the manager is put beside it.
            preload: whether it imports the usual packages first, which takes a second or two.

        Raises InterpreterUnavailableError with what the launcher said.
        """
        manager = SandboxKernelManager(
            transport="ipc",
            ip=str(connection / SOCKETS),
            connection_file=str(connection) + ".json",
            **_PORTS,
        )
        settings = {
            "data": launch.data,
            "memory_mb": limits.memory_mb,
            "disk_mb": limits.disk_mb,
            "processes": limits.processes,
            "output_kb": limits.output_kb,
            "image_bytes": IMAGE_BYTES,
            "own_uid": launch.alone,
            "own_processes": launch.data == DATA,
            "preload": preload,
        }
        spec = KernelSpec(argv=COMMAND)
        provisioner = SandboxProvisioner(kernel_spec=spec, kernel_id="k", parent=manager)
        provisioner.start = Start(launch, connection, settings)
        manager._kernel_spec = spec
        manager.provisioner = provisioner
        # `start_kernel` does the same and then sleeps: a task cancelled there would leave the process behind.
        command, options = await manager.pre_start_kernel()
        await manager._launch_kernel(command, **options)
        kernel = cls(manager, launch, int(50_000 + 100 * limits.seconds))
        try:
            await asyncio.wait_for(kernel._connect(connection), _START_SECONDS)
        except (OSError, EOFError, BrokenChannelError, _DiedError) as error:
            said = provisioner.said()
            await kernel.end()
            reason = said.splitlines()[-1][:500] if said else str(error) or "it did not answer"
            raise InterpreterUnavailableError(
                f"the interpreter's process could not start: {reason}", "see `asstream doctor`"
            ) from None
        except BaseException:
            await kernel.end()
            raise
        kernel.tree.kernel()  # before any code runs, which could give its process another's name
        return kernel

    async def _connect(self, connection: Path) -> None:
        # boot.py says when all sockets listen: these connect once, and only once.
        while not (connection / "ready").exists():
            if self.died.done():
                raise _DiedError(notes.ended(self.died.result()))
            await asyncio.sleep(_POLL_SECONDS)
        takers = {"shell": self._on_shell, "control": lambda message: None, "iopub": self._on_iopub}
        for name, take in takers.items():
            path = connection / f"{SOCKETS}-{_PORTS[f'{name}_port']}"
            channel = await Channel.connect(path, "SUB" if name == "iopub" else "DEALER")
            self._channels.append(channel)
            self._tasks.append(asyncio.create_task(self._pump(channel, take)))
        self._shell, self._control, _ = self._channels
        self._iopub = self._tasks[-1]
        self._reply = asyncio.get_running_loop().create_future()
        # A kernel that sends at the moment of our subscription can miss it until it sends again: ask again.
        while True:
            self._request = self._send(self._shell, "kernel_info_request", {})
            both = asyncio.gather(asyncio.shield(self._heard), asyncio.shield(self._reply))
            ends: set[asyncio.Future[Any]] = {both, self.died}
            await asyncio.wait(ends, timeout=_ASK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if self.died.done():
                raise _DiedError(notes.ended(self.died.result()))
            if both.done():
                return
            both.cancel()

    async def execute(self, code: str, take: Callable[[Message], None]) -> Reply | None:
        """Run a cell; None where the process died. Messages of IOPub are given to `take` as they come.

        Not to be cancelled: a cell ends by its end, `interrupt`, or `kill`.
        """
        loop = asyncio.get_running_loop()
        self._came = 0
        self._take, self._reply, self._idle = take, loop.create_future(), loop.create_future()
        self._request = self._send(
            self._shell,
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": False,
            },
        )
        ends: set[asyncio.Future[Any]] = {self._reply, self.died}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        died = self.died.done() and not self._reply.done()
        await self._until_heard()
        if not self._idle.done() and not died:
            self.condemn(notes.BROKEN)
            await self.died
        self._take = None
        return None if died else self._reply.result()

    async def _until_heard(self) -> None:
        """All that was said before the end is on its way: `idle` comes last, or the end of the connection."""
        assert self._idle is not None
        lasts: set[asyncio.Future[None]] = {self._idle, self._iopub}
        end = asyncio.get_running_loop().time() + _LAST_SECONDS
        while asyncio.get_running_loop().time() < end:
            came = self._came
            await asyncio.wait(lasts, timeout=_QUIET_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if self._idle.done() or self._iopub.done() or self._came == came:
                return

    def unheard(self) -> str:
        """What the last cell said and did not come, once the process has ended."""
        return self._provisioner.words.unheard(self._heard_to)

    def request_interrupt(self) -> None:
        """Ask the kernel to interrupt the cell, on its control channel."""
        self._send(self._control, "interrupt_request", {})

    def condemn(self, doom: str) -> None:
        """End the process now, for a reason. Can be called from any thread."""
        self.doom = self.doom or doom
        self.tree.kill()

    async def end(self) -> None:
        """End the process, if it lives, and let go of everything."""
        self.tree.kill()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.died), 5)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels:
            channel.close()
        self._provisioner.let_go()

    def _send(self, channel: Channel, kind: str, content: dict[str, Any]) -> str:
        session = self._manager.session
        message = session.msg(kind, content)
        channel.send(session.serialize(message))
        return str(message["header"]["msg_id"])

    async def _pump(self, channel: Channel, take: Callable[[Message], None]) -> None:
        while True:
            try:
                frames = await channel.receive()
            except BrokenChannelError:
                self.condemn(notes.BROKEN)
                return
            if frames is None:
                # It ends with its process, which may have been a moment earlier than is known here.
                await asyncio.wait({self.died}, timeout=_QUIET_SECONDS)
                if not self.died.done():
                    self.condemn(notes.BROKEN)
                return
            message = read(self._manager.session, frames)
            self._came += 1
            if self._came > self._most:  # ours sends some 100 a second
                self.condemn(notes.FLOODED)
                return
            if message is not None:
                take(message)
            await asyncio.sleep(0)  # what is there is received without a pause: others must have their turn

    def _on_iopub(self, message: Message) -> None:
        if not self._heard.done():
            self._heard.set_result(None)  # `iopub_welcome`, or anything: nothing is missed from now on
        if message.kind == "status":
            idle = message.content.get("execution_state") == "idle" and message.parent == self._request
            if idle and self._idle is not None and not self._idle.done():
                self._idle.set_result(None)
        elif self._take is not None:
            if message.kind == "stream" and isinstance(end := message.content.get("end"), int):
                self._heard_to = end
            self._take(message)

    def _on_shell(self, message: Message) -> None:
        if message.parent == self._request and self._reply is not None and not self._reply.done():
            error = message.content.get("ename")
            ok = message.content.get("status") == "ok"
            leaving = message.content.get("leaving") is True
            self._reply.set_result(Reply(ok, error if isinstance(error, str) else "", leaving))

    async def _watch_process(self) -> None:
        """Finds out at once when the process ended, and reaps it."""
        process = self._process
        loop = asyncio.get_running_loop()
        try:
            handle = os.pidfd_open(process.pid)
        except (AttributeError, OSError):
            while process.poll() is None:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.05)
        else:
            gone = loop.create_future()
            loop.add_reader(handle, lambda: None if gone.done() else gone.set_result(None))
            try:
                await gone
            finally:
                loop.remove_reader(handle)
                os.close(handle)
        self.died.set_result(process.wait())


class _DiedError(Exception):
    """The process ended before it answered."""

"""Serving an open runtime over a socket, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Final

import anyio.lowlevel
import uvicorn

from asstream.errors import ConfigError
from asstream.runtime import CodeOptions, SearchOptions, open_runtime
from asstream.runtime.models.protocol import ModelSource
from asstream.server.app import create_app
from asstream.server.guard import LOOPBACK
from asstream.server.limits import Limits

STOP_SECONDS: Final = 3
"""How long a stopping server waits for its open streams, whose runs it has cancelled."""

MakeSource = Callable[[], ModelSource]


class _Server(uvicorn.Server):
    """Ends the runs before it waits for the streams that follow them, and says when it answers."""

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        stop: asyncio.Event,
        end_runs: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stop = stop
        self._end_runs = end_runs
        self._loop = asyncio.get_running_loop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready()
        # A first stream would import anyio's machinery: 10 ms that nobody waits for now.
        await anyio.lowlevel.checkpoint()

    async def main_loop(self) -> None:
        """Wait until told to stop. uvicorn's own loop looks ten times a second, and so stops late."""
        tick = 0
        while not await self.on_tick(tick):
            tick += 10  # in tenths of a second: at each full one the answers' date is set
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 1)
                self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._stop.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._end_runs()
        await super().shutdown(sockets=sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ConfigError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP: only then asyncio switches Nagle's algorithm off, which holds a first event back 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Can't listen on {host} port {port}: {error.strerror or error}.",
            "Choose another --port (0 takes a free one), or another --host.",
        ) from error
    return listener


@contextlib.contextmanager
def listen_at(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket that this user alone may use (0600), taken away afterwards. Raises ConfigError.

    One that a dead server left is replaced; anything else that stands there stays.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_left_over(path):
            path.unlink()
        before = os.umask(0o177)  # not chmod: between bind and that others could connect
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(2048)
        mine = path.lstat().st_ino
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Can't listen at {path}: {error.strerror or error}.", "Choose another --uds path."
        ) from error
    try:
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(OSError):
            if path.lstat().st_ino == mine:
                path.unlink()


def _is_left_over(path: Path) -> bool:
    """Whether a socket stands there that nobody listens at."""
    if not path.is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == errno.ECONNREFUSED


def url_of(listener: socket.socket) -> str:
    """The base URL of a listening socket, as clients name it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


async def serve(
    home: Path,
    make_source: MakeSource,
    listener: socket.socket,
    keys: Iterable[str] = (),
    *,
    code: CodeOptions | None = None,
    limits: Limits | None = None,
    search: SearchOptions | None = None,
    ready: Callable[[], None] = lambda: None,
    stop: asyncio.Event | None = None,
    tell: Callable[[str], None] = lambda _: None,
    access: Callable[[str], None] | None = None,
) -> None:
    """Open a home and serve it until `stop` is set, or, in the main thread, until SIGINT or SIGTERM.

    `code` says how code is run, `search` how files are searched, `limits` how large a request may be; `tell`
    is told what the person who serves should know, `access` of each request. Raises ConfigError when the home
    can't be opened.
    """
    async with open_runtime(home, make_source(), code, search) as runtime:
        # No browser can be led to a Unix socket: there is no name to check there.
        loopback = listener.family != socket.AF_UNIX and listener.getsockname()[0] in LOOPBACK
        app = create_app(
            runtime, keys, loopback_only=loopback, limits=limits or Limits(), tell=tell, access=access
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            # Longer than the SDK keeps an idle connection: it must not post on one that is being closed.
            timeout_keep_alive=75,
        )
        server = _Server(config, ready, stop or asyncio.Event(), runtime.end_runs)
        await server.serve(sockets=[listener])

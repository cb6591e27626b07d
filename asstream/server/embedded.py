"""The server inside this process: a thread, a random loopback port, a random key."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from pathlib import Path
from typing import Final

from asstream.errors import AsstreamError, UnreachableError
from asstream.runtime import CodeOptions, SearchOptions
from asstream.server.serving import STOP_SECONDS, MakeSource, listen, serve, url_of

START_SECONDS: Final = 30.0


class EmbeddedServer:
    """The whole API for this process alone.

    Args:
        home: the folder with the database, the files and the models.
        make_source: makes the source of models; called in the server's thread.
        code: how code is run; without it none is.
        search: how files are searched; without it by their words alone.
    """

    def __init__(
        self,
        home: Path,
        make_source: MakeSource,
        code: CodeOptions | None = None,
        search: SearchOptions | None = None,
    ) -> None:
        self._home = home
        self._code = code
        self._search = search
        self._make_source = make_source
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._listener = listen("127.0.0.1", 0)
        self.base_url = url_of(self._listener)
        self.api_key = f"asstream-{secrets.token_urlsafe(32)}"
        self._thread = threading.Thread(target=self._run, name="asstream-server", daemon=True)

    def start(self) -> None:
        """Start, and wait until requests are answered. Raises ConfigError and other errors of ours."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise UnreachableError(
                f"The embedded server did not start within {START_SECONDS:.0f} s.",
                "Look at the machine's load and disk, then try again.",
            )
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Cancel this process's runs and stop, in a bounded time."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # its loop may have ended by itself just now
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_SECONDS + 2)
        elif self._thread.ident is None:
            self._listener.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except AsstreamError as error:
            self._error = error
        except Exception as error:
            self._error = UnreachableError(f"The embedded server failed: {error!r}.", "Use --debug.")
            self._error.__cause__ = error
        finally:
            self._ready.set()
            self._listener.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        await serve(
            self._home,
            self._make_source,
            self._listener,
            [self.api_key],
            code=self._code,
            search=self._search,
            ready=self._ready.set,
            stop=self._stop,
        )

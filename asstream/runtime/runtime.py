"""The runtime of one home, opened: every noun of the API, and the tasks that look after them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from asstream.errors import ConfigError
from asstream.runtime import recovery
from asstream.runtime.assistants import Assistants
from asstream.runtime.core import Core
from asstream.runtime.files import Files
from asstream.runtime.interpreting import CodeOptions
from asstream.runtime.models.protocol import ModelSource
from asstream.runtime.objects import RUN_SECONDS
from asstream.runtime.owners import Owner
from asstream.runtime.runs import Runs
from asstream.runtime.searching import SearchOptions
from asstream.runtime.store import Store
from asstream.runtime.store_files import FileBatches, StoreFiles
from asstream.runtime.threads import Messages, Threads
from asstream.runtime.vector_stores import VectorStores

DATABASE: Final = "asstream.db"

CLOSE_SECONDS: Final = 2.0
"""How long closing waits for the runs that it cancels. What is not done by then, another process closes."""


class Runtime:
    """Every noun of the API over one home. Made by `open_runtime`; belongs to that event loop."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.assistants = Assistants(core)
        self.threads = Threads(core)
        self.messages = Messages(core)
        self.files = Files(core)
        self.vector_stores = VectorStores(core)
        self.store_files = StoreFiles(core)
        self.file_batches = FileBatches(core)
        self.runs = Runs(core, self.files)
        self.models = core.source

    async def end_runs(self) -> None:
        """Take no more runs, cancel those at work in this process, and wait a bounded time for their ends."""
        self.core.stopping = True
        self.core.watch.tell()
        for runner in self.core.live.values():
            runner.stop("cancelled")
        tasks = [runner.task for runner in self.core.live.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)


@contextlib.asynccontextmanager
async def open_runtime(
    home: Path,
    source: ModelSource,
    code: CodeOptions | None = None,
    search: SearchOptions | None = None,
    *,
    run_seconds: int = RUN_SECONDS,
) -> AsyncIterator[Runtime]:
    """Open a home: its database, its lock, its tasks. Leaving cancels this process's runs.

    Without `code` runs are told that none can be run; without `search` words alone are searched. Runs
    expire `run_seconds` after their creation.

    Raises ConfigError when the folder or the database can't be used.
    """
    _make_folder(home)
    store = Store(home / DATABASE)
    try:
        owner = Owner(home / "owners")
        runtime = Runtime(
            Core(home, store, owner, source, code or CodeOptions(), run_seconds, search or SearchOptions())
        )
    except OSError as error:
        await store.close()
        raise _unwritable(home, error) from error
    core = runtime.core
    duties = (core.watch.run(), recovery.look_after(core), core.ingesting.run())
    tasks = [asyncio.create_task(duty) for duty in duties]
    try:
        yield runtime
    finally:
        await runtime.end_runs()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await core.ingesting.close()
        await core.library.close()
        await core.interpreter.close()
        # Code that would not stop has ended by now: what ran it may still say so.
        await runtime.end_runs()
        await source.close()
        await store.close()
        owner.close()


def _make_folder(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(home, error) from error


def _unwritable(home: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"The folder {home} can't be used: {error.strerror or error}.",
        "Make it writable, or set ASSTREAM_HOME to another folder.",
    )

"""What the nouns of the runtime share: the store, this process's lock, the models, the runs at work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw

from asstream.errors import WireError
from asstream.runtime.ingesting import Ingesting
from asstream.runtime.interpreting import CodeOptions, LazyInterpreter
from asstream.runtime.models.protocol import ModelSource
from asstream.runtime.objects import RUN_SECONDS
from asstream.runtime.owners import Owner
from asstream.runtime.runner import Runner
from asstream.runtime.searching import LazyLibrary, SearchOptions
from asstream.runtime.store import Store

POLL_SECONDS: Final = 0.02
"""How often other processes' commits are looked for: a `PRAGMA data_version`, a few µs."""


_AFTER_TROUBLE: Final = 1.0

logger = logging.getLogger("asstream.runtime")


class Watch:
    """Notices commits of any process on this home.

    It only looks while somebody waits or a run is at work here.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting = 0
        self._wanted = asyncio.Event()
        self._changed = asyncio.Event()

    async def changed(self, timeout: float) -> None:
        """Wait until something was committed, `timeout` seconds at most."""
        with self._interest(), contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout)

    def wake(self) -> None:
        """Look from now on: a run has begun here."""
        self._wanted.set()

    async def run(self) -> None:
        """Look for commits, until cancelled."""
        seen = None
        while True:
            if not self._waiting and not self._core.live:
                self._wanted.clear()
                await self._wanted.wait()
            try:
                version = self._core.store.data_version()
                if version != seen:
                    seen = version
                    self.tell()
                    self._heed()
            except apsw.Error as error:
                # A disk that fails may be mended; without looks nobody could cancel a run any more.
                logger.warning("the database can't be read: %s", error)
                await asyncio.sleep(_AFTER_TROUBLE)
            await asyncio.sleep(POLL_SECONDS)

    def tell(self) -> None:
        """Let those who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _heed(self) -> None:
        """Stop the runs here that somebody asked to cancel, or that are no longer ours."""
        core, live = self._core, self._core.live
        if not live:
            return
        marks = ", ".join("?" * len(live))
        found = core.store.read(f"SELECT id, owner, cancel FROM runs WHERE id IN ({marks})", list(live))  # noqa: S608
        there = {id: (owner, cancel) for id, owner, cancel in found}
        for id, runner in list(live.items()):
            owner, cancel = there.get(id, (None, 0))
            if id not in there or owner not in (None, core.owner.id):
                runner.abandon()
            elif cancel:
                runner.stop("cancelled")

    @contextlib.contextmanager
    def _interest(self) -> Iterator[None]:
        self._waiting += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._waiting -= 1


def stopping() -> WireError:
    """The refusal of what would outlive a process that is about to end."""
    return WireError(503, "The server is stopping. Ask again when it is back.", type="server_error")


@dataclass
class Core:
    """The parts of one open home, in one process.

    Attributes:
        live: the runs at work here, by id.
        starting: how many requests are between saving a run as ours and having it in `live`.
        code: how code is run.
        run_seconds: how long after its creation a run expires.
        search: how files are searched.
        stopping: whether this process is about to end: it takes no more runs.
        recovering: held while a run is closed that nobody works on.
    """

    home: Path
    store: Store
    owner: Owner
    source: ModelSource
    code: CodeOptions = field(default_factory=CodeOptions)
    run_seconds: int = RUN_SECONDS
    search: SearchOptions = field(default_factory=SearchOptions)
    live: dict[str, Runner] = field(default_factory=dict)
    starting: int = 0
    stopping: bool = False
    recovering: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.watch = Watch(self)
        self.interpreter = LazyInterpreter(self.code.make)
        self.library = LazyLibrary(self.home, self.search)
        self.ingesting = Ingesting(self.store, self.owner, self.files, self.library)

    @property
    def files(self) -> Path:
        """Where files' contents are, each under its id."""
        return self.home / "files"

    @property
    def owners(self) -> Path:
        """Where the processes' locks are."""
        return self.home / "owners"

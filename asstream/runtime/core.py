"""What the nouns of the runtime share: the store, this process's lock, the source of models and the runs at
work here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from asstream.runtime.models.protocol import ModelSource
from asstream.runtime.owners import Owner
from asstream.runtime.runner import Runner
from asstream.runtime.store import Store

POLL_SECONDS: Final = 0.02
"""How often other processes' commits are looked for, while somebody waits for them (`PRAGMA data_version`, a
few µs).
"""


class Watch:
    """Notices commits of any process on this home. It only looks while somebody waits or a run is at work
    here.
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
            version = self._core.store.data_version()
            if version != seen:
                seen = version
                self._changed.set()
                self._changed = asyncio.Event()
                self._heed()
            await asyncio.sleep(POLL_SECONDS)

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


@dataclass
class Core:
    """The parts of one open home, in one process.

    Attributes:
        live: the runs at work here, by id.
        starting: how many requests are between saving a run as ours and having it in `live`.
        recovering: held while a run is closed that nobody works on.
    """

    home: Path
    store: Store
    owner: Owner
    source: ModelSource
    live: dict[str, Runner] = field(default_factory=dict)
    starting: int = 0
    recovering: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.watch = Watch(self)

    @property
    def files(self) -> Path:
        """Where files' contents are, each under its id."""
        return self.home / "files"

    @property
    def owners(self) -> Path:
        """Where the processes' locks are."""
        return self.home / "owners"

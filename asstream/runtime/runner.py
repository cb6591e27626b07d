"""Runs one stretch of a run here: takes the engine's events to the scribe, stops when told to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from asstream.errors import WireError
from asstream.runtime import states
from asstream.runtime.closing import cancelling, close_parked
from asstream.runtime.engine import Execution, Turned
from asstream.runtime.log import LostRunError, RunLog
from asstream.runtime.models.protocol import ModelError
from asstream.runtime.objects import Object
from asstream.runtime.scribe import Scribe
from asstream.runtime.store import Store
from asstream.runtime.wire_events import Ending, Event

logger = logging.getLogger("asstream.runtime")

_OURS: Final = "Sorry, something went wrong in the runtime; its log says what."


class Runner:
    """One run at work. `task` ends when the stretch has ended and everything about it is on the disk."""

    def __init__(
        self, store: Store, log: RunLog, execution: Execution, finished: Callable[[Runner], None]
    ) -> None:
        self.log = log
        self._store = store
        self._execution = execution
        self._scribe = Scribe(log, execution.run)
        self._ending: Ending | None = None
        self._begun = False
        self._lost = False
        self.task = asyncio.get_running_loop().create_task(self._work(), name=f"run {log.run_id}")
        self.task.add_done_callback(lambda _: finished(self))

    def stop(self, ending: Ending) -> None:
        """End the run so. The first that asks decides; a run that is at its end already stays as it is."""
        if self._ending is None and not self.task.done():
            self._ending = ending
            # A task that is cancelled before its first step never takes one: it finds `_ending` instead.
            if self._begun:
                self.task.cancel()

    def metadata_changed(self, metadata: Object) -> None:
        """Take over what a client changed while the run is at work."""
        self._execution.run["metadata"] = metadata

    def abandon(self) -> None:
        """Stop working and write nothing more: the run is gone, or another process has it."""
        self._lost = True
        self.task.cancel()

    async def _work(self) -> None:
        self._begun = True
        try:
            error = await self._stretch() if self._ending is None else None
            if self._ending is not None:
                await self._close(self._ending, error)
        except LostRunError:
            logger.info("run %s is no longer ours", self.log.run_id)
        except WireError as failure:
            logger.error(
                "run %s can't be saved: %s",
                self.log.run_id,
                failure.message,
                extra={"readers_told": True},  # `Runs.follow` raises it
            )
        except Exception:
            logger.exception("run %s was given up", self.log.run_id)

    async def _stretch(self) -> Object | None:
        """Take events until there are no more. With `_ending` set the run must still be closed so, with the
        error that is returned. From then on nobody can stop it otherwise.
        """
        try:
            await self._consume()
            await self.log.committed()
            if self._execution.run["status"] == "requires_action" and self._cancel_asked():
                self._ending = "cancelled"
            return None
        except asyncio.CancelledError:
            if self._lost or self._ending is None:
                raise
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()  # it was a request to end the run, and is answered by its end
            return None
        except (LostRunError, WireError):
            raise
        except ModelError as failure:
            error = {"code": failure.code, "message": failure.message}
        except Exception:
            logger.exception("run %s failed", self.log.run_id)
            error = {"code": "server_error", "message": _OURS}
        if self._ending is not None:
            return None  # it was told to stop, and that broke something on the way
        self._ending = "failed"
        return error

    async def _consume(self) -> None:
        async with contextlib.aclosing(self._execution.events()) as events:
            async for event in events:
                await self._take(event)

    async def _take(self, event: Event | Turned) -> None:
        if isinstance(event, Turned):
            self._scribe.remember(event.record, event.calls_step)
            if event.goes_on:
                await self.log.committed()
        else:
            await self._scribe.write(event)

    def _cancel_asked(self) -> bool:
        """Whether a cancel came in while the run was on its way to `requires_action`."""
        found = self._store.row("SELECT cancel FROM runs WHERE id = ?", (self.log.run_id,))
        return bool(found and found[0])

    async def _close(self, ending: Ending, error: Object | None) -> None:
        run = self._execution.run
        # A run that was told to stop after its last event stays as it is.
        if run["status"] not in (*states.TERMINAL, "requires_action"):
            if ending == "cancelled":
                await self._scribe.write(cancelling(run))
            await self._execution.count_cut_turn()
            for told in await self._execution.collect():
                await self._take(told)
            for event in self._execution.stop(ending, error):
                await self._take(event)
        await self.log.committed()
        if run["status"] == "requires_action":
            # It is nobody's now: another process may have been given its outputs.
            await self._store.write(lambda writer: close_parked(writer, run["id"], ending))

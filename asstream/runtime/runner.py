"""Runs one stretch of a run in this process: takes the engine's events to the scribe, and stops when told
to.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from asstream.errors import WireError
from asstream.runtime import objects
from asstream.runtime.engine import Execution, Turned
from asstream.runtime.log import LostRunError, RunLog
from asstream.runtime.models.protocol import ModelError
from asstream.runtime.objects import Object
from asstream.runtime.scribe import Scribe
from asstream.runtime.store import Store
from asstream.runtime.turn import Ending, Event

logger = logging.getLogger("asstream.runtime")

_OURS: Final = "Sorry, something went wrong in the runtime; its log says what."


class Runner:
    """One run at work. `task` ends when the stretch has ended and everything about it is on the disk."""

    def __init__(self, store: Store, log: RunLog, execution: Execution, finished: Callable[[], None]) -> None:
        self.log = log
        self._store = store
        self._execution = execution
        self._scribe = Scribe(log, execution.run, [], None)
        self._ending: Ending | None = None
        self._lost = False
        self.task = asyncio.get_running_loop().create_task(self._work(), name=f"run {log.run_id}")
        self.task.add_done_callback(lambda _: finished())
        left = execution.run["expires_at"] - objects.now()
        self._alarm = asyncio.get_running_loop().call_later(max(0, left), self.stop, "expired")

    def stop(self, ending: Ending) -> None:
        """End the run so. The first that asks decides; a run that is at its end already stays as it is."""
        if self._ending is None and not self.task.done():
            self._ending = ending
            self.task.cancel()

    def metadata_changed(self, metadata: Object) -> None:
        """Take over what a client changed while the run is at work."""
        self._execution.run["metadata"] = metadata

    def abandon(self) -> None:
        """Stop working and write nothing more: the run is gone, or another process has it."""
        self._lost = True
        self.task.cancel()

    async def _work(self) -> None:
        try:
            await self._stretch()
        except LostRunError:
            logger.info("run %s is no longer ours", self.log.run_id)
        except WireError as error:
            logger.error("run %s can't be saved: %s", self.log.run_id, error.message)
        finally:
            self._alarm.cancel()

    async def _stretch(self) -> None:
        try:
            await self._consume()
            await self.log.committed()
            if self._execution.run["status"] != "requires_action" or not self._cancel_asked():
                return
            self._ending = "cancelled"
        except asyncio.CancelledError:
            if self._lost or self._ending is None:
                raise
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()  # it was a request to end the run, and is answered below
        except (LostRunError, WireError):
            raise
        except ModelError as error:
            await self._close("failed", {"code": error.code, "message": error.message})
            return
        except Exception:
            logger.exception("run %s failed", self.log.run_id)
            await self._close("failed", {"code": "server_error", "message": _OURS})
            return
        await self._close(self._ending)

    async def _consume(self) -> None:
        async with contextlib.aclosing(self._execution.events()) as events:
            async for event in events:
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

    async def _close(self, ending: Ending, error: Object | None = None) -> None:
        if self._execution.run["status"] in ("completed", "incomplete", "failed"):
            return  # it was told to stop after its last event
        if ending == "cancelled":
            await self._scribe.write(cancelling(self._execution.run))
        await write_all(self._scribe, self._execution.stop(ending, error))


async def write_all(scribe: Scribe, events: Iterator[Event]) -> None:
    """Write events down and wait until they are on the disk."""
    for event in events:
        await scribe.write(event)
    await scribe.log.committed()


def cancelling(run: Object) -> Event:
    """The event of a run whose cancel has begun."""
    run["status"] = "cancelling"
    return Event("thread.run.cancelling", run)

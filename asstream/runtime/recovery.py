"""Looks after the runs and the vector stores of a home.

Runs of dead processes are failed, those past their time expire, files that they were reading are read again,
and what is old is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final

from asstream.errors import WireError
from asstream.runtime import attaching, objects, rows, states
from asstream.runtime.closing import close_left, close_parked
from asstream.runtime.core import Core
from asstream.runtime.files import remove_expired
from asstream.runtime.owners import remove_dead, taken_over
from asstream.runtime.store import Writer
from asstream.runtime.wire_events import Ending

logger = logging.getLogger("asstream.runtime")

LOOK_SECONDS: Final = 1.0
"""How often each process looks for such runs."""

EVENTS_KEPT_SECONDS: Final = 3600
"""How long a run's events are kept after its end."""

PLACES_KEPT_SECONDS: Final = 86_400
"""How long a deleted object can still be the cursor of a listing."""

_PRUNE_EVERY: Final = 60

_PRUNED_AT_ONCE: Final = 16
"""The most runs whose events go in one write: nobody else can write meanwhile."""

_DIED: Final = "The process that worked on this run ended before it."
_UNSAVED: Final = "The run could not be saved, so it was given up: the disk took no more."
_ACTIVE: Final = ", ".join(f"'{status}'" for status in states.ACTIVE)


async def look_after(core: Core) -> None:
    """Close what nobody works on, and forget what is old, until cancelled."""
    turn, said = 0, ""
    while True:
        trouble = ""
        try:
            await sweep(core)
            async with core.recovering:
                await core.ingesting.look(core.owners)
            if turn % _PRUNE_EVERY == 0:
                await end_sessions(core)
                await forget(core)
        except WireError as error:
            trouble = error.message
        except Exception as error:
            # Whatever it was, the next look may find it gone; without looks dead runs would block for ever.
            trouble = f"Looking after the runs failed: {error!r}."
        if trouble and trouble != said:
            logger.warning("%s", trouble)
        turn, said = turn + 1, trouble
        await asyncio.sleep(LOOK_SECONDS)


async def end_sessions(core: Core) -> None:
    """End the interpreter's sessions here of threads that another process deleted."""
    known = list(core.interpreter.known)
    gone = [thread for thread in known if rows.find(core.store, rows.THREAD, thread) is None]
    for thread in gone:
        await core.interpreter.end(thread)


async def sweep(core: Core) -> None:
    """Close every run of this home that nobody works on and that is orphaned or past its time."""
    found = core.store.read(f"SELECT id, expires_at FROM runs WHERE status IN ({_ACTIVE})")  # noqa: S608
    for id, expires_at in found:
        runner = core.live.get(id)
        if runner is None:
            await clear_run(core, id)
        elif expires_at <= objects.now():
            runner.stop("expired")


async def clear_thread(core: Core, thread_id: str) -> None:
    """Close the active run of one thread if nobody works on it."""
    found = core.store.read(
        f"SELECT id FROM runs WHERE thread_id = ? AND status IN ({_ACTIVE})",  # noqa: S608
        (thread_id,),
    )
    for (id,) in found:
        await clear_run(core, id)


async def clear_run(core: Core, id: str) -> bool:
    """Close one run if it is orphaned or past its time; whether it was."""
    if id in core.live:
        return False
    # One at a time: a second look would find the dead owner's lock taken, and the owner alive.
    async with core.recovering:
        found = core.store.row("SELECT status, owner, cancel, expires_at FROM runs WHERE id = ?", (id,))
        if found is None or found[0] not in states.ACTIVE:
            return False
        status, owner, cancel, expires_at = found
        if status == "requires_action":
            return await _clear_parked(core, id, bool(cancel), expires_at)
        return await _clear_left(core, id, owner, "cancelled" if cancel else "failed")


async def _clear_parked(core: Core, id: str, cancel: bool, expires_at: int) -> bool:
    if not cancel and expires_at > objects.now():
        return False
    ending: Ending = "cancelled" if cancel else "expired"
    return await core.store.write(lambda writer: close_parked(writer, id, ending))


async def _clear_left(core: Core, id: str, owner: str | None, ending: Ending) -> bool:
    def close(reason: str) -> asyncio.Future[bool]:
        error = {"code": "server_error", "message": reason} if ending == "failed" else None
        return core.store.write(partial(close_left, id=id, owner=owner, ending=ending, error=error))

    if owner == core.owner.id:
        # Ours, but not at work: it is about to begin, or its end could not be saved.
        return not core.starting and id not in core.live and await close(_UNSAVED)
    if owner is None:
        return await close(_DIED)
    with taken_over(core.owners, owner) as dead:
        return dead and await close(_DIED)


async def forget(core: Core) -> None:
    """Remove old events, expired files, the texts of expired stores and dead processes' locks."""
    while await core.store.write(_prune):
        pass
    await core.store.write(_forget_places)
    await remove_expired(core)
    await core.store.write(attaching.expire)
    remove_dead(core.owners, core.owner.id)


def _forget_places(writer: Writer) -> None:
    """Forget where objects stood that were deleted long ago."""
    writer.execute("DELETE FROM gone WHERE deleted_at < ?", (objects.now() - PLACES_KEPT_SECONDS,))


def _prune(writer: Writer) -> int:
    """Forget the events of some runs that ended long ago; how many runs those were."""
    old = objects.now() - EVENTS_KEPT_SECONDS
    found = rows.select(writer, "SELECT id FROM runs WHERE ended_at < ? LIMIT ?", (old, _PRUNED_AT_ONCE))
    writer.executemany("DELETE FROM events WHERE run_id = ?", found)
    writer.executemany("UPDATE runs SET ended_at = NULL WHERE id = ?", found)
    return len(found)

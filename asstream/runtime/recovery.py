"""Runs that nobody works on any more: those of dead processes are failed, those past their time expire.

Whoever closes such a run first makes it its own (compare and set in a write), then tells its end like any
other's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Final

import apsw

from asstream.errors import WireError
from asstream.runtime import objects, rows, states
from asstream.runtime.core import Core
from asstream.runtime.engine import end_fields
from asstream.runtime.files import remove_expired
from asstream.runtime.log import LostRunError, RunLog
from asstream.runtime.objects import Object
from asstream.runtime.owners import taken_over
from asstream.runtime.runner import cancelling, write_all
from asstream.runtime.scribe import Scribe
from asstream.runtime.store import Store, Writer
from asstream.runtime.turn import Ending, Event, content_part, incomplete_message, stopped_step

logger = logging.getLogger("asstream.runtime")

LOOK_SECONDS: Final = 1.0
"""How often each process looks for such runs."""

EVENTS_KEPT_SECONDS: Final = 3600
"""How long a run's events are kept after its end."""

_PRUNE_EVERY: Final = 60

_DIED: Final = "The process that worked on this run ended before it."
_STATUSES: Final = ", ".join(f"'{status}'" for status in states.ACTIVE)


async def look_after(core: Core) -> None:
    """Close what nobody works on, and forget old events, until cancelled."""
    turn = 0
    while True:
        try:
            await sweep(core)
            if turn % _PRUNE_EVERY == 0:
                await core.store.write(_prune)
                await remove_expired(core)
        except WireError as error:
            logger.warning("%s", error.message)
        turn += 1
        await asyncio.sleep(LOOK_SECONDS)


async def sweep(core: Core) -> None:
    """Close every run of this home that nobody works on and that is orphaned or past its time."""
    found = core.store.read(f"SELECT body FROM runs WHERE status IN ({_STATUSES})")  # noqa: S608
    for (body,) in found:
        await clear_run(core, rows.load(body))


async def clear_thread(core: Core, thread_id: str) -> None:
    """The same for the active run of one thread."""
    found = core.store.read(
        f"SELECT body FROM runs WHERE thread_id = ? AND status IN ({_STATUSES})",  # noqa: S608
        (thread_id,),
    )
    for (body,) in found:
        await clear_run(core, rows.load(body))


async def clear_run(core: Core, run: Object) -> bool:
    """Close one run if it is orphaned or past its time; whether it was."""
    if run["id"] in core.live or run["status"] not in states.ACTIVE:
        return False
    async with core.recovering:
        return await _clear(core, run)


async def _clear(core: Core, run: Object) -> bool:
    id = run["id"]
    if run["status"] == "requires_action":
        return run["expires_at"] <= objects.now() and await _claim_parked(core, id)
    found = core.store.row("SELECT owner, cancel FROM runs WHERE id = ?", (id,))
    if found is None or found[0] is None:
        return False
    owner, cancel = found
    if owner == core.owner.id:
        if core.starting or id in core.live:
            return False
        # It was ours, and its end could not be saved then.
        await close_run(core, id, "cancelled" if cancel else "failed")
        return True
    with taken_over(core.owners, owner) as dead:
        if not dead or not await _claim(core, id, "owner = ?", owner):
            return False
        await close_run(core, id, "cancelled" if cancel else "failed")
    return True


async def _claim_parked(core: Core, id: str) -> bool:
    if not await _claim(core, id, "status = ?", "requires_action"):
        return False
    await close_run(core, id, "expired")
    return True


async def _claim(core: Core, id: str, condition: str, value: str) -> bool:
    def work(writer: Writer) -> bool:
        writer.execute(
            f"UPDATE runs SET owner = ? WHERE id = ? AND {condition}",  # noqa: S608
            (core.owner.id, id, value),
        )
        return bool(writer.changes())

    return await core.store.write(work)


async def close_run(core: Core, id: str, ending: Ending) -> None:
    """End a run that is ours and that no runner works on: its open message and steps, then itself."""
    run = rows.find(core.store, rows.RUN, id)
    if run is None:
        return
    steps = [step for step in steps_of(core.store, id) if step["status"] == "in_progress"]
    message = _open_message(core.store, id)
    seq = core.store.row("SELECT coalesce(max(seq), 0) FROM events WHERE run_id = ?", (id,))
    assert seq is not None
    scribe = Scribe(RunLog(core.store, id, core.owner.id, seq[0]), run, steps, message)
    with contextlib.suppress(LostRunError):
        await write_all(scribe, _closing(run, message, steps, ending, steps_of(core.store, id)))


def _closing(
    run: Object, message: Object | None, open_steps: list[Object], ending: Ending, steps: list[Object]
) -> Iterator[Event]:
    error = {"code": "server_error", "message": _DIED} if ending == "failed" else None
    if ending == "cancelled":
        yield cancelling(run)
    if message is not None:
        reasons = {"cancelled": "run_cancelled", "expired": "run_expired", "failed": "run_failed"}
        yield incomplete_message(message, reasons[ending])
    for step in open_steps:
        yield stopped_step(step, ending, error)
    used = None
    for step in steps:
        used = objects.add_usage(used, step["usage"])
    run.update(usage=used, last_error=error, required_action=None, **end_fields(ending))
    yield Event(f"thread.run.{ending}", run)


def steps_of(store: Store, run_id: str) -> list[Object]:
    """All steps of a run, oldest first."""
    return [
        rows.load(body)
        for (body,) in store.read("SELECT body FROM steps WHERE run_id = ? ORDER BY seq", (run_id,))
    ]


def _open_message(store: Store, run_id: str) -> Object | None:
    """The message that a run was writing, with what its deltas said."""
    for (body,) in store.read("SELECT body FROM messages WHERE run_id = ? ORDER BY seq DESC", (run_id,)):
        message = rows.load(body)
        if message["status"] == "in_progress":
            message["content"] = _said(store, run_id, message["id"])
            return message
    return None


def _said(store: Store, run_id: str, message_id: str) -> list[Object]:
    parts: dict[int, tuple[str, list[str]]] = {}
    found = store.read(
        "SELECT data FROM events WHERE run_id = ? AND event = 'thread.message.delta' ORDER BY seq", (run_id,)
    )
    for delta in (rows.load(data) for (data,) in found):
        if delta["id"] != message_id:
            continue
        for part in delta["delta"]["content"]:
            kind = part["type"]
            text = part[kind]["value"] if kind == "text" else part[kind]
            parts.setdefault(part["index"], (kind, []))[1].append(text)
    return [content_part(kind, "".join(pieces)) for _, (kind, pieces) in sorted(parts.items())]


def _prune(writer: Writer) -> None:
    """Forget the events of runs that ended long ago."""
    old = objects.now() - EVENTS_KEPT_SECONDS
    with contextlib.suppress(apsw.BusyError):
        writer.execute("DELETE FROM events WHERE run_id IN (SELECT id FROM runs WHERE ended_at < ?)", (old,))
        writer.execute("UPDATE runs SET ended_at = NULL WHERE ended_at < ?", (old,))

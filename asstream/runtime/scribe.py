"""Writes down what a run's engine tells.

Each event is checked against the state table, saved and put into the log.
"""

from __future__ import annotations

from asstream.runtime import objects, rows, states
from asstream.runtime.log import Entry, RunLog, Save
from asstream.runtime.objects import Object
from asstream.runtime.search_step import shown
from asstream.runtime.store import Writer
from asstream.runtime.wire_events import Event

_EMPTY_RESOURCES: Object = {"code_interpreter": {"file_ids": []}}
"""How events, other than answers, showed empty tool resources."""


class Scribe:
    """The one way from an event to the store and the log, for one stretch of a run."""

    def __init__(self, log: RunLog, run: Object) -> None:
        self.log = log
        self._statuses: dict[str, str] = {run["id"]: run["status"]}

    async def write(self, event: Event) -> None:
        """Check, save and log an event. Raises IllegalEvent, LostRunError or what the store raised."""
        name, data = event
        id = data["id"]
        self._statuses[id] = states.after(name, self._statuses.get(id))
        if states.is_delta(name):
            await self.log.append(name, rows.dump(data))
        else:
            await self.log.append(name, wire_data(event), saving(event))

    def remember(self, record: Object, calls_step: Object | None) -> None:
        """Keep a turn's exact messages, and its step of calls, with the next event."""
        run_id, text = self.log.run_id, rows.dump(record)
        self.log.note(lambda writer: add_turn(writer, run_id, text))
        if calls_step is not None:
            id, step = calls_step["id"], rows.dump(calls_step)
            self.log.note(lambda writer: _update(writer, "steps", id, step))


def wire_data(event: Event) -> str:
    """An event's data as its readers get it."""
    data = objects.public(shown(event.data))
    if data.get("tool_resources") == {}:
        data["tool_resources"] = _EMPTY_RESOURCES
    return rows.dump(data)


def entries(events: list[Event], seq: int) -> list[Entry]:
    """Events as they stand in the log after number `seq`."""
    return [Entry(number, event.name, wire_data(event)) for number, event in enumerate(events, start=seq + 1)]


def add_turn(writer: Writer, run_id: str, record: str) -> None:
    """Append a turn's record, as JSON text, to a run's."""
    writer.execute(
        "INSERT INTO turns (run_id, seq, body) "
        "SELECT ?, coalesce(max(seq), 0) + 1, ? FROM turns WHERE run_id = ?",
        (run_id, record, run_id),
    )


def save_run(writer: Writer, run: Object, owner: str | None) -> None:
    """Save a run with the columns that follow from its status."""
    ended = objects.now() if run["status"] in states.TERMINAL else None
    rows.update(writer, rows.RUN, run, status=run["status"], owner=owner, ended_at=ended)


def saving(event: Event) -> Save:
    """What saves the object of an event, inside a write. The object's text is fixed now."""
    name, data = event
    text, id = rows.dump(data), data["id"]
    if name.startswith("thread.run.step."):
        if name.endswith(".created"):
            return lambda w: _insert(w, "steps", "run_id", id, text, data["run_id"])
        return lambda w: _update(w, "steps", id, text)
    if name.startswith("thread.message."):
        if name.endswith(".created"):
            return lambda w: _insert(
                w, "messages", "thread_id, run_id", id, text, data["thread_id"], data["run_id"]
            )
        return lambda w: _update(w, "messages", id, text)
    status = data["status"]
    ended = objects.now() if status in states.TERMINAL else None
    return lambda w: _update_run(w, id, text, status, ended)


def _insert(writer: Writer, table: str, columns: str, id: str, text: str, *values: str) -> None:
    marks = ", ?" * len(values)
    writer.execute(
        f"INSERT INTO {table} (id, body, {columns}) VALUES (?, ?{marks})",  # noqa: S608
        (id, text, *values),
    )


def _update(writer: Writer, table: str, id: str, text: str) -> None:
    # A message or step that was deleted meanwhile stays deleted.
    text = _with_metadata(writer, table, id, text)
    writer.execute(f"UPDATE {table} SET body = ? WHERE id = ?", (text, id))  # noqa: S608


def _update_run(writer: Writer, id: str, text: str, status: str, ended: int | None) -> None:
    text = _with_metadata(writer, "runs", id, text)
    writer.execute(
        "UPDATE runs SET body = ?, status = ?, ended_at = ?, owner = iif(?, owner, NULL) WHERE id = ?",
        (text, status, ended, status in states.WORKING, id),
    )


def _with_metadata(writer: Writer, table: str, id: str, text: str) -> str:
    """An object's text with the metadata that the row has.

    Clients may have changed it, through any process, since the run began.
    """
    for (body,) in rows.select(writer, f"SELECT body FROM {table} WHERE id = ?", (id,)):  # noqa: S608
        kept, new = rows.load(body)["metadata"], rows.load(text)
        if kept != new["metadata"]:
            return rows.dump({**new, "metadata": kept})
    return text

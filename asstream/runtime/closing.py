"""Ends runs that nobody works on: what they left open, then themselves, in one write.

One write, because it must not be half done, and because nothing may come between looking and ending: another
process may be about to do the same, or a client to submit tool outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from asstream.runtime import log, objects, rebuilding, records, rows, scribe, states
from asstream.runtime.context import recorded_turns, tokens_used
from asstream.runtime.log import Entry
from asstream.runtime.objects import Object
from asstream.runtime.offering import offer
from asstream.runtime.store import Writer
from asstream.runtime.wire_events import Ending, Event, stopped_message, stopped_step

UNSEEN: Final = 2 * log.MOST_UNWRITTEN
"""Numbers left out before the events that end a dead process's run. Its readers may have seen deltas that it
did not live to commit; whoever comes back with such a number must still be told the end.
"""


def close_parked(writer: Writer, id: str, ending: Ending) -> bool:
    """End a run that waits for tool outputs, inside a write; whether it still did."""
    run = rows.find(writer, rows.RUN, id)
    if run is None or run["status"] != "requires_action":
        return False
    _close(writer, run, ending, None, log.last_seq(writer, id))
    return True


def close_left(writer: Writer, id: str, owner: str | None, ending: Ending, error: Object | None) -> bool:
    """End a run that `owner` left unfinished, inside a write; whether it was still so."""
    found = writer.execute("SELECT owner, status FROM runs WHERE id = ?", (id,)).fetchall()
    if not found or found[0][0] != owner or found[0][1] not in states.WORKING:
        return False
    run = rows.get(writer, rows.RUN, id)
    _close(writer, run, ending, error, log.last_seq(writer, id) + UNSEEN)
    return True


def _close(writer: Writer, run: Object, ending: Ending, error: Object | None, seq: int) -> None:
    message, steps = _open_message(writer, run["id"]), _open_steps(writer, run["id"])
    statuses = {thing["id"]: thing["status"] for thing in (run, *steps, *([message] if message else []))}
    turns = recorded_turns(writer, run["id"])
    _charge(steps, turns)
    _record_rest(writer, run, message, steps, turns)
    used = tokens_used(writer, run["id"])
    # An event is written before the next is made: they share the run's object.
    for number, event in enumerate(_ends(run, message, steps, ending, error, used), start=seq + 1):
        id = event.data["id"]
        statuses[id] = states.after(event.name, statuses[id])
        scribe.saving(event)(writer)
        log.append_rows(writer, run["id"], [Entry(number, event.name, scribe.wire_data(event))])


def _record_rest(
    writer: Writer, run: Object, message: Object | None, steps: list[Object], turns: list[Object]
) -> None:
    """Record what no turn has, since the process died before it could: what was said, called and printed."""
    told = {turn.get("code_step_id") for turn in turns}
    ids, said = _unrecorded(writer, run["id"], message, turns)
    for step in (*_steps(writer, run["id"], "completed"), *steps):
        if not (left := records.of_step_left(step, turns)):
            continue
        messages = records.answers(left)
        if step["id"] in told:
            _add_record(writer, run, step["id"], messages, [])
            continue
        made = [call for call in step["step_details"]["tool_calls"] if call["id"] in dict(left)]
        codes = [(call["id"], call["code_interpreter"]["input"]) for call in made]
        spoken = records.spoken(said, offer(run, []).code, codes)
        _add_record(writer, run, step["id"], [spoken, *messages], ids)
        ids, said = [], ""
    if said:
        _add_record(writer, run, None, [records.spoken(said, None, [])], ids)


def _add_record(
    writer: Writer, run: Object, step_id: str | None, messages: list[Object], ids: list[str]
) -> None:
    record = {"model": run["model"], "messages": messages, "message_ids": ids}
    record |= {"step_id": None, "code_step_id": step_id, "usage": None}
    scribe.add_turn(writer, run["id"], rows.dump(record))


def _unrecorded(
    writer: Writer, run_id: str, open_message: Object | None, turns: list[Object]
) -> tuple[list[str], str]:
    """The messages of a run that no turn has, by their ids, and their text."""
    known = {id for turn in turns for id in turn["message_ids"]}
    found = rows.select(writer, "SELECT body FROM messages WHERE run_id = ? ORDER BY seq", (run_id,))
    ids, texts = list[str](), list[str]()
    for message in (rows.load(body) for (body,) in found):
        if message["id"] in known:
            continue
        whole = open_message if open_message and open_message["id"] == message["id"] else message
        ids.append(whole["id"])
        texts += [part["text"]["value"] for part in whole["content"] if part["type"] == "text"]
    return ids, "".join(texts)


def _ends(
    run: Object,
    message: Object | None,
    steps: list[Object],
    ending: Ending,
    error: Object | None,
    used: Object | None,
) -> Iterator[Event]:
    if ending == "cancelled":
        yield cancelling(run)
    if message is not None:
        yield stopped_message(message, ending)
    for step in steps:
        yield stopped_step(step, ending, error)
    run.update(usage=used, last_error=error, required_action=None, **objects.end_fields(ending))
    yield Event(f"thread.run.{ending}", run)


def cancelling(run: Object) -> Event:
    """The event of a run whose cancel has begun."""
    run["status"] = "cancelling"
    return Event("thread.run.cancelling", run)


def _steps(writer: Writer, run_id: str, status: str) -> list[Object]:
    found = rows.select(writer, "SELECT body FROM steps WHERE run_id = ? ORDER BY seq", (run_id,))
    return [step for (body,) in found if (step := rows.load(body))["status"] == status]


def _open_steps(writer: Writer, run_id: str) -> list[Object]:
    """The steps that a run has not finished, with what their deltas said."""
    steps = _steps(writer, run_id, "in_progress")
    for step in steps:
        said = _deltas(writer, run_id, "thread.run.step.delta", step["id"])
        if step["type"] == "tool_calls" and said:
            step["step_details"]["tool_calls"] = rebuilding.tool_calls(said)
    return steps


_CALL_STEPS: Final = ("step_id", "code_step_id", "search_step_id")
"""Where a turn's record has its steps of calls; the first that is there is charged."""


def _charge(steps: list[Object], turns: list[Object]) -> None:
    """Give steps of calls what their turns used: one kind all of it, functions first, then code."""
    charged: dict[str, Object | None] = {}
    for turn in turns:
        ids = [id for key in _CALL_STEPS if (id := turn.get(key))]
        charged |= {id: turn["usage"] if place == 0 else objects.usage(0, 0) for place, id in enumerate(ids)}
    for step in steps:
        step["usage"] = charged.get(step["id"])


def _open_message(writer: Writer, run_id: str) -> Object | None:
    """The message that a run was writing, with what its deltas said."""
    found = rows.select(writer, "SELECT body FROM messages WHERE run_id = ? ORDER BY seq DESC", (run_id,))
    for (body,) in found:
        message = rows.load(body)
        if message["status"] == "in_progress":
            said = _deltas(writer, run_id, "thread.message.delta", message["id"])
            message["content"] = rebuilding.content(said)
            return message
    return None


def _deltas(writer: Writer, run_id: str, event: str, id: str) -> list[Object]:
    """What the deltas of one object said, in order."""
    found = rows.select(
        writer, "SELECT data FROM events WHERE run_id = ? AND event = ? ORDER BY seq", (run_id, event)
    )
    return [told["delta"] for (data,) in found if (told := rows.load(data))["id"] == id]

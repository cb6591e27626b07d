"""A run's event sequence made from its objects: all of it, or what was not told yet.

Pure: retrieved run, steps and messages in, the SDK's events out, in the order of the service. Used by
`--no-stream`, by RunStream for what a broken stream did not bring, and by PolledStream while a run goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from asstream.chat.sse import make_event

if TYPE_CHECKING:
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import Message, Run
    from openai.types.beta.threads.runs import RunStep

    from asstream.handlers.reducer import Reducer

RUN_ENDS: Mapping[str, str] = {
    status: f"thread.run.{status}"
    for status in ("requires_action", "completed", "incomplete", "failed", "cancelled", "expired")
}
"""Run status → the event that a stream ends with."""

GOING = frozenset({"queued", "in_progress", "cancelling"})
"""Statuses of a run that somebody works on."""
ACTIVE = GOING | {"requires_action"}
"""Statuses of a run that is not over: its thread takes no message."""

_STEP_ENDS = frozenset({"completed", "failed", "cancelled", "expired"})


def events_from_objects(
    run: Run,
    steps: Iterable[RunStep],
    messages: Iterable[Message],
    *,
    seen: Reducer | None = None,
    submitted: Collection[str] = (),
) -> Iterator[AssistantStreamEvent]:
    """The events that would have streamed, oldest first; of a run that goes on, those so far.

    Args:
        run: as it was before its steps and messages were retrieved.
        steps: the run's steps, oldest first, retrieved before its messages: so each message that a finished
            step names is there.
        messages: the run's messages, in any order; those of other runs are left out.
        seen: what a stream has brought already (its events fed to a Reducer): only the rest is made.
        submitted: the ids of the tool calls whose outputs this stream began with. What came before them
            belongs to an earlier stream and is left out.
    """
    told = _Told(seen)
    over = run.status in RUN_ENDS
    mine = {message.id: message for message in messages if _written_by(run, message)}
    steps = deque(steps)
    if submitted:
        yield from _skip_earlier(steps, mine, told, submitted)
    yield from _run_begins(run, told, bool(submitted))
    for step in steps:
        yield from _step(step, mine, told, over)
    # An endpoint that lists no steps, or a message that no step names; or whose step is not listed yet.
    for message in mine.values() if over else ():
        yield from _message(message, told, over)
    if over:
        yield make_event(RUN_ENDS[run.status], run)


def _skip_earlier(
    steps: deque[RunStep], messages: dict[str, Message], told: _Told, submitted: Collection[str]
) -> Iterator[AssistantStreamEvent]:
    """Leave out the steps up to the one whose outputs were submitted; its end is the stream's first event."""
    while steps:
        step = steps.popleft()
        messages.pop(_message_id(step), None)
        if set(submitted) & set(_call_ids(step)):
            yield from _step_ends(step, told)
            return


class _Told:
    """What has been told of a run already."""

    def __init__(self, seen: Reducer | None) -> None:
        self.run = seen.run if seen else None
        self.steps = dict(seen.steps) if seen else {}
        self.messages = dict(seen.messages) if seen else {}


def _written_by(run: Run, message: Message) -> bool:
    return message.role == "assistant" and message.run_id == run.id


def _call_ids(step: RunStep) -> list[str]:
    from asstream.handlers.steps import calls_of

    return [call.id for call in calls_of(step)]


def _message_id(step: RunStep) -> str:
    creation = getattr(step.step_details, "message_creation", None)
    return getattr(creation, "message_id", "")


def _run_begins(run: Run, told: _Told, continues: bool) -> Iterator[AssistantStreamEvent]:
    known = told.run.status if told.run is not None else None
    blank: dict[str, Any] = {
        "completed_at": None,
        "failed_at": None,
        "cancelled_at": None,
        "last_error": None,
    }
    blank |= {"usage": None, "required_action": None, "incomplete_details": None}
    if known is None:
        queued = run.model_copy(update=blank | {"status": "queued", "started_at": None})
        if not continues:
            yield make_event("thread.run.created", queued)
        yield make_event("thread.run.queued", queued)
    if known in (None, "queued") and run.status != "queued":
        yield make_event("thread.run.in_progress", run.model_copy(update=blank | {"status": "in_progress"}))
    if run.status == "cancelling" != known:
        yield make_event("thread.run.cancelling", run)


def _step(
    step: RunStep, messages: dict[str, Message], told: _Told, over: bool
) -> Iterator[AssistantStreamEvent]:
    from asstream.handlers.steps import missing_calls

    state = told.steps.get(step.id)
    message = messages.pop(_message_id(step), None)
    if state is None:
        begun = step.model_copy(update=_unfinished_step(step))
        yield make_event("thread.run.step.created", begun)
        yield make_event("thread.run.step.in_progress", begun)
    if message is not None:
        yield from _message(message, told, over or step.status in _STEP_ENDS)
    if state is not None and state.ended:
        return
    if calls := missing_calls(state, step):
        delta = {"step_details": {"type": "tool_calls", "tool_calls": calls}}
        yield make_event(
            "thread.run.step.delta", {"id": step.id, "object": "thread.run.step.delta", "delta": delta}
        )
    yield from _step_ends(step, told)


def _unfinished_step(step: RunStep) -> dict[str, Any]:
    blank: dict[str, Any] = {"status": "in_progress", "completed_at": None, "usage": None}
    if step.type == "tool_calls":
        blank["step_details"] = step.step_details.model_copy(update={"tool_calls": []})
    return blank


def _step_ends(step: RunStep, told: _Told) -> Iterator[AssistantStreamEvent]:
    state = told.steps.get(step.id)
    if step.status in _STEP_ENDS and not (state is not None and state.ended):
        yield make_event(f"thread.run.step.{step.status}", step)


def _message(message: Message, told: _Told, over: bool) -> Iterator[AssistantStreamEvent]:
    """What is new of a message. `over`: nothing more of it can come."""
    from asstream.handlers.messages import missing_content

    state = told.messages.get(message.id)
    if state is None:
        blank: dict[str, Any] = {
            "status": "in_progress",
            "content": [],
            "completed_at": None,
            "incomplete_at": None,
        }
        begun = message.model_copy(update=blank | {"incomplete_details": None})
        yield make_event("thread.message.created", begun)
        yield make_event("thread.message.in_progress", begun)
    elif state.ended:
        return
    if content := missing_content(state, message):
        delta = {"id": message.id, "object": "thread.message.delta", "delta": {"content": content}}
        yield make_event("thread.message.delta", delta)
    # A message that is retrieved may have no status at all: it is complete once its step is, or its run.
    status = getattr(message, "status", None)
    if status is None and over:
        status = "incomplete" if _is_cut(message) else "completed"
    if status not in (None, "in_progress"):
        yield make_event(f"thread.message.{status}", message)


def _is_cut(message: Message) -> bool:
    return getattr(message, "incomplete_details", None) is not None

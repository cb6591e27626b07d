"""The events of a run as the wire names them, and how messages and steps end. Pure."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from asstream.runtime import objects
from asstream.runtime.objects import Object

Ending = Literal["cancelled", "expired", "failed"]


class Event(NamedTuple):
    """An event of the wire: its name, and the object or delta it carries."""

    name: str
    data: Object


def delta(id: str, kind: str, changed: Object) -> Event:
    """A delta of a message or a step; `kind` is the event's name."""
    return Event(kind, {"id": id, "object": kind, "delta": changed})


def calls_delta(step: Object, call: Object) -> Event:
    """A delta of one call of a step of tool calls."""
    details = {"type": "tool_calls", "tool_calls": [call]}
    return delta(step["id"], "thread.run.step.delta", {"step_details": details})


def text_part(text: str, annotations: list[Object] | None = None) -> Object:
    """A finished text of a message."""
    return {"type": "text", "text": {"value": text, "annotations": annotations or []}}


def incomplete_message(message: Object, reason: str) -> Event:
    """The event of a message that was cut off."""
    message.update(status="incomplete", incomplete_details={"reason": reason}, incomplete_at=objects.now())
    return Event("thread.message.incomplete", message)


def stopped_message(message: Object, ending: Ending) -> Event:
    """The event of a message whose run ended before it."""
    return incomplete_message(message, f"run_{ending}")


def finished_step(step: Object, status: str, **changes: Any) -> Event:
    """The event of a step that ends with `status`."""
    step.update({"status": status, f"{status}_at": objects.now(), **changes})
    return Event(f"thread.run.step.{status}", step)


def stopped_step(step: Object, ending: Ending, error: Object | None = None) -> Event:
    """The event of a step whose run ended before it."""
    return finished_step(step, ending, last_error=error)


def completed_calls(step: Object, outputs: dict[str, str], usage: Object | None) -> Event:
    """The event of a step whose function calls got their outputs (by call id)."""
    for call in step["step_details"]["tool_calls"]:
        call["function"]["output"] = outputs[call["id"]]
    return finished_step(step, "completed", usage=usage)

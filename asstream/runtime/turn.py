"""One turn of a model as the wire tells it: model events in, run steps, messages and deltas out.

Pure: no I/O, no clock but the objects' own. What is open when a turn is cut off is closed by `stop`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from asstream.runtime import objects
from asstream.runtime.models.protocol import ModelEvent, RefusalDelta, TextDelta, ToolCallDelta, TurnEnd
from asstream.runtime.objects import Object

Ending = Literal["cancelled", "expired", "failed"]


class Event(NamedTuple):
    """An event of the wire: its name, and the object or delta it carries."""

    name: str
    data: Object


_CUT: Final[dict[str, str]] = {"length": "max_tokens", "content_filter": "content_filter"}
"""Why a message is incomplete, by the model's finish reason."""


class Turn:
    """The steps and the messages of one turn: text that comes after a call is a message of its own.

    Args:
        run: the run, as it is on the wire.
        offered: the names of the functions that the model may call. Calls of others are kept in `unknown`.
    """

    def __init__(self, run: Object, offered: frozenset[str]) -> None:
        self.calls: list[Object] = []
        self.unknown: set[int] = set()
        self.message_ids: list[str] = []
        self.calls_step: Object | None = None
        self._run = run
        self._offered = offered
        self._message: Object | None = None
        self._message_step: Object | None = None
        self._pieces: list[tuple[str, list[str]]] = []
        self._positions: dict[int, int] = {}
        self._arguments: list[list[str]] = []

    def feed(self, event: ModelEvent) -> Iterator[Event]:
        """The wire's events for one event of the model."""
        match event:
            case TextDelta(text) if text:
                yield from self._say("text", text)
            case RefusalDelta(text) if text:
                yield from self._say("refusal", text)
            case ToolCallDelta():
                yield from self._call(event)

    def end(self, end: TurnEnd, usage: Object) -> Iterator[Event]:
        """Close what is open. A step of function calls stays in progress: its outputs come from outside."""
        reason = _CUT.get(end.finish_reason)
        if not self.calls and not self.message_ids and not self.unknown:
            yield from self._open_message()
        if self._message is not None:
            yield from self._close_message(reason, usage if not self.calls else objects.usage(0, 0))
        if self.calls_step is not None:
            self._settle_calls()
            if reason is not None:
                yield _finish_step(self.calls_step, "cancelled", usage=usage)

    def stop(self, ending: Ending, error: Object | None = None) -> Iterator[Event]:
        """Close what is open because the run ends here."""
        if self._message is not None:
            self._message["content"] = self._content()
            yield stopped_message(self._message, ending)
            self._message = None
        self._settle_calls()
        for step in (self._message_step, self.calls_step):
            if step is not None and step["status"] == "in_progress":
                yield stopped_step(step, ending, error)

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet, so that the turn may be asked for again."""
        return not self.message_ids and self.calls_step is None

    def _say(self, kind: str, text: str) -> Iterator[Event]:
        if self._message is None:
            if self.calls and not text.strip():
                return  # the line ends that some models put after a call are no message
            yield from self._open_message()
        assert self._message is not None
        opening = not self._pieces or self._pieces[-1][0] != kind
        if opening:
            self._pieces.append((kind, []))
        self._pieces[-1][1].append(text)
        part: Object = {"index": len(self._pieces) - 1, "type": kind}
        if kind == "text":
            # As recorded: the first delta of a text carries the empty list, the others do not.
            part["text"] = {"value": text, "annotations": []} if opening else {"value": text}
        else:
            part["refusal"] = text
        yield _delta(self._message["id"], "thread.message.delta", {"content": [part]})

    def _open_message(self) -> Iterator[Event]:
        self._message = objects.reply(self._run)
        self._pieces = []
        id = self._message["id"]
        self.message_ids.append(id)
        self._message_step = objects.step(self._run, "message_creation", {"message_id": id})
        yield Event("thread.run.step.created", self._message_step)
        yield Event("thread.run.step.in_progress", self._message_step)
        yield Event("thread.message.created", self._message)
        yield Event("thread.message.in_progress", self._message)

    def _close_message(self, reason: str | None, usage: Object) -> Iterator[Event]:
        message, self._message = self._message, None
        assert message is not None and self._message_step is not None
        message["content"] = self._content()
        if reason is None:
            message.update(status="completed", completed_at=objects.now())
            yield Event("thread.message.completed", message)
        else:
            yield _incomplete_message(message, reason)
        yield _finish_step(self._message_step, "completed", usage=usage)

    def _content(self) -> list[Object]:
        return [content_part(kind, "".join(pieces)) for kind, pieces in self._pieces or [("text", [])]]

    def _call(self, delta: ToolCallDelta) -> Iterator[Event]:
        if delta.index not in self._positions:
            yield from self._open_call(delta)
        if delta.index in self.unknown or not delta.arguments:
            return
        position = self._positions[delta.index]
        self._arguments[position].append(delta.arguments)
        yield self._calls_delta(
            {"index": position, "type": "function", "function": {"arguments": delta.arguments}}
        )

    def _open_call(self, delta: ToolCallDelta) -> Iterator[Event]:
        self._positions[delta.index] = len(self.calls)
        if delta.name not in self._offered:
            self.unknown.add(delta.index)
            return
        if self._message is not None:
            # Text before a call is a step of its own; the turn's tokens are counted with the call.
            yield from self._close_message(None, objects.usage(0, 0))
        if self.calls_step is None:
            self.calls_step = objects.step(self._run, "tool_calls", {})
            self.calls_step["step_details"]["tool_calls"] = []
            yield Event("thread.run.step.created", self.calls_step)
            yield Event("thread.run.step.in_progress", self.calls_step)
        function = {"name": delta.name, "arguments": "", "output": None}
        call: Object = {"id": delta.id, "type": "function", "function": function}
        self.calls.append(call)
        self._arguments.append([])
        opener = {"index": len(self.calls) - 1, **call, "function": dict(function)}
        yield self._calls_delta(opener)

    def _calls_delta(self, call: Object) -> Event:
        assert self.calls_step is not None
        details = {"type": "tool_calls", "tool_calls": [call]}
        return _delta(self.calls_step["id"], "thread.run.step.delta", {"step_details": details})

    def _settle_calls(self) -> None:
        for call, pieces in zip(self.calls, self._arguments, strict=True):
            call["function"]["arguments"] = "".join(pieces)
        if self.calls_step is not None:
            self.calls_step["step_details"]["tool_calls"] = self.calls


def content_part(kind: str, text: str) -> Object:
    """A finished part of a message: a text without annotations, or a refusal."""
    return (
        {"type": "text", "text": {"value": text, "annotations": []}}
        if kind == "text"
        else {"type": "refusal", "refusal": text}
    )


def stopped_message(message: Object, ending: Ending) -> Event:
    """The event of a message whose run ended before it."""
    return _incomplete_message(message, f"run_{ending}")


def _incomplete_message(message: Object, reason: str) -> Event:
    message.update(status="incomplete", incomplete_details={"reason": reason}, incomplete_at=objects.now())
    return Event("thread.message.incomplete", message)


def completed_calls(step: Object, outputs: dict[str, str], usage: Object | None) -> Event:
    """The event of a step whose function calls got their outputs (by call id)."""
    for call in step["step_details"]["tool_calls"]:
        call["function"]["output"] = outputs[call["id"]]
    return _finish_step(step, "completed", usage=usage)


def stopped_step(step: Object, ending: Ending, error: Object | None = None) -> Event:
    """The event of a step whose run ended before it."""
    return _finish_step(step, ending, last_error=error)


def _finish_step(step: Object, status: str, **changes: Any) -> Event:
    step.update({"status": status, f"{status}_at": objects.now(), **changes})
    return Event(f"thread.run.step.{status}", step)


def _delta(id: str, kind: str, delta: Object) -> Event:
    return Event(kind, {"id": id, "object": kind, "delta": delta})

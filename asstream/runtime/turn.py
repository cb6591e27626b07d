"""One turn of a model as the wire tells it: model events in, run steps, messages and deltas out.

Pure: no I/O, no clock but the objects' own. What is open when a turn is cut off is closed by `stop`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from asstream.runtime import objects
from asstream.runtime.code_step import CodeStep
from asstream.runtime.ids import new_id
from asstream.runtime.markers import Pattern
from asstream.runtime.models.protocol import ModelEvent, RefusalDelta, TextDelta, ToolCallDelta, TurnEnd
from asstream.runtime.objects import Object
from asstream.runtime.reply import Made, Reply
from asstream.runtime.search_step import SearchStep
from asstream.runtime.wire_events import Ending, Event, calls_delta, finished_step, stopped_step

CUT: Final[dict[str, str]] = {"length": "max_tokens", "content_filter": "content_filter"}
"""Why a message is incomplete, by the model's finish reason."""

_NOTHING: Final = objects.usage(0, 0)


class Turn:
    """The steps and the messages of one turn: text that comes after a call is a message of its own.

    Function calls have one step together, code calls another and searches a third, each numbered from zero.

    Args:
        run: the run, as it is on the wire.
        offered: the names of the functions that the model may call. Calls of others are kept in `unknown`.
        code: the name by which it runs code; None when it may not.
        patterns: the marks in its text that become annotations.
        made: what code made since the run's last message.
        search: the name by which it searches files; None when it may not.
    """

    def __init__(
        self,
        run: Object,
        offered: frozenset[str],
        code: str | None = None,
        patterns: Sequence[Pattern] = (),
        made: Made | None = None,
        search: str | None = None,
    ) -> None:
        self.calls: list[Object] = []
        self.code = CodeStep(run)
        self.search = SearchStep(run)
        self._note = CodeStep(run)
        self.unknown: set[int] = set()
        self.said: list[str] = []
        self.message_ids: list[str] = []
        self.attached: set[str] = set()
        """The ids of the files that go with its messages."""
        self.calls_step: Object | None = None
        self._run = run
        self._offered = offered
        self._hosted: dict[str, CodeStep | SearchStep] = {}
        """The tools that are ours, by the names that the model has for them."""
        self._hosted |= {code: self.code} if code is not None else {}
        self._hosted |= {search: self.search} if search is not None else {}
        self._patterns = patterns
        self._made = made
        self._reply: Reply | None = None
        self._last_reply: Reply | None = None
        self._positions: dict[int, int] = {}
        self._hosted_positions: dict[int, tuple[CodeStep | SearchStep, int]] = {}
        self._arguments: list[list[str]] = []
        self._used: Object | None = None

    def feed(self, event: ModelEvent) -> Iterator[Event]:
        """The wire's events for one event of the model."""
        match event:
            case TextDelta(text) if text:
                if self._reply is None and self._called and not text.strip():
                    return  # the line ends that some models put after a call are no message
                self.said.append(text)
                yield from self._open_reply()
                assert self._reply is not None
                yield from self._reply.text(text)
            case RefusalDelta(text) if text:
                yield from self._open_reply()
                assert self._reply is not None
                yield from self._reply.refusal(text)
            case ToolCallDelta():
                yield from self._call(event)

    def end(self, end: TurnEnd, usage: Object) -> Iterator[Event]:
        """Close what is open.

        Steps of calls stay in progress: outputs come from outside, or from code that is still to run. With a
        turn that was cut off none will come.
        """
        reason = CUT.get(end.finish_reason)
        self._used = usage
        if not self._called and not self.message_ids and not self.unknown:
            yield from self._open_reply()
        yield from self.code.written()
        yield from self._close_reply(reason, _NOTHING if self._called else usage)
        if end.note:
            yield from self._noted(end.note)
        self._settle_calls()
        self.code.settle()
        self.search.settle()
        if reason is not None:
            self.charge(usage)
            yield from self.search.close("cancelled")
            yield from self.code.close("cancelled")
            if self.calls_step is not None:
                yield finished_step(self.calls_step, "cancelled", usage=usage)

    def _noted(self, note: str) -> Iterator[Event]:
        """A word of ours as a step of its own: the output of a call without code."""
        step = self._note = CodeStep(self._run)
        yield from step.open(new_id("call_"))
        yield from step.logs(step.calls[0], f"[{note}]\n")
        step.charge(_NOTHING)
        yield from step.close("completed")

    def charge(self, usage: Object) -> None:
        """Charge one step of the tools that are ours with the whole turn, unless a step of functions is."""
        self.code.charge(_NOTHING if self.calls else usage)
        self.search.charge(_NOTHING if self.calls or self.code.calls else usage)

    @property
    def asks_us(self) -> bool:
        """Whether there is something to be done by the tools that are ours."""
        return self.code.is_open or self.search.is_open

    def stop(self, ending: Ending, error: Object | None = None) -> Iterator[Event]:
        """Close what is open because the run ends here."""
        if self._reply is not None:
            yield from self._reply.stop(ending)
            self._reply = None
        self._settle_calls()
        self.code.settle()
        self.search.settle()
        last = self._last_reply
        self._note.settle()
        steps = (self.search.step, self.code.step, self.calls_step, self._note.step)
        for step in (last.step if last else None, *steps):
            if step is not None and step["status"] == "in_progress":
                if step is self.calls_step:
                    step["usage"] = self._used
                yield stopped_step(step, ending, error)

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet, so that the turn may be asked for again."""
        return not self.message_ids and not self._called

    @property
    def _called(self) -> bool:
        return bool(self.calls or self.code.calls or self.search.calls)

    def _open_reply(self) -> Iterator[Event]:
        if self._reply is None:
            self._reply = self._last_reply = Reply(self._run, self._patterns, self._made)
            self.attached |= {each["file_id"] for each in self._reply.message["attachments"]}
            self._made = None
            self.message_ids.append(self._reply.message["id"])
            yield from self._reply.open()

    def _close_reply(self, reason: str | None, usage: Object) -> Iterator[Event]:
        reply, self._reply = self._reply, None
        if reply is not None:
            yield from reply.close(reason, usage)

    def _call(self, delta: ToolCallDelta) -> Iterator[Event]:
        known = (self._positions, self._hosted_positions, self.unknown)
        if not any(delta.index in each for each in known):
            yield from self._open_call(delta)
        if delta.index in self._hosted_positions:
            step, place = self._hosted_positions[delta.index]
            yield from step.write(place, delta.arguments)
        elif delta.index in self._positions and delta.arguments:
            position = self._positions[delta.index]
            self._arguments[position].append(delta.arguments)
            assert self.calls_step is not None
            piece = {"index": position, "type": "function", "function": {"arguments": delta.arguments}}
            yield calls_delta(self.calls_step, piece)

    def _open_call(self, delta: ToolCallDelta) -> Iterator[Event]:
        hosted = self._hosted.get(delta.name or "")
        if hosted is None and delta.name not in self._offered:
            self.unknown.add(delta.index)
            return
        # Text before a call is a step of its own; the turn's tokens are counted with the call.
        yield from self._close_reply(None, _NOTHING)
        if hosted is not None:
            self._hosted_positions[delta.index] = hosted, len(hosted.calls)
            yield from hosted.open(delta.id or "")
            return
        self._positions[delta.index] = len(self.calls)
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
        yield calls_delta(self.calls_step, opener)

    def _settle_calls(self) -> None:
        for call, pieces in zip(self.calls, self._arguments, strict=True):
            call["function"]["arguments"] = "".join(pieces)
        if self.calls_step is not None:
            self.calls_step["step_details"]["tool_calls"] = self.calls

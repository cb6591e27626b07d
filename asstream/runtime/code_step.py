"""The code calls of one turn as the wire tells them: input as it is written, outputs as they come. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from asstream.runtime import objects
from asstream.runtime.arguments import CodeArguments
from asstream.runtime.objects import Object
from asstream.runtime.wire_events import Event, calls_delta, finished_step

_KIND = "code_interpreter"


@dataclass(slots=True)
class CodeCall:
    """One piece of code. `outputs` are as the wire has them: `logs` and `image`."""

    id: str
    place: int
    arguments: CodeArguments = field(default_factory=CodeArguments)
    written: list[str] = field(default_factory=list)
    outputs: list[Object] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    """The pieces of the last output, while that is `logs`."""

    @property
    def code(self) -> str:
        """The code as far as it was written."""
        return "".join(self.written)

    def whole(self) -> Object:
        """The call as finished steps have it."""
        self.settle_logs()
        return {
            "id": self.id,
            "type": _KIND,
            _KIND: {"input": self.code, "outputs": [dict(output) for output in self.outputs]},
        }

    def settle_logs(self) -> None:
        """Put the last pieces of logs together."""
        if self.logs:
            self.outputs[-1]["logs"] = "".join(self.logs)


class CodeStep:
    """The step of a turn's code calls. It is opened with the first of them."""

    def __init__(self, run: Object) -> None:
        self.calls: list[CodeCall] = []
        self.step: Object | None = None
        self._run = run

    def open(self, id: str) -> Iterator[Event]:
        """A further call."""
        if self.step is None:
            self.step = objects.step(self._run, "tool_calls", {})
            self.step["step_details"]["tool_calls"] = []
            yield Event("thread.run.step.created", self.step)
            yield Event("thread.run.step.in_progress", self.step)
        call = CodeCall(id, len(self.calls))
        self.calls.append(call)
        opener = {"index": call.place, "id": id, "type": _KIND, _KIND: {"input": "", "outputs": []}}
        yield calls_delta(self.step, opener)

    def write(self, place: int, arguments: str) -> Iterator[Event]:
        """A piece of a call's arguments."""
        call = self.calls[place]
        return self._written(call, call.arguments.feed(arguments))

    def written(self) -> Iterator[Event]:
        """All arguments came."""
        for call in self.calls:
            yield from self._written(call, call.arguments.end())

    def _written(self, call: CodeCall, code: str) -> Iterator[Event]:
        if code:
            call.written.append(code)
            yield self._delta(call, {"input": code})

    def logs(self, call: CodeCall, text: str) -> Iterator[Event]:
        """A piece of what a call printed; it joins the piece before."""
        if not text:
            return
        if not call.logs:
            call.outputs.append({"type": "logs", "logs": ""})
        call.logs.append(text)
        yield self._output(call, {"type": "logs", "logs": text})

    def image(self, call: CodeCall, file_id: str) -> Iterator[Event]:
        """A figure that a call showed."""
        call.settle_logs()
        call.logs = []
        image = {"type": "image", "image": {"file_id": file_id}}
        call.outputs.append(image)
        yield self._output(call, image)

    def _output(self, call: CodeCall, output: Object) -> Event:
        return self._delta(call, {"outputs": [{"index": len(call.outputs) - 1, **output}]})

    def _delta(self, call: CodeCall, changed: Object) -> Event:
        assert self.step is not None
        return calls_delta(self.step, {"index": call.place, "type": _KIND, _KIND: changed})

    def settle(self) -> None:
        """Put what is known of the calls into the step's object."""
        if self.step is not None:
            self.step["step_details"]["tool_calls"] = [call.whole() for call in self.calls]

    def charge(self, usage: Object) -> None:
        """The turn was told to its end, and took so many tokens. However the step ends, it says so."""
        if self.step is not None:
            self.step["usage"] = usage

    def close(self, status: str) -> Iterator[Event]:
        """The end of the step; where there is none, or it has ended, nothing."""
        if self.is_open:
            assert self.step is not None
            self.settle()
            yield finished_step(self.step, status)

    @property
    def is_open(self) -> bool:
        """Whether there is a step, and it has not ended."""
        return self.step is not None and self.step["status"] == "in_progress"

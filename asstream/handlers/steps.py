"""One run step as it streams: its tool calls by index, each call's callbacks once and in order.

Knows the SDK's step models and calls a handler's `on_tool_call_*` and `on_run_step_*`; knows nothing of
messages, runs or connections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openai.types.beta.threads.runs import (
    CodeInterpreterOutputImage,
    CodeInterpreterToolCall,
    FileSearchToolCall,
    FunctionToolCall,
    RunStep,
    RunStepDelta,
)
from openai.types.beta.threads.runs.code_interpreter_tool_call import CodeInterpreterOutputLogs

from asstream.handlers.merge import append, call_details, index_of, place, plain, rest_of

if TYPE_CHECKING:
    from asstream.handlers.base import EventHandler


@dataclass(slots=True)
class Call:
    """A tool call: its snapshot, and a code interpreter's outputs by the wire's index."""

    snapshot: Any
    outputs: dict[int, Any] = field(default_factory=dict)


def _empty_code(index: int, delta: Any) -> Any:
    return CodeInterpreterToolCall.construct(
        index=index, id=delta.id or "", type=delta.type, code_interpreter={"input": "", "outputs": []}
    )


def _empty_function(index: int, delta: Any) -> Any:
    name = (delta.function.name if delta.function else None) or ""
    return FunctionToolCall.construct(
        index=index,
        id=delta.id or "",
        type=delta.type,
        function={"name": name, "arguments": "", "output": None},
    )


def _empty_search(index: int, delta: Any) -> Any:
    search = plain(getattr(delta, "file_search", None))
    return FileSearchToolCall.construct(index=index, id=delta.id or "", type=delta.type, file_search=search)


_EMPTY: Mapping[str, Callable[[int, Any], Any]] = {
    "code_interpreter": _empty_code,
    "function": _empty_function,
    "file_search": _empty_search,
}


class StepState:
    """A step of the stream: `snapshot` is what has come of it, in the end the finished object."""

    def __init__(self, handler: EventHandler, snapshot: RunStep) -> None:
        self.snapshot = snapshot
        self.calls: dict[int, Call] = {}
        self.ended = False
        self._handler = handler

    def apply(self, delta: RunStepDelta) -> None:
        """One delta: callbacks of its tool calls, then `on_run_step_delta`."""
        details = delta.step_details
        if details is not None and details.type == "tool_calls":
            for position, piece in enumerate(details.tool_calls or ()):
                index = index_of(piece, position)
                call = self.calls.get(index) or self._open(index, piece)
                _feed(call, piece)
                self._handler.on_tool_call_delta(piece, call.snapshot)
        self._handler.on_run_step_delta(delta, self.snapshot)

    def reconcile(self, step: RunStep) -> None:
        """Give out, as one delta, what code, arguments and outputs `step` holds beyond the deltas so far."""
        if calls := missing_calls(self, step):
            self.apply(RunStepDelta.construct(step_details={"type": "tool_calls", "tool_calls": calls}))

    def finish(self, step: RunStep) -> None:
        """The step is over: what is missing of it, each call's done, then `on_run_step_done`. Once."""
        if self.ended:
            return
        if step is not self.snapshot:
            self.reconcile(step)
        self.ended = True
        finished = _finished_calls(self, step)
        self.snapshot = step
        for index in sorted({*self.calls, *finished}):
            self._handler.on_tool_call_done(finished.get(index) or self.calls[index].snapshot)
        self._handler.on_run_step_done(step)

    def _open(self, index: int, piece: Any) -> Call:
        make = _EMPTY.get(piece.type)
        call = Call(make(index, piece) if make else piece)
        details = self.snapshot.step_details
        if details is not None and details.type == "tool_calls":
            place(details.tool_calls, self.calls, index, call.snapshot)
        self.calls[index] = call
        self._handler.on_tool_call_created(call.snapshot)
        return call


def _feed(call: Call, piece: Any) -> None:
    snapshot = call.snapshot
    if piece.type != snapshot.type or piece is snapshot:
        return
    if piece.id and not snapshot.id:
        snapshot.id = piece.id
    if piece.type == "code_interpreter":
        if (code := piece.code_interpreter) is not None:
            if code.input:
                append(snapshot.code_interpreter, "input", code.input)
            for position, output in enumerate(code.outputs or ()):
                _feed_output(call, index_of(output, position), output)
    elif piece.type == "function" and (function := piece.function) is not None:
        if function.arguments:
            append(snapshot.function, "arguments", function.arguments)
        if function.name and not snapshot.function.name:
            snapshot.function.name = function.name
        if function.output is not None:
            snapshot.function.output = function.output


def _feed_output(call: Call, index: int, output: Any) -> None:
    known = call.outputs.get(index)
    if known is None:
        if output.type == "logs":
            known = CodeInterpreterOutputLogs.construct(index=index, type="logs", logs="")
        else:
            known = CodeInterpreterOutputImage.construct(**plain(output) | {"index": index})
        place(call.snapshot.code_interpreter.outputs, call.outputs, index, known)
        call.outputs[index] = known
    if output.type == "logs" and known.type == "logs":
        append(known, "logs", output.logs or "")


def calls_of(step: RunStep) -> list[Any]:
    """The tool calls of a step; none for a message step."""
    details = getattr(step, "step_details", None)
    return list(getattr(details, "tool_calls", None) or ()) if details is not None else []


def _indexed(state: StepState | None, step: RunStep) -> list[tuple[int, Any]]:
    """A finished step's calls, each with the index under which it streamed: by its id, else by its place."""
    by_id = {call.snapshot.id: index for index, call in state.calls.items()} if state else {}
    return [(by_id.get(call.id, place), call) for place, call in enumerate(calls_of(step))]


def _finished_calls(state: StepState, step: RunStep) -> dict[int, Any]:
    return dict(_indexed(state, step))


def missing_calls(state: StepState | None, step: RunStep) -> list[dict[str, Any]]:
    """What `step` holds beyond the deltas that `state` has seen, as the `tool_calls` of one delta.

    Code, arguments, logs and images count; a function's output and search results never stream, so they
    come with the finished call alone.
    """
    calls = state.calls if state else {}
    pieces = (_missing(calls.get(index), index, call) for index, call in _indexed(state, step))
    return [piece for piece in pieces if piece is not None]


def _missing(call: Call | None, index: int, whole: Any) -> dict[str, Any] | None:
    head = {"index": index, "type": whole.type}
    if call is None:
        return head | {"id": whole.id, whole.type: _first_details(whole)}
    if call.snapshot.type != whole.type or (details := call_details(whole)) is None:
        return None
    if whole.type == "function":
        rest = rest_of(call.snapshot.function.arguments, details.arguments)
        return head | {"function": {"arguments": rest}} if rest else None
    if whole.type != "code_interpreter":
        return None
    code: dict[str, Any] = {}
    if rest := rest_of(call.snapshot.code_interpreter.input, details.input):
        code["input"] = rest
    if outputs := _missing_outputs(call, details.outputs or []):
        code["outputs"] = outputs
    return head | {"code_interpreter": code} if code else None


def _first_details(whole: Any) -> dict[str, Any]:
    details = call_details(whole)
    if details is None or whole.type == "file_search":
        return {}
    if whole.type == "function":
        return {"name": details.name, "arguments": details.arguments or "", "output": None}
    if whole.type == "code_interpreter":
        outputs = [plain(output) | {"index": index} for index, output in enumerate(details.outputs or [])]
        return {"input": details.input or "", "outputs": outputs}
    return plain(details)


def _missing_outputs(call: Call, outputs: list[Any]) -> list[dict[str, Any]]:
    missing = []
    for index, output in enumerate(outputs):
        known = call.outputs.get(index)
        if known is None:
            missing.append(plain(output) | {"index": index})
        elif output.type == "logs" == known.type and (rest := rest_of(known.logs, output.logs)):
            missing.append({"index": index, "type": "logs", "logs": rest})
    return missing

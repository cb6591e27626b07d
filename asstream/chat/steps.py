"""What a run's steps did: each in a few words, for `/steps`. Knows the wire's steps, nothing of terminals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from asstream.render.clean import clean_line
from asstream.render.redraw import collapse

if TYPE_CHECKING:
    from openai.types.beta.threads.runs import RunStep

WIDEST = 60
"""Characters of a piece of code, arguments or output that is only hinted at."""


def brief(step: RunStep) -> list[str]:
    """A step's line, and a line for each of its calls."""
    tokens = f"{step.usage.total_tokens} tokens" if step.usage else ""
    head = "  ".join(part for part in (step.id, step.type, step.status, tokens) if part)
    return [head, *(f"  {_CALLS.get(call.type, _other)(call)}" for call in calls(step))]


def calls(step: RunStep) -> list[Any]:
    """A step's tool calls; none for a message."""
    return list(getattr(step.step_details, "tool_calls", None) or ())


def _code(call: Any) -> str:
    code = call.code_interpreter
    outputs = code.outputs or ()
    lines = sum(len(collapse(output.logs).splitlines()) for output in outputs if output.type == "logs")
    pictures = sum(output.type == "image" for output in outputs)
    results = [_many(lines, "line"), _many(pictures, "image")]
    if not code.input.strip():
        said = " ".join(output.logs for output in outputs if output.type == "logs")
        return f"no code: {clean_line(said, WIDEST) or 'nothing'}"
    first = clean_line(code.input.strip().partition("\n")[0], WIDEST)
    more = code.input.strip().count("\n")
    written = f"{first} (+{_many(more, 'line')})" if more else first
    return f"code: {written} → {', '.join(part for part in results if part) or 'nothing'}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}" if count else ""


def _function(call: Any) -> str:
    output = call.function.output
    result = clean_line(output, WIDEST) if output is not None else "no output"
    return f"function: {call.function.name}({clean_line(call.function.arguments, WIDEST)}) → {result}"


def _search(call: Any) -> str:
    return f"file search: {_many(len(call.file_search.results or ()), 'result') or 'no results'}"


def _other(call: Any) -> str:
    return str(call.type)


_CALLS: Mapping[str, Callable[[Any], str]] = {
    "code_interpreter": _code,
    "function": _function,
    "file_search": _search,
}

"""A past run's steps on the page: code, outputs, function calls, as a chat shows them live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from asstream.chat.steps import calls
from asstream.cli.output import when
from asstream.render.clean import clean_line
from asstream.render.code import CodeStyler
from asstream.render.logs import LogStyler
from asstream.render.transcript import Transcript

if TYPE_CHECKING:
    from openai.types.beta.threads.runs import RunStep

NameOf = Callable[[str], str]
"""File id → the file's name; empty where the endpoint does not know it any more."""


def show_steps(steps: list[RunStep], name_of: NameOf) -> None:
    """Print each step with what it did on stdout."""
    page = Transcript(Console(), Console(stderr=True))
    for step in steps:
        page.line("  ".join(part for part in _head(step) if part))
        for call in calls(step):
            _SHOW.get(call.type, _other)(page, call, name_of)
        page.close()


def _head(step: RunStep) -> list[str]:
    tokens = f"{step.usage.total_tokens} tokens" if step.usage else ""
    message = getattr(getattr(step.step_details, "message_creation", None), "message_id", "")
    wrong = f"{step.last_error.code}: {step.last_error.message}" if step.last_error else ""
    return [step.id, step.type, step.status, tokens, when(step.created_at), message, wrong]


def _code(page: Transcript, call: Any, name_of: NameOf) -> None:
    if call.code_interpreter.input:
        page.open(("code", call.id), "code", styler=CodeStyler())
        page.add(call.code_interpreter.input)
    for place, output in enumerate(call.code_interpreter.outputs or ()):
        if output.type == "logs":
            page.open(("logs", call.id, place), "output", styler=LogStyler(), redraws=True)
            page.add(output.logs)
        elif output.type == "image":
            name = clean_line(name_of(output.image.file_id))
            page.line(f"image {name} ({output.image.file_id})" if name else f"image {output.image.file_id}")


def _function(page: Transcript, call: Any, name_of: NameOf) -> None:
    page.open(("call", call.id), f"function {call.function.name}")
    page.add(call.function.arguments)
    if call.function.output is not None:
        page.open(("output", call.id), "output")
        page.add(call.function.output)


def _search(page: Transcript, call: Any, name_of: NameOf) -> None:
    page.line("file search")
    for result in call.file_search.results or ():
        page.line(f"{result.score:.2f}  {result.file_name} ({result.file_id})")


def _other(page: Transcript, call: Any, name_of: NameOf) -> None:
    page.line(str(call.type))


_SHOW: Mapping[str, Callable[[Transcript, Any, NameOf], None]] = {
    "code_interpreter": _code,
    "function": _function,
    "file_search": _search,
}

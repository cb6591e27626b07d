"""A past run's steps on the page: code, outputs, function calls, as a chat shows them live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from asstream.chat.steps import calls
from asstream.cli.output import when
from asstream.render.clean import clean
from asstream.render.code import CodeStyler
from asstream.render.logs import LogStyler
from asstream.render.redraw import collapse
from asstream.render.transcript import Transcript

if TYPE_CHECKING:
    from openai.types.beta.threads.runs import RunStep

Image = Callable[[str], str]
"""File id → the image in words."""

MOST_LINES = 24
"""Lines of code, and of an output, that are shown of a step in a chat's past; of the latter head and tail."""
MOST_WIDE = 400
"""Characters of such a line."""


def show_code(page: Transcript, step: RunStep, image: Image) -> None:
    """Print the code of a step and what it printed as a chat showed them, shortened."""
    for call in calls(step):
        if call.type == "code_interpreter":
            _code(page, call, image, short=True)
    page.close()


def show_steps(steps: list[RunStep], image: Image) -> None:
    """Print each step with what it did on stdout."""
    page = Transcript(Console(), Console(stderr=True))
    for step in steps:
        page.line("  ".join(part for part in _head(step) if part))
        for call in calls(step):
            _SHOW.get(call.type, _other)(page, call, image)
        page.close()


def _head(step: RunStep) -> list[str]:
    tokens = f"{step.usage.total_tokens} tokens" if step.usage else ""
    message = getattr(getattr(step.step_details, "message_creation", None), "message_id", "")
    wrong = f"{step.last_error.code}: {step.last_error.message}" if step.last_error else ""
    return [step.id, step.type, step.status, tokens, when(step.created_at), message, wrong]


def _code(page: Transcript, call: Any, image: Image, *, short: bool = False) -> None:
    if code := call.code_interpreter.input:
        page.open(("code", call.id), "code", styler=CodeStyler())
        _add(page, code, MOST_LINES if short else None, 0)
    for place, output in enumerate(call.code_interpreter.outputs or ()):
        if output.type == "logs" and code:
            page.open(("logs", call.id, place), "output", styler=LogStyler(), redraws=True)
            _add(page, output.logs, MOST_LINES if short else None, MOST_LINES // 2)
        elif output.type == "logs":
            page.line(output.logs)  # a word of the interpreter's own
        elif output.type == "image":
            page.line(image(output.image.file_id))


def _add(page: Transcript, text: str, most: int | None, tail: int) -> None:
    """Write a text into the open section; of more than `most` lines, the last `tail` and the first."""
    if most is None:
        page.add(text)
        return
    lines = [_cut(line) for line in clean(collapse(text)).rstrip("\n").split("\n")]
    if len(lines) > most + 1:
        left = len(lines) - most
        lines[most - tail : len(lines) - tail] = [f"… {left} more lines"]
    page.add("\n".join(lines))


def _cut(line: str) -> str:
    return line if len(line) <= MOST_WIDE else line[: MOST_WIDE - 1] + "…"


def _function(page: Transcript, call: Any, image: Image) -> None:
    page.open(("call", call.id), f"function {call.function.name}")
    page.add(call.function.arguments)
    if call.function.output is not None:
        page.open(("output", call.id), "output")
        page.add(call.function.output)


def _search(page: Transcript, call: Any, image: Image) -> None:
    page.line("file search")
    for result in call.file_search.results or ():
        page.line(f"{result.score:.2f}  {result.file_name} ({result.file_id})")


def _other(page: Transcript, call: Any, image: Image) -> None:
    page.line(str(call.type))


_SHOW: Mapping[str, Callable[[Transcript, Any, Image], None]] = {
    "code_interpreter": _code,
    "function": _function,
    "file_search": _search,
}

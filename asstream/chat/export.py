"""A thread as a Markdown document: its messages, and its code with what that printed. Knows the wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from asstream.chat.history import shown
from asstream.chat.steps import calls
from asstream.render.clean import clean
from asstream.render.redraw import collapse

if TYPE_CHECKING:
    from openai.types.beta.threads import Message
    from openai.types.beta.threads.runs import RunStep


def markdown(
    title: str, thread_id: str, past: Iterable[Message | RunStep], image: Callable[[str], str]
) -> str:
    """The document, with a line end at its end.

    Args:
        past: messages and steps of code, oldest first.
        image: says which image a file id stands for.
    """
    lines = [f"# {title or thread_id}", "", f"`{thread_id}`"]
    for entry in past:
        if entry.object == "thread.message":
            lines += ["", f"## {entry.role.capitalize()}", "", shown(entry)]
        else:
            for call in calls(entry):
                lines += _code(call, image)
    return "\n".join(lines) + "\n"


def _code(call: Any, image: Callable[[str], str]) -> Iterator[str]:
    if call.type != "code_interpreter":
        return
    code = call.code_interpreter
    yield from ("", "## Code")
    if code.input:
        yield from ("", *_fenced(clean(code.input), "python"))
    for output in code.outputs or ():
        if output.type == "logs":
            yield from ("", "Output:", "", *_fenced(clean(collapse(output.logs)), "text"))
        elif output.type == "image":
            yield from ("", f"[{image(output.image.file_id)}]")


def _fenced(text: str, language: str) -> list[str]:
    """A block of text as it is: its fence is longer than any in it."""
    fence = "`" * max([3, *(len(each) + 1 for each in re.findall("`{3,}", text))])
    return [f"{fence}{language}", text.rstrip("\n"), fence]

"""What goes on in a run, in a person's words, for the line below a reply.

Knows the wire's names; draws nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from asstream.render.clean import clean_line

if TYPE_CHECKING:
    from openai.types.beta.threads import Run

SENDING = "sending"
READING = "reading files"
THINKING = "thinking"
SEARCHING = "searching"
WRITING_CODE = "writing code"
RUNNING_CODE = "running code"

STATUSES: Mapping[str, str] = {
    "queued": "queued",
    "in_progress": THINKING,
    "cancelling": "cancelling",
}
"""Status of a run that goes on → what it does."""

AFTER: Mapping[str, str] = {
    "thread.run.created": STATUSES["queued"],
    "thread.run.queued": STATUSES["queued"],
    "thread.run.in_progress": THINKING,
    "thread.run.cancelling": STATUSES["cancelling"],
    "thread.run.step.completed": THINKING,
}
"""Event → what goes on after it. Those that show something by themselves are not here."""

_LONGEST = 60


def waiting_for(run: Run) -> str:
    """What a run in `requires_action` waits for, with the functions' names."""
    return f"waiting for your tool: {clean_line(', '.join(functions(run).values()), _LONGEST)}"


def functions(run: Run) -> dict[str, str]:
    """The functions that a run waits for: call id → name; none where it waits for nothing."""
    if run.required_action is None:
        return {}
    return {call.id: call.function.name for call in run.required_action.submit_tool_outputs.tool_calls}


class GivesWay:
    """While this is open whatever is printed or asked (on `sys.stdout`, `sys.stderr`) comes after `clear`.

    A handler of the person's own may print, or ask something, where a line below says what goes on.
    """

    def __init__(self, clear: Callable[[], None]) -> None:
        self._clear = clear
        self._replaced: list[tuple[str, Any, _Stream]] = []

    def __enter__(self) -> None:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None:
                ours = _Stream(stream, self._clear)
                setattr(sys, name, ours)
                self._replaced.append((name, stream, ours))

    def __exit__(self, *_: object) -> None:
        while self._replaced:
            name, stream, ours = self._replaced.pop()
            if getattr(sys, name) is ours:  # else somebody else has put another one there
                setattr(sys, name, stream)


class _Stream:
    """A text stream. `input` works at it as at the stream itself: it flushes first, and takes `fileno`."""

    def __init__(self, stream: Any, clear: Callable[[], None]) -> None:
        self._stream = stream
        self._clear = clear

    def write(self, text: str) -> int:
        self._clear()
        return int(self._stream.write(text))

    def writelines(self, lines: Any) -> None:
        self._clear()
        self._stream.writelines(lines)

    def flush(self) -> None:
        self._clear()
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

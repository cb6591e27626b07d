"""`parallel_tool_calls: false` for models that call several functions all the same. Pure."""

from __future__ import annotations

from dataclasses import replace

from asstream.runtime.models.protocol import ModelEvent, ToolCallDelta, TurnEnd


class OneCall:
    """Lets the first call of a turn through, and what is no call.

    The others are not told to the model as its own: it may call them again once it has its output.
    """

    def __init__(self) -> None:
        self._kept: int | None = None

    def let_through(self, event: ModelEvent) -> ModelEvent | None:
        """The event, without further calls; None where nothing is left of it."""
        match event:
            case ToolCallDelta():
                if self._kept is None:
                    self._kept = event.index
                return event if event.index == self._kept else None
            case TurnEnd() if self._kept is not None and "tool_calls" in event.message:
                calls = event.message["tool_calls"][self._kept : self._kept + 1]
                return replace(event, message={**event.message, "tool_calls": calls})
        return event

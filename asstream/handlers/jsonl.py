"""JsonLinesHandler: every event as one line of JSON, `{"event": NAME, "data": …}`, as it is on the wire."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from typing_extensions import override

from asstream.handlers.base import EventHandler
from asstream.handlers.faults import is_error
from asstream.handlers.outcome import outcome_lines
from asstream.render.clean import escape_json
from asstream.render.output import Output

if TYPE_CHECKING:
    from openai import BaseModel
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import Run


class JsonLinesHandler(EventHandler):
    """One line an event, flushed as it comes, with every key that was sent, also unknown ones.

    What could harm a terminal is written as JSON escapes: the value is the same. Why a run did not complete
    is in the events, and in words on standard error.

    Args:
        output: for the lines; standard output when left out.
        errors: for words; standard error when left out.

    Raises BrokenPipeError through the stream when nobody reads the output any more.
    """

    explains_outcome: ClassVar[bool] = True

    def __init__(self, *, output: TextIO | None = None, errors: TextIO | None = None) -> None:
        super().__init__()
        self._output = Output(output)
        self._errors = Output(errors if errors is not None else sys.stderr)

    @override
    def on_event(self, event: AssistantStreamEvent) -> None:
        name, data = self._wire(event)
        line = json.dumps({"event": name, "data": data}, ensure_ascii=False, separators=(",", ":"))
        self._output.write(escape_json(line) + "\n")

    @override
    def on_run_done(self, run: Run) -> None:
        self._errors.write("".join(f"{line}\n" for line in outcome_lines(run)))

    def _wire(self, event: AssistantStreamEvent) -> tuple[str, Any]:
        """Name and data as they came, where the stream keeps them; else from the SDK's objects."""
        wire = getattr(self._feed.stream, "wire", None) if self._feed else None
        if wire is not None:
            return wire[0], json.loads(wire[1])
        if is_error(event):  # its name may be lost and its data at the top
            return "error", _error_data(event)
        data: Any = event.data
        return event.event, data.to_dict(mode="json", warnings=False)


def _error_data(event: BaseModel) -> Any:
    wire = event.to_dict(mode="json", warnings=False)
    return wire.get("data") or {key: value for key, value in wire.items() if key not in ("event", "data")}

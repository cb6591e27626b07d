"""The searches of one turn as the wire tells them: a call while it is written, its results when it has ended.

The text that was found is private (`_contents`, by call) unless a client asked for it: see `shown`. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from asstream.runtime import objects
from asstream.runtime.objects import Object
from asstream.runtime.wire_events import Event, calls_delta, finished_step
from asstream.search.protocol import Hit

KIND: Final = "file_search"
MOST_QUERIES: Final = 5
_LONGEST_QUERY: Final = 2000

CONTENT: Final = "step_details.tool_calls[*].file_search.results[*].content"
"""What a client puts into `include[]` to get the text that was found."""


@dataclass(slots=True)
class SearchCall:
    """One call of the tool. `hits`: None until it was searched."""

    id: str
    arguments: list[str] = field(default_factory=list)
    hits: Sequence[Hit] | None = None

    def queries(self) -> list[str]:
        """What is searched for; nothing where the model's arguments can't be understood."""
        written = "".join(self.arguments)
        try:
            given = json.loads(written)
        except ValueError:
            given = None
        asked = _asked(given)
        return [query[:_LONGEST_QUERY] for query in asked if query.strip()][:MOST_QUERIES]


class SearchStep:
    """The step of a turn's searches. It is opened with the first of them."""

    def __init__(self, run: Object) -> None:
        self.calls: list[SearchCall] = []
        self.step: Object | None = None
        self._run = run

    def open(self, id: str) -> Iterator[Event]:
        """A further call."""
        if self.step is None:
            self.step = objects.step(self._run, "tool_calls", {})
            self.step["step_details"]["tool_calls"] = []
            self.step["_with_contents"] = self._run.get("_with_contents", False)
            yield Event("thread.run.step.created", self.step)
            yield Event("thread.run.step.in_progress", self.step)
        call = SearchCall(id)
        self.calls.append(call)
        yield calls_delta(self.step, {"index": len(self.calls) - 1, **self._whole(call)})

    def write(self, place: int, arguments: str) -> Iterator[Event]:
        """A piece of a call's arguments. The wire does not show them."""
        self.calls[place].arguments.append(arguments)
        return iter(())

    def settle(self) -> None:
        """Put what is known of the calls into the step's object."""
        if self.step is not None:
            self.step["step_details"]["tool_calls"] = [self._whole(call) for call in self.calls]
            self.step["_contents"] = {call.id: [hit.text for hit in call.hits or ()] for call in self.calls}

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

    def _whole(self, call: SearchCall) -> Object:
        options = search_options(self._run)["ranking_options"]
        shown = {key: options[key] for key in ("ranker", "score_threshold")}
        results = [
            {
                "file_id": hit.file_id,
                "file_name": hit.filename,
                "score": hit.score,
                "attributes": dict(hit.attributes),
            }
            for hit in call.hits or ()
        ]
        return {"id": call.id, "type": KIND, KIND: {"ranking_options": shown, "results": results}}


def search_options(run: Object) -> Object:
    """The options of a run's file search; the service's own where it has none."""
    for tool in run["tools"]:
        if tool["type"] == KIND:
            options: Object = tool[KIND]
            return options
    return {"ranking_options": objects.DEFAULT_RANKER}


def shown(step: Object, *, contents: bool | None = None) -> Object:
    """A step as the wire shows it, with the text that was found or without.

    Args:
        contents: whether with; None: as its run was asked for.
    """
    found: dict[str, list[str]] = step.get("_contents") or {}
    if not (step.get("_with_contents") if contents is None else contents) or not found:
        return step
    calls = [_with_contents(call, found.get(call["id"], [])) for call in step["step_details"]["tool_calls"]]
    return {**step, "step_details": {**step["step_details"], "tool_calls": calls}}


def _with_contents(call: Object, texts: list[str]) -> Object:
    if call["type"] != KIND:
        return call
    results = [
        {**result, "content": [{"type": "text", "text": text}]}
        for result, text in zip(call[KIND]["results"], texts, strict=False)
    ]
    return {**call, KIND: {**call[KIND], "results": results}}


def _asked(given: Any) -> list[str]:
    """Models write `{"queries": […]}`, and now and then something near it."""
    if isinstance(given, dict):
        given = next((given[key] for key in ("queries", "query", "q") if key in given), None)
    if isinstance(given, str):
        return [given]
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []

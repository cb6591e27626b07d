"""The tools of a run that are not the client's: its code and its searches, seen as one by the engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

from asstream.runtime.cells import Cells
from asstream.runtime.markers import FilePaths, Pattern
from asstream.runtime.models.protocol import Model
from asstream.runtime.objects import Object
from asstream.runtime.reply import Made
from asstream.runtime.searches import Searches
from asstream.runtime.turn import Turn
from asstream.runtime.wire_events import Ending, Event, stopped_step


class Hosted:
    """What there is of them in one run.

    Attributes:
        searches: what searches its files; None when there are none.
    """

    def __init__(self, cells: Cells | None = None, searches: Searches | None = None) -> None:
        self.searches = searches
        self._cells = cells

    def files(self) -> list[str] | None:
        """The names below /mnt/data; None when there is nothing to run code."""
        return None if self._cells is None else [file.name for file in self._cells.space.inputs()]

    def patterns(self) -> list[Pattern]:
        """The marks in a reply that become annotations."""
        patterns: list[Pattern] = []
        if self._cells is not None:
            patterns.append(FilePaths(self._cells.space.names()))
        if self.searches is not None:
            patterns += self.searches.patterns()
        return patterns

    def made(self) -> Made | None:
        """What code made since the run's last message."""
        return None if self._cells is None else self._cells.space.made()

    def warm(self, turn: Turn) -> None:
        """Prepare for what a turn is about to ask."""
        if self._cells is not None and turn.code.is_open:
            self._cells.warm()

    async def run(self, turn: Turn, usage: Object, room: int | None) -> AsyncGenerator[Event, None]:
        """Do what a turn asked, and complete its steps. `room`: tokens of the model's window, if known."""
        turn.charge(usage)
        if turn.search.is_open:
            assert self.searches is not None
            await self.searches.run(turn.search, room)
            for event in turn.search.close("completed"):
                yield event
        if turn.code.is_open:
            assert self._cells is not None
            async with aclosing(self._cells.run(turn.code)) as events:
                async for event in events:
                    yield event
            for event in turn.code.close("completed"):
                yield event

    def record(self, turn: Turn, model: Model) -> Object:
        """What the model is told of it, as a turn's record."""
        record: dict[str, Any] = {
            "model": model.name,
            "messages": [],
            "message_ids": [],
            "step_id": None,
            "usage": None,
        }
        if self._cells is not None and turn.code.calls:
            record = self._cells.record(model.name, turn.code.calls, model.context_window)
        if self.searches is not None and turn.search.calls:
            searched = self.searches.record(turn.search.calls)
            record["messages"] = [*searched.pop("messages"), *record["messages"]]
            record.update(searched)
        return record

    def stop(self, ending: Ending, error: Object | None) -> Iterator[Event]:
        """Close the step of a search that no turn asked for, where it is open."""
        if self.searches is not None and self.searches.first.is_open:
            self.searches.first.settle()
            assert self.searches.first.step is not None
            yield stopped_step(self.searches.first.step, ending, error)

    async def collect(self) -> list[Event]:
        """Keep what code had made that was interrupted; what is to be told of it. Bounded in time."""
        return [] if self._cells is None else await self._cells.collect()

"""Runs the code of a turn: the interpreter's events in, the wire's events and the model's words out."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from asstream.errors import WireError
from asstream.interpreter.protocol import (
    CellEnd,
    CellEvent,
    CellStart,
    Image,
    InterpreterUnavailableError,
    Logs,
    ProducedFile,
    RemovedFiles,
    printable,
)
from asstream.runtime import records
from asstream.runtime.code_step import CodeCall, CodeStep
from asstream.runtime.interpreting import LazyInterpreter
from asstream.runtime.objects import Object
from asstream.runtime.wire_events import Event
from asstream.runtime.workspace import LastCode, Workspace

logger = logging.getLogger("asstream.runtime")

_COLLECT_SECONDS: Final = 3.0
"""How long the end of a run waits, at the very most, for the files of code that was interrupted."""

FRESH: Final = (
    "[The interpreter was started anew: earlier variables are gone, files are there as they were kept.]\n"
)
_NO_CODE: Final = "[There was no code in this call.]\n"
_FAILED: Final = "[The interpreter failed; the log of the server says how.]\n"


@dataclass(slots=True)
class _Outcome:
    """What one cell came to."""

    said: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    ended: bool = False

    def on_a_line(self, note: str) -> str:
        """A note as it goes behind what was said: on a line of its own."""
        return note if not self.said or self.said[-1].endswith("\n") else f"\n{note}"


class Cells:
    """The code of one run.

    Args:
        interpreter: what runs it.
        space: the thread's files.
        thread: the thread's id.
    """

    def __init__(self, interpreter: LazyInterpreter, space: Workspace, thread: str) -> None:
        self.space = space
        self._interpreter = interpreter
        self._thread = thread
        self._outcomes: dict[str, _Outcome] = {}
        self._kept: dict[str, str] = {}
        """Files that code of this step made, by their names: no record has them yet."""
        self._before: LastCode = None
        self._warmed = False
        self._running: tuple[CodeStep, CodeCall] | None = None

    def warm(self) -> None:
        """Code is likely to come. Twice is once."""
        if not self._warmed:
            self._warmed = True
            self._interpreter.warm()

    async def run(self, step: CodeStep) -> AsyncGenerator[Event, None]:
        """Run a step's calls, one after the other. Closing interrupts the one that runs."""
        self._outcomes, self._kept = {}, {}
        assert step.step is not None
        self._before = self.space.last_code(step.step["id"])
        if self._before == "elsewhere" and self._thread in self._interpreter.known:
            # Another process went on with the thread: the variables and files here are those of before.
            await self._interpreter.end(self._thread)
        for call in step.calls:
            self._running = step, call
            async with aclosing(self._call(step, call)) as events:
                async for event in events:
                    yield event
            self._running = None

    async def collect(self) -> list[Event]:
        """Keep the files that code made which was interrupted; what is to be told of it. Bounded in time.

        To be called once `run` was closed, while the run's thread is there.
        """
        (running, self._running), told = (self._running, None), list[Event]()
        if running is None or not self.space.exists():
            return told
        step, call = running
        try:
            async with (
                asyncio.timeout(_COLLECT_SECONDS),
                aclosing(self._interpreter.collect(self._thread)) as events,
            ):
                async for event in events:
                    told += await self._told(step, call, self._outcomes[call.id], event)
        except (TimeoutError, InterpreterUnavailableError):
            pass  # the session is still starting, or it has ended: there is nothing
        except Exception:
            logger.exception("files of interrupted code were not kept in thread %s", self._thread)
        return told

    def record(self, model: str, calls: Sequence[CodeCall], room: int | None) -> Object:
        """What the model is told of all calls, as a turn's record.

        `room`: tokens of the model's window, if known.
        """
        most = records.MOST_SHOWN if room is None else min(records.MOST_SHOWN, room)
        begun = {call.id: self._outcomes[call.id] for call in calls if call.id in self._outcomes}
        outcomes = begun.values()
        texts = {id: records.shown("".join(o.said), ended=o.ended, most=most) for id, o in begun.items()}
        return {
            "model": model,
            "messages": records.answers((call.id, texts.get(call.id, records.UNRUN)) for call in calls),
            "message_ids": [],
            "step_id": None,
            "usage": None,
            "figures": [id for outcome in outcomes for id in outcome.figures],
            "files": [id for outcome in outcomes for id in outcome.files],
            "removed": [id for outcome in outcomes for id in outcome.removed],
        }

    async def _call(self, step: CodeStep, call: CodeCall) -> AsyncGenerator[Event, None]:
        outcome = self._outcomes[call.id] = _Outcome()
        if not call.code.strip():
            for told in _note(step, call, outcome, _NO_CODE):
                yield told
            outcome.ended = True
            return
        note = ""
        try:
            cell = self._interpreter.run(self._thread, call.code, self.space.inputs())
            async with aclosing(cell) as events:
                async for event in events:
                    for told in await self._told(step, call, outcome, event):
                        yield told
        except InterpreterUnavailableError as error:
            if error.message not in self._interpreter.said:
                self._interpreter.said.add(error.message)
                logger.warning("no code can be run: %s %s", error.message, error.remedy)
            note = f"[No code can be run here: {error.message}\n{error.remedy}]\n"
        except Exception:
            logger.exception("the interpreter failed in thread %s", self._thread)
            note = _FAILED
        if note:
            for told in _note(step, call, outcome, note):
                yield told
        outcome.ended = True

    async def _told(self, step: CodeStep, call: CodeCall, outcome: _Outcome, event: CellEvent) -> list[Event]:
        match event:
            case CellStart(fresh):
                # Of a session that it had here the interpreter says itself what became of it.
                known, unknown = self._interpreter.known, self._thread not in self._interpreter.known
                known.add(self._thread)
                if fresh and unknown and self._before is not None:
                    return _note(step, call, outcome, FRESH)
            case Logs(text):
                return list(_print(step, call, outcome, text))
            case Image():
                return await self._show(step, call, outcome, event)
            case ProducedFile():
                return await self._keep(step, call, outcome, event)
            case RemovedFiles(names):
                there = {printable(name): id for name, id in self.space.names().items()} | self._kept
                outcome.removed += [there[name] for name in names if name in there]
            case CellEnd():
                pass
        return []

    async def _show(self, step: CodeStep, call: CodeCall, outcome: _Outcome, image: Image) -> list[Event]:
        try:
            id = await self.space.keep(f"figure.{image.format}", io.BytesIO(image.data))
        except WireError as error:
            return _note(step, call, outcome, f"[A figure could not be kept: {error.message}]\n")
        outcome.figures.append(id)
        outcome.said.append(outcome.on_a_line(records.figure_shown(id)))
        return list(step.image(call, id))

    async def _keep(
        self, step: CodeStep, call: CodeCall, outcome: _Outcome, file: ProducedFile
    ) -> list[Event]:
        try:
            with file.path.open("rb") as content:
                id = await self.space.keep(file.name, content)
        except (WireError, OSError) as error:
            return _note(step, call, outcome, f"[{file.name} could not be kept: {error}]\n")
        outcome.files.append(id)
        self._kept[file.name] = id
        outcome.said.append(
            outcome.on_a_line(
                f"[The file /mnt/data/{file.name} was saved ({file.size} bytes). "
                f"The user can have it by the link sandbox:/mnt/data/{file.name}]\n"
            )
        )
        return []


def _print(step: CodeStep, call: CodeCall, outcome: _Outcome, text: str) -> Iterator[Event]:
    """A text in the output, for the user and the model alike."""
    if text:
        outcome.said.append(text)
    return step.logs(call, text)


def _note(step: CodeStep, call: CodeCall, outcome: _Outcome, text: str) -> list[Event]:
    """A word of ours in the output."""
    return list(_print(step, call, outcome, outcome.on_a_line(text)))

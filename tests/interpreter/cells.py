"""Cells run for a test, and what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import (
    CellEnd,
    CellEvent,
    CellStart,
    Image,
    InputFile,
    Logs,
    ProducedFile,
    RemovedFiles,
)

HANG = 60.0
"""Seconds after which a test has hung; nothing is measured by it."""


@dataclass
class Cell:
    """All events of a cell, by kind. `files`: content by name."""

    events: list[CellEvent] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def logs(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Logs))

    @property
    def images(self) -> list[Image]:
        return [event for event in self.events if isinstance(event, Image)]

    @property
    def removed(self) -> list[str]:
        return [name for event in self.events if isinstance(event, RemovedFiles) for name in event.names]

    @property
    def fresh(self) -> bool:
        assert isinstance(self.events[0], CellStart)
        return self.events[0].fresh

    @property
    def status(self) -> str:
        assert isinstance(self.events[-1], CellEnd)
        return self.events[-1].status


async def ran(
    interpreter: KernelInterpreter, code: str, thread: str = "t", files: Sequence[InputFile] = ()
) -> Cell:
    cell = Cell()
    async with asyncio.timeout(HANG):
        async for event in interpreter.run(thread, code, files):
            cell.events.append(event)
            if isinstance(event, ProducedFile):
                cell.files[event.name] = event.path.read_bytes()
    return cell


def run(
    interpreter: KernelInterpreter, code: str, thread: str = "t", files: Sequence[InputFile] = ()
) -> Cell:
    return asyncio.run(ran(interpreter, code, thread, files))

"""An interpreter that plays a function, and notes what it is asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from asstream.interpreter.protocol import CellEnd, CellEvent, CellStart, InputFile, Logs
from asstream.runtime import CodeOptions

Play = Callable[[str], AsyncIterator[CellEvent]]


async def prints(*texts: str, fresh: bool = False) -> AsyncIterator[CellEvent]:
    """A cell that prints."""
    yield CellStart(fresh)
    for text in texts:
        yield Logs(text)
    yield CellEnd("ok")


class PlayedInterpreter:
    """Plays a function of the code.

    Attributes:
        asked: (thread, code, files) of each cell.
        interrupted: the code of each cell that was closed before its end.
        ended: threads whose session was ended.
        collected: threads of which it was asked what an interrupted cell made: `left`.
    """

    def __init__(self, play: Play) -> None:
        self._play = play
        self.asked: list[tuple[str, str, list[InputFile]]] = []
        self.interrupted: list[str] = []
        self.ended: list[str] = []
        self.collected: list[str] = []
        self.left: list[CellEvent] = []
        self.warmed = 0
        self.closed = False

    @property
    def options(self) -> CodeOptions:
        """For `open_runtime`."""
        return CodeOptions(lambda: self, by_default=True)

    async def run(
        self, thread: str, code: str, files: Sequence[InputFile] = ()
    ) -> AsyncGenerator[CellEvent, None]:
        self.asked.append((thread, code, list(files)))
        done = False
        try:
            async for event in self._play(code):
                yield event
            done = True
        finally:
            if not done:
                self.interrupted.append(code)

    async def collect(self, thread: str) -> AsyncGenerator[CellEvent, None]:
        self.collected.append(thread)
        for event in self.left:
            yield event

    async def end(self, thread: str) -> None:
        self.ended.append(thread)

    async def close(self) -> None:
        self.closed = True

    def warm(self) -> None:
        self.warmed += 1

"""The interpreter of a home: made when it is first needed, and none where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from asstream.interpreter.protocol import CellEvent, InputFile, Interpreter, InterpreterUnavailableError

MakeInterpreter = Callable[[], Interpreter]


@dataclass(frozen=True, slots=True)
class CodeOptions:
    """How code is run in a home.

    Attributes:
        make: makes the interpreter; None where there is none.
        by_default: whether the default assistant may run code.
    """

    make: MakeInterpreter | None = None
    by_default: bool = False


_NONE: Final = ("This server was started without a code interpreter.", "Start it with one.")


class LazyInterpreter:
    """An interpreter that is made when it is first asked for something.

    Args:
        make: makes it, in a thread of its own since that imports much; None where there is none.
    """

    def __init__(self, make: MakeInterpreter | None) -> None:
        self._make = make
        self._made: Interpreter | None = None
        self.known: set[str] = set()
        """Threads of which the interpreter knows by itself whether their variables are gone."""
        self.said: set[str] = set()
        """Why no code can be run, as far as the log has it already."""
        self._lock = asyncio.Lock()
        self._warming: asyncio.Task[None] | None = None

    async def run(
        self, thread: str, code: str, files: Sequence[InputFile] = ()
    ) -> AsyncGenerator[CellEvent, None]:
        """See `Interpreter`."""
        made = await self._get()
        async with aclosing(made.run(thread, code, files)) as events:
            async for event in events:
                yield event

    async def collect(self, thread: str) -> AsyncGenerator[CellEvent, None]:
        """See `Interpreter`."""
        if self._made is not None:
            async with aclosing(self._made.collect(thread)) as events:
                async for event in events:
                    yield event

    async def end(self, thread: str) -> None:
        """See `Interpreter`."""
        self.known.discard(thread)
        if self._made is not None:
            await self._made.end(thread)

    async def close(self) -> None:
        """See `Interpreter`."""
        if self._warming is not None:
            await asyncio.gather(self._warming, return_exceptions=True)
        if self._made is not None:
            await self._made.close()

    def warm(self) -> None:
        """See `Interpreter`. Must be called in the event loop."""
        if self._made is not None:
            self._made.warm()
        elif self._make is not None and self._warming is None:
            self._warming = asyncio.get_running_loop().create_task(self._warm())

    async def _warm(self) -> None:
        try:
            (await self._get()).warm()
        except InterpreterUnavailableError:
            self._warming = None  # the run itself will tell

    async def _get(self) -> Interpreter:
        if self._make is None:
            raise InterpreterUnavailableError(*_NONE)
        async with self._lock:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
            return self._made

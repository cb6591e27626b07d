"""An open runtime in the test's own loop, over a model that plays a function and notes what it is asked."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from asstream.runtime import Runtime
from asstream.runtime.log import Entry
from asstream.runtime.models.protocol import (
    Message,
    ModelEvent,
    ModelInfo,
    ModelRequest,
    RawAnswer,
    RawRequest,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.objects import Object
from asstream.runtime.rows import RUN, load

Play = Callable[[ModelRequest], AsyncIterator[ModelEvent]]

FUNCTION: Object = {"type": "function", "function": {"name": "add"}}
SECONDS = 20


class PlayedModel:
    """A model, and the source that gives it for every name: it plays a function; a word is a token."""

    name = "played"
    calls_functions = True
    counts_exactly = True

    def __init__(self, play: Play, context_window: int | None = None) -> None:
        self.play = play
        self.context_window = context_window
        self.asked: list[ModelRequest] = []

    async def get(self, name: str | None) -> PlayedModel:
        return self

    async def list(self) -> Sequence[ModelInfo]:
        return [ModelInfo(self.name)]

    async def forward(self, request: RawRequest) -> RawAnswer:
        raise NotImplementedError

    async def close(self) -> None:
        pass

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        self.asked.append(request)
        return self.play(request)

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
        return sum(len(str(message["content"]).split()) for message in messages)


async def says(*pieces: str, prompt: int = 2) -> AsyncIterator[ModelEvent]:
    """A turn of plain text, a token a piece."""
    for piece in pieces:
        yield TextDelta(piece)
    yield TurnEnd("stop", Usage(prompt, len(pieces)), {"role": "assistant", "content": "".join(pieces)})


async def calls(name: str = "add", id: str = "call_1", tokens: int = 1) -> AsyncIterator[ModelEvent]:
    """A turn with one function call."""
    yield ToolCallDelta(0, "{}", id, name)
    call = {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}
    message: Message = {"role": "assistant", "content": None, "tool_calls": [call]}
    yield TurnEnd("tool_calls", Usage(2, tokens), message)


def calls_once(request: ModelRequest) -> AsyncIterator[ModelEvent]:
    """A call, and once it has its output a text."""
    return says("Done.") if request.messages[-1]["role"] == "tool" else calls()


def bounded(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a test's coroutine; a loop that hangs, even without a pause, fails it."""

    def give_up(*_: Any) -> None:
        raise AssertionError(f"not done within {SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        return asyncio.run(work)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


async def begin(runtime: Runtime, text: str = "Hello", **fields: Any) -> Object:
    """A run over a thread with one message."""
    assistant = await runtime.assistants.create({"model": "m", "tools": [FUNCTION]})
    message = {"role": "user", "content": text}
    made = {"assistant_id": assistant["id"], "thread": {"messages": [message]}, **fields}
    return await runtime.runs.create_with_thread(made)


async def ended(runtime: Runtime, run: Object, after: int = 0) -> Object:
    """Follow a run to its end or its pause; the run as it is then."""
    await told(runtime, run, after)
    return stored(runtime, run)


async def told(runtime: Runtime, run: Object, after: int = 0, **options: Any) -> list[Entry]:
    """All events of a run, once it has ended or paused."""
    return [entry async for batch in runtime.runs.follow(run["id"], after, **options) for entry in batch]


def stored(runtime: Runtime, run: Object) -> Object:
    """A run as the store has it, without looking after it."""
    found = runtime.core.store.row(f"SELECT body FROM {RUN.table} WHERE id = ?", [run["id"]])
    assert found is not None
    return load(found[0])


async def until(runtime: Runtime, run: Object, status: str) -> Object:
    """The run, once the store has it in this status."""
    while stored(runtime, run)["status"] != status:
        await asyncio.sleep(0.01)
    return stored(runtime, run)


async def expire(runtime: Runtime, run: Object) -> None:
    """Let a run's time be over."""
    await runtime.core.store.write(
        lambda writer: writer.execute("UPDATE runs SET expires_at = 1 WHERE id = ?", (run["id"],))
    )


def outputs(run: Object, text: str = "3") -> list[Object]:
    """An output for every call that a run waits for."""
    wanted = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    return [{"tool_call_id": call["id"], "output": text} for call in wanted]

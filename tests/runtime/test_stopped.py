"""What later runs read of one that was stopped: what it said, called and printed, and what did not run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asstream.interpreter.protocol import CellEvent, CellStart, Logs
from asstream.runtime import Runtime, open_runtime
from asstream.runtime.models.protocol import (
    Message,
    ModelError,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.objects import Object
from asstream.runtime.records import UNFINISHED, UNRUN
from asstream.runtime.rows import Listing
from tests.runtime.opened import PlayedModel, begin, bounded, ended, says
from tests.support.cells import PlayedInterpreter, prints

TOOL: Object = {"type": "code_interpreter"}
USER: Message = {"role": "user", "content": "Hello"}
AGAIN: Message = {"role": "user", "content": "And?"}


async def writes(code: str, text: str = "", *, whole: bool = True) -> AsyncIterator[ModelEvent]:
    """A turn that calls for code. `whole`: else it waits before the code is at its end."""
    if text:
        yield TextDelta(text)
    arguments = json.dumps({"code": code})
    yield ToolCallDelta(0, arguments if whole else arguments[:-2], "call_0", "python")
    if not whole:
        await asyncio.sleep(60)
    function = {"name": "python", "arguments": arguments}
    made = [{"id": "call_0", "type": "function", "function": function}]
    yield TurnEnd(
        "tool_calls", Usage(2, 3), {"role": "assistant", "content": text or None, "tool_calls": made}
    )


async def waits(*pieces: str) -> AsyncIterator[ModelEvent]:
    for piece in pieces:
        yield TextDelta(piece)
    await asyncio.sleep(60)


async def prints_and_waits(_: str) -> AsyncIterator[CellEvent]:
    yield CellStart(True)
    yield Logs("waiting\n")
    await asyncio.sleep(60)


def simply(messages: list[Message]) -> list[Any]:
    """Messages as (role, text or code)."""
    told = []
    for message in messages:
        calls = message.get("tool_calls") or []
        codes = [json.loads(call["function"]["arguments"])["code"] for call in calls]
        text = [message["content"]] if message["content"] else []
        told.append((message["role"], *text, *codes))
    return told


async def stop(runtime: Runtime, run: Object, way: str) -> None:
    if way == "cancelled":
        await runtime.runs.cancel(run["thread_id"], run["id"])
    elif way == "expired":
        runtime.core.live[run["id"]].stop("expired")
    assert (await ended(runtime, run))["status"] == way


async def kill(runtime: Runtime, other: Runtime, run: Object) -> None:
    """As a kill ends a process: no word more. The other finds the run."""
    runtime.core.live[run["id"]].abandon()
    owner = runtime.core.owner
    (owner.folder / owner.id).unlink()  # a run of an owner without a file counts as left
    assert (await other.runs.get(run["thread_id"], run["id"]))["status"] == "failed"


async def until_told(runtime: Runtime, run: Object, word: str) -> None:
    """Until a run's events on the disk have this text."""
    sql = "SELECT 1 FROM events WHERE run_id = ? AND data LIKE ?"
    while runtime.core.store.row(sql, [run["id"], f"%{word}%"]) is None:
        await asyncio.sleep(0.01)


async def asked_next(runtime: Runtime, model: PlayedModel, run: Object, **fields: Any) -> list[Message]:
    """What the model is shown by the next run of a thread."""
    model.play = lambda _: says("Yes.")
    await runtime.messages.create(run["thread_id"], AGAIN)
    made = {"assistant_id": run["assistant_id"], "tools": [TOOL], **fields}
    await ended(runtime, await runtime.runs.create(run["thread_id"], made))
    return list(model.asked[-1].messages)


@pytest.mark.parametrize("way", ["cancelled", "expired", "killed"])
@pytest.mark.parametrize("text", ["", "Let me see."])
def test_code_that_ran_is_shown_with_what_it_printed(tmp_path: Path, way: str, text: str) -> None:
    """Also where the run wrote no message."""

    async def main() -> None:
        model = PlayedModel(lambda _: writes("go()", text))
        options = PlayedInterpreter(prints_and_waits).options
        async with (
            open_runtime(tmp_path, model, options) as first,
            open_runtime(tmp_path, model, options) as second,
        ):
            run = await begin(first, tools=[TOOL])
            await until_told(first, run, "waiting")
            await (kill(first, second, run) if way == "killed" else stop(first, run, way))
            called = ("assistant", *([text] if text else []), "go()")
            shown = simply(await asked_next(second, model, run))
            assert shown == [
                ("user", "Hello"),
                called,
                ("tool", f"waiting\n{UNFINISHED}"),
                ("user", "And?"),
            ]

    bounded(main())


@pytest.mark.parametrize("way", ["cancelled", "killed"])
@pytest.mark.parametrize("text", ["", "Let me see."])
def test_code_that_was_being_written_is_shown_as_one_that_did_not_run(
    tmp_path: Path, way: str, text: str
) -> None:
    async def main() -> None:
        model = PlayedModel(lambda _: writes("print(1)\nprint(2)", text, whole=False))
        cells = PlayedInterpreter(lambda _: prints())
        async with (
            open_runtime(tmp_path, model, cells.options) as first,
            open_runtime(tmp_path, model, cells.options) as second,
        ):
            run = await begin(first, tools=[TOOL])
            await until_told(first, run, "print(2)")
            await (kill(first, second, run) if way == "killed" else stop(first, run, way))
            shown = simply(await asked_next(second, model, run))
            called = ("assistant", *([text] if text else []), "print(1)\nprint(2)")
            # Of a process that died nobody knows how far it came.
            unrun = UNFINISHED if way == "killed" else UNRUN
            assert shown == [("user", "Hello"), called, ("tool", unrun), ("user", "And?")]
            assert not cells.asked

    bounded(main())


@pytest.mark.parametrize("way", ["cancelled", "killed", "failed"])
def test_what_code_printed_is_shown_before_a_reply_that_was_cut_short(tmp_path: Path, way: str) -> None:
    async def breaks() -> AsyncIterator[ModelEvent]:
        yield TextDelta("It is")
        raise ModelError("gone")

    def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        if request.messages[-1]["role"] != "tool":
            return writes("go()")
        return breaks() if way == "failed" else waits("It is")

    async def main() -> None:
        model, cells = PlayedModel(play), PlayedInterpreter(lambda _: prints("1\n"))
        async with (
            open_runtime(tmp_path, model, cells.options) as first,
            open_runtime(tmp_path, model, cells.options) as second,
        ):
            run = await begin(first, tools=[TOOL])
            await until_told(first, run, "It is")
            await (kill(first, second, run) if way == "killed" else stop(first, run, way))
            assert simply(await asked_next(second, model, run)) == [
                ("user", "Hello"),
                ("assistant", "go()"),
                ("tool", "1"),
                ("assistant", "It is"),
                ("user", "And?"),
            ]

    bounded(main())


def test_a_run_without_a_message_stands_where_it_was_and_goes_with_what_is_older(tmp_path: Path) -> None:
    async def main() -> None:
        model = PlayedModel(lambda _: writes("go()"))
        async with open_runtime(tmp_path, model, PlayedInterpreter(prints_and_waits).options) as runtime:
            run = await begin(runtime, tools=[TOOL])
            await until_told(runtime, run, "waiting")
            await stop(runtime, run, "cancelled")
            roles = ["user", "assistant", "tool", "user"]
            assert [m["role"] for m in await asked_next(runtime, model, run)] == roles
            roles += ["assistant", "user"]
            assert [m["role"] for m in await asked_next(runtime, model, run)] == roles
            few = {"truncation_strategy": {"type": "last_messages", "last_messages": 2}}
            shown = await asked_next(runtime, model, run, **few)
            assert simply(shown) == [("assistant", "Yes."), ("user", "And?")]
            # Of a run whose messages were deleted nothing is shown.
            replies = runtime.messages.page(run["thread_id"], Listing())["data"]
            for reply in replies:
                if reply["role"] == "assistant":
                    await runtime.messages.delete(run["thread_id"], reply["id"])
            roles = ["user", "assistant", "tool", "user", "user", "user", "user"]
            assert [m["role"] for m in await asked_next(runtime, model, run)] == roles

    bounded(main())


def test_code_that_was_cut_off_for_its_length_is_shown_as_one_that_did_not_run(tmp_path: Path) -> None:
    async def cut() -> AsyncIterator[ModelEvent]:
        yield ToolCallDelta(0, '{"code": "print(', "call_0", "python")
        function = {"name": "python", "arguments": '{"code": "print('}
        made = [{"id": "call_0", "type": "function", "function": function}]
        yield TurnEnd("length", Usage(2, 3), {"role": "assistant", "content": None, "tool_calls": made})

    async def main() -> None:
        model, cells = PlayedModel(lambda _: cut()), PlayedInterpreter(lambda _: prints())
        async with open_runtime(tmp_path, model, cells.options) as runtime:
            run = await begin(runtime, tools=[TOOL])
            await stop(runtime, run, "incomplete")
            shown = simply(await asked_next(runtime, model, run))
            assert shown[1:3] == [("assistant", "print("), ("tool", UNRUN)]

    bounded(main())


@pytest.mark.parametrize("when", ["written", "running"])
def test_a_model_without_functions_reads_that_its_code_was_not_run_to_its_end(
    tmp_path: Path, when: str
) -> None:
    fence = ["```python\n", "go()\n"] if when == "written" else ["```python\n", "go()", "\n```\n"]

    async def main() -> None:
        model, cells = PlayedModel(lambda _: waits("See.\n", *fence)), PlayedInterpreter(prints_and_waits)
        model.calls_functions = False
        async with open_runtime(tmp_path, model, cells.options) as runtime:
            run = await begin(runtime, tools=[TOOL])
            await until_told(runtime, run, "go()" if when == "written" else "waiting")
            await stop(runtime, run, "cancelled")
            [_, *shown] = simply(await asked_next(runtime, model, run))
            note = (
                "The code above was not run."
                if when == "written"
                else "The code above was stopped before its end. Before, it printed:\n\nwaiting"
            )
            assert shown == [
                ("user", "Hello"),
                ("assistant", "See.\n\n```python\ngo()\n```"),
                ("user", f"{note}\n\nAnd?"),
            ]

    bounded(main())

"""What a turn used is charged to its steps, however the run ends: their sum is the run's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asstream.interpreter.protocol import CellEvent, CellStart
from asstream.runtime import Runtime, objects, open_runtime
from asstream.runtime.models.protocol import Message, ModelEvent, ToolCallDelta, TurnEnd, Usage
from asstream.runtime.objects import Object
from asstream.runtime.recovery import sweep
from asstream.runtime.rows import Listing
from tests.runtime.opened import FUNCTION, PlayedModel, begin, bounded, calls_once, ended, expire
from tests.support.cells import PlayedInterpreter

TOOLS: list[Object] = [{"type": "code_interpreter"}, FUNCTION]


async def wants(*names: str) -> AsyncIterator[ModelEvent]:
    """A turn of five tokens with a call of each of these functions."""
    made = []
    arguments = json.dumps({"code": "x"})
    for index, name in enumerate(names):
        yield ToolCallDelta(index, arguments, f"call_{index}", name)
        function = {"name": name, "arguments": arguments}
        made.append({"id": f"call_{index}", "type": "function", "function": function})
    message: Message = {"role": "assistant", "content": None, "tool_calls": made}
    yield TurnEnd("tool_calls", Usage(2, 3), message)


def steps_of(runtime: Runtime, run: Object) -> list[Object]:
    """The steps of a run that must be the sum of them, oldest first."""
    steps: list[Object] = runtime.runs.steps(run["thread_id"], run["id"], Listing(order="asc"))["data"]
    used = None
    for step in steps:
        used = objects.add_usage(used, step["usage"])
    assert run["usage"] == used is not None
    return steps


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
def test_a_step_of_functions_that_nobody_answered_is_charged(tmp_path: Path, ending: str) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(calls_once)) as runtime:
            run = await begin(runtime)
            assert (await ended(runtime, run))["status"] == "requires_action"
            [step] = runtime.runs.steps(run["thread_id"], run["id"], Listing())["data"]
            assert step["usage"] is None
            if ending == "cancelled":
                await runtime.runs.cancel(run["thread_id"], run["id"])
            else:
                await expire(runtime, run)
                await sweep(runtime.core)
            [step] = steps_of(runtime, await runtime.runs.get(run["thread_id"], run["id"]))
            assert (step["status"], step["usage"]["total_tokens"]) == (ending, 3)

    bounded(main())


@pytest.mark.parametrize("functions", [[], ["add"]])
@pytest.mark.parametrize("way", ["killed", "cancelled"])
def test_steps_are_charged_of_a_run_that_ends_while_its_code_is_silent(
    tmp_path: Path, functions: list[str], way: str
) -> None:
    async def main() -> None:
        running = asyncio.Event()

        async def waits(_: str) -> AsyncIterator[CellEvent]:
            yield CellStart(True)
            running.set()
            await asyncio.sleep(60)

        model = PlayedModel(lambda _: wants("python", *functions))
        code = PlayedInterpreter(waits).options
        async with (
            open_runtime(tmp_path, model, code) as first,
            open_runtime(tmp_path, model, code) as second,
        ):
            run = await begin(first, tools=TOOLS)
            await running.wait()
            await asyncio.sleep(0.2)  # what is noted is on the disk 50 ms later
            if way == "killed":
                first.core.live[run["id"]].abandon()  # as a kill does: no word more
                owner = first.core.owner
                (owner.folder / owner.id).unlink()  # a run of an owner without a file counts as left
                run = await second.runs.get(run["thread_id"], run["id"])
            else:
                await first.runs.cancel(run["thread_id"], run["id"])
                run = await ended(first, run)
            steps = steps_of(second, run)
            assert run["status"] == ("failed" if way == "killed" else "cancelled")
            assert [step["usage"]["total_tokens"] for step in steps] == ([0, 5] if functions else [5])

    bounded(main())

"""What happens at the same moment: ends, cancels, pauses and deletions of a run, and those who read it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asstream.errors import WireError
from asstream.runtime import Runtime, open_runtime
from asstream.runtime.log import Entry
from asstream.runtime.models.protocol import ModelError, ModelEvent, ModelRequest, TextDelta, ToolCallDelta
from asstream.runtime.objects import Object
from tests.runtime.opened import (
    PlayedModel,
    begin,
    bounded,
    calls_once,
    ended,
    expire,
    outputs,
    says,
    stored,
    told,
    until,
)


async def endless(_: ModelRequest) -> AsyncIterator[ModelEvent]:
    """A word, and then nothing more."""
    yield TextDelta("Well")
    await asyncio.Event().wait()


async def cancel_elsewhere(runtime: Runtime, run: Object) -> None:
    """What another process writes that is asked to cancel a run of this one."""
    await runtime.core.store.write(
        lambda writer: writer.execute(
            "UPDATE runs SET status = 'cancelling', cancel = 1 WHERE id = ?", (run["id"],)
        )
    )


def test_a_reader_goes_on_past_a_pause_that_ended_while_it_was_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(calls_once)) as runtime:
            run = await begin(runtime)
            reader = runtime.runs.follow(run["id"], past_actions=True)
            seen = [entry async for batch in _until_pause(reader) for entry in batch]
            again, _ = await runtime.runs.submit(run["thread_id"], run["id"], outputs(stored(runtime, run)))
            await until(runtime, again, "completed")
            seen += [entry async for batch in reader for entry in batch]
            assert [entry.seq for entry in seen] == list(range(1, len(seen) + 1))
            assert seen[-1].event == "thread.run.completed"

    async def _until_pause(reader: AsyncIterator[list[Entry]]) -> AsyncIterator[list[Entry]]:
        async for batch in reader:
            yield batch
            if "requires_action" in str(batch[-1]):
                return

    bounded(main())


def test_a_reader_of_a_silent_run_is_told_when_the_thread_is_deleted(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(endless)) as runtime:
            run = await begin(runtime)
            reader = asyncio.create_task(told(runtime, run))
            await asyncio.sleep(0.2)
            await runtime.threads.delete(run["thread_id"])
            with pytest.raises(WireError, match=f"No run found with id '{run['id']}'"):
                await reader
            assert not runtime.core.live

    bounded(main())


def test_a_cancel_that_meets_the_pause_for_outputs_ends_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        async def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
            async for event in calls_once(request):
                if not isinstance(event, ToolCallDelta):
                    await cancel_elsewhere(runtime, run)
                yield event

        async with open_runtime(tmp_path, PlayedModel(play)) as runtime:
            run = await begin(runtime)
            await until(runtime, run, "cancelled")
            names = [entry.event for entry in await told(runtime, run, past_actions=True)]
            assert names[-3:] == [
                "thread.run.cancelling",
                "thread.run.step.cancelled",
                "thread.run.cancelled",
            ]

    bounded(main())


def test_a_run_that_paused_with_a_cancel_before_its_process_died_is_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(calls_once)) as runtime:
            run = await begin(runtime)
            await ended(runtime, run)
            await runtime.core.store.write(
                lambda writer: writer.execute("UPDATE runs SET cancel = 1 WHERE id = ?", (run["id"],))
            )
            assert (await runtime.runs.get(run["thread_id"], run["id"]))["status"] == "cancelled"

    bounded(main())


def test_a_run_that_is_stopped_before_its_first_step_is_told_to_its_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(endless)) as runtime:
            run = await begin(runtime)
            runtime.core.live[run["id"]].stop("cancelled")
            names = [entry.event.removeprefix("thread.run.") for entry in await told(runtime, run)]
            assert names[1:] == ["created", "queued", "cancelling", "cancelled"]

    bounded(main())


def test_a_run_that_fails_stays_failed_when_it_is_cancelled_meanwhile(tmp_path: Path) -> None:
    failing = asyncio.Event()

    async def play(_: ModelRequest) -> AsyncIterator[ModelEvent]:
        yield TextDelta("Half")
        # The writer is busy: the failure waits for its commit when the cancel comes.
        busy.append(runtime.core.store.write(lambda _: time.sleep(0.5)))
        failing.set()
        raise ModelError("It broke.")

    runtime: Runtime
    busy: list[asyncio.Future[None]] = []

    async def main() -> None:
        nonlocal runtime
        async with open_runtime(tmp_path, PlayedModel(play)) as runtime:
            run = await begin(runtime)
            await failing.wait()
            await asyncio.sleep(0.1)
            runtime.core.live[run["id"]].stop("cancelled")
            assert (await ended(runtime, run))["last_error"]["message"] == "It broke."

    bounded(main())


def test_a_run_that_is_cancelled_after_its_last_event_is_on_the_disk_when_it_leaves(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(lambda _: says("Done."))) as runtime:
            run = await begin(runtime)
            runner = runtime.core.live[run["id"]]
            while "completed" not in str(runner._execution.run["status"]):
                await asyncio.sleep(0)
            runner.stop("cancelled")
            await asyncio.wait([runner.task])
            assert stored(runtime, run)["status"] == "completed"

    bounded(main())


def test_outputs_and_a_cancel_at_once_leave_the_run_ended(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(calls_once)) as runtime:
            for _ in range(20):
                run = await begin(runtime)
                waiting = await ended(runtime, run)
                await asyncio.gather(
                    runtime.runs.submit(run["thread_id"], run["id"], outputs(waiting)),
                    runtime.runs.cancel(run["thread_id"], run["id"]),
                    runtime.runs.cancel(run["thread_id"], run["id"]),
                    return_exceptions=True,
                )
                names = [entry.event for entry in await told(runtime, run, past_actions=True)]
                assert names[-1] in ("thread.run.cancelled", "thread.run.completed")
                await runtime.messages.create(run["thread_id"], {"role": "user", "content": "Again"})

    bounded(main())


def test_outputs_that_come_as_the_run_expires_are_taken_or_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(calls_once)) as runtime:
            for _ in range(20):
                run = await begin(runtime)
                waiting = await ended(runtime, run)
                await expire(runtime, run)
                await asyncio.gather(
                    runtime.runs.submit(run["thread_id"], run["id"], outputs(waiting)),
                    runtime.runs.get(run["thread_id"], run["id"]),
                    runtime.runs.cancel(run["thread_id"], run["id"]),
                    return_exceptions=True,
                )
                entries = await told(runtime, run, past_actions=True)
                assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
                assert stored(runtime, run)["status"] in ("expired", "cancelled", "completed")

    bounded(main())


def test_a_run_expires_at_work_and_while_it_waits(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(endless)) as runtime:
            run = await begin(runtime)
            await until(runtime, run, "in_progress")
            await expire(runtime, run)
            names = [entry.event for entry in await told(runtime, run)]
            assert names[-3:] == [
                "thread.message.incomplete",
                "thread.run.step.expired",
                "thread.run.expired",
            ]
            runtime.core.source.play = calls_once  # type: ignore[attr-defined]
            run = await begin(runtime)
            await ended(runtime, run)
            await expire(runtime, run)
            await until(runtime, run, "expired")
            assert stored(runtime, run)["usage"]["total_tokens"] == 3

    bounded(main())


def test_a_run_is_told_to_all_who_read_it_in_order_and_once(tmp_path: Path) -> None:
    words = [f"word{number} " for number in range(5000)]

    async def play(_: ModelRequest) -> AsyncIterator[ModelEvent]:
        async for event in says(*words):
            yield event
            if event == TextDelta(words[700]):
                await asyncio.sleep(0.1)

    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(play)) as runtime:
            run = await begin(runtime)
            readers = [asyncio.create_task(told(runtime, run)) for _ in range(5)]
            late = asyncio.create_task(_slowly(runtime, run))
            seen = await asyncio.gather(*readers, late)
            assert all(entries == seen[0] for entries in seen)
            assert [entry.seq for entry in seen[0]] == list(range(1, len(seen[0]) + 1))
            assert sum(entry.event == "thread.message.delta" for entry in seen[0]) == len(words)

    async def _slowly(runtime: Runtime, run: Object) -> list[Entry]:
        entries: list[Entry] = []
        async for batch in runtime.runs.follow(run["id"]):
            entries += batch
            await asyncio.sleep(0.01)
        return entries

    bounded(main())


def test_a_run_expires_when_the_runtime_says_so_and_takes_no_outputs_then(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(calls_once), run_seconds=0) as runtime:
            run = await begin(runtime)
            assert run["expires_at"] == run["created_at"]
            waiting = await until(runtime, run, "requires_action")
            with pytest.raises(WireError, match='Runs in status "expired" do not accept tool outputs'):
                await runtime.runs.submit(run["thread_id"], run["id"], outputs(waiting))
            # As by default it would have waited: for ten minutes.
        async with open_runtime(tmp_path, PlayedModel(calls_once)) as runtime:
            run = await begin(runtime)
            assert run["expires_at"] == run["created_at"] + 600

    bounded(main())

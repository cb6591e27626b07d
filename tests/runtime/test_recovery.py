"""Disks that fill up, processes that die or share a home, and what is forgotten in time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asstream.errors import WireError
from asstream.runtime import Runtime, open_runtime, recovery
from asstream.runtime.log import Entry, stored_since
from asstream.runtime.models.protocol import ModelEvent, ModelRequest, TextDelta, TurnEnd
from asstream.runtime.objects import Object
from asstream.runtime.owners import taken_over
from asstream.runtime.rows import Listing
from asstream.runtime.store import Writer
from tests.runtime.opened import (
    PlayedModel,
    begin,
    bounded,
    calls_once,
    ended,
    outputs,
    says,
    stored,
    told,
    until,
)

MESSAGE = {"role": "user", "content": "Again"}


class Gate:
    """A model that says a word, waits to be let through, and says the rest."""

    def __init__(self, words: int = 2000) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self._words = words

    async def play(self, _: ModelRequest) -> AsyncIterator[ModelEvent]:
        yield TextDelta("First ")
        self.reached.set()
        await self.opened.wait()
        for number in range(self._words):
            yield TextDelta(f"word{number} " * 20)
        yield TurnEnd("stop", None, {"role": "assistant", "content": "First"})


async def fill_disk(runtime: Runtime, pages: int) -> None:
    """Leave room for so many more pages of the database; a very large number takes the limit away."""

    def work(writer: Writer) -> None:
        there = int(writer.execute("PRAGMA page_count").get)
        writer.execute(f"PRAGMA max_page_count = {there + pages}")

    await runtime.core.store.write(work)


def test_a_disk_that_fills_up_ends_the_readers_and_later_the_run(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate()
        async with open_runtime(tmp_path, PlayedModel(gate.play)) as runtime:
            run = await begin(runtime)
            seen: list[Entry] = []
            readers = [asyncio.create_task(_gather(runtime, run, seen)) for _ in range(3)]
            await gate.reached.wait()
            await fill_disk(runtime, 5)
            gate.opened.set()
            for reader in readers:
                with pytest.raises(WireError) as caught:
                    await reader
                assert (caught.value.status, caught.value.code) == (507, "storage_failed")
            await fill_disk(runtime, 1 << 20)
            failed = await until(runtime, run, "failed")
            assert "disk" in failed["last_error"]["message"]
            await runtime.messages.create(run["thread_id"], MESSAGE)
            _assert_has_its_end(runtime, run, max(entry.seq for entry in seen))

    async def _gather(runtime: Runtime, run: Object, seen: list[Entry]) -> None:
        async for batch in runtime.runs.follow(run["id"]):
            seen += batch

    bounded(main())


def _assert_has_its_end(runtime: Runtime, run: Object, last_seen: int) -> None:
    """The log has no hole before the end's, and who saw `last_seen` still gets the whole end."""
    entries = stored_since(runtime.core.store, run["id"], 0, limit=10_000)
    numbers = [entry.seq for entry in entries]
    opened = len(entries) - 3
    assert numbers[:opened] == list(range(1, opened + 1))
    assert last_seen < numbers[opened]
    assert [entry.event for entry in entries[opened:]] == [
        "thread.message.incomplete",
        "thread.run.step.failed",
        "thread.run.failed",
    ]


def test_a_disk_that_fails_once_leaves_no_hole_in_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate()
        async with open_runtime(tmp_path, PlayedModel(gate.play)) as runtime:
            run = await begin(runtime)
            await gate.reached.wait()
            await asyncio.sleep(0.2)
            log = runtime.core.live[run["id"]].log
            await fill_disk(runtime, 0)
            # Without a pause of the loop: the log does not know yet of what failed.
            await log.append("thread.run.queued", "x" * 500_000)
            time.sleep(0.2)
            room = fill_disk(runtime, 1 << 20)
            await asyncio.gather(room, log.append("thread.run.queued", "{}"))
            with pytest.raises(WireError, match="can't be written"):
                await log.committed()
            numbers = [entry.seq for entry in stored_since(runtime.core.store, run["id"], 0)]
            assert numbers == list(range(1, len(numbers) + 1))

    bounded(main())


def test_looking_after_the_runs_goes_on_whatever_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def broken(core: object) -> None:
        nonlocal looks
        looks += 1
        raise OSError("unexpected")

    async def main() -> None:
        monkeypatch.setattr(recovery, "LOOK_SECONDS", 0.01)
        monkeypatch.setattr(recovery, "sweep", broken)
        async with open_runtime(tmp_path, PlayedModel(calls_once)):
            while looks < 3:
                await asyncio.sleep(0.01)

    bounded(main())


@contextlib.asynccontextmanager
async def two(path: Path, model: PlayedModel) -> AsyncIterator[tuple[Runtime, Runtime]]:
    """Two runtimes on one home: to each other they are as two processes."""
    async with open_runtime(path, model) as first, open_runtime(path, model) as second:
        yield first, second


def test_outputs_go_to_any_process_and_readers_of_every_one_see_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with two(tmp_path, PlayedModel(calls_once)) as (first, second):
            run = await begin(first)
            waiting = await ended(first, run)
            reader = first.runs.follow(run["id"], past_actions=True)
            seen = await anext(reader)
            await second.runs.submit(run["thread_id"], run["id"], outputs(waiting))
            seen += [entry async for batch in reader for entry in batch]
            assert seen[-1].event == "thread.run.completed"
            assert [entry.seq for entry in seen] == list(range(1, len(seen) + 1))
            assert seen == await told(second, run, past_actions=True)

    bounded(main())


def test_a_run_that_waits_is_cancelled_by_any_process(tmp_path: Path) -> None:
    async def main() -> None:
        async with two(tmp_path, PlayedModel(calls_once)) as (first, second):
            run = await begin(first)
            await ended(first, run)
            answer = await second.runs.cancel(run["thread_id"], run["id"])
            assert answer["status"] == "cancelling"
            assert stored(first, run)["status"] == "cancelled"
            with pytest.raises(WireError, match="Cannot cancel run with status 'cancelled'"):
                await first.runs.cancel(run["thread_id"], run["id"])

    bounded(main())


def test_metadata_that_another_process_changed_stays(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate(words=1)
        async with two(tmp_path, PlayedModel(gate.play)) as (first, second):
            run = await begin(first, metadata={"k": "old"})
            await gate.reached.wait()
            await asyncio.sleep(0.1)
            thread_id = run["thread_id"]
            await second.runs.modify(thread_id, run["id"], {"metadata": {"k": "new"}})
            [message] = [each for each in _messages(second, thread_id) if each["role"] == "assistant"]
            await second.messages.modify(thread_id, message["id"], {"metadata": {"m": "1"}})
            gate.opened.set()
            assert (await ended(first, run))["metadata"] == {"k": "new"}
            [message] = [each for each in _messages(second, thread_id) if each["role"] == "assistant"]
            assert (message["status"], message["metadata"]) == ("completed", {"m": "1"})

    def _messages(runtime: Runtime, thread_id: str) -> list[Object]:
        found: list[Object] = runtime.messages.page(thread_id, Listing())["data"]
        return found

    bounded(main())


def test_a_process_that_stops_ends_its_readers_of_other_processes_runs(tmp_path: Path) -> None:
    async def main() -> None:
        gate = Gate()
        async with open_runtime(tmp_path, PlayedModel(gate.play)) as first:
            async with open_runtime(tmp_path, PlayedModel(gate.play)) as second:
                run = await begin(first)
                await gate.reached.wait()
                reader = asyncio.create_task(told(second, run))
                await asyncio.sleep(0.1)
                await second.end_runs()
                with pytest.raises(WireError, match="The server is stopping"):
                    await reader
                with pytest.raises(WireError, match="The server is stopping"):
                    await begin(second)
            assert stored(first, run)["status"] == "in_progress"

    bounded(main())


@pytest.mark.parametrize("listed", [False, True])
def test_a_dead_process_s_run_is_closed_with_numbers_that_nobody_saw(tmp_path: Path, listed: bool) -> None:
    async def main() -> None:
        gate = Gate()
        async with two(tmp_path, PlayedModel(gate.play)) as (first, second):
            run = await begin(first)
            await gate.reached.wait()
            await asyncio.sleep(0.1)
            first.core.live[run["id"]].abandon()  # as a kill does: no word more
            owner = first.core.owner
            (owner.folder / owner.id).unlink()  # a run of an owner without a file counts as left
            if listed:
                [failed] = (await second.runs.page(run["thread_id"], Listing()))["data"]
            else:
                failed = await second.runs.get(run["thread_id"], run["id"])
            assert failed["last_error"]["code"] == "server_error"
            _assert_has_its_end(second, run, 6 + 300)

    bounded(main())


def test_events_are_forgotten_an_hour_after_the_end_and_the_end_is_still_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(lambda _: says("Done."))) as runtime:
            runs = [await begin(runtime) for _ in range(40)]
            for run in runs:
                await ended(runtime, run)
            await _end_long_ago(runtime, runs[:-1])
            await recovery.forget(runtime.core)
            kept = runtime.core.store.read("SELECT DISTINCT run_id FROM events")
            assert kept == [(runs[-1]["id"],)]
            for after in (0, 4):
                [end] = await told(runtime, runs[0], after)
                assert (end.event, end.seq) == ("thread.run.completed", after + 1)
            assert stored(runtime, runs[0])["status"] == "completed"

    async def _end_long_ago(runtime: Runtime, runs: list[Object]) -> None:
        ids = [(run["id"],) for run in runs]
        await runtime.core.store.write(
            lambda writer: writer.executemany("UPDATE runs SET ended_at = ended_at - 3700 WHERE id = ?", ids)
        )

    bounded(main())


def test_locks_of_dead_processes_are_removed_and_live_ones_stay(tmp_path: Path) -> None:
    async def main() -> None:
        async with two(tmp_path, PlayedModel(calls_once)) as (first, second):
            (tmp_path / "owners" / "owner_dead").touch()
            await recovery.forget(first.core)
            left = {path.name for path in (tmp_path / "owners").iterdir()}
            assert left == {first.core.owner.id, second.core.owner.id}
            with taken_over(tmp_path / "owners", second.core.owner.id) as dead:
                assert not dead

    bounded(main())

"""Runs: made, read, cancelled, given tool outputs, followed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Any, Final

from asstream.errors import WireError
from asstream.runtime import log, objects, recovery, rows, scribe, states
from asstream.runtime.assistants import is_default
from asstream.runtime.cells import Cells
from asstream.runtime.closing import close_parked
from asstream.runtime.context import conversation, newest_place, recorded_turns, tokens_used
from asstream.runtime.core import Core, stopping
from asstream.runtime.engine import Execution
from asstream.runtime.files import Files
from asstream.runtime.finding import find_for_run
from asstream.runtime.hosted import Hosted
from asstream.runtime.log import Entry, LostRunError, RunLog
from asstream.runtime.objects import Object
from asstream.runtime.offering import may_run_code, may_search, refuse_unoffered
from asstream.runtime.rows import ASSISTANT, RUN, STEP, THREAD, Listing
from asstream.runtime.runner import Runner
from asstream.runtime.search_step import shown
from asstream.runtime.searches import Searches, vector_store_ids
from asstream.runtime.store import Writer
from asstream.runtime.threads import add_messages, add_thread, refuse_if_active
from asstream.runtime.tool_stores import refuse_expired
from asstream.runtime.wire_events import Event, completed_calls
from asstream.runtime.workspace import Workspace

_LOOK_AGAIN: Final = 1.0
"""Seconds after which a reader of another process's run looks whether that process still lives."""


class Runs:
    """The runs of a home and their steps."""

    def __init__(self, core: Core, files: Files) -> None:
        self._core = core
        self._files = files

    async def create(self, thread_id: str, fields: Object) -> Object:
        """Make a run and start it. Raises WireError 404 (thread, assistant) or 400.

        400 is for an active run, and for a `tool_choice` that the run's tools don't have.
        """
        await recovery.clear_thread(self._core, thread_id)

        def work(writer: Writer) -> Object:
            rows.get(writer, THREAD, thread_id)
            return self._insert(writer, thread_id, fields, [])

        with self._starting():
            return self._start(await self._core.store.write(work))

    async def create_with_thread(self, fields: Object) -> Object:
        """Make a thread, with its messages, and a run on it."""
        given = fields.get("thread") or {}
        thread = objects.thread(given)
        if fields.get("tool_resources"):
            thread["tool_resources"] = objects.tool_resources(fields["tool_resources"])

        def work(writer: Writer) -> Object:
            add_thread(writer, self._core.files, thread, given)
            if fields.get("tool_resources"):
                fields["tool_resources"] = thread["tool_resources"]  # with the stores that were made
            return self._insert(writer, thread["id"], fields, [Event("thread.created", thread)])

        with self._starting():
            return self._start(await self._core.store.write(work))

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        """Around a write that makes a run ours, and its start. Raises WireError 503 when we stop."""
        if self._core.stopping:
            raise stopping()
        self._core.starting += 1
        try:
            yield
        finally:
            self._core.starting -= 1

    def _insert(self, writer: Writer, thread_id: str, fields: Object, before: list[Event]) -> Object:
        assistant = rows.get(writer, ASSISTANT, fields["assistant_id"])
        refuse_if_active(writer, thread_id, "Thread {thread} already has an active run {run}.")
        add_messages(writer, self._core.files, thread_id, fields.get("additional_messages") or [])
        run = objects.run(thread_id, assistant, fields, self._core.run_seconds)
        run["_with_contents"] = bool(fields.get("_with_contents"))
        run["_after"] = newest_place(writer, thread_id)
        by_default = fields.get("tools") is None and is_default(assistant)
        if by_default:
            run.update(tools=objects.tools(self._tools_by_default()), _code_by_default=True)
        refuse_unoffered(run)
        if may_search(run) and not by_default:
            refuse_expired(writer, assistant, rows.get(writer, THREAD, thread_id), run)
        columns = {"thread_id": thread_id, "status": "queued", "expires_at": run["expires_at"]}
        rows.insert(writer, RUN, run, owner=self._core.owner.id, **columns)
        told = [*before, Event("thread.run.created", run), Event("thread.run.queued", run)]
        log.append_rows(writer, run["id"], scribe.entries(told, 0))
        run["_seq"] = len(told)
        return run

    def _tools_by_default(self) -> list[Object]:
        core = self._core
        offered = {"code_interpreter": core.code.by_default, "file_search": core.search.embedding is not None}
        return [{"type": kind} for kind, by_default in offered.items() if by_default]

    def _start(self, run: Object, usage: Object | None = None) -> Object:
        core, id = self._core, run["id"]
        core.ingesting.wake()  # its messages may have brought files
        run_log = RunLog(core.store, id, core.owner.id, run.pop("_seq"))
        run["_process"] = core.owner.id
        answer = dict(run)
        read = partial(conversation, core.store, core.files, run)
        execution = Execution(run, core.source, read, usage, Hosted(self._cells(run), self._searches(run)))
        core.live[id] = Runner(core.store, run_log, execution, self._finished)
        if core.stopping:
            core.live[id].stop("cancelled")
        core.watch.wake()
        return answer

    def _cells(self, run: Object) -> Cells | None:
        """What runs the code of a run that may write some."""
        if not may_run_code(run):
            return None
        core = self._core
        space = Workspace(core.store, core.files, run, self._files.create)
        cells = Cells(core.interpreter, space, run["thread_id"])
        if not run.get("_code_by_default"):
            cells.warm()  # who asks for the tool is likely to use it
        return cells

    def _searches(self, run: Object) -> Searches | None:
        """What searches for a run that may; None where it has no stores."""
        core = self._core
        stores = vector_store_ids(core.store, run) if may_search(run) else []
        return Searches(partial(find_for_run, core, stores), core.store, run) if stores else None

    def _finished(self, runner: Runner) -> None:
        if self._core.live.get(runner.log.run_id) is runner:
            del self._core.live[runner.log.run_id]
        runner.log.wake()

    async def get(self, thread_id: str, id: str) -> Object:
        """A run, as it is now. Raises WireError 404."""
        run = self._find(thread_id, id)
        if run["status"] in states.ACTIVE and await recovery.clear_run(self._core, id):
            run = self._find(thread_id, id)
        return run

    def _find(self, thread_id: str, id: str) -> Object:
        rows.get(self._core.store, THREAD, thread_id)
        return rows.get(self._core.store, RUN, id, thread_id=thread_id)

    async def page(self, thread_id: str, wanted: Listing) -> Object:
        """A page of a thread's runs, as they are now."""
        rows.get(self._core.store, THREAD, thread_id)
        await recovery.clear_thread(self._core, thread_id)
        return rows.listing(self._core.store, RUN, wanted, thread_id=thread_id)

    async def modify(self, thread_id: str, id: str, fields: Object) -> Object:
        """Change a run's metadata."""
        self._find(thread_id, id)

        def work(writer: Writer) -> Object:
            run = rows.get(writer, RUN, id, thread_id=thread_id)
            if fields.get("metadata") is not None:
                run["metadata"] = fields["metadata"]
                rows.update(writer, RUN, run)
            return run

        run = await self._core.store.write(work)
        if id in self._core.live:
            self._core.live[id].metadata_changed(run["metadata"])
        return run

    async def cancel(self, thread_id: str, id: str) -> Object:
        """Ask for the end of a run. It is `cancelling` in the answer; whoever works on it ends it."""
        await self.get(thread_id, id)

        def work(writer: Writer) -> Object:
            run = rows.get(writer, RUN, id, thread_id=thread_id)
            if run["status"] not in states.ACTIVE or run["status"] == "cancelling":
                raise WireError(400, f"Cannot cancel run with status '{run['status']}'.")
            if not close_parked(writer, id, "cancelled"):
                rows.update(writer, RUN, {**run, "status": "cancelling"}, status="cancelling", cancel=1)
            return {**run, "status": "cancelling"}

        run = await self._core.store.write(work)
        if id in self._core.live:
            self._core.live[id].stop("cancelled")
        return run

    async def submit(self, thread_id: str, id: str, outputs: list[Object]) -> tuple[Object, int]:
        """Give a run its tool outputs and start it again.

        Returns it and the number of its last event before.
        """
        await self.get(thread_id, id)

        def work(writer: Writer) -> tuple[Object, int]:
            run = rows.get(writer, RUN, id, thread_id=thread_id)
            _refuse_outputs(run, outputs)
            return self._take_outputs(writer, run, outputs)

        with self._starting():
            run, seq = await self._core.store.write(work)
            return self._start(run, tokens_used(self._core.store, id)), seq

    def _take_outputs(self, writer: Writer, run: Object, outputs: list[Object]) -> tuple[Object, int]:
        seq = log.last_seq(writer, run["id"])
        by_id = {output["tool_call_id"]: output.get("output") or "" for output in outputs}
        # The newest turn with calls; what its code said may stand behind it.
        record = [turn for turn in recorded_turns(writer, run["id"]) if turn["step_id"]][-1]
        step = rows.get(writer, STEP, record["step_id"])
        told = [completed_calls(step, by_id, record["usage"])]
        rows.update(writer, STEP, step)
        messages = [{"role": "tool", "tool_call_id": id, "content": text} for id, text in by_id.items()]
        given = {
            "model": record["model"],
            "messages": messages,
            "message_ids": [],
            "step_id": None,
            "usage": None,
        }
        scribe.add_turn(writer, run["id"], rows.dump(given))
        run.update(status="queued", required_action=None)
        scribe.save_run(writer, run, self._core.owner.id)
        told.append(Event("thread.run.queued", run))
        log.append_rows(writer, run["id"], scribe.entries(told, seq))
        run["_seq"] = seq + len(told)
        return run, seq

    def steps(self, thread_id: str, id: str, wanted: Listing, *, contents: bool = False) -> Object:
        """A page of a run's steps. `contents`: with the text that searches found."""
        self._find(thread_id, id)
        page = rows.listing(self._core.store, STEP, wanted, run_id=id)
        return {**page, "data": [shown(step, contents=contents) for step in page["data"]]}

    def step(self, thread_id: str, id: str, step_id: str, *, contents: bool = False) -> Object:
        """One step of a run. `contents`: with the text that searches found."""
        self._find(thread_id, id)
        return shown(rows.get(self._core.store, STEP, step_id, run_id=id), contents=contents)

    async def follow(
        self, id: str, after: int = 0, *, past_actions: bool = False
    ) -> AsyncGenerator[list[Entry], None]:
        """The run's events after number `after`, as they come, in batches; whoever works on it.

        Ends with the event that ends the run, or that asks for tool outputs (`past_actions`: only if the run
        waits for them now). Raises WireError: 404 when the run is deleted meanwhile, 500 when its events
        can't be saved, 503 when this process stops and the run is another's.
        """
        core, seq = self._core, after
        runner: Runner | None = None
        while True:
            runner = self._at_work(id) or runner
            entries = runner.log.since(seq) if runner else None
            if entries is None:
                entries = log.stored_since(core.store, id, seq)
            if entries:
                if not past_actions:
                    entries = _up_to_pause(entries)
                yield entries
                seq = entries[-1].seq
                if not past_actions and entries[-1].event in PAUSES:
                    return
            elif runner is not None and _failed(runner):
                raise _unsaved(runner.log.failure)
            elif runner is not None and not runner.task.done():
                await runner.log.changed()
            elif runner is not None:
                runner = None  # all that it wrote is in the store, and what others write comes there
            elif not await self._goes_on(id, seq):
                if end := self._end_of(id, seq):
                    yield end
                return

    def _at_work(self, id: str) -> Runner | None:
        """Who works on a run here. One whose task is done may be in `live` until the loop's next round."""
        runner = self._core.live.get(id)
        return None if runner is None or runner.task.done() else runner

    def _end_of(self, id: str, seq: int) -> list[Entry]:
        """The last event of a run that ended so long ago that its events are gone."""
        run = rows.get(self._core.store, RUN, id)
        if run["status"] not in states.TERMINAL or log.stored_since(self._core.store, id, 0, limit=1):
            return []
        return scribe.entries([Event(f"thread.run.{run['status']}", run)], seq)

    async def _goes_on(self, id: str, seq: int) -> bool:
        """Whether more events of a run that is not at work here may come; waits a little for them."""
        core = self._core
        run = rows.get(core.store, RUN, id)
        if run["status"] not in states.WORKING:
            return bool(log.stored_since(core.store, id, seq, limit=1))
        if core.stopping:
            raise stopping()
        if not await recovery.clear_run(core, id):
            await core.watch.changed(_LOOK_AGAIN)
        return True


PAUSES: Final = frozenset(f"thread.run.{status}" for status in (*states.TERMINAL, "requires_action"))
"""The events after which a run's stream ends."""


def _refuse_outputs(run: Object, outputs: list[Object]) -> None:
    if run["status"] != "requires_action":
        raise WireError(400, f'Runs in status "{run["status"]}" do not accept tool outputs.')
    calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    wanted: list[Any] = [call["id"] for call in calls]
    given: list[Any] = [output["tool_call_id"] for output in outputs]
    if sorted(wanted) != sorted(given):
        raise WireError(400, f"Expected tool outputs for call_ids {wanted}, got {given}")


def _up_to_pause(entries: list[Entry]) -> list[Entry]:
    for position, entry in enumerate(entries):
        if entry.event in PAUSES:
            return entries[: position + 1]
    return entries


def _failed(runner: Runner) -> bool:
    """Whether what readers were told of a run may be more than was saved."""
    return runner.log.failure is not None and not isinstance(runner.log.failure, LostRunError)


def _unsaved(failure: BaseException | None) -> WireError:
    if isinstance(failure, WireError):
        return failure
    return WireError(500, "The run could not be saved and was given up.", type="server_error")

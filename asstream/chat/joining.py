"""A run that is under way, joined: its events from the first, each once, then on as they come.

From the endpoint's log of them where it has one (asstream's has), else made from the run's objects, asked for
again and again. Knows the `openai` client.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import openai

from asstream.chat.catch_up import events_of
from asstream.chat.polling import wait_while
from asstream.chat.recovery import ACTIVE, RUN_ENDS, events_from_objects
from asstream.chat.requests import backoff
from asstream.chat.sse import encode
from asstream.chat.stream import ATTEMPTS, PATIENCE, RunStream
from asstream.errors import RunError
from asstream.handlers.activity import functions
from asstream.handlers.base import EventHandler
from asstream.handlers.reducer import Reducer

if TYPE_CHECKING:
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import Message, Run
    from openai.types.beta.threads.runs import RunStep

    from asstream.chat.recording import Recorder

GRACE = 60.0
"""Seconds after its time for which a run is still asked after: ending it may take a while."""

QUIET = 10.0
"""Seconds without news after which a run whose time is over is given up: our clock may be wrong."""

_SLOWEST = 3
"""The turn of `backoff` beyond which a growing reply is not asked for less often: 0.8 s."""


def join_run(
    client: openai.OpenAI,
    run: Run,
    *,
    after: str | None = None,
    submitted: Collection[str] = (),
    recorder: Recorder | None = None,
) -> RunStream | PolledStream:
    """The events of a run that somebody else began, for a handler to read as those of its own.

    Args:
        run: as it was when it was last looked at; by now it may have ended.
        after: the id of the event after which to begin, where the endpoint has such ids; None from the first.
        submitted: ids of the tool calls whose outputs came since; what was before them was shown.
        recorder: is given the events.

    Raises openai.APIError: what the endpoint says. RunError, while it is read: the run never ends.
    """
    if not submitted or after is not None:
        try:
            source = events_of(client, run.thread_id, run.id, after)
        except openai.APIStatusError:  # no such route
            return PolledStream(client, run, submitted, recorder)
        if source.response.headers.get("content-type", "").startswith("text/event-stream"):
            return RunStream(
                client,
                lambda: source,
                thread_id=run.thread_id,
                run_id=run.id,
                submitted=submitted,
                recorder=recorder,
                joined=True,
                after=after,
            )
        source.close()
    return PolledStream(client, run, submitted, recorder)


def wait_for_outputs(client: openai.OpenAI, run: Run) -> Run:
    """Wait until a run no longer waits for the tool outputs that it waits for now; the run as it then is.

    Raises as `PolledStream` does.
    """
    waiting, patience = functions(run).keys(), _Patience()

    def goes_on(now: Run) -> bool:
        patience.check(now, news=False)
        return now.status == "requires_action" and functions(now).keys() == waiting

    return wait_while(client, run, goes_on, lambda _: None)


class PolledStream:
    """A run's events made from its objects while they grow: read by a handler as a live stream is.

    Args:
        submitted: ids of the tool calls whose outputs came since the last stream; earlier ones are left out.
        recorder: is given each event.

    Raises openai.APIError: the endpoint fails for good. RunError: the run goes on far beyond its time.
    """

    response = None
    wire: tuple[str, str] | None = None
    joined = True
    last_id: str | None = None

    def __init__(
        self,
        client: openai.OpenAI,
        run: Run,
        submitted: Collection[str] = (),
        recorder: Recorder | None = None,
    ) -> None:
        self.run: Run | None = run
        self.run_id = run.id
        self._client = client.with_options(max_retries=0)
        self._thread_id = run.thread_id
        self._submitted = frozenset(submitted)
        self._recorder = recorder
        self._seen = Reducer(EventHandler())
        self._closed = False
        self._iterator = self._events()

    def __iter__(self) -> Iterator[AssistantStreamEvent]:
        return self._iterator

    def __next__(self) -> AssistantStreamEvent:
        return next(self._iterator)

    def close(self) -> None:
        """End the iteration. The run itself goes on."""
        self._closed = True

    def _events(self) -> Iterator[AssistantStreamEvent]:
        turn = failures = 0
        patience = _Patience()
        while not self._closed:
            try:
                run, steps, messages, hint = self._look()
            except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError):
                failures += 1
                if failures > ATTEMPTS:
                    raise
                backoff(failures)
                continue
            self.run, failures = run, 0
            new = list(events_from_objects(run, steps, messages, seen=self._seen, submitted=self._submitted))
            yield from self._told(new)
            if run.status in RUN_ENDS:
                return
            patience.check(run, news=bool(new))
            turn = 0 if new else min(turn + 1, _SLOWEST)
            backoff(turn, hint)

    def _told(self, events: list[AssistantStreamEvent]) -> Iterator[AssistantStreamEvent]:
        for event in events:
            if self._closed:
                return
            if self._recorder is not None:
                self._recorder.write(encode(event))
            self._seen.feed(event)
            yield event
        if self._recorder is not None and self._seen.settled:
            self._recorder.write(b"event: done\ndata: [DONE]\n\n")

    def _look(self) -> tuple[Run, list[RunStep], list[Message], str | None]:
        """The run first, then its steps, then its messages, so that what a later one lacks is not there."""
        threads = self._client.beta.threads
        answer = threads.runs.with_raw_response.retrieve(self.run_id, thread_id=self._thread_id)
        try:
            steps = list(
                threads.runs.steps.list(self.run_id, thread_id=self._thread_id, order="asc", limit=100)
            )
        except openai.NotFoundError:  # an endpoint that keeps no steps still has the messages
            steps = []
        # The newest page is enough, and all that is asked for where an endpoint does not heed `run_id`.
        page = threads.messages.list(self._thread_id, run_id=self.run_id, order="desc", limit=100)
        return answer.parse(), steps, page.data[::-1], answer.headers.get("openai-poll-after-ms")


class _Patience:
    """How long a run is asked after that brings nothing new: until its time is over, or 15 minutes."""

    def __init__(self) -> None:
        self._heard = time.monotonic()

    def check(self, run: Run, *, news: bool) -> None:
        """Raise RunError when nothing more is to be expected of a run that goes on."""
        now = time.monotonic()
        if news:
            self._heard = now
        silent = now - self._heard
        over = time.time() - run.expires_at if isinstance(run.expires_at, int) else None
        if silent > (PATIENCE if over is None or over < GRACE else QUIET) and run.status in ACTIVE:
            when = f"{silent:.0f} s after its last news" if over is None else f"{over:.0f} s after its time"
            raise RunError(
                f"the run {run.id} is still {run.status} {when}: nobody seems to work on it",
                f"`asstream runs cancel {run.thread_id} {run.id}` ends it",
            )

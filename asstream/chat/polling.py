"""Runs that are waited for, not streamed. Knows the `openai` client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from asstream.chat.recovery import RUN_ENDS, events_from_objects
from asstream.chat.requests import backoff
from asstream.chat.sse import encode

if TYPE_CHECKING:
    import openai
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import Run

    from asstream.chat.recording import Recorder

PATIENCE = 900.0
"""Seconds for which a run is waited for; one that is kept goes on 600 at most."""


def wait_for_run(
    client: openai.OpenAI, run: Run, tell: Callable[[str | None], None], seconds: float = PATIENCE
) -> Run:
    """Ask after a run until it is over or waits for tool outputs; the run as it then is.

    Args:
        tell: called with the status at each look.
        seconds: how long at most; the run is then given as it is.
    """
    deadline = time.monotonic() + seconds
    return wait_while(
        client, run, lambda now: now.status not in RUN_ENDS and time.monotonic() < deadline, tell
    )


def wait_while(
    client: openai.OpenAI, run: Run, goes_on: Callable[[Run], bool], tell: Callable[[str | None], None]
) -> Run:
    """Ask after a run again and again for as long as `goes_on` says so of it; the run as it then is."""
    turn = 0
    waits = goes_on(run)
    while waits:
        tell(run.status)
        answer = client.beta.threads.runs.with_raw_response.retrieve(run.id, thread_id=run.thread_id)
        run = answer.parse()
        if waits := goes_on(run):
            backoff(turn, answer.headers.get("openai-poll-after-ms"))
            turn += 1
    return run


class ObjectStream:
    """A finished run's events, made from its objects: read by a handler as a live stream is.

    Args:
        submitted: ids of the tool calls whose outputs came since the last stream; earlier ones are left out.
        recorder: is given each event.
    """

    response = None
    wire: tuple[str, str] | None = None

    def __init__(
        self,
        client: openai.OpenAI,
        run: Run,
        submitted: frozenset[str] = frozenset(),
        recorder: Recorder | None = None,
    ) -> None:
        self._client = client
        self._run = run
        self._submitted = submitted
        self._recorder = recorder
        self._closed = False
        self._iterator = self._events()

    def __iter__(self) -> Iterator[AssistantStreamEvent]:
        return self._iterator

    def __next__(self) -> AssistantStreamEvent:
        return next(self._iterator)

    def close(self) -> None:
        """End the iteration."""
        self._closed = True

    def _events(self) -> Iterator[AssistantStreamEvent]:
        run, threads = self._run, self._client.beta.threads
        steps = list(threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc", limit=100))
        messages = list(threads.messages.list(run.thread_id, run_id=run.id, order="asc", limit=100))
        for event in events_from_objects(run, steps, messages, submitted=self._submitted):
            if self._closed:
                return
            if self._recorder is not None:
                self._recorder.write(encode(event))
            yield event
        if self._recorder is not None:
            self._recorder.write(b"event: done\ndata: [DONE]\n\n")

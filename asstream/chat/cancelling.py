"""Cancelling the run that a person stopped, also one whose id did not come back any more.

Knows the `openai` client.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

import openai

from asstream.chat.polling import wait_for_run
from asstream.chat.recovery import GOING

if TYPE_CHECKING:
    from openai.types.beta.threads import Run

CANCEL_SECONDS = 5.0
"""How long a cancelled run is waited for, so that its thread takes the next message."""


def cancel_run(
    client: openai.OpenAI, thread_id: str, run_id: str | None, known: Container[str]
) -> Run | None:
    """Cancel a run and wait a little for its end; the run as it then is.

    Args:
        run_id: None: the thread's newest run is meant, if it goes on and is none of the `known` ones.

    Failures are not worth telling: None.
    """
    ended = None
    with contextlib.suppress(openai.OpenAIError, KeyboardInterrupt):
        once = client.with_options(max_retries=0, timeout=CANCEL_SECONDS)
        for run in _active(once, thread_id, run_id, known):
            try:
                cancelled = once.beta.threads.runs.cancel(run, thread_id=thread_id)
            except openai.BadRequestError:  # it has just ended by itself
                cancelled = once.beta.threads.runs.retrieve(run, thread_id=thread_id)
            ended = wait_for_run(once, cancelled, lambda _: None, seconds=CANCEL_SECONDS)
    return ended


def _active(
    client: openai.OpenAI, thread_id: str, run_id: str | None, known: Container[str]
) -> Iterator[str]:
    """The run to cancel: the known one, else one that the interrupted request may have made."""
    if run_id is not None:
        yield run_id
        return
    newest = client.beta.threads.runs.list(thread_id, limit=1, order="desc").data
    yield from (run.id for run in newest if run.id not in known and run.status in GOING)

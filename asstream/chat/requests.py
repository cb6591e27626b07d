"""Requests that create, sent at most once: a lost one is looked for before it is repeated.

A POST whose answer is lost may have been carried out; repeating it blindly made three runs of one. May know
openai; knows nothing of streams' contents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

import openai

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.beta.threads import Run

T = TypeVar("T")
Lookup = Callable[[], "Run | None"]
"""Whether a request that was lost took effect: its run, or None."""

_TRIES = 3
_SKEW = 2  # seconds: the wire's times are whole seconds, cut off


def backoff(turn: int, hint: str | None = None) -> None:
    """Wait before turn 0, 1, 2, …: 0.1 s, doubled each time, 2 s at most; or the server's milliseconds."""
    seconds = min(0.1 * 2 ** max(min(turn, 10), 0), 2.0)
    if hint is not None and hint.strip().isdigit():
        seconds = min(int(hint) / 1000, 10.0)
    time.sleep(seconds)


def send(
    request: Callable[[], T], lookup: Lookup | None, lost: Exception | None = None
) -> tuple[T | None, Run | None]:
    """The request's answer, or the run that an earlier try of it made.

    Args:
        request: sends it, with no retries of its own.
        lookup: finds what a lost request made; without one a lost request is not repeated.
        lost: the request was sent before and lost, with this error.

    Raises openai.APIError: as the request did, when it can't be repeated or fails again.
    """
    for turn in range(_TRIES):
        if lost is not None:
            if lookup is None:
                raise lost
            try:
                run = lookup()
            except openai.APIConnectionError:
                raise lost from None  # nobody answers at all: that is what there is to say
            if run is not None:
                return None, run
            backoff(turn)
        try:
            return request(), None
        except (openai.APIConnectionError, openai.InternalServerError) as error:
            lost = error
        except openai.RateLimitError as error:  # refused, so not carried out: no look is needed
            if turn == _TRIES - 1 or error.code == "insufficient_quota":
                raise
            _wait_as_told(error, turn)
            lost = None
    assert lost is not None
    raise lost


def _wait_as_told(error: openai.RateLimitError, turn: int) -> None:
    after = error.response.headers.get("retry-after", "")
    if after.strip().isdigit():
        time.sleep(min(int(after), 20))
    else:
        backoff(turn + 2)


def find_new_run(client: OpenAI, thread_id: str, known: Collection[str]) -> Lookup:
    """Finds a run of the thread that was made since now, by the server's clock, and is not among `known`."""
    started = time.monotonic()

    def look() -> Run | None:
        answer = client.beta.threads.runs.with_raw_response.list(thread_id, limit=5, order="desc")
        since = _server_time(answer.headers.get("date")) - (time.monotonic() - started) - _SKEW
        runs = [run for run in answer.parse().data if run.id not in known and run.created_at >= since]
        return runs[0] if runs else None

    return look


def _server_time(date: str | None) -> float:
    try:
        when = parsedate_to_datetime(date) if date else datetime.now(UTC)
    except ValueError:
        when = datetime.now(UTC)
    return when.timestamp()


def find_taken_outputs(client: OpenAI, thread_id: str, run_id: str, calls: Collection[str]) -> Lookup:
    """Finds whether a run has taken the outputs of `calls`: it has when it no longer waits for them."""

    def look() -> Run | None:
        run = client.beta.threads.runs.retrieve(run_id, thread_id=thread_id)
        action = run.required_action
        if run.status == "requires_action" and action is not None:
            waiting = {call.id for call in action.submit_tool_outputs.tool_calls}
            return None if waiting & set(calls) else run
        return run

    return look

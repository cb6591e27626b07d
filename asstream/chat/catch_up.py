"""What a handler followed by itself, for the recording of a chat.

A handler that submits tool outputs reads the streams that follow through a client of its own: the chat's
recorder never saw them. May know openai and recordings; reaches the endpoint through the client alone.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

import openai

from asstream.chat.polling import ObjectStream
from asstream.chat.sse import FrameDecoder

if TYPE_CHECKING:
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import Run

    from asstream.chat.recording import Recorder


def record_rest(
    client: openai.OpenAI, run: Run, submitted: Collection[str], last_id: str | None, recorder: Recorder
) -> None:
    """Record how a run went on after its first stream: as it came, where the endpoint keeps that.

    Args:
        run: as it is now, over.
        submitted: ids of the tool calls that the first stream ended with.
        last_id: the id of that stream's last event; None at an endpoint whose events have none.

    Raises openai.OpenAIError where the endpoint fails.
    """
    if last_id is not None and _record_events(client, run, last_id, recorder):
        return
    for _ in ObjectStream(client, run, frozenset(submitted), recorder):
        pass


def events_of(client: openai.OpenAI, thread_id: str, run_id: str, last_id: str | None) -> openai.Stream[Any]:
    """The events of a run after one of them, as an asstream server keeps them (an extension).

    Raises openai.APIStatusError where the endpoint has no such route, or the events are gone.
    """
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    return client.get(
        f"/threads/{thread_id}/runs/{run_id}/events",
        cast_to=cast("type[AssistantStreamEvent]", object),
        options={"headers": {"Accept": "text/event-stream", **headers}, "max_retries": 0},
        stream=True,
        stream_cls=openai.Stream[Any],
    )


def _record_events(client: openai.OpenAI, run: Run, last_id: str, recorder: Recorder) -> bool:
    try:
        source = events_of(client, run.thread_id, run.id, last_id)
    except openai.APIStatusError:
        return False
    decoder = FrameDecoder()
    with source:
        for chunk in source.response.iter_bytes():
            for frame in decoder.feed(chunk):
                recorder.write(frame.raw)
    return True

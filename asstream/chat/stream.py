"""A run's event stream that comes to its end: what a broken connection left out is fetched and given.

For any handler, through the SDK's own manager:

    opening = partial(stream_run, client, thread_id, assistant_id=…)
    with AssistantStreamManager(opening, event_handler=handler) as stream:
        stream.until_done()

May know openai, handlers' reducer and recordings; reaches the endpoint through the client alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import openai

from asstream.chat.catch_up import events_of
from asstream.chat.recovery import RUN_ENDS, events_from_objects
from asstream.chat.requests import Lookup, backoff, find_new_run, find_taken_outputs, send
from asstream.chat.sse import Frame, FrameDecoder, encode, parse_event
from asstream.handlers.activity import functions
from asstream.handlers.base import EventHandler
from asstream.handlers.faults import as_api_error, ended_early, error_event
from asstream.handlers.reducer import Reducer

if TYPE_CHECKING:
    from openai import OpenAI, Stream
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import Run
    from openai.types.beta.threads.runs import RunStep

    from asstream.chat.recording import Recorder

ATTEMPTS = 6
"""How often in a row a connection may break, or a question fail, with nothing new in between."""
PATIENCE = 900.0
"""Seconds for which a run is asked after; one that the service keeps goes on 600 at most."""
_RunStream = Callable[[], "Stream[AssistantStreamEvent]"]


class _Broken(Exception):
    """The connection is gone; `cause` says how, None when it ended as if all were well."""

    def __init__(self, cause: Exception | None) -> None:
        super().__init__()
        self.cause = cause


class RunStream:
    """The events of one run's stream, whole and once, over one connection or several.

    A drop-in for the SDK's `Stream[AssistantStreamEvent]` where a handler reads it.

    Args:
        client: the endpoint.
        request: makes the request that streams, with no retries of its own.
        thread_id: the thread; None where the request makes it.
        run_id: the run, where it is known before (tool outputs).
        submitted: ids of the tool calls whose outputs the request brings.
        lookup: finds the run that a lost request may have made; None where it can't be known.
        include: further fields of the steps, should they have to be retrieved.
        recorder: is given each event's bytes as they come.
        joined: whether somebody else began the run: its outputs may have been given to it meanwhile.
        after: the id of the event after which a joined stream begins.

    Raises openai.APIError: what the endpoint says, and a connection that can't be mended.
    """

    def __init__(
        self,
        client: OpenAI,
        request: _RunStream,
        *,
        thread_id: str | None = None,
        run_id: str | None = None,
        submitted: Collection[str] = (),
        lookup: Lookup | None = None,
        include: Sequence[Any] = (),
        recorder: Recorder | None = None,
        joined: bool = False,
        after: str | None = None,
    ) -> None:
        self.joined = joined
        self.wire: tuple[str, str] | None = None
        """Name and data of the last event as they came; None for one made from retrieved objects."""
        self._client = client
        self._request = request
        self._thread_id, self._run_id = thread_id, run_id
        self._submitted = submitted
        self._lookup = lookup
        self._include = list(include) or openai.omit
        self._recorder = recorder
        self._seen = Reducer(EventHandler())
        self._last_id = after
        self._heard = 0
        self._following = joined
        self._closed = False
        self._source = self._open()
        self._iterator = self._events()

    @property
    def response(self) -> Any:
        """The HTTP response that is being read; None when the run had to be looked for at once."""
        return self._source.response if self._source is not None else None

    @property
    def run(self) -> Run | None:
        """The run as the last event about it said."""
        return self._seen.run

    @property
    def run_id(self) -> str | None:
        """The run's id as soon as it is known: what a cancel needs."""
        return self._run_id

    @property
    def last_id(self) -> str | None:
        """The id of the last event that came; None at an endpoint that gives them none."""
        return self._last_id

    def __iter__(self) -> Iterator[AssistantStreamEvent]:
        return self._iterator

    def __next__(self) -> AssistantStreamEvent:
        return next(self._iterator)

    def __enter__(self) -> RunStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the iteration ends. The run itself goes on."""
        self._closed = True
        if self._source is not None:
            self._source.close()

    # reading

    def _events(self) -> Iterator[AssistantStreamEvent]:
        failures = 0
        cause: Exception | None = None
        try:
            while True:
                if self._source is not None:
                    heard, cause = self._heard, None
                    try:
                        yield from self._read(self._source)
                    except _Broken as broken:
                        cause = broken.cause
                    if self._seen.settled or self._closed:
                        return
                    failures = 1 if self._heard > heard else failures + 1
                if failures > ATTEMPTS:
                    raise self._lost(cause)
                self._source = self._way_on(cause, failures)
                if self._source is None:
                    break
            yield from self._retrieve(cause)
        finally:
            if self._source is not None:
                self._source.close()

    def _read(self, source: Stream[AssistantStreamEvent]) -> Iterator[AssistantStreamEvent]:
        for frame in self._frames(source):
            if self._recorder is not None:
                self._recorder.write(frame.raw)
            if frame.is_done:
                return
            try:
                event = parse_event(frame.event, frame.data)
            except ValueError as error:
                raise _Broken(error) from error
            if frame.id is not None:
                self._last_id = frame.id
            if event is not None and not self._is_over(event):
                self.wire = (frame.event, frame.data)
                self._note(event)
                yield event
                if event.event == "error":
                    raise error_event(event, source)
                if self._following and self._seen.settled:  # a follower may wait for the outputs with the run
                    self._record_done()
                    return

    def _is_over(self, event: AssistantStreamEvent) -> bool:
        """Whether the log tells of a wait for outputs that others have given meanwhile."""
        if not self.joined or event.event != "thread.run.requires_action":
            return False
        was = event.data
        now = self._client.beta.threads.runs.retrieve(was.id, thread_id=was.thread_id)
        return now.status != "requires_action" or functions(now).keys() != functions(was).keys()

    def _frames(self, source: Stream[AssistantStreamEvent]) -> Iterator[Frame]:
        decoder = FrameDecoder()
        chunks = source.response.iter_bytes()
        while not self._closed:
            try:
                frames = list(decoder.feed(next(chunks)))
            except StopIteration:
                return
            except Exception as error:
                raise _Broken(error) from error
            yield from frames

    def _note(self, event: AssistantStreamEvent) -> None:
        self._heard += 1
        if event.event == "error":
            return
        self._seen.feed(event)
        if self._run_id is None and self._seen.run is not None:
            self._run_id, self._thread_id = self._seen.run.id, self._seen.run.thread_id
        elif self._thread_id is None and event.event == "thread.created":
            self._thread_id = event.data.id

    # what a broken connection left out

    def _way_on(self, cause: Exception | None, failures: int) -> Stream[AssistantStreamEvent] | None:
        """Another stream to read on from; None when the run is there to be retrieved."""
        source = self._source
        if self._run_id is None or (self._submitted and not self._heard_run() and not self.joined):
            repeated = self._open(self._lost(cause)) if source is not None else None
            if repeated is not None:
                return repeated
        if failures > 1:
            backoff(failures - 2)
        return self._follow(cause) if self._can_follow() else None

    def _heard_run(self) -> bool:
        return self._seen.run is not None or bool(self._seen.steps)

    def _open(self, lost: Exception | None = None) -> Stream[AssistantStreamEvent] | None:
        """Make the request, unless it was made and lost: None when a look finds the run that it made."""
        source, run = send(self._request, self._lookup, lost)
        if run is not None:
            self._run_id, self._thread_id = run.id, run.thread_id
        return source

    def _can_follow(self) -> bool:
        """Whether a follower can begin after the last event that came, or with the run itself.

        With no answer to go by, asking is the way to learn whether the endpoint is an asstream server.
        """
        ours = self._source is None or "x-asstream" in self._source.response.headers
        return ours and (self._last_id is not None or not (self._heard_run() or self._submitted))

    def _follow(self, cause: Exception | None) -> Stream[AssistantStreamEvent] | None:
        assert self._run_id is not None and self._thread_id is not None
        for turn in range(ATTEMPTS):
            try:
                source = events_of(self._client, self._thread_id, self._run_id, self._last_id)
            except openai.APIConnectionError as error:
                cause = cause or error
                backoff(turn)
            except openai.APIStatusError:  # no such route, or events that are gone: retrieve what there is
                return None
            else:
                self._following = True
                return source
        raise self._lost(cause)

    def _retrieve(self, cause: Exception | None) -> Iterator[AssistantStreamEvent]:
        run = self._settled_run(cause)
        if run is None:
            return
        steps, messages = self._steps(run), self._messages(run)
        missing = events_from_objects(run, steps, messages, seen=self._seen, submitted=self._submitted)
        for event in list(missing):
            if self._closed:
                return
            if self._recorder is not None:
                self._recorder.write(encode(event))
            self.wire = None
            self._seen.feed(event)
            yield event
        self._record_done()

    def _settled_run(self, cause: Exception | None) -> Run | None:
        """Ask after the run until it is over or waits for outputs; None once the stream is closed."""
        runs = self._client.with_options(max_retries=0).beta.threads.runs
        assert self._run_id is not None and self._thread_id is not None
        deadline = time.monotonic() + PATIENCE
        turn = failures = 0
        while not self._closed and time.monotonic() < deadline:
            try:
                answer = runs.with_raw_response.retrieve(self._run_id, thread_id=self._thread_id)
                run = answer.parse()
            except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
                failures += 1
                if failures > ATTEMPTS:
                    raise self._lost(cause or error) from error
                backoff(failures)
                continue
            if run.status in RUN_ENDS:
                return run
            failures = 0
            backoff(turn, answer.headers.get("openai-poll-after-ms"))
            turn += 1
        if self._closed:
            return None
        raise self._lost(cause)

    def _steps(self, run: Run) -> list[RunStep]:
        steps = self._client.beta.threads.runs.steps
        try:
            listed = steps.list(
                run.id, thread_id=run.thread_id, include=self._include, order="asc", limit=100
            )
            return list(listed)
        except openai.NotFoundError:  # an endpoint that keeps no steps still has the messages
            return []

    def _messages(self, run: Run) -> Iterable[Any]:
        messages = self._client.beta.threads.messages
        return list(messages.list(run.thread_id, run_id=run.id, order="asc", limit=100))

    def _record_done(self) -> None:
        if self._recorder is not None:
            self._recorder.write(b"event: done\ndata: [DONE]\n\n")

    def _lost(self, cause: Exception | None) -> Exception:
        return as_api_error(cause, self._source) if cause is not None else ended_early(self._source)


def stream_run(
    client: OpenAI,
    thread_id: str,
    *,
    known_runs: Collection[str] = (),
    recorder: Recorder | None = None,
    **params: Any,
) -> RunStream:
    """Create a run on a thread and stream it.

    Args:
        known_runs: ids of runs that the thread had before: never taken for the new one.
        params: of `client.beta.threads.runs.create` (assistant_id, model, tools, …).
    """
    once = client.with_options(max_retries=0)
    return RunStream(
        client,
        lambda: once.beta.threads.runs.create(thread_id, stream=True, **params),
        thread_id=thread_id,
        lookup=find_new_run(once, thread_id, known_runs),
        include=params.get("include", ()),
        recorder=recorder,
    )


def stream_thread_and_run(client: OpenAI, *, recorder: Recorder | None = None, **params: Any) -> RunStream:
    """Create a thread and its run and stream it. A lost request can't be looked for: it is not repeated.

    Args:
        params: of `client.beta.threads.create_and_run` (assistant_id, thread, …).
    """
    once = client.with_options(max_retries=0)
    request = cast(_RunStream, lambda: once.beta.threads.create_and_run(stream=True, **params))
    return RunStream(client, request, recorder=recorder)


def stream_tool_outputs(
    client: OpenAI,
    thread_id: str,
    run_id: str,
    tool_outputs: Iterable[Any],
    *,
    recorder: Recorder | None = None,
) -> RunStream:
    """Submit the outputs of a run's tool calls and stream what follows.

    Args:
        tool_outputs: `{"tool_call_id", "output"}` each; all that the run waits for.
    """
    once = client.with_options(max_retries=0)
    outputs = list(tool_outputs)
    submitted = frozenset(str(output["tool_call_id"]) for output in outputs)
    return RunStream(
        client,
        lambda: once.beta.threads.runs.submit_tool_outputs(
            run_id, thread_id=thread_id, tool_outputs=outputs, stream=True
        ),
        thread_id=thread_id,
        run_id=run_id,
        submitted=submitted,
        lookup=find_taken_outputs(once, thread_id, run_id, submitted),
        recorder=recorder,
    )

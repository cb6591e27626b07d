"""EventHandler: `openai.AssistantEventHandler` with a reducer that keeps its documented promises.

Everything public of the SDK's class works as documented; its own reducer (private, and full of quirks) is
replaced. May know openai; knows nothing of terminals, sessions or the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

import openai
from openai import AssistantEventHandler
from typing_extensions import override

from asstream.handlers.faults import as_api_error, ended_early, error_event, is_error
from asstream.handlers.reducer import Reducer

if TYPE_CHECKING:
    from openai import Stream
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import Message, RefusalContentBlock, RefusalDeltaBlock, Run
    from openai.types.beta.threads.runs import RunStep

    from asstream.handlers.files import Files


class _Feed:
    """One stream that a handler reads: closed once, its end told once."""

    def __init__(self, stream: Stream[AssistantStreamEvent], on_end: Callable[[], None]) -> None:
        self.stream = stream
        self.closed = False
        self._ended = False
        self._on_end = on_end
        self._close_stream = stream.close
        # The SDK's manager closes the stream, not the handler, when its `with` block is left by a break:
        # that too is the end of the stream, and `on_end` says so.
        setattr(stream, "close", self.close)  # noqa: B010 - mypy allows no plain assignment to a method

    @property
    def live(self) -> bool:
        return not self._ended

    def close(self) -> None:
        self.closed = True
        self.end()

    def end(self) -> None:
        try:
            self._close_stream()
        finally:
            if not self._ended:
                self._ended = True
                self._on_end()


class EventHandler(AssistantEventHandler):
    """Base class of handlers: override the callbacks, each is called once, in order, with every delta.

    A drop-in for `openai.AssistantEventHandler`. What differs from it:

    - `on_text_created` and `on_tool_call_created` bring an empty block (its id, type and name); every piece
      of content then comes by exactly one delta, the first piece too.
    - `on_tool_call_done` comes once, when the step is over, with the outputs that the finished step holds:
      for a function that is after its output was submitted (on the handler of that stream).
    - At each `done` the object is the finished one; what it holds beyond the deltas comes before it, as a
      last delta.
    - A run that ends leaves nothing open: each `created` gets its `done`, then `on_run_done(run)`.
    - An `error` event raises `openai.APIError`; a connection that drops raises `openai.APIConnectionError`
      or `openai.APITimeoutError`, and so does a stream that ends without its last event.
    - `on_end` comes once a stream, also when a `with` block is left early.
    - One handler may read a run's further streams (`submit_tool_outputs_stream`), one after another: it goes
      on where it was. With a fresh handler for each, the callbacks of all together are the same. While it
      reads one stream it refuses a second, and closes that one.

    Snapshots grow in place: keep a copy of one (`snapshot.model_copy(deep=True)`), not a reference.
    """

    explains_outcome: ClassVar[bool] = False
    """True where the handler itself tells a person why a run did not complete."""
    files: Files | None = None
    """The files of the replies (`handlers.files`), where a session gives the handler a way to them."""

    def __init__(self) -> None:
        super().__init__()
        self._reducer = Reducer(self)
        self._feed: _Feed | None = None
        self._text_values: list[str] | None = None

    # callbacks beyond the SDK's

    def on_run_done(self, run: Run) -> None:
        """Fires once when the run is over: `run.status` says how, `run.last_error` why."""

    def on_requires_action(self, run: Run) -> None:
        """Fires when the run waits for tool outputs (`run.required_action`); the stream ends with this."""

    def on_refusal_delta(self, delta: RefusalDeltaBlock, snapshot: RefusalContentBlock) -> None:
        """Fires for each piece of a refusal: `delta.refusal` is new, `snapshot.refusal` is all so far."""

    def on_refusal_done(self, refusal: RefusalContentBlock) -> None:
        """Fires once when a refusal is finished."""

    # the SDK's properties, from our state

    @property
    @override
    def current_run(self) -> Run | None:
        """The run as the last event about it said."""
        return self._reducer.run

    @property
    @override
    def current_run_step_snapshot(self) -> RunStep | None:
        """The step that is going on, or None between steps."""
        step = self._reducer.current_step
        return step.snapshot if step else None

    @property
    @override
    def current_message_snapshot(self) -> Message | None:
        """The message that is being written, or the last one."""
        message = self._reducer.current_message
        return message.snapshot if message else None

    @override
    def get_final_run(self) -> Run:
        """Read the stream to its end and return the run. RuntimeError if the stream told of none."""
        self.until_done()
        if self._reducer.run is None:
            raise RuntimeError("No final run object found")
        return self._reducer.run

    @override
    def get_final_run_steps(self) -> list[RunStep]:
        """Read the stream to its end and return the run's steps. RuntimeError if there were none."""
        self.until_done()
        if not self._reducer.steps:
            raise RuntimeError("No run steps found")
        return [state.snapshot for state in self._reducer.steps.values()]

    @override
    def get_final_messages(self) -> list[Message]:
        """Read the stream to its end and return the run's messages. RuntimeError if there were none."""
        self.until_done()
        if not self._reducer.messages:
            raise RuntimeError("No messages found")
        return [state.snapshot for state in self._reducer.messages.values()]

    @override
    def close(self) -> None:
        """Close the response and release the connection; `on_end` fires unless it has."""
        if self._feed is not None:
            self._feed.close()

    @override
    def __iter__(self) -> Iterator[AssistantStreamEvent]:
        return self._iterator

    # the stream

    @override
    def _init(self, stream: Stream[AssistantStreamEvent]) -> None:
        if self._feed is not None and self._feed.live and not self._hands_over():
            stream.close()
            raise RuntimeError(
                "This handler is still reading another stream: read that one to its end or close it first, "
                "or make a new handler instance."
            )
        if self._reducer.over:
            self._reducer = Reducer(self)
        self._reducer.settled = False
        if self._feed is not None:
            self._iterator = self.__stream__()
            self.text_deltas = self.__text_deltas__()
        self._feed = _Feed(stream, self.on_end)

    def _hands_over(self) -> bool:
        """Whether the stream being read has come to where a further stream takes the run on."""
        if self._current_event is not None:
            return self._current_event.event == "thread.run.requires_action"
        return self._reducer.settled

    @override
    def __text_deltas__(self) -> Iterator[str]:
        values: list[str] = []
        self._text_values = values
        for _ in self._iterator:
            yield from values
            values.clear()

    @override
    def _emit_sse_event(self, event: AssistantStreamEvent) -> None:
        feed = self._feed
        self._current_event = event
        self.on_event(event)
        if self._feed is not feed:  # on_event submitted the outputs, and another stream took the run on
            self._current_event = None
            return
        if is_error(event):
            raise error_event(event, feed.stream if feed else None)
        self._reducer.feed(event)
        self._current_event = None

    @override
    def __stream__(self) -> Iterator[AssistantStreamEvent]:
        feed = self._feed
        if feed is None:
            raise RuntimeError("Stream has not been started yet")
        try:
            yield from self._events(feed)
        except openai.APITimeoutError as error:
            self.on_timeout()
            self.on_exception(error)
            raise
        except Exception as error:
            self.on_exception(error)
            raise
        finally:
            feed.end()

    def _events(self, feed: _Feed) -> Iterator[AssistantStreamEvent]:
        events = iter(feed.stream)
        while not feed.closed:
            try:
                event = next(events)
            except StopIteration:
                break
            except Exception as error:
                raise as_api_error(error, feed.stream) from error
            self._emit_sse_event(event)
            yield event
        if not feed.closed and not self._reducer.settled:
            raise ended_early(feed.stream)

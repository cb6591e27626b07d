"""A session: one thread, one assistant, one message after another; what comes back is the final Run.

A request that creates is sent once and looked for before it is repeated. Knows the `openai` client, the
handlers and the thread index; nothing of terminals.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
from openai.lib.streaming import AssistantStreamManager

from asstream.chat import history, produced
from asstream.chat.attachments import SEARCH, Outgoing, wait_until_read
from asstream.chat.cancelling import cancel_run
from asstream.chat.catch_up import record_rest
from asstream.chat.find import DEFAULT_MODEL, find_assistant, find_thread
from asstream.chat.joining import PolledStream, join_run, wait_for_outputs
from asstream.chat.polling import ObjectStream, wait_for_run
from asstream.chat.posting import post_message
from asstream.chat.recovery import ACTIVE, GOING, RUN_ENDS
from asstream.chat.requests import find_new_run, send
from asstream.chat.stream import RunStream, stream_run
from asstream.chat.threads import ThreadIndex
from asstream.errors import AsstreamError, NotFoundError, RunError
from asstream.handlers.activity import READING, SENDING, functions, waiting_for
from asstream.handlers.faults import raised_by_handler
from asstream.handlers.outcome import outcome_lines

if TYPE_CHECKING:
    from openai import AssistantEventHandler
    from openai.types.beta import Assistant
    from openai.types.beta.threads import Run

    from asstream.chat.downloads import Downloads
    from asstream.chat.recording import Recorder


@dataclass
class Session:
    """An open chat.

    Attributes:
        client: the endpoint.
        thread_id: the thread.
        assistant: who answers.
        index: where the thread's use is written down.
        make_handler: makes the handler of one stream.
        label: the endpoint, for people.
        model_name: the model that answers where neither run nor assistant names one, for people.
        stream: False waits for whole replies.
        model, instructions: in place of the assistant's own, for each run; None leaves its own.
        recorder: is given the events of each run.
        tell_status: called with what goes on while no handler can say it (a run's status, or words); None at
            its end.
        say: tells the person something, in a line.
        on_close: lets go of the endpoint.
        files: the files of its replies.
        last_run: the newest run of this session, or of the thread before.
        live: the run of the thread that somebody else began and that is under way: `join` shows it.
        usage: tokens of this session, by kind.
        outgoing: the files and images of the next message.
        listed: ids of the threads that were last shown, so that a number can pick one.
        tell_past: shows a person the thread's past.
        used: whether a message was sent.
        handler_is_ours: whether the handler is a built-in one; another may read the keyboard itself.
        discard: whether a thread that no message was sent to is deleted at the end.
    """

    client: openai.OpenAI
    thread_id: str
    assistant: Assistant
    index: ThreadIndex
    make_handler: Callable[[], AssistantEventHandler]
    label: str = ""
    model_name: str = ""
    stream: bool = True
    model: str | None = None
    instructions: str | None = None
    recorder: Recorder | None = None
    tell_status: Callable[[str | None], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    on_close: Callable[[], None] = lambda: None
    files: Downloads | None = None
    last_run: Run | None = None
    live: Run | None = None
    usage: dict[str, int] = field(default_factory=dict)
    outgoing: Outgoing = field(default_factory=Outgoing)
    listed: list[str] = field(default_factory=list)
    tell_past: Callable[[Session], None] = lambda _: None
    used: bool = False
    discard: bool = False
    handler_is_ours: bool = True
    _known: set[str] = field(default_factory=set)
    _current: RunStream | PolledStream | None = None
    _current_run_id: str | None = None
    _explained: bool = False
    _settled: bool = True
    _unanswered: list[str] = field(default_factory=list)
    _recent: list[Run] = field(default_factory=list)
    """The last run that was not stopped, and those that were stopped since."""

    def __post_init__(self) -> None:
        if self.last_run is not None:
            if self.last_run.status in ACTIVE:
                self.live = self.last_run
            self._known.add(self.last_run.id)
            self._recent.append(self.last_run)

    def header(self) -> list[str]:
        """What a chat begins with: assistant, model, endpoint, thread, how to leave."""
        model = self.model or self.model_name or self.assistant.model
        who = [self.assistant.name or self.assistant.id, model if model != DEFAULT_MODEL else "", self.label]
        return [
            " · ".join(part for part in who if part),
            f"{self.thread_id} · exit leaves, /help helps",
            *(f"{shown} goes with the next message" for shown in self.outgoing.shown()),
        ]

    def send(self, text: str) -> Run:
        """Send a message and follow the run that answers it to its end.

        Raises:
            openai.OpenAIError: the endpoint refuses or fails. A run of others that was in the way is `live`.
            RunError: the handler raised.
            KeyboardInterrupt: the person stopped it; the run is cancelled on the server.
        """
        with self._telling(SENDING):
            attachments = self.outgoing.attachments(self.assistant)
            images = [image.part for image in self.outgoing.images]
            try:
                post_message(self.client, self.thread_id, text, attachments, images)
            except openai.BadRequestError:
                self._find_live()
                raise
        self.outgoing.sent()
        self.used = True
        self.index.note_use(self.thread_id, self.assistant.id, text)
        searched = [each["file_id"] for each in attachments if {"type": SEARCH} in each["tools"]]
        if searched:
            with self._telling(READING):
                wait_until_read(self.client, self.thread_id, searched, self.say)
        return self.retry()

    def retry(self) -> Run:
        """A new run on what the thread holds. Raises as `send` does."""
        return self._see_through(lambda: self._follow(self._streamed() if self.stream else self._polled()))

    def join(self) -> Run:
        """Show the run that is under way from its beginning, and follow it to its end. Raises as `send` does.

        A Ctrl-C cancels it, as one of this session's own; a handler that raises does not. Outputs of
        functions that this handler does not give are waited for: whoever began the run may give them.
        """
        run, self.live = self.live, None
        assert run is not None
        return self._see_through(lambda: self._join(run), ours=False)

    def _see_through(self, follow: Callable[[], Run], *, ours: bool = True) -> Run:
        self._current, self._current_run_id, self._unanswered = None, None, []
        self._settled = not ours
        try:
            run = follow()
        except (openai.OpenAIError, AsstreamError, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            if (ended := self._cancel()) is not None:
                self._note(ended)
            raise
        except Exception as error:
            ended = self._cancel() if ours else None
            cancelled = ended is not None and ended.status in ("cancelling", "cancelled")
            if self.handler_is_ours:
                raise
            raise raised_by_handler(error, cancelled=cancelled) from error
        self._note(run)
        if self.files is not None and self.files.kept is not None:
            self.files.keep_all(produced.of_run(self.client, run))
        return run

    def save(self, folder: Path) -> list[Path]:
        """Save the files of the last reply; of one that was stopped, what it made before, if anything.

        Raises AsstreamError, openai.OpenAIError.
        """
        for run in reversed(self._recent):
            if self.files is not None and (made := produced.of_run(self.client, run)):
                return self.files.save(made, folder)
        return []

    def switch_assistant(self, named: str) -> None:
        """Let another assistant answer from now on. Raises NotFoundError, UsageError."""
        self.assistant = find_assistant(self.client, named)

    def switch_thread(self, named: str) -> None:
        """Go on with another thread, and with the assistant of its last run where that is still there.

        What was said counts from there: usage, and the files of the last reply. Raises NotFoundError,
        UsageError, openai.OpenAIError.
        """
        thread = find_thread(self.client, self.index, named)
        if thread.id == self.thread_id:
            return
        run = history.last_run(self.client, thread.id)
        self._discard_unused()
        if run is not None and run.assistant_id and run.assistant_id != self.assistant.id:
            with contextlib.suppress(NotFoundError):
                self.switch_assistant(run.assistant_id)
        self.thread_id, self.last_run = thread.id, run
        self.used, self.discard, self.usage, self._recent = True, False, {}, []
        self.__post_init__()

    def outcome(self, run: Run) -> list[str]:
        """How a run ended, for a person; nothing when it completed or its handler has told."""
        if self._unanswered:
            asked = ", ".join(self._unanswered)
            return [
                f"asstream: the run asked for a function that nobody offers: {asked}",
                "the run was cancelled; a handler can answer it (--handler)",
            ]
        return [] if self._explained else outcome_lines(run)

    def close(self, patience: float | None = None) -> None:
        """Finish the recording and let go of the endpoint.

        Args:
            patience: seconds to wait for the endpoint's end; the rest is left to the end of the process. It
                counts only when no run of this session goes on: that one is cancelled first. None waits for
                it all.
        """
        try:
            self.outgoing.forget(self.client)
            self._discard_unused()
            if self.recorder is not None:
                self.recorder.close()
        finally:
            closing = threading.Thread(target=self.on_close, daemon=True)
            closing.start()
            closing.join(patience if self._settled else None)

    def _discard_unused(self) -> None:
        """Delete the thread that this session made, if no message was sent to it."""
        if self.discard and not self.used:
            with contextlib.suppress(openai.OpenAIError):
                self.client.with_options(max_retries=0, timeout=1).beta.threads.delete(self.thread_id)

    # sending

    def _find_live(self) -> None:
        """Look whether a run that somebody else began is why the thread took no message."""
        run = history.last_run(self.client, self.thread_id)
        if run is not None and run.status in ACTIVE and run.id not in self._known:
            self.last_run = run
            self.__post_init__()

    def _parameters(self) -> dict[str, Any]:
        chosen = {"model": self.model, "instructions": self.instructions}
        return {"assistant_id": self.assistant.id, **{k: v for k, v in chosen.items() if v is not None}}

    # the run

    def _streamed(self) -> Run:
        def opening() -> Any:
            with self._telling(SENDING):
                self._current = stream_run(
                    self.client,
                    self.thread_id,
                    known_runs=self._known,
                    recorder=self.recorder,
                    **self._parameters(),
                )
            return self._current

        self._show(opening)
        return self._streamed_run()

    def _streamed_run(self) -> Run:
        stream = self._current
        if stream is None or stream.run is None:
            raise RunError("the endpoint streamed no run", "`asstream doctor` tells what it is")
        return stream.run

    def _polled(self) -> Run:
        once = self.client.with_options(max_retries=0)
        with self._telling(SENDING):
            made, found = send(
                lambda: once.beta.threads.runs.create(self.thread_id, **self._parameters()),
                find_new_run(once, self.thread_id, self._known),
            )
        run = made or found
        assert run is not None
        return self._waited(run)

    def _waited(self, run: Run, submitted: frozenset[str] = frozenset()) -> Run:
        """Wait for a run and show it whole, through a fresh handler."""
        self._current_run_id = run.id
        with self._telling(run.status):
            run = wait_for_run(self.client, run, self.tell_status)
        self._show(lambda: ObjectStream(self.client, run, submitted, self.recorder))
        return run

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        self.tell_status(what)
        try:
            yield
        finally:
            self.tell_status(None)

    def _join(self, run: Run, after: str | None = None, submitted: frozenset[str] = frozenset()) -> Run:
        """Follow somebody else's run to its end, through a fresh handler for each of its streams."""
        self._current_run_id = run.id

        def opening() -> Any:
            self._current = join_run(
                self.client, run, after=after, submitted=submitted, recorder=self.recorder
            )
            return self._current

        if self.stream:
            self._show(opening)
        seen = self._streamed_run() if self.stream else self._waited(run, submitted)
        asked = self._current
        if seen.status != "requires_action":
            return seen
        now = self.client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)
        if now.status == "requires_action" and functions(now).keys() == functions(seen).keys():
            now = self._wait_for_others(now)
        elif not self.handler_is_ours:  # it has given the outputs itself
            return self._follow(seen)
        return self._join(now, asked.last_id if asked is not None else None, frozenset(functions(seen)))

    def _wait_for_others(self, run: Run) -> Run:
        names = ", ".join(functions(run).values())
        self.say(f"the run waits for the output of {names}: who began it may give it; Ctrl-C cancels it")
        with self._telling(waiting_for(run)):
            return wait_for_outputs(self.client, run)

    def _show(self, opening: Callable[[], Any]) -> None:
        handler = self.make_handler()
        self._explained = bool(getattr(handler, "explains_outcome", False))
        with AssistantStreamManager(opening, event_handler=handler) as reading:
            reading.until_done()

    def _follow(self, run: Run) -> Run:
        """Take a run that stopped for functions on: follow it when the handler answered, else cancel it."""
        self._current_run_id = run.id
        while run.status == "requires_action":
            asked = _calls(run)
            now = self.client.beta.threads.runs.retrieve(run.id, thread_id=self.thread_id)
            if now.status == "requires_action" and _calls(now).keys() == asked.keys():
                self._unanswered = list(asked.values())
                self._cancel()
                return self.client.beta.threads.runs.retrieve(run.id, thread_id=self.thread_id)
            if now.status in GOING:
                run = self._waited(now, frozenset(asked))
            else:  # the handler has read the streams of its outputs itself
                run = now
                self._record_rest(run, frozenset(asked))
        return run

    def _record_rest(self, run: Run, submitted: frozenset[str]) -> None:
        if self.recorder is not None:
            last_id = self._current.last_id if self._current is not None else None
            record_rest(self.client, run, submitted, last_id, self.recorder)

    def _cancel(self) -> Run | None:
        """Cancel the run that is going on and wait a little for its end; the run as it then is."""
        run_id = self._current_run_id or (self._current.run_id if self._current is not None else None)
        ended = cancel_run(self.client, self.thread_id, run_id, self._known)
        if ended is not None:
            self._settled = ended.status in RUN_ENDS
        return ended

    def _note(self, run: Run) -> None:
        self._settled = run.status in RUN_ENDS
        self.last_run = run
        if run.status not in ("cancelling", "cancelled"):
            self._recent.clear()
        self._recent.append(run)
        self._known.add(run.id)
        if run.usage is not None:
            for kind in ("prompt", "completion", "total"):
                tokens = getattr(run.usage, f"{kind}_tokens") or 0
                self.usage[kind] = self.usage.get(kind, 0) + tokens


def _calls(run: Run) -> dict[str, str]:
    """The functions that a run waits for: call id → `name(arguments)`."""
    if run.required_action is None:
        return {}
    calls = run.required_action.submit_tool_outputs.tool_calls
    return {call.id: f"{call.function.name}({call.function.arguments})" for call in calls}

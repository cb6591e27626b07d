"""A thread's past in its order: the messages, and the code of its runs where it was run.

Knows the `openai` client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.chat.history import messages
from asstream.chat.steps import calls
from asstream.handlers.files import Picture
from asstream.render.clean import clean_line

if TYPE_CHECKING:
    import openai
    from openai.types.beta.threads import Message, Run
    from openai.types.beta.threads.runs import RunStep

CODE = "code_interpreter"


def past(client: openai.OpenAI, thread_id: str, *, without: str | None = None) -> Iterator[Message | RunStep]:
    """Messages, and steps that hold code, oldest first; asked for as they are needed.

    A run may have ended without a message: its code stands before the first message of a later second
    than the run's (the wire has whole seconds, and a run begins in the second of its question).
    `without` is the id of a run of which nothing is given. Raises openai.OpenAIError.
    """
    waiting = deque(run for run in _runs_with_code(client, thread_id) if run.id != without)
    code = _Code(client)
    for message in messages(client, thread_id):
        if message.run_id is not None and message.run_id == without:
            continue
        if message.run_id is None or message.run_id != code.run_id:
            yield from code.rest()
            if message.run_id is not None and any(run.id == message.run_id for run in waiting):
                while (run := waiting.popleft()).id != message.run_id:
                    yield from code.whole(run)
                code.begin(run)
            else:
                while waiting and waiting[0].created_at < message.created_at:
                    yield from code.whole(waiting.popleft())
        yield from code.before(message.id)
        yield message
        yield from code.after_message()
    yield from code.rest()
    for run in waiting:
        yield from code.whole(run)


class _Code:
    """The steps of one run after another."""

    def __init__(self, client: openai.OpenAI) -> None:
        self.run_id: str | None = None
        self._client = client
        self._steps: deque[RunStep] = deque()

    def begin(self, run: Run) -> None:
        import openai

        self.run_id = run.id
        try:
            found = self._client.beta.threads.runs.steps.list(
                run.id, thread_id=run.thread_id, order="asc", limit=100
            )
            self._steps = deque(found)
        except openai.APIStatusError:  # not every endpoint keeps steps for as long as messages
            self._steps = deque()

    def before(self, message_id: str) -> Iterator[RunStep]:
        """The code that ran before a message of this run."""
        if any(_message_of(step) == message_id for step in self._steps):
            while _message_of(step := self._steps.popleft()) != message_id:
                yield from _if_code(step)

    def after_message(self) -> Iterator[RunStep]:
        """The code that ran right after the message."""
        while self._steps and not _message_of(self._steps[0]):
            yield from _if_code(self._steps.popleft())

    def rest(self) -> Iterator[RunStep]:
        """What is left of the run."""
        while self._steps:
            yield from _if_code(self._steps.popleft())
        self.run_id = None

    def whole(self, run: Run) -> Iterator[RunStep]:
        """A run that no message tells of."""
        self.begin(run)
        yield from self.rest()


def _runs_with_code(client: openai.OpenAI, thread_id: str) -> Iterator[Run]:
    """The runs that may have run code, oldest first."""
    import openai

    try:
        for run in client.beta.threads.runs.list(thread_id, order="asc", limit=100):
            if any(tool.type == CODE for tool in run.tools or ()):
                yield run
    except openai.APIStatusError:  # an endpoint that lists no runs still has messages
        return


def _message_of(step: RunStep) -> str:
    details = getattr(step.step_details, "message_creation", None)
    return str(details.message_id) if details is not None else ""


def _if_code(step: RunStep) -> Iterator[RunStep]:
    if any(call.type == CODE for call in calls(step)):
        yield step


class Names:
    """The files of a thread's past (`handlers.files.Files`): their names alone; none is fetched or saved."""

    remedy = ""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client
        self._names: dict[str, str] = {}

    def picture(self, file_id: str) -> Picture:
        return Picture()

    def name(self, file_id: str) -> str:
        """The name that the endpoint has for a file, else its id; asked for once."""
        import openai

        if file_id not in self._names:
            try:
                self._names[file_id] = self._client.files.retrieve(file_id).filename or file_id
            except (openai.OpenAIError, ValueError):  # the SDK refuses some ids before it asks
                self._names[file_id] = file_id
        return self._names[file_id]

    def keep(self, file_id: str, name: str) -> Path | None:
        return None


def image_in_words(client: openai.OpenAI, file_id: str) -> str:
    """`image NAME (ID)`; without the name where the endpoint does not know the file any more."""
    import openai

    try:
        name = clean_line(client.files.retrieve(file_id).filename)
    except openai.OpenAIError:
        name = ""
    return f"image {name} ({clean_line(file_id)})" if name else f"image {clean_line(file_id)}"

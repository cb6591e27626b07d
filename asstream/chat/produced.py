"""The files that a run made: pictures of its code, pictures and files of its messages, in order, each once.

Files of a message are those that it links, then those that are attached to it: its code made them. A run that
was stopped before its message says itself what they are (an asstream server's does).

Knows the `openai` client.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asstream.handlers.files import file_name, unlinked

if TYPE_CHECKING:
    import openai
    from openai.types.beta.threads import Message, Run
    from openai.types.beta.threads.runs import RunStep

Produced = dict[str, str]
"""File id → the name that the reply gives it; empty where it gives none, as for pictures."""


def of_run(client: openai.OpenAI, run: Run) -> Produced:
    """The files of a run. Raises openai.OpenAIError."""
    found: Produced = {}
    for step in client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc", limit=100):
        for file_id in _pictures(step):
            found.setdefault(file_id, "")
    for message in client.beta.threads.messages.list(run.thread_id, run_id=run.id, order="asc", limit=100):
        if message.role == "assistant" and message.run_id == run.id:  # not every endpoint heeds `run_id`
            found |= {file_id: name for file_id, name in _parts(message) if not found.get(file_id)}
    unsaid = getattr(run, "made_files", None)
    for file_id in unsaid if isinstance(unsaid, list) else ():
        if isinstance(file_id, str) and file_id:
            found.setdefault(file_id, "")
    return found


def _pictures(step: RunStep) -> Iterator[str]:
    for call in getattr(step.step_details, "tool_calls", None) or ():
        if call.type == "code_interpreter":
            for output in call.code_interpreter.outputs or ():
                if output.type == "image" and output.image.file_id:
                    yield output.image.file_id


def _parts(message: Message) -> Iterator[tuple[str, str]]:
    for part in message.content:
        if part.type == "image_file":
            yield part.image_file.file_id, ""
        elif part.type == "text":
            for annotation in part.text.annotations:
                if annotation.type == "file_path" and annotation.file_path.file_id:
                    yield annotation.file_path.file_id, file_name(annotation.text)
    for file_id in unlinked(message):
        yield file_id, ""

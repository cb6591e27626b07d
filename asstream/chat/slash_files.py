"""The slash commands that read or write files, or the clipboard."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from asstream.chat.paths import path_of
from asstream.errors import AsstreamError, UsageError
from asstream.render.clean import clean_line

if TYPE_CHECKING:
    from openai.types.beta.threads import Message

    from asstream.chat.session import Session

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)^ {0,3}\1[`~]*[ \t]*$", re.DOTALL | re.MULTILINE)


def attach(session: Session, argument: str) -> list[str]:
    """`/file [PATH]`: upload a file for the next message; alone, the files that wait for it."""
    if not argument:
        waiting = [f"with the next message: {file.shown} ({file.id})" for file in session.outgoing.files]
        return waiting or ["no file waits for the next message; /file PATH adds one"]
    file = session.outgoing.add_file(session.client, path_of(argument))
    unread = file.unread(session.assistant)
    return [f"{file.shown} ({file.size:,} bytes) goes with the next message", *([unread] if unread else [])]


def image(session: Session, argument: str) -> list[str]:
    """`/image [PATH|URL]`: show the model a picture with the next message; alone, those that wait for it."""
    if not argument:
        waiting = [f"with the next message: {each.shown}" for each in session.outgoing.images]
        return waiting or ["no image waits for the next message; /image PATH|URL adds one"]
    from asstream.chat.pictures import look

    added = session.outgoing.add_image(session.client, look(argument))
    return [f"{added.shown} goes with the next message"]


def save(session: Session, argument: str) -> list[str]:
    """`/save [DIR]`: save the files of the last reply."""
    saved = session.save(path_of(argument or "."))
    return [f"saved {path}" for path in saved] or ["the last reply has no files"]


def export(session: Session, argument: str) -> list[str]:
    """`/export FILE`: write the transcript."""
    if not argument:
        raise UsageError("/export needs a FILE", "such as /export chat.md")
    from asstream.chat.export import markdown
    from asstream.chat.past import image_in_words, past

    path = path_of(argument)
    entry = session.index.get(session.thread_id)
    text = markdown(
        entry.title if entry else "",
        session.thread_id,
        past(session.client, session.thread_id),
        partial(image_in_words, session.client),
    )
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError as error:
        raise AsstreamError(
            f"{path} is there already", "name another file: nothing is written over"
        ) from error
    except OSError as error:
        raise AsstreamError(f"{path} can't be written: {error.strerror}", "name another file") from error
    return [f"written to {path}"]


def copy(session: Session, argument: str) -> list[str]:
    """`/copy [code]`: the last reply, or its last block of code, to the terminal's clipboard."""
    if argument not in ("", "code"):
        raise UsageError(f"/copy does not know {clean_line(argument, 40)!r}", "type /copy, or /copy code")
    from asstream.chat.clipboard import copy as to_clipboard

    text = _reply(session)
    if argument == "code":
        code = last_block(text) or _last_input(session)
        if not code:
            return ["the last reply has no code"]
        return [to_clipboard(code, "the last block of code")]
    return [to_clipboard(text, "the last reply")] if text else ["no reply to copy yet"]


def last_block(text: str) -> str:
    """The text inside the last fence of a Markdown text; empty where there is none."""
    found = [match[2] for match in _FENCE.finditer(text)]
    return found[-1] if found else ""


def _reply(session: Session) -> str:
    """The text of the newest message of the assistant; empty where there is none."""
    page = session.client.beta.threads.messages.list(session.thread_id, order="desc", limit=20)
    return next((_text(message) for message in page.data if message.role == "assistant"), "")


def _text(message: Message) -> str:
    return "\n".join(part.text.value for part in message.content if part.type == "text")


def _last_input(session: Session) -> str:
    """The code that the last run ran last; empty where it ran none."""
    if session.last_run is None:
        return ""
    from asstream.chat.steps import calls

    steps = session.client.beta.threads.runs.steps.list(
        session.last_run.id, thread_id=session.thread_id, order="asc", limit=100
    )
    inputs = [
        call.code_interpreter.input
        for step in steps
        for call in calls(step)
        if call.type == "code_interpreter"
    ]
    return next((code for code in reversed(inputs) if code.strip()), "")

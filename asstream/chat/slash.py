"""The slash commands: one table. Each gets the session and the rest of its line, returns lines to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.errors import AsstreamError, UsageError

if TYPE_CHECKING:
    from asstream.chat.session import Session

SHOWN = 20
"""Threads that `/threads` lists."""


class Leave(Exception):
    """The person wants to leave the chat."""


@dataclass(frozen=True)
class Command:
    """A slash command: what it takes, what it does in a few words, and the function that does it."""

    argument: str
    summary: str
    run: Callable[[Session, str], list[str]]


def split(line: str) -> tuple[str, str] | None:
    """A line's command and argument; None when the line is a message, as it is with a space before the /."""
    if not line.startswith("/"):
        return None
    name, _, argument = line.strip().partition(" ")
    return name, argument.strip()


def run(session: Session, name: str, argument: str) -> list[str]:
    """Run a command and return the lines to show. Raises Leave, AsstreamError."""
    command = COMMANDS.get(name)
    if command is None:
        near = [known for known in COMMANDS if known.startswith(name)]
        if len(near) != 1:
            raise UsageError(
                f"there is no command {name}", "/help lists them; a space before the / makes it a message"
            )
        command = COMMANDS[near[0]]
    return command.run(session, argument)


def _help(session: Session, argument: str) -> list[str]:
    shown = {f"{name} {command.argument}".strip(): command.summary for name, command in COMMANDS.items()}
    width = max(map(len, shown))
    return [
        *(f"{usage:<{width}}  {summary}" for usage, summary in shown.items()),
        "Alt-Enter: new line · Ctrl-C: stop the reply, clear the line · Ctrl-D: leave",
    ]


def _model(session: Session, argument: str) -> list[str]:
    if argument:
        session.model = argument
    return [f"model: {session.model or session.model_name}"]


def _assistant(session: Session, argument: str) -> list[str]:
    if argument:
        session.switch_assistant(argument)
    return [f"assistant: {session.assistant.name or 'unnamed'} ({session.assistant.id})"]


def _instructions(session: Session, argument: str) -> list[str]:
    if argument:
        session.instructions = argument
    return [f"instructions: {session.instructions or session.assistant.instructions or 'none'}"]


def _retry(session: Session, argument: str) -> list[str]:
    if not session.client.beta.threads.messages.list(session.thread_id, limit=1).data:
        return ["no message to answer yet"]
    return session.outcome(session.retry())


def _threads(session: Session, argument: str) -> list[str]:
    from asstream.render.columns import columns

    entries = session.index.merged(session.client)[:SHOWN]
    return columns(
        [("*" if entry.id == session.thread_id else "", entry.id, entry.title) for entry in entries]
    )


def _usage(session: Session, argument: str) -> list[str]:
    return [f"{label}: {session.usage[label]} tokens" for label in session.usage] or ["nothing used yet"]


def _steps(session: Session, argument: str) -> list[str]:
    if session.last_run is None:
        return ["no run yet"]
    steps = session.client.beta.threads.runs.steps.list(
        session.last_run.id, thread_id=session.thread_id, order="asc"
    )
    from asstream.chat.steps import brief

    return [line for step in steps for line in brief(step)] or ["no steps"]


def _export(session: Session, argument: str) -> list[str]:
    if not argument:
        raise UsageError("/export needs a FILE", "such as /export chat.md")
    from asstream.chat.export import markdown
    from asstream.chat.past import image_in_words, past

    path = Path(argument).expanduser()
    entry = session.index.get(session.thread_id)
    text = markdown(
        entry.title if entry else "",
        session.thread_id,
        past(session.client, session.thread_id),
        partial(image_in_words, session.client),
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AsstreamError(f"{path} can't be written: {error.strerror}", "name another file") from error
    return [f"written to {path}"]


def _save(session: Session, argument: str) -> list[str]:
    saved = session.save(Path(argument or "."))
    return [f"saved {path}" for path in saved] or ["the last reply has no files"]


def _exit(session: Session, argument: str) -> list[str]:
    raise Leave


COMMANDS = {
    "/help": Command("", "list these", _help),
    "/model": Command("[M]", "the model of the next runs", _model),
    "/assistant": Command("[ID|NAME]", "the assistant of the next runs", _assistant),
    "/instructions": Command("[TEXT]", "instructions in place of the assistant's own", _instructions),
    "/retry": Command("", "a new run on the last message", _retry),
    "/threads": Command("", "the threads, last used first", _threads),
    "/usage": Command("", "tokens used in this chat", _usage),
    "/steps": Command("", "the steps of the last run", _steps),
    "/save": Command("[DIR]", "save the files of the last reply", _save),
    "/export": Command("FILE", "write the transcript", _export),
    "/exit": Command("", "leave (also: exit, quit)", _exit),
    "/quit": Command("", "leave", _exit),
}

"""The slash commands: one table. Each gets the session and the rest of its line, returns lines to show."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asstream.chat import slash_files
from asstream.chat.find import DEFAULT_MODEL, DEFAULT_NAME
from asstream.errors import UsageError
from asstream.render.clean import clean_line

if TYPE_CHECKING:
    from asstream.chat.session import Session

SHOWN = 20
"""Threads that `/threads` lists."""
MOST_NEAR = 5
"""Commands that are named where a line may mean any of them."""


class Leave(Exception):
    """The person wants to leave the chat."""


class Draft(Exception):
    """A text for the person to go on with at the prompt; nothing is sent yet.

    Attributes:
        text: what stands there.
        problem: what went wrong, in lines.
    """

    def __init__(self, text: str, problem: list[str]) -> None:
        super().__init__(text)
        self.text = text
        self.problem = problem


@dataclass(frozen=True)
class Command:
    """A slash command.

    Attributes:
        argument: what it takes, for people; empty where it takes nothing.
        summary: what it does, in a few words.
        run: does it; gets the rest of the line, returns lines to show.
        completes: the kind of what it takes, one of those that `completion` knows.
    """

    argument: str
    summary: str
    run: Callable[[Session, str], list[str]]
    completes: str = ""


def split(line: str) -> tuple[str, str] | None:
    """A line's command and argument; None when the line is a message, as it is with a space before the /."""
    if not line.startswith("/"):
        return None
    name, *rest = line.strip().split(maxsplit=1)
    return name, rest[0] if rest else ""


def run(session: Session, name: str, argument: str) -> list[str]:
    """Run a command and return the lines to show. Raises Leave, Draft, AsstreamError."""
    name, command = _named(name)
    if argument and not command.argument:
        raise UsageError(
            f"{name} takes nothing, and {clean_line(argument, 40)!r} was given", f"type {name} alone"
        )
    return command.run(session, argument)


def _named(name: str) -> tuple[str, Command]:
    """The command with this name or unique start of one. Raises UsageError."""
    if name in COMMANDS:
        return name, COMMANDS[name]
    near = [known for known in COMMANDS if known.startswith(name)]
    if len(near) == 1:
        return near[0], COMMANDS[near[0]]
    shown = clean_line(name, 40)
    if 0 < len(near) <= MOST_NEAR:
        raise UsageError(f"{shown} may be any of {', '.join(near)}", "type more of it")
    from difflib import get_close_matches

    alike = get_close_matches(name[:40].lower(), COMMANDS, n=1, cutoff=0.6)
    raise UsageError(
        f"there is no command {shown}" + (f"; the nearest is {alike[0]}" if alike else ""),
        "/help lists them; a space before the / makes it a message",
    )


def _help(session: Session, argument: str) -> list[str]:
    shown = {f"{name} {command.argument}".strip(): command.summary for name, command in COMMANDS.items()}
    width = max(map(len, shown))
    return [
        *(f"{usage:<{width}}  {summary}" for usage, summary in shown.items()),
        "Alt-Enter: new line · Tab: complete · Ctrl-C: stop the reply, clear the line · Ctrl-D: leave",
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
    if argument:
        return _go_on(session, argument)
    from asstream.render.columns import columns

    entries = session.index.merged(session.client)
    if not session.used and session.discard:  # made by this chat, and gone with it if nothing is said
        entries = [entry for entry in entries if entry.id != session.thread_id]
    entries = entries[:SHOWN]
    session.listed = [entry.id for entry in entries]
    rows = [
        (number, "*" if entry.id == session.thread_id else "", entry.id, entry.title)
        for number, entry in enumerate(entries, start=1)
    ]
    return [*columns(rows), "/threads NUMBER goes on with one"] if rows else ["no thread has a message yet"]


def _go_on(session: Session, named: str) -> list[str]:
    """Go on with the thread that has this number in the last list, this id, or a unique start of one."""
    if named.isdecimal():
        if not session.listed:
            raise UsageError(
                f"no list is shown that {clean_line(named, 20)} could be of", "/threads shows one"
            )
        if len(named) > 4 or not 1 <= int(named) <= len(session.listed):
            raise UsageError(
                f"there is no thread {clean_line(named, 20)} in the list",
                f"give a number from 1 to {len(session.listed)}, or an id",
            )
        named = session.listed[int(named) - 1]
    session.switch_thread(named)
    session.tell_past(session)
    return session.header()


def _tools(session: Session, argument: str) -> list[str]:
    tools = session.assistant.tools or []
    shown = [_tool(tool) for tool in tools]
    if shown:
        return shown
    if session.assistant.name == DEFAULT_NAME and session.assistant.model == DEFAULT_MODEL:
        last = session.last_run
        if last is not None and last.assistant_id == session.assistant.id and last.tools:
            return [_tool(tool) for tool in last.tools]
        return ["chosen at each run: what is installed here, as `asstream doctor` tells"]
    return ["the assistant has no tools; `asstream assistants update ID --tool …` gives it some"]


def _tool(tool: object) -> str:
    function = getattr(tool, "function", None)
    if function is None:
        return clean_line(str(getattr(tool, "type", "unknown")))
    about = clean_line(function.description or "", 60)
    return f"function {clean_line(function.name)}" + (f": {about}" if about else "")


def _usage(session: Session, argument: str) -> list[str]:
    if session.last_run is None:
        return ["nothing used yet"]
    last = session.last_run.usage
    lines = (
        [("last run", _tokens(last.prompt_tokens, last.completion_tokens, last.total_tokens))] if last else []
    )
    used = session.usage
    if used:
        lines.append(("this chat", _tokens(used["prompt"], used["completion"], used["total"])))
    return [f"{what}: {tokens}" for what, tokens in lines] or ["the endpoint did not say what was used"]


def _tokens(prompt: int | None, completion: int | None, total: int | None) -> str:
    return f"{prompt or 0:,} read + {completion or 0:,} written = {total or 0:,} tokens"


def _edit(session: Session, argument: str) -> list[str]:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("/edit needs a terminal", "give the message in a line of its own")
    from asstream.chat.editor import edit

    raise Draft(*edit(argument))


def _steps(session: Session, argument: str) -> list[str]:
    if session.last_run is None:
        return ["no run yet"]
    steps = session.client.beta.threads.runs.steps.list(
        session.last_run.id, thread_id=session.thread_id, order="asc"
    )
    from asstream.chat.steps import brief

    return [line for step in steps for line in brief(step)] or ["no steps"]


def _exit(session: Session, argument: str) -> list[str]:
    raise Leave


COMMANDS = {
    "/help": Command("", "list these", _help),
    "/file": Command("[PATH]", "give a file to the tools, with the next message", slash_files.attach, "file"),
    "/image": Command(
        "[PATH|URL]", "show the model an image, with the next message", slash_files.image, "file"
    ),
    "/tools": Command("", "what the assistant may use", _tools),
    "/model": Command("[M]", "the model of the next runs", _model, "model"),
    "/assistant": Command("[ID|NAME]", "the assistant of the next runs", _assistant, "assistant"),
    "/instructions": Command("[TEXT]", "instructions in place of the assistant's own", _instructions),
    "/retry": Command("", "a new run on the last message", _retry),
    "/edit": Command("[TEXT]", "write the next message in $VISUAL or $EDITOR", _edit),
    "/copy": Command("[code]", "the last reply, or its code, to the clipboard", slash_files.copy, "code"),
    "/save": Command("[DIR]", "save the files of the last reply", slash_files.save, "folder"),
    "/export": Command("FILE", "write the transcript", slash_files.export, "file"),
    "/steps": Command("", "the steps of the last run", _steps),
    "/usage": Command("", "tokens of the last run and of this chat", _usage),
    "/threads": Command("[NUMBER|ID]", "the threads, last used first; go on with one", _threads, "thread"),
    "/exit": Command("", "leave (also: exit, quit)", _exit),
    "/quit": Command("", "leave", _exit),
}

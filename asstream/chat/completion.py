"""What can follow at the prompt: slash commands, and what each of them takes. May ask the endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.chat.tab import Candidate
from asstream.render.clean import clean_line

if TYPE_CHECKING:
    import openai

    from asstream.chat.session import Session
    from asstream.chat.slash import Command

SECONDS = 3.0
"""How long an endpoint is waited for."""
MOST = 1000
"""Candidates that are looked at."""


def complete(
    commands: Mapping[str, Command], session: Session | None, text: str
) -> tuple[int, Sequence[Candidate]]:
    """What the end of a text can become.

    Args:
        commands: the slash commands.
        session: the open session; None where there is none yet, and no endpoint to ask.
        text: what stands before the cursor.

    Returns:
        Where the word begins that is completed, and what it can become.

    Raises openai.OpenAIError.
    """
    if not text.startswith("/") or "\n" in text:
        return 0, ()
    name, space, rest = text.partition(" ")
    if not space:
        return 0, [
            Candidate(known, command.summary, " " if command.argument else "")
            for known, command in commands.items()
            if known.startswith(name)
        ]
    argument = rest.lstrip()
    command = commands.get(name)
    if command is None or not command.completes:
        return 0, ()
    found = _KINDS[command.completes](session, argument)
    return len(text) - len(argument), [each for each in found if _is_typable(each.text)]


def _is_typable(text: str) -> bool:
    """Whether a name can stand in a line; a server's or a file's may hold anything."""
    return bool(text) and clean_line(text) == text


def _paths(argument: str, *, folders_only: bool = False) -> Iterator[Candidate]:
    """The entries of the folder that a path begins with; hidden ones only where a dot was typed."""
    folder, last = os.path.split(argument)
    if argument == "~":
        yield Candidate("~/")
        return
    try:
        with os.scandir(Path(folder or ".").expanduser()) as listing:
            entries = sorted((entry.name, entry.is_dir()) for entry in listing)
    except (OSError, RuntimeError):  # RuntimeError: a home folder that nobody has
        return
    begun = argument[: len(argument) - len(last)]
    for name, is_folder in entries:
        if not name.startswith(last) or (name.startswith(".") and not last.startswith(".")):
            continue
        if is_folder:
            yield Candidate(f"{begun}{name}/", "folder")
        elif not folders_only:
            yield Candidate(begun + name)


def _files(session: Session | None, argument: str) -> Iterable[Candidate]:
    return _paths(argument)


def _folders(session: Session | None, argument: str) -> Iterable[Candidate]:
    return _paths(argument, folders_only=True)


def _assistants(session: Session | None, argument: str) -> Iterator[Candidate]:
    """Names; ids of those without a name, and of all where an id was begun."""
    by_id = bool(argument) and ("asst_".startswith(argument) or argument.startswith("asst_"))
    for assistant in _quick(session).beta.assistants.list(limit=100) if session is not None else ():
        name = assistant.name or ""
        if name and name.startswith(argument):
            yield Candidate(name, assistant.id)
        if (by_id or not name) and assistant.id.startswith(argument):
            yield Candidate(assistant.id, name or "unnamed")


def _threads(session: Session | None, argument: str) -> Iterator[Candidate]:
    for entry in session.index.merged(_quick(session))[:MOST] if session is not None else ():
        if entry.id.startswith(argument):
            yield Candidate(entry.id, entry.title)


def _models(session: Session | None, argument: str) -> Iterator[Candidate]:
    for model in _quick(session).models.list() if session is not None else ():
        if model.id.startswith(argument):
            yield Candidate(model.id)


def _code(session: Session | None, argument: str) -> Iterator[Candidate]:
    if "code".startswith(argument):
        yield Candidate("code", "the last block of code")


def _quick(session: Session | None) -> openai.OpenAI:
    assert session is not None
    return session.client.with_options(max_retries=0, timeout=SECONDS)


_KINDS: Mapping[str, Callable[[Session | None, str], Iterable[Candidate]]] = {
    "file": _files,
    "folder": _folders,
    "assistant": _assistants,
    "thread": _threads,
    "model": _models,
    "code": _code,
}
"""What a command takes → its candidates."""

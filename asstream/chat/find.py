"""Finding an assistant, thread, run, file or store by its id, a unique start of that, or its name.

Knows the `openai` client and the thread index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from asstream.chat.threads import ThreadIndex, locked
from asstream.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    import openai
    from openai.types import FileObject, VectorStore
    from openai.types.beta import Assistant, Thread
    from openai.types.beta.threads import Run


class _Identified(Protocol):
    id: str


T = TypeVar("T", bound=_Identified)

DEFAULT_NAME = "asstream"
DEFAULT_MODEL = "default"
DEFAULT_INSTRUCTIONS = "You are a helpful assistant. Give short, direct answers."


def find_assistant(client: openai.OpenAI, named: str) -> Assistant:
    """The assistant with this id, name or unique start of an id.

    Raises:
        NotFoundError: there is none.
        UsageError: there are several; the message lists them.
    """
    import openai

    _check_named("assistant", named, "asst_")
    if named.startswith("asst_"):
        try:
            return client.beta.assistants.retrieve(named)
        except (openai.NotFoundError, openai.BadRequestError):
            pass
    everyone = list(client.beta.assistants.list(limit=100))
    found = [assistant for assistant in everyone if assistant.name == named]
    found = found or [assistant for assistant in everyone if assistant.id.startswith(named)]
    if not found:
        raise NotFoundError(
            f"there is no assistant {named!r}", "`asstream assistants list` shows those there are"
        )
    if len(found) > 1:
        listed = ", ".join(f"{assistant.id} ({assistant.name or 'unnamed'})" for assistant in found[:10])
        raise UsageError(f"{named!r} may be any of {len(found)} assistants: {listed}", "give the whole id")
    return found[0]


def default_assistant(client: openai.OpenAI, home: Path, model: str | None) -> Assistant:
    """The assistant `asstream`, made once.

    Its model is recorded as "default" (unless the endpoint is another's and one was named): the runtime
    resolves it at each run. The lock keeps two first chats from making two of them.
    """
    with locked(home / "default-assistant.lock"):
        for assistant in client.beta.assistants.list(limit=100, order="asc"):
            if assistant.name == DEFAULT_NAME:
                return assistant
        return client.with_options(max_retries=0).beta.assistants.create(
            name=DEFAULT_NAME, model=model or DEFAULT_MODEL, instructions=DEFAULT_INSTRUCTIONS
        )


def find_thread(client: openai.OpenAI, index: ThreadIndex, named: str) -> Thread:
    """The thread with this id or unique start of one. Raises NotFoundError, UsageError."""
    import openai

    _check_named("thread", named, "thread_")
    if named.startswith("thread_"):
        try:
            return client.beta.threads.retrieve(named)
        except (openai.NotFoundError, openai.BadRequestError):
            pass
    try:
        found = _the_one("thread", named, (entry.id for entry in index.merged(client)))
        return client.beta.threads.retrieve(found)
    except openai.NotFoundError as error:
        raise NotFoundError(
            f"the thread {named!r} is no longer at this endpoint",
            "`asstream threads list` shows those there are",
        ) from error


def find_run(client: openai.OpenAI, thread_id: str, named: str) -> Run:
    """The run of a thread with this id or unique start of one. Raises NotFoundError, UsageError."""
    _check_named("run", named, "run_")
    runs = {run.id: run for run in client.beta.threads.runs.list(thread_id, limit=100)}
    return runs[_the_one("run", named, runs)]


def find_file(client: openai.OpenAI, named: str) -> FileObject:
    """The file with this id, name or unique start of an id. Raises NotFoundError, UsageError."""
    _check_named("file", named, "file-")
    return _by_id_or_name("file", named, client.files.list(), lambda file: file.filename)


def find_store(client: openai.OpenAI, named: str) -> VectorStore:
    """The vector store with this id, name or unique start of an id. Raises NotFoundError, UsageError."""
    _check_named("store", named, "vs_")
    return _by_id_or_name("store", named, client.vector_stores.list(limit=100), lambda store: store.name)


def _by_id_or_name(noun: str, named: str, things: Iterable[T], name: Callable[[T], str | None]) -> T:
    everything = {thing.id: thing for thing in things}
    if named in everything:
        return everything[named]
    alike = [id for id, thing in everything.items() if name(thing) == named]
    if len(alike) > 1:
        raise UsageError(f"{len(alike)} {noun}s are named {named!r}: {', '.join(alike[:10])}", "give an id")
    return everything[alike[0] if alike else _the_one(noun, named, everything)]


def _check_named(noun: str, named: str, prefix: str) -> None:
    """Refuse what every id begins with: `threads delete "$UNSET"` must not find the only thread."""
    if prefix.startswith(named):
        raise UsageError(
            f"{named!r} names no {noun}", f"give its id, or a unique start of it that is longer than {prefix}"
        )


def _the_one(noun: str, named: str, ids: Iterable[str]) -> str:
    found = [one for one in ids if one.startswith(named)]
    if named in found:
        return named
    if not found:
        raise NotFoundError(f"there is no {noun} {named!r}", f"`asstream {noun}s list` shows those there are")
    if len(found) > 1:
        raise UsageError(
            f"{named!r} starts {len(found)} {noun}s: {', '.join(found[:10])}", "give more of the id"
        )
    return found[0]

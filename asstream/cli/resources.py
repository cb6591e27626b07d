"""What an assistant's tools work with, from `--file` and `--store`: uploads, and the store that has them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asstream.chat.attachments import CODE, SEARCH
from asstream.chat.find import find_store
from asstream.cli.filling import told
from asstream.cli.progress import bar
from asstream.errors import UsageError

if TYPE_CHECKING:
    import openai

    from asstream.chat.stores import Filled


@dataclass
class Resources:
    """Tool resources as the wire takes them, and what came of the files.

    Attributes:
        fields: `{"tool_resources": …}`, or nothing where nothing was named.
        code: the exit code: 1 where a file could not be used.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    code: int = 0
    _undo: list[Callable[[], Any]] = field(default_factory=list)


@contextlib.contextmanager
def resources(
    client: openai.OpenAI,
    name: str,
    tools: Sequence[str],
    paths: Sequence[Path],
    stores: Sequence[str],
    had: Mapping[str, Any],
) -> Iterator[Resources]:
    """Upload files for an assistant's tools, and find its stores; all goes again where the body raises.

    Args:
        client: the endpoint.
        name: of the store that is made where there is none.
        tools: the types of the tools that the assistant has.
        paths: the files: code gets them in /mnt/data, what has text is read into the store.
        stores: vector stores, by id or name.
        had: the tool resources that it has, which files are added to.

    Raises UsageError, NotFoundError, openai's errors.
    """
    _check(tools, paths, stores)
    given = Resources()
    try:
        code, search = {**(had.get(CODE) or {})}, {**(had.get(SEARCH) or {})}
        if stores:
            search["vector_store_ids"] = [find_store(client, each).id for each in stores]
        if paths:
            _add_files(client, given, name, tools, paths, code, search)
        if paths or stores:
            each = {CODE: code if CODE in tools else {}, SEARCH: search if SEARCH in tools else {}}
            given.fields["tool_resources"] = {tool: held for tool, held in each.items() if held}
        yield given
    except BaseException:
        for undo in reversed(given._undo):
            with contextlib.suppress(Exception):  # what failed before is what there is to say
                undo()
        raise


def _check(tools: Sequence[str], paths: Sequence[Path], stores: Sequence[str]) -> None:
    if stores and SEARCH not in tools:
        raise UsageError(
            f"--store {stores[0]!r} is searched by {SEARCH} alone", f"give --tool {SEARCH} as well"
        )
    if paths and not {CODE, SEARCH} & set(tools):
        raise UsageError(
            f"--file {str(paths[0])!r} is read by a tool", f"give --tool {SEARCH}, --tool {CODE}, or both"
        )


def _add_files(
    client: openai.OpenAI,
    given: Resources,
    name: str,
    tools: Sequence[str],
    paths: Sequence[Path],
    code: dict[str, Any],
    search: dict[str, Any],
) -> None:
    from asstream.chat.attachments import has_text
    from asstream.chat.stores import Filled, read_into, upload_all

    with bar(len(paths)) as tell:
        sent = upload_all(client, paths, tell)
        given._undo += [lambda id=id: client.files.delete(id) for id in sent.added]  # type: ignore[misc]
        if CODE in tools:
            code["file_ids"] = [*code.get("file_ids", ()), *sent.added]
        readable = {id: path for id, path in sent.added.items() if CODE not in tools or has_text(path)}
        if SEARCH in tools and readable:
            if not search.get("vector_store_ids"):
                made = client.with_options(max_retries=0).vector_stores.create(name=name)
                given._undo.append(lambda: client.vector_stores.delete(made.id))
                search["vector_store_ids"] = [made.id]
            read = Filled(readable)
            read_into(client, search["vector_store_ids"][0], read, tell=tell)
            sent = _without(sent, read, keep=CODE in tools)
    given.code = told(sent, len(paths), "are there for its tools")


def _without(sent: Filled, read: Filled, *, keep: bool) -> Filled:
    """What was sent, with the reasons why some of it can't be searched; code may have that (`keep`)."""
    sent.failed += read.failed
    unread = {path for path, _ in read.failed}
    if not keep:
        sent.added = {id: path for id, path in sent.added.items() if path not in unread}
    return sent

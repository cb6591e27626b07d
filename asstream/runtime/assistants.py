"""Assistants."""

from __future__ import annotations

from typing import Final

import apsw

from asstream.errors import WireError
from asstream.runtime import objects, rows, tool_stores
from asstream.runtime.core import Core
from asstream.runtime.objects import Object
from asstream.runtime.rows import ASSISTANT, Listing
from asstream.runtime.store import Writer

_PLAIN: Final = (
    "name",
    "description",
    "model",
    "instructions",
    "metadata",
    "reasoning_effort",
    "response_format",
)
_SAMPLING: Final = ("temperature", "top_p")


_DEFAULT: Final = {"name": "asstream", "model": "default", "tools": []}
"""The assistant that chats fall back on, as it was made: what it can do is up to each run."""


def is_default(assistant: Object) -> bool:
    """Whether an assistant is the default one, with nothing of its own chosen."""
    return all(assistant[key] == value for key, value in _DEFAULT.items())


class Assistants:
    """The assistants of a home."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, fields: Object) -> Object:
        """Make an assistant. Raises WireError 404 for a file or vector store that is not there.

        With an `id` of its own (an extension) WireError 400 when that is taken.
        """
        assistant = objects.assistant(fields)

        def work(writer: Writer) -> Object:
            assistant["tool_resources"] = tool_stores.resolve(writer, assistant["tool_resources"])
            try:
                rows.insert(writer, ASSISTANT, assistant)
            except apsw.ConstraintError:
                taken = f"An assistant with the id '{assistant['id']}' already exists."
                raise WireError(400, taken, param="id", code="already_exists") from None
            return assistant

        made = await self._core.store.write(work)
        self._core.ingesting.wake()
        return made

    def get(self, id: str) -> Object:
        """An assistant. Raises WireError 404."""
        return rows.get(self._core.store, ASSISTANT, id)

    def page(self, wanted: Listing) -> Object:
        """A page of assistants."""
        return rows.listing(self._core.store, ASSISTANT, wanted)

    async def modify(self, id: str, fields: Object) -> Object:
        """Change what is given. Clients send null for what they leave out: null changes nothing."""

        def work(writer: Writer) -> Object:
            assistant = rows.get(writer, ASSISTANT, id)
            given = {key: value for key, value in fields.items() if value is not None}
            assistant.update({key: given[key] for key in (*_PLAIN, *_SAMPLING) if key in given})
            assistant["_sampling"] = {**assistant.get("_sampling", {}), **objects.sampling(given)}
            assistant["_file_ids"] = given.get("file_ids", assistant.get("_file_ids", []))
            if "tools" in given:
                assistant["tools"] = objects.tools(given["tools"])
            if "tool_resources" in given:
                assistant["tool_resources"].update(tool_stores.resolve(writer, given["tool_resources"]))
            rows.update(writer, ASSISTANT, assistant)
            return assistant

        changed = await self._core.store.write(work)
        self._core.ingesting.wake()
        return changed

    async def delete(self, id: str) -> Object:
        """Delete an assistant. Its threads and runs stay."""

        def work(writer: Writer) -> Object:
            rows.delete(writer, ASSISTANT, id)
            return objects.deleted(id, "assistant.deleted")

        return await self._core.store.write(work)

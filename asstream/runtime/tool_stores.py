"""The vector stores of assistants and threads: named, or made for them. All inside a write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from asstream.errors import WireError
from asstream.runtime import attaching, objects, rows, store_objects
from asstream.runtime.objects import Object
from asstream.runtime.rows import THREAD, VECTOR_STORE
from asstream.runtime.store import Writer

EXPIRES_AFTER: Final = {"anchor": "last_active_at", "days": 7}
"""When a store expires that was made along with something else."""


def resolve(writer: Writer, given: Object) -> Object:
    """Tool resources with what they name checked, and the store made that `vector_stores` describes.

    Raises WireError 404 for a file or store that is not there, 400 for stores both named and described.
    """
    resources = objects.tool_resources(given)
    rows.require_files(writer, objects.code_files(resources))
    wanted = resources.get("file_search")
    if wanted is None:
        return resources
    ids, described = wanted.get("vector_store_ids") or [], wanted.get("vector_stores") or []
    if ids and described:
        message = "'vector_store_ids' and 'vector_stores' can't both be given: name a store or have one made."
        raise WireError(400, message, param="tool_resources.file_search")
    for id in ids:
        rows.get(writer, VECTOR_STORE, id)
    made = [
        attaching.add_store(writer, {"expires_after": EXPIRES_AFTER, **_told(each)})["id"]
        for each in described
    ]
    return {**resources, "file_search": {"vector_store_ids": [*ids, *made]}}


def _told(fields: Object) -> Object:
    return {key: value for key, value in fields.items() if value is not None}


def add_to_thread(writer: Writer, thread_id: str, messages: Sequence[Object]) -> None:
    """Put what messages attach for search into the thread's own store, which is made where there is none.

    In place of one that has expired or was deleted a new one is made: that one's files are not in it.
    """
    ids = list(dict.fromkeys(id for message in messages for id in _searched_files(message)))
    if not ids:
        return
    thread = rows.get(writer, THREAD, thread_id)
    store = _living(writer, stores_of(thread))
    if store is None:
        store = attaching.add_store(writer, {"expires_after": EXPIRES_AFTER})
        thread["tool_resources"]["file_search"] = {"vector_store_ids": [store["id"]]}
        rows.update(writer, THREAD, thread)
    attaching.attach(writer, store["id"], [{"file_id": id} for id in _new(writer, store["id"], ids)])


def _searched_files(message: Object) -> Iterable[str]:
    for attachment in message["attachments"]:
        if any(tool["type"] in ("file_search", "retrieval") for tool in attachment.get("tools") or ()):
            yield attachment["file_id"]


def _new(writer: Writer, store_id: str, ids: list[str]) -> list[str]:
    """Those that are not in the store, or could not be read: the others need not be read again."""
    where = "vector_store_id = ? AND status IN ('completed', 'in_progress')"
    sql = f"SELECT id FROM vector_store_files WHERE {where}"  # noqa: S608
    held = {id for (id,) in rows.select(writer, sql, (store_id,))}
    attaching.touch(writer, [store_id])
    return [id for id in ids if id not in held]


def _living(writer: Writer, ids: list[str]) -> Object | None:
    for id in ids:
        store = rows.find(writer, VECTOR_STORE, id)
        if store is not None and not store_objects.has_expired(store):
            return store
    return None


def stores_of(*owners: Object) -> list[str]:
    """The ids of the stores of assistants, threads or runs, each once."""
    found = [(owner["tool_resources"].get("file_search") or {}).get("vector_store_ids") for owner in owners]
    return list(dict.fromkeys(id for ids in found for id in ids or ()))


def refuse_expired(writer: Writer, *owners: Object) -> None:
    """Raise WireError 400 where a store that a run would search has expired; note the use of the others."""
    ids = [id for id in stores_of(*owners) if rows.find(writer, VECTOR_STORE, id) is not None]
    for id in ids:
        attaching.living_store(writer, id)
    attaching.touch(writer, ids)

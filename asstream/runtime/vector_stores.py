"""Vector stores: made, read, changed, deleted, searched."""

from __future__ import annotations

from functools import partial
from typing import Any

from asstream.errors import WireError
from asstream.runtime import attaching, objects, rows, store_objects
from asstream.runtime.core import Core
from asstream.runtime.finding import find
from asstream.runtime.objects import Object
from asstream.runtime.rows import VECTOR_STORE, Listing
from asstream.runtime.store import Store, Writer
from asstream.search import Ranking, check_filter


class VectorStores:
    """The vector stores of a home."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, fields: Object) -> Object:
        """Make a store. Its files are read in the background. Raises WireError 404 for a missing file."""
        store = await self._core.store.write(partial(attaching.add_store, fields=fields))
        self._core.ingesting.wake()
        return self.get(store["id"])

    def get(self, id: str) -> Object:
        """A store as it is now. Raises WireError 404."""
        return present(self._core.store, [rows.get(self._core.store, VECTOR_STORE, id)])[0]

    def page(self, wanted: Listing) -> Object:
        """A page of stores."""
        found = rows.listing(self._core.store, VECTOR_STORE, wanted)
        return {**found, "data": present(self._core.store, found["data"])}

    async def modify(self, id: str, fields: Object) -> Object:
        """Change name, metadata (null changes nothing) or expiry (null ends it).

        Raises WireError 404, or 400 where an expired store is to live longer: its texts are gone.
        """

        def work(writer: Writer) -> None:
            if "expires_after" in fields:
                store = attaching.living_store(writer, id)
                store["expires_after"] = fields["expires_after"]
            else:
                store = rows.get(writer, VECTOR_STORE, id)
            given = ("name", "metadata")
            store.update({key: fields[key] for key in given if fields.get(key) is not None})
            if store_objects.has_expired(store):
                rows.update(writer, VECTOR_STORE, store)
            else:
                attaching.save_store(writer, store)

        await self._core.store.write(work)
        return self.get(id)

    async def delete(self, id: str) -> Object:
        """Delete a store; its files stay. Raises WireError 404."""
        await self._core.store.write(partial(attaching.delete_store, id=id))
        self._core.ingesting.wake()
        return objects.deleted(id, "vector_store.deleted")

    async def search(self, id: str, fields: Object) -> Object:
        """What answers a query, or several, in the files of a store that have been read.

        Raises WireError 404 (no such store) or 400 (it has expired; a filter that is none).
        """
        attaching.living_store(self._core.store, id)
        query = fields["query"]
        queries = [query] if isinstance(query, str) else query
        wanted = fields.get("filters")
        if wanted is not None:
            _check_filter(wanted)
        limit = fields.get("max_num_results") or 10
        hits = await find(self._core, [id], queries, limit, _ranking(fields), wanted)
        return store_objects.search_page(queries, hits)


def present(store: Store, bodies: list[Object]) -> list[Object]:
    """Stores as the wire shows them: with their counts, bytes and status of now."""
    marks = ", ".join("?" * len(bodies))
    sums = "vector_store_id, status, count(*), sum(usage_bytes)"
    where = f"vector_store_id IN ({marks}) GROUP BY vector_store_id, status"
    sql = f"SELECT {sums} FROM vector_store_files WHERE {where}"  # noqa: S608
    found: list[Any] = store.read(sql, [body["id"] for body in bodies])
    numbers: dict[str, dict[str, int]] = {body["id"]: {} for body in bodies}
    sizes = dict.fromkeys(numbers, 0)
    for id, status, count, size in found:
        numbers[id][status] = count
        sizes[id] += size
    return [_presented(body, numbers[body["id"]], sizes[body["id"]]) for body in bodies]


def _presented(body: Object, by_status: dict[str, int], size: int) -> Object:
    status = "in_progress" if by_status.get("in_progress") else "completed"
    if store_objects.has_expired(body):
        status = "expired"
    counts = store_objects.counts(by_status)
    return {**body, "usage_bytes": size, "file_counts": counts, "status": status}


def _check_filter(wanted: Object) -> None:
    try:
        check_filter(wanted)
    except ValueError as error:
        raise WireError(400, str(error), param="filters", code="invalid_value") from None


def _ranking(fields: Object) -> Ranking:
    options = fields.get("ranking_options") or {}
    weights = options.get("hybrid_search") or {}
    return Ranking(
        options.get("ranker") or "auto",
        options.get("score_threshold") or 0.0,
        weights.get("embedding_weight"),
        weights.get("text_weight"),
    )

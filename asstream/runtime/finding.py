"""Searches in vector stores as they are now: for the tool of a run, and for clients."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from asstream.errors import AsstreamError, WireError
from asstream.runtime import attaching
from asstream.runtime.core import Core
from asstream.runtime.objects import Object
from asstream.runtime.store import Store
from asstream.search import Hit, Library, Ranking

logger = logging.getLogger("asstream.runtime")

WAIT_SECONDS: Final = 60.0
"""How long a run's first search waits for files that are still being read, as the service did."""


async def find(
    core: Core,
    store_ids: Sequence[str],
    queries: Sequence[str],
    limit: int,
    ranking: Ranking,
    filter: Object | None = None,
) -> list[Hit]:
    """The best passages of several stores, which are used by this: see `Library.search`.

    Only what the stores have now, and have read, is found. Raises WireError 500 where the library can't be
    read.
    """

    def work(library: Library) -> list[Hit]:
        return library.search(store_ids, queries, limit=limit, filter=filter, ranking=ranking)

    await core.store.write(partial(attaching.touch, ids=store_ids))
    try:
        hits = await core.library.call(work)
    except AsstreamError as error:
        logger.warning("the search failed: %s", " ".join(str(error).split()))
        raise WireError(500, f"{error.message} {error.remedy}".strip(), type="server_error") from error
    return [hit for hit in hits if _is_completed(core.store, hit)]


async def find_for_run(
    core: Core, store_ids: Sequence[str], queries: Sequence[str], limit: int, ranking: Ranking
) -> list[Hit]:
    """As `find`, once the stores' files have been read: it waits for those."""
    if not await core.ingesting.ready(store_ids, WAIT_SECONDS):
        logger.warning("searching in files of which some are still being read")
    return await find(core, store_ids, queries, limit, ranking)


def _is_completed(store: Store, hit: Hit) -> bool:
    sql = "SELECT 1 FROM vector_store_files WHERE vector_store_id = ? AND id = ? AND status = 'completed'"
    return store.row(sql, (hit.store_id, hit.file_id)) is not None

"""The objects around vector stores, as plain dictionaries with every key of the service's answers.

Counts, bytes and status of a store are not kept in it: `vector_stores.present` fills them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asstream.runtime.ids import new_id
from asstream.runtime.objects import Object, now
from asstream.search import Chunking, Hit

STATUSES: Final = ("in_progress", "completed", "failed", "cancelled")
"""The statuses of a file in a store, in the order of `file_counts`."""

_DAY: Final = 86_400
_AUTO: Final = Chunking()


def vector_store(fields: Object) -> Object:
    """A vector store from the (validated) fields of a request."""
    created = now()
    store = {
        "id": new_id("vs_"),
        "object": "vector_store",
        "created_at": created,
        "name": fields.get("name"),
        "description": fields.get("description"),
        "usage_bytes": 0,
        "file_counts": counts({}),
        "status": "completed",
        "expires_after": fields.get("expires_after"),
        "expires_at": None,
        "last_active_at": created,
        "metadata": fields.get("metadata") or {},
    }
    store["expires_at"] = expiry(store)
    return store


def expiry(store: Object) -> int | None:
    """When a store expires, counted from its last use."""
    after = store["expires_after"]
    return store["last_active_at"] + after["days"] * _DAY if after else None


def has_expired(store: Object) -> bool:
    """Whether a store's time is over."""
    return store["expires_at"] is not None and store["expires_at"] <= now()


def counts(by_status: dict[str, int]) -> Object:
    """`file_counts`."""
    return {
        **{status: by_status.get(status, 0) for status in STATUSES},
        "total": sum(by_status.values()),
    }


def store_file(store_id: str, fields: Object) -> Object:
    """A file in a store that is still to be read. `fields` has `file_id`."""
    return {
        "id": fields["file_id"],
        "object": "vector_store.file",
        "usage_bytes": 0,
        "created_at": now(),
        "vector_store_id": store_id,
        "status": "in_progress",
        "last_error": None,
        "chunking_strategy": _strategy(fields.get("chunking_strategy")),
        "attributes": fields.get("attributes") or {},
    }


def _strategy(given: Object | None) -> Object:
    """What the service said of a strategy: `auto` too is shown with its sizes."""
    sizes = (given or {}).get("static") or {}
    return {
        "type": "static",
        "static": {
            "max_chunk_size_tokens": sizes.get("max_chunk_size_tokens", _AUTO.max_tokens),
            "chunk_overlap_tokens": sizes.get("chunk_overlap_tokens", _AUTO.overlap_tokens),
        },
    }


def chunking(file: Object) -> Chunking:
    """How a file of a store is cut."""
    sizes = file["chunking_strategy"]["static"]
    return Chunking(sizes["max_chunk_size_tokens"], sizes["chunk_overlap_tokens"])


def file_batch(store_id: str, files: int) -> Object:
    """A batch of files that are still to be read."""
    return {
        "id": new_id("vsfb_"),
        "object": "vector_store.file_batch",
        "created_at": now(),
        "status": "in_progress",
        "vector_store_id": store_id,
        "file_counts": counts({"in_progress": files}),
    }


def batch_status(batch: Object) -> str:
    """The status of a batch by its counts; once cancelled it stays that."""
    numbers = batch["file_counts"]
    if batch["status"] == "cancelled" or numbers["in_progress"]:
        return str(batch["status"])
    for status in ("failed", "cancelled"):
        if numbers[status] == numbers["total"]:
            return status
    return "completed"


def content_page(pieces: Sequence[str]) -> Object:
    """The text of a file."""
    return {
        "object": "vector_store.file_content.page",
        "data": [{"type": "text", "text": piece} for piece in pieces],
        "has_more": False,
        "next_page": None,
    }


def search_page(queries: Sequence[str], hits: Sequence[Hit]) -> Object:
    """What a search found."""
    return {
        "object": "vector_store.search_results.page",
        "search_query": list(queries),
        "data": [
            {
                "file_id": hit.file_id,
                "filename": hit.filename,
                "score": hit.score,
                "attributes": dict(hit.attributes),
                "content": [{"type": "text", "text": hit.text}],
            }
            for hit in hits
        ],
        "has_more": False,
        "next_page": None,
    }

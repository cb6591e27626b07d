"""What is done to vector stores and their files inside a write.

A file that is attached waits, with no owner, until a process takes it up and reads it into the library. What
leaves a store is put on the list of texts to remove, in the same transaction: the library follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from asstream.errors import WireError
from asstream.runtime import rows, store_objects
from asstream.runtime.objects import Object, now
from asstream.runtime.rows import FILE, FILE_BATCH, STORE_FILE, VECTOR_STORE
from asstream.runtime.store import Store, Writer

MOST_FILES: Final = 10_000
"""The most files of a store."""

WHOLE: Final = ""
"""In place of a file's id in the list of texts to remove: the whole store."""


def living_store(source: Store | Writer, id: str) -> Object:
    """A store. Raises WireError 404, or 400 where it has expired."""
    store = rows.get(source, VECTOR_STORE, id)
    if store_objects.has_expired(store):
        message = f"Vector store '{id}' has expired. Its files are still listed: make a new store of them."
        raise WireError(400, message, param="vector_store_id", code="vector_store_expired")
    return store


def add_store(writer: Writer, fields: Object) -> Object:
    """Make a store, with the files that `fields` name. Raises WireError 404 for one that is not there."""
    store = store_objects.vector_store(fields)
    rows.insert(writer, VECTOR_STORE, store, expires_at=store["expires_at"])
    strategy = fields.get("chunking_strategy")
    ids = dict.fromkeys(fields.get("file_ids") or ())
    attach(writer, store["id"], [{"file_id": id, "chunking_strategy": strategy} for id in ids])
    return store


def attach(
    writer: Writer, store_id: str, entries: Sequence[Object], batch_id: str | None = None
) -> list[Object]:
    """Put files into a store: `entries` have `file_id` and perhaps `chunking_strategy` and `attributes`.

    A file that is in it already is read again. Raises WireError 404 (store, file) or 400 (expired, too many).
    """
    living_store(writer, store_id)
    if not entries:
        return []
    known = [rows.get(writer, FILE, entry["file_id"]) for entry in entries]
    for file in known:
        if file["expires_at"] is not None and file["expires_at"] <= now():
            raise FILE.not_found(file["id"])
        _take_out(writer, store_id, file["id"])
    held = writer.execute(
        "SELECT count(*) FROM vector_store_files WHERE vector_store_id = ?", (store_id,)
    ).get
    if int(held) + len(entries) > MOST_FILES:
        raise WireError(
            400, f"Vector store '{store_id}' can't have more than {MOST_FILES} files: it has {held} others."
        )
    names = [file["filename"] for file in known]
    attached = [
        {**store_objects.store_file(store_id, entry), "_filename": name}
        for entry, name in zip(entries, names, strict=True)
    ]
    for body in attached:
        columns = {"vector_store_id": store_id, "batch_id": batch_id, "status": "in_progress"}
        rows.insert(writer, STORE_FILE, body, **columns)
        # Reading it replaces what the library has of it.
        gone = "DELETE FROM texts_to_remove WHERE vector_store_id = ? AND file_id = ?"
        writer.execute(gone, (store_id, body["id"]))
    touch(writer, [store_id])
    return attached


def _take_out(writer: Writer, store_id: str, file_id: str) -> None:
    """Take a file out of a store's rows, where it is in."""
    where = "vector_store_id = ? AND id = ?"
    sql = f"SELECT batch_id, status FROM vector_store_files WHERE {where}"  # noqa: S608
    for batch_id, status in rows.select(writer, sql, (store_id, file_id)):
        if status == "in_progress":
            _count(writer, batch_id, "cancelled")
        rows.delete(writer, STORE_FILE, file_id, vector_store_id=store_id)


def detach(writer: Writer, store_id: str, file_id: str) -> None:
    """Take a file out of a store. The file itself stays."""
    _take_out(writer, store_id, file_id)
    _remove_text(writer, store_id, file_id)


def detach_everywhere(writer: Writer, file_id: str) -> None:
    """Take a file out of all stores: it is deleted, or has expired."""
    sql = "SELECT vector_store_id FROM vector_store_files WHERE id = ?"
    for (store_id,) in rows.select(writer, sql, (file_id,)):
        detach(writer, store_id, file_id)


def delete_store(writer: Writer, id: str) -> None:
    """Delete a store with what is in it; the files stay. Raises WireError 404."""
    rows.delete(writer, VECTOR_STORE, id)
    for table in ("vector_store_files", "file_batches"):
        writer.execute(f"DELETE FROM {table} WHERE vector_store_id = ?", (id,))  # noqa: S608
    _remove_text(writer, id, WHOLE)


def settle(
    writer: Writer,
    seq: int,
    owner: str | None,
    status: str,
    usage_bytes: int = 0,
    error: Object | None = None,
) -> Object | None:
    """Save what became of a file in progress: the row `seq`, as long as it is `owner`'s.

    Returns its object; None where it was cancelled, deleted or attached again meanwhile.
    """
    where = "seq = ? AND status = 'in_progress' AND owner IS ?"
    sql = f"SELECT body, batch_id FROM vector_store_files WHERE {where}"  # noqa: S608
    found = rows.select(writer, sql, (seq, owner))
    if not found:
        return None
    body = {**rows.load(found[0][0]), "status": status, "usage_bytes": usage_bytes, "last_error": error}
    writer.execute(
        "UPDATE vector_store_files SET status = ?, usage_bytes = ?, owner = NULL, body = ? WHERE seq = ?",
        (status, usage_bytes, rows.dump(body), seq),
    )
    _count(writer, found[0][1], status)
    if status != "completed":
        _remove_text(writer, body["vector_store_id"], body["id"])  # what there was from the time before
    return body


def cancel(writer: Writer, column: str, id: str) -> None:
    """Cancel the files in progress of a batch (`column` batch_id) or a store (vector_store_id)."""
    sql = f"SELECT seq, owner FROM vector_store_files WHERE {column} = ? AND status = 'in_progress'"  # noqa: S608
    for seq, owner in rows.select(writer, sql, (id,)):
        settle(writer, seq, owner, "cancelled")


def _count(writer: Writer, batch_id: str | None, status: str) -> None:
    """Count a file of a batch that is no longer in progress."""
    batch = rows.find(writer, FILE_BATCH, batch_id) if batch_id else None
    if batch is not None:
        batch["file_counts"]["in_progress"] -= 1
        batch["file_counts"][status] += 1
        batch["status"] = store_objects.batch_status(batch)
        rows.update(writer, FILE_BATCH, batch)


def touch(writer: Writer, ids: Iterable[str]) -> None:
    """Note that stores were used: their time begins anew, unless it is over."""
    for id in ids:
        store = rows.find(writer, VECTOR_STORE, id)
        if store is not None and not store_objects.has_expired(store):
            store["last_active_at"] = now()
            save_store(writer, store)


def save_store(writer: Writer, store: Object) -> None:
    """Save a store; when it expires follows from its last use."""
    store["expires_at"] = store_objects.expiry(store)
    rows.update(writer, VECTOR_STORE, store, expires_at=store["expires_at"])


def expire(writer: Writer) -> int:
    """Let the library forget stores whose time is over; how many those were. Their rows stay."""
    sql = "UPDATE vector_stores SET expires_at = NULL WHERE expires_at <= ? RETURNING id"
    gone: list[Any] = writer.execute(sql, (now(),)).fetchall()
    for (id,) in gone:
        cancel(writer, "vector_store_id", id)
        _remove_text(writer, id, WHOLE)
    return len(gone)


def _remove_text(writer: Writer, store_id: str, file_id: str) -> None:
    writer.execute("INSERT OR IGNORE INTO texts_to_remove VALUES (?, ?)", (store_id, file_id))

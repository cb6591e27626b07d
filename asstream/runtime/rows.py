"""The statements: objects in and out of the store's tables, and the pages of a listing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asstream.errors import UnknownAssistantError, WireError
from asstream.runtime.objects import Object, now, page
from asstream.runtime.store import Row, Store, Writer


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its table, how an error names it, and what its ids begin with.

    `within` is the column of what holds it, where an id names it only together with that.
    """

    table: str
    label: str
    prefix: str
    missing: str = "No {label} found with id '{id}'."
    param: str | None = None
    within: str | None = None

    def not_found(self, id: str) -> WireError:
        """The 404 that the service gave for an id it did not know."""
        message = self.missing.format(label=self.label, id=id)
        if self.label == "assistant":
            return UnknownAssistantError(message, id)
        return WireError(404, message, param=self.param)


ASSISTANT: Final = Kind("assistants", "assistant", "asst")
THREAD: Final = Kind("threads", "thread", "thread")
MESSAGE: Final = Kind("messages", "message", "msg")
RUN: Final = Kind("runs", "run", "run")
STEP: Final = Kind("steps", "run step", "step")
FILE: Final = Kind("files", "file", "file", "No such File object: {id}", "id")
VECTOR_STORE: Final = Kind("vector_stores", "vector store", "vs_")
STORE_FILE: Final = Kind("vector_store_files", "file", "file", within="vector_store_id")
FILE_BATCH: Final = Kind("file_batches", "file batch", "vsfb_")

_PARENTS: Final = ("thread_id", "run_id", "vector_store_id")
"""Columns that say what an object is part of, the first that a listing has; others only choose."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list request asks for. `after` and `before` are ids, in the order of the listing."""

    limit: int = 20
    order: str = "desc"
    after: str | None = None
    before: str | None = None


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


def dump(value: Any) -> str:
    """Compact JSON, in ASCII.

    What a model says may hold lone surrogates: UTF-8 can't carry them, an escape can.
    """
    return _ENCODER.encode(value)


def load(text: str) -> Object:
    """An object from the store."""
    value: Object = json.loads(text)
    return value


def select(source: Store | Writer, sql: str, args: Sequence[Any] = ()) -> list[Row]:
    """All rows of a query, from the store or from inside a write."""
    return (
        source.read(sql, args) if isinstance(source, Store) else source.execute(sql, tuple(args)).fetchall()
    )


def find(source: Store | Writer, kind: Kind, id: str, **where: str) -> Object | None:
    """The object with this id (and these columns), or None."""
    clause, args = _where(where)
    sql = f"SELECT body FROM {kind.table} WHERE id = ?{clause}"  # noqa: S608 (names of our own tables)
    found = select(source, sql, [id, *args])
    return load(found[0][0]) if found else None


def get(source: Store | Writer, kind: Kind, id: str, **where: str) -> Object:
    """The object with this id (and these columns). Raises WireError 404."""
    found = find(source, kind, id, **where)
    if found is None:
        raise kind.not_found(id)
    return found


def require_files(writer: Writer, ids: Iterable[str]) -> None:
    """Raise WireError 404 for the first file that is not there."""
    for id in ids:
        get(writer, FILE, id)


def insert(writer: Writer, kind: Kind, body: Object, **columns: Any) -> None:
    """Add an object; `columns` are the table's own beside `id` and `body`."""
    names = ["id", "body", *columns]
    marks = ", ".join("?" * len(names))
    writer.execute(
        f"INSERT INTO {kind.table} ({', '.join(names)}) VALUES ({marks})",  # noqa: S608
        (body["id"], dump(body), *columns.values()),
    )


def update(writer: Writer, kind: Kind, body: Object, **columns: Any) -> None:
    """Save an object that is there already. Raises WireError 404 when it is gone."""
    changes = "".join(f", {name} = ?" for name in columns)
    writer.execute(
        f"UPDATE {kind.table} SET body = ?{changes} WHERE id = ?",  # noqa: S608
        (dump(body), *columns.values(), body["id"]),
    )
    if not writer.changes():
        raise kind.not_found(body["id"])


def delete(writer: Writer, kind: Kind, id: str, **where: str) -> None:
    """Delete an object; its place in listings is remembered for a while. Raises WireError 404."""
    clause, args = _where(where)
    gone = writer.execute(f"DELETE FROM {kind.table} WHERE id = ?{clause} RETURNING seq", (id, *args))  # noqa: S608
    found = gone.fetchall()
    if not found:
        raise kind.not_found(id)
    place = (_place(kind, id, where), found[0][0], now())
    writer.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", place)


def listing(store: Store, kind: Kind, wanted: Listing, **where: str) -> Object:
    """A page of objects, newest first unless asked otherwise.

    Raises WireError 404 for a cursor that is not there.
    """
    newest_first = wanted.order != "asc"
    clause, args = _where(where)
    backwards = wanted.before is not None and wanted.after is None
    for cursor, past in ((wanted.after, True), (wanted.before, False)):
        if cursor is not None:
            clause += f" AND seq {'<' if newest_first == past else '>'} ?"
            args.append(_seq(store, kind, cursor, where))
    # What stands just before a cursor is nearest to it: read from there outwards, then turned round.
    direction = "DESC" if newest_first != backwards else "ASC"
    rows = store.read(
        f"SELECT body FROM {kind.table} WHERE 1{clause} ORDER BY seq {direction} LIMIT ?",  # noqa: S608
        [*args, wanted.limit + 1],
    )
    data = [load(body) for (body,) in rows[: wanted.limit]]
    return page(data[::-1] if backwards else data, len(rows) > wanted.limit)


def _seq(store: Store, kind: Kind, id: str, where: dict[str, str]) -> int:
    """Where an object of this listing stands, or stood."""
    parent = next((name for name in _PARENTS if name in where), None)
    clause, args = _where({parent: where[parent]} if parent else {})
    found = store.row(f"SELECT seq FROM {kind.table} WHERE id = ?{clause}", [id, *args])  # noqa: S608
    if found is None and id.startswith(kind.prefix):
        found = store.row("SELECT seq FROM gone WHERE id = ?", [_place(kind, id, where)])
    if found is None:
        raise kind.not_found(id)
    return int(found[0])


def _place(kind: Kind, id: str, where: dict[str, str]) -> str:
    """What the place of an object in listings is remembered by."""
    return id if kind.within is None else f"{where[kind.within]}/{id}"


def _where(columns: dict[str, str]) -> tuple[str, list[Any]]:
    return "".join(f" AND {name} = ?" for name in columns), list(columns.values())

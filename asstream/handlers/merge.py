"""Pieces of a stream put together: texts, annotations, entries by their index.

Pure functions over the SDK's models; knows the wire's shapes, and neither handlers nor streams.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from openai import BaseModel
from openai.types.beta.threads import FileCitationAnnotation, FilePathAnnotation

ANNOTATIONS: Mapping[str, type[FileCitationAnnotation] | type[FilePathAnnotation]] = {
    "file_citation": FileCitationAnnotation,
    "file_path": FilePathAnnotation,
}


def append(model: BaseModel, field: str, more: str) -> None:
    """Append to a model's text in place.

    CPython grows a string where it lies while nothing else refers to it, so the field lets go of it first:
    a delta then costs the same after a hundred thousand characters as after ten.
    """
    fields = model.__dict__
    value = fields.get(field) or ""
    fields[field] = ""
    value += more
    fields[field] = value


def index_of(delta: BaseModel, position: int) -> int:
    """The wire's index of an entry, or its place in the list for servers that leave the index out."""
    index = delta.__dict__.get("index")
    return index if isinstance(index, int) and index >= 0 else position


def place(entries: list[Any], indexes: Collection[int], index: int, entry: Any) -> None:
    """Insert `entry` where its index belongs among the entries that are there, whose indexes are given."""
    if max(indexes, default=-1) < index:  # nearly always, and much quicker than to count
        entries.append(entry)
    else:
        entries.insert(sum(1 for other in indexes if other < index), entry)


def plain(value: object) -> dict[str, Any]:
    """A model (or a mapping) as the wire's JSON object, holding what was sent and nothing else."""
    if isinstance(value, BaseModel):
        return value.to_dict(mode="json", warnings=False)  # what a server sends may be of any type
    return dict(value) if isinstance(value, Mapping) else {}


def merge_annotation(known: object, delta: BaseModel) -> Any:
    """An annotation with a later delta of its index over it: what the delta names replaces what was known."""
    merged = _over(plain(known), plain(delta))
    model = ANNOTATIONS.get(merged.get("type", ""))
    return model.construct(**merged) if model else delta


def _over(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _over(merged[key], value)
        elif value is not None:
            merged[key] = value
    return merged


def rest_of(known: str | None, whole: str | None) -> str:
    """What of `whole` comes after `known`; nothing when `whole` does not begin with it (it was replaced)."""
    known, whole = known or "", whole or ""
    return whole[len(known) :] if whole.startswith(known) else ""


def call_details(call: object) -> Any:
    """The part of a tool call that its type names (`call.function`, `call.code_interpreter`, …), or None."""
    return getattr(call, str(getattr(call, "type", "")), None)

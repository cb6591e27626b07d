"""Joining the pieces of fields that asstream has no name for. Pure; knows only that pieces come in order."""

from __future__ import annotations

from typing import Any

_WHOLE_STRINGS = frozenset({"type", "id", "format", "role", "name", "signature", "thought_signature"})
"""Unknown fields that come whole each time: the last one counts. Other strings are pieces and are joined."""


def merge_text_part(parts: list[Any], text: str) -> list[Any]:
    """Parts with a piece of text added: to the last part, if that is text."""
    last = parts[-1] if parts else None
    if isinstance(last, dict) and last.get("type") == "text":
        return [*parts[:-1], {**last, "text": f"{last.get('text') or ''}{text}"}]
    return [*parts, {"type": "text", "text": text}]


def merge(old: Any, new: Any, key: str = "") -> Any:
    """Two pieces of one field joined: strings end to end, dicts by key, lists by their items' `index`."""
    if old is None or type(old) is not type(new):
        return new
    if isinstance(new, str):
        return new if key in _WHOLE_STRINGS else old + new
    if isinstance(new, dict):
        merged = dict(old)
        for name, value in new.items():
            merged[name] = value if name == "index" else merge(old.get(name), value, name)
        return merged
    if isinstance(new, list):
        items = list(old)
        for item in new:
            place = _same_item(items, item)
            if place is None:
                items.append(item)
            else:
                items[place] = merge(items[place], item)
        return items
    return new


def _same_item(items: list[Any], item: Any) -> int | None:
    if not isinstance(item, dict) or not isinstance(item.get("index"), int):
        return None
    for place, other in enumerate(items):
        if (
            isinstance(other, dict)
            and other.get("index") == item["index"]
            and other.get("type") == item.get("type")
        ):
            return place
    return None

"""Events out of SSE text, with the data as JSON values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

Told = tuple[str, Any]


def events(text: str) -> list[Told]:
    """`[(event, data), …]`; the data of `done` is the text `[DONE]`."""
    told: list[Told] = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
        if "data" in fields:
            data = fields["data"]
            told.append((fields.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return told


def names(told: Iterable[Told]) -> list[str]:
    """The events' names, runs of the same delta as one."""
    kept: list[str] = []
    for name, _ in told:
        if not (kept and kept[-1] == name and name.endswith(".delta")):
            kept.append(name)
    return kept


def missing_keys(recorded: Any, ours: Any, path: str = "") -> list[str]:
    """The paths of keys that a recording has and we have not."""
    if isinstance(recorded, dict):
        if not isinstance(ours, dict):
            return [path]
        gone = [f"{path}.{key}" for key in recorded if key not in ours]
        return gone + [
            each
            for key in recorded
            if key in ours
            for each in missing_keys(recorded[key], ours[key], f"{path}.{key}")
        ]
    if isinstance(recorded, list) and recorded and isinstance(ours, list) and ours:
        return missing_keys(recorded[0], ours[0], f"{path}[0]")
    return []

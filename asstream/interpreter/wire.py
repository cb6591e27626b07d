"""Messages of a kernel as a host may take them: any of them can be a lie, a flood or no message at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jupyter_client.session import DELIM, Session

IMAGE_BYTES = 4 * 2**20
"""The largest image that is shown."""
MESSAGE_BYTES = 6 * 2**20
"""The largest message that is read at all; with a longer one the connection ends."""
MOST_FRAMES = 16
"""And its frames, at most."""
_SMALL = 64 * 1024
_MOST_PARTS = 400_000
"""Commas and brackets in a content: what a parser makes of each costs ten times its byte."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is looked at of a message. `content` is a dict; nothing is known of its values."""

    kind: str
    parent: str
    content: dict[str, Any]


def read(session: Session, frames: list[bytes]) -> Message | None:
    """A message, or None where it is none that this side can use; never raises for what is in it."""
    if DELIM not in frames:
        return None
    parts = frames[frames.index(DELIM) + 1 :]
    if len(parts) < 5 or any(len(part) > _SMALL for part in parts[:4]):
        return None
    content = parts[4]
    if len(content) > _SMALL and sum(map(content.count, (b",", b"[", b"{"))) > _MOST_PARTS:
        return None
    try:
        message = session.deserialize(parts[:5])
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        LookupError,
        RecursionError,
        json.JSONDecodeError,
    ):
        return None
    kind, parent = message.get("msg_type"), message.get("parent_header")
    found = message.get("content")
    if not isinstance(kind, str) or not isinstance(found, dict):
        return None
    about = parent.get("msg_id") if isinstance(parent, dict) else None
    return Message(kind, about if isinstance(about, str) else "", found)

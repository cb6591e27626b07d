"""Server-sent events of an Assistants stream: bytes → frames → the SDK's events, and back to text.

Frames keep their bytes as they came, so that a recording holds exactly what the wire held. May know openai's
types; knows nothing of connections, files or handlers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

if TYPE_CHECKING:
    from openai.types.beta import AssistantStreamEvent

_LINE_END = rb"(?:\r\n|\n|\r(?!\n|\Z))"  # a \r that ends the chunk may be half of \r\n: it waits
_FRAME_END = re.compile(_LINE_END + _LINE_END)
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
DONE = "[DONE]"


class Frame(NamedTuple):
    """One event of the wire: its bytes with the blank line, and its fields; `id` is None if it has none."""

    raw: bytes
    event: str
    data: str
    id: str | None

    @property
    def is_done(self) -> bool:
        return self.data.startswith(DONE)


class FrameDecoder:
    """Bytes in any cut, whole frames out; a frame that never ends is dropped, as the standard says."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        buffer = self._buffer
        buffer += chunk
        begin = 0
        search_from = max(self._searched - 3, 0)
        while match := _FRAME_END.search(buffer, search_from):
            raw = bytes(buffer[begin : match.end()])
            begin = search_from = match.end()
            yield parse_frame(raw)
        del buffer[:begin]
        self._searched = len(buffer)


def parse_frame(raw: bytes) -> Frame:
    """The fields of one frame. UnicodeDecodeError (a ValueError) for what is not UTF-8."""
    event, data, last_id = "", [], None
    for line in _LINE_BREAK.split(raw.decode("utf-8-sig")):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)
        elif name == "id" and "\0" not in value:
            last_id = value
    return Frame(raw, event, "\n".join(data), last_id)


@cache
def _models() -> Mapping[str, Any]:
    """Event name → the SDK's model of it."""
    from openai.types.beta import AssistantStreamEvent

    union = get_args(AssistantStreamEvent)[0]
    return {get_args(model.model_fields["event"].annotation)[0]: model for model in get_args(union)}


def make_event(name: str, data: object) -> AssistantStreamEvent:
    """The SDK's event for a name and its data (the wire's JSON object, or one of the SDK's objects)."""
    model = _models().get(name) or _models()["thread.created"]
    return cast("AssistantStreamEvent", model.construct(event=name, data=data))


def parse_event(name: str, data: str) -> AssistantStreamEvent | None:
    """The SDK's event for a frame; None for what is none (a keep-alive). ValueError for bad JSON."""
    if name != "error" and not name.startswith("thread."):
        return None
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError(f"the data of {name} is not a JSON object")
    if name == "error" and isinstance(value.get("error"), dict):
        value = value["error"]
    return make_event(name, value)


def event_json(event: AssistantStreamEvent) -> dict[str, Any]:
    """An event's data as the wire has it: the keys that were sent, also those that the SDK does not know."""
    data: Any = event.data
    return cast("dict[str, Any]", data.to_dict(mode="json"))


def encode(event: AssistantStreamEvent) -> bytes:
    """An event as a frame."""
    data = json.dumps(event_json(event), ensure_ascii=False, separators=(",", ":"))
    return f"event: {event.event}\ndata: {data}\n\n".encode("utf-8", "backslashreplace")

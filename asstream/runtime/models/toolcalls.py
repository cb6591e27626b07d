"""Tool calls from the pieces that endpoints send them in. Pure; no I/O.

The plain case: the first piece has `index`, `id` and `function.name`, the others `index` and a piece of
the arguments. Also understood: no index (Gemini, Ollama), no id or an empty one, whole calls in one
chunk, the index 0 for every parallel call, id and name again in every piece, an id used for two calls, a
name that comes later than the id, arguments as an object. Our own index is the order of appearance.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from asstream.runtime.models.endpoint import printable
from asstream.runtime.models.merging import merge
from asstream.runtime.models.protocol import ModelError, ModelEvent, ToolCallDelta


@dataclass
class _Call:
    index: int
    key: int | None
    given_id: str | None
    id: str
    name: str = ""
    arguments: str = ""
    unsent: str = ""
    announced: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def looks_whole(self) -> bool:
        try:
            json.loads(self.arguments)
        except ValueError:
            return False
        return True


class ToolCalls:
    """The tool calls of one turn, in the order in which they appeared."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def feed(self, pieces: Any) -> list[ModelEvent]:
        """The events for one chunk's `tool_calls`."""
        events: list[ModelEvent] = []
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict) and (event := self._piece(piece)):
                events.append(event)
        return events

    def _piece(self, piece: dict[str, Any]) -> ModelEvent | None:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call = self._find(piece, function) or self._open(piece)
        if not call.name and isinstance(name := function.get("name"), str):
            call.name = name
        arguments = _arguments(function.get("arguments"))
        call.arguments += arguments
        call.unsent += arguments
        _keep_extra(call.extra, piece, known=("index", "id", "type", "function"))
        _keep_extra(call.extra.setdefault("function", {}), function, known=("name", "arguments"))
        return self._event(call)

    @staticmethod
    def _event(call: _Call) -> ModelEvent | None:
        if not call.name:
            return None
        unsent, call.unsent = call.unsent, ""
        if call.announced:
            return ToolCallDelta(call.index, unsent) if unsent else None
        call.announced = True
        return ToolCallDelta(call.index, unsent, call.id, call.name)

    def _find(self, piece: dict[str, Any], function: dict[str, Any]) -> _Call | None:
        """The call that a piece belongs to; None: it opens a new one."""
        key, given_id, name = piece.get("index"), piece.get("id") or None, function.get("name") or None
        if isinstance(key, int):
            call = next((call for call in reversed(self._calls) if call.key == key), None)
        elif given_id:
            call = next((call for call in self._calls if call.given_id == given_id), None)
        else:
            call = self._calls[-1] if self._calls else None
        if call is None or _opens_another(call, given_id, name):
            return None
        return call

    def _open(self, piece: dict[str, Any]) -> _Call:
        key, given_id = piece.get("index"), piece.get("id") or None
        taken = {call.id for call in self._calls}
        usable = isinstance(given_id, str) and given_id not in taken
        call = _Call(
            index=len(self._calls),
            key=key if isinstance(key, int) else None,
            given_id=given_id if isinstance(given_id, str) else None,
            id=given_id if usable and isinstance(given_id, str) else f"call_{secrets.token_hex(12)}",
        )
        self._calls.append(call)
        return call

    def closing(self) -> list[ModelEvent]:
        """A delta of `{}` for each call that came with no arguments at all."""
        return [
            ToolCallDelta(call.index, "{}") for call in self._calls if call.announced and not call.arguments
        ]

    def finished(self) -> list[dict[str, Any]]:
        """The calls as a message carries them. Raises ModelError for a call with no name."""
        return [_as_message(call) for call in self._calls]


def _opens_another(call: _Call, given_id: Any, name: Any) -> bool:
    """Whether a piece that points at `call` by its index, or by coming next, opens another call."""
    if not name:
        return False
    if given_id and call.given_id and given_id != call.given_id:
        return True
    if given_id and given_id == call.given_id:
        return False
    return bool(call.name) and (name != call.name or call.looks_whole)


def _arguments(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _keep_extra(kept: dict[str, Any], piece: dict[str, Any], known: tuple[str, ...]) -> None:
    for name, value in piece.items():
        if name not in known and value is not None:
            kept[name] = merge(kept.get(name), value, name)


def _as_message(call: _Call) -> dict[str, Any]:
    if not call.name:
        shown = printable(call.arguments, 80)
        raise ModelError(f"The model called a function without naming it (arguments: {shown}). Ask again.")
    extra = dict(call.extra)
    function = {"name": call.name, "arguments": call.arguments or "{}", **extra.pop("function", {})}
    return {"id": call.id, "type": "function", "function": function, **extra}

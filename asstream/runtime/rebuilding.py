"""Messages and steps put together again from their deltas in the event log. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from asstream.runtime.objects import Object
from asstream.runtime.wire_events import text_part


def content(deltas: Iterable[Object]) -> list[Object]:
    """A message's content from its deltas (each the event's `delta`), in order."""
    parts: dict[int, Object] = {}
    for delta in deltas:
        for piece in delta["content"]:
            _add_part(parts, piece)
    return [_whole_part(part) for _, part in sorted(parts.items())]


def _add_part(parts: dict[int, Object], piece: Object) -> None:
    kind = piece["type"]
    part = parts.setdefault(piece["index"], {"type": kind, "pieces": [], "annotations": []})
    if kind == "text":
        part["pieces"].append(piece["text"].get("value") or "")
        part["annotations"] += [_unnumbered(each) for each in piece["text"].get("annotations") or ()]
    else:
        part["pieces"].append(piece[kind])


def _whole_part(part: Object) -> Object:
    kind, pieces = part["type"], part["pieces"]
    if kind == "text":
        return text_part("".join(pieces), part["annotations"])
    return {"type": kind, kind: "".join(pieces) if kind == "refusal" else pieces[-1]}


def tool_calls(deltas: Iterable[Object]) -> list[Object]:
    """A step's tool calls from its deltas, in order."""
    calls: dict[int, Object] = {}
    for delta in deltas:
        for piece in delta["step_details"]["tool_calls"]:
            kind = piece["type"]
            call = calls.setdefault(piece["index"], {**_unnumbered(piece), kind: {}})
            _add_call(call[kind], piece[kind])
    return [_with_outputs(call) for _, call in sorted(calls.items())]


def _add_call(call: Object, piece: Object) -> None:
    for key, value in piece.items():
        if key == "outputs":
            outputs = call.setdefault(key, {})
            for output in value:
                _add_output(outputs, output)
        else:
            old = call.get(key)
            call[key] = old + value if isinstance(old, str) and isinstance(value, str) else value


def _add_output(outputs: dict[int, Object], piece: Object) -> None:
    known = outputs.get(piece["index"])
    if known is None or piece["type"] != "logs":
        outputs[piece["index"]] = _unnumbered(piece)
    else:
        known["logs"] += piece["logs"]


def _with_outputs(call: Object) -> Object:
    details: Any = call[call["type"]]
    if "outputs" in details:
        details["outputs"] = [output for _, output in sorted(details["outputs"].items())]
    return call


def _unnumbered(piece: Object) -> Object:
    return {key: value for key, value in piece.items() if key != "index"}

"""Golden transcripts: whole streams as files, with ids numbered and times left out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support.sse import Told, events

FOLDER = Path(__file__).parents[1] / "golden"

_ID = re.compile(r"^(asst|thread|msg|run|step|call|file)[_-][A-Za-z0-9]{20,}$")


def normal(text: str) -> str:
    """SSE text with `msg_1`, `step_2`, … for its ids and 0 for its times."""
    numbers: dict[str, str] = {}

    def numbered(id: str) -> str:
        kind = re.split("[_-]", id)[0]
        if id not in numbers:
            numbers[id] = f"{kind}_{sum(1 for known in numbers.values() if known.startswith(kind + '_')) + 1}"
        return numbers[id]

    def shown(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: shown(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [shown(each) for each in value]
        if key.endswith("_at") and isinstance(value, int):
            return 0
        return numbered(value) if isinstance(value, str) and _ID.match(value) else value

    def told(data: Any) -> str:
        return data if isinstance(data, str) else json.dumps(shown(data), ensure_ascii=False)

    return "\n".join(f"event: {name}\ndata: {told(data)}\n" for name, data in joined(events(text)))


def joined(told: list[Told]) -> list[Told]:
    """Events with neighbouring pieces of one output's logs as one: how it is cut is up to the clock."""
    kept: list[Told] = []
    for name, data in told:
        before, piece = _logs(*kept[-1]) if kept else None, _logs(name, data)
        if before is None or piece is None or kept[-1][1]["id"] != data["id"]:
            kept.append((name, data))
        elif (before[0], before[1]["index"]) == (piece[0], piece[1]["index"]):
            before[1]["logs"] += piece[1]["logs"]
        else:
            kept.append((name, data))
    return kept


def _logs(name: str, data: Any) -> Any:
    """A call's index and its output, where that is all that a delta has, and it is logs."""
    if name != "thread.run.step.delta":
        return None
    [call] = data["delta"]["step_details"]["tool_calls"]
    outputs = call.get("code_interpreter", {}).get("outputs")
    return (call["index"], outputs[0]) if outputs and outputs[0]["type"] == "logs" else None


def assert_golden(name: str, text: str, *, rewrite: bool) -> None:
    """Hold a stream against `tests/golden/NAME.sse`; with `rewrite` make it the golden one."""
    path = FOLDER / f"{name}.sse"
    if rewrite:
        path.write_text(normal(text), encoding="utf-8")
    assert normal(text) == path.read_text(encoding="utf-8")

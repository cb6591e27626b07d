"""Event sequences for tests, written as the wire has them, and handlers that note their calls."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import openai
from openai import AssistantEventHandler

from asstream.handlers import EventHandler

Event = tuple[str, Any]
SHARED = Path(os.environ.get("ASSTREAM_TEST_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FIXTURES = SHARED / "fixtures"
DONE: Event = ("done", "[DONE]")


def run(status: str = "in_progress", **more: Any) -> dict[str, Any]:
    return {
        "id": "run_1",
        "object": "thread.run",
        "created_at": 1,
        "assistant_id": "asst_1",
        "thread_id": "thread_1",
        "status": status,
        "model": "m",
        "instructions": "",
        "tools": [],
        "metadata": {},
        "required_action": None,
        "last_error": None,
        **more,
    }


def run_event(status: str, **more: Any) -> Event:
    return f"thread.run.{status}", run("queued" if status == "created" else status, **more)


def step(
    step_id: str, kind: str = "tool_calls", status: str = "in_progress", calls: Any = ()
) -> dict[str, Any]:
    details: dict[str, Any] = {"type": "tool_calls", "tool_calls": list(calls)}
    if kind == "message_creation":
        details = {"type": kind, "message_creation": {"message_id": "msg_1"}}
    return {
        "id": step_id,
        "object": "thread.run.step",
        "created_at": 1,
        "run_id": "run_1",
        "assistant_id": "asst_1",
        "thread_id": "thread_1",
        "type": kind,
        "status": status,
        "step_details": details,
        "usage": None,
    }


def step_event(name: str, step_id: str, kind: str = "tool_calls", calls: Any = ()) -> Event:
    return f"thread.run.step.{name}", step(step_id, kind, "in_progress" if name == "created" else name, calls)


def step_delta(step_id: str, *calls: dict[str, Any]) -> Event:
    delta = {"step_details": {"type": "tool_calls", "tool_calls": list(calls)}}
    return "thread.run.step.delta", {"id": step_id, "object": "thread.run.step.delta", "delta": delta}


def code(
    index: int = 0, call_id: str | None = None, text: str | None = None, outputs: Any = None
) -> dict[str, Any]:
    details = {key: value for key, value in (("input", text), ("outputs", outputs)) if value is not None}
    call = {"index": index, "type": "code_interpreter", "code_interpreter": details}
    return call | ({"id": call_id} if call_id else {})


def code_call(call_id: str, text: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    details = {"input": text, "outputs": list(outputs)}
    return {"id": call_id, "type": "code_interpreter", "code_interpreter": details}


def function(
    call_id: str | None, arguments: str, name: str | None = None, index: int = 0, output: str | None = None
) -> dict[str, Any]:
    details = {"name": name, "arguments": arguments, "output": output}
    call: dict[str, Any] = {"index": index, "type": "function"} | ({"id": call_id} if call_id else {})
    return call | {"function": {key: value for key, value in details.items() if value is not None}}


def logs(text: str, index: int | None = None) -> dict[str, Any]:
    return {"type": "logs", "logs": text} | ({} if index is None else {"index": index})


def image(file_id: str, index: int) -> dict[str, Any]:
    return {"type": "image", "image": {"file_id": file_id}, "index": index}


def message(message_id: str = "msg_1", content: Any = (), status: str = "in_progress") -> dict[str, Any]:
    return {
        "id": message_id,
        "object": "thread.message",
        "created_at": 1,
        "thread_id": "thread_1",
        "run_id": "run_1",
        "assistant_id": "asst_1",
        "role": "assistant",
        "status": status,
        "content": list(content),
        "attachments": [],
        "metadata": {},
    }


def message_event(name: str, message_id: str = "msg_1", *content: dict[str, Any]) -> Event:
    status = "in_progress" if name == "created" else name
    return f"thread.message.{name}", message(message_id, content, status)


def message_delta(message_id: str, *parts: dict[str, Any]) -> Event:
    data = {"id": message_id, "object": "thread.message.delta", "delta": {"content": list(parts)}}
    return "thread.message.delta", data


def piece(value: str | None, index: int = 0, annotations: Any = None) -> dict[str, Any]:
    text = {"value": value, "annotations": annotations}
    return {
        "index": index,
        "type": "text",
        "text": {key: entry for key, entry in text.items() if entry is not None},
    }


def text(value: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": list(annotations)}}


def file_path(index: int, start: int = 8, end: int = 31) -> dict[str, Any]:
    return {
        "index": index,
        "type": "file_path",
        "text": "sandbox:/mnt/data/a.csv",
        "start_index": start,
        "end_index": end,
        "file_path": {"file_id": "file_9"},
    }


BEGUN: list[Event] = [run_event("created"), run_event("in_progress")]
ENDED: list[Event] = [run_event("completed"), DONE]

TEXT: list[Event] = [
    *BEGUN,
    step_event("created", "step_m", "message_creation"),
    message_event("created"),
    message_delta("msg_1", piece("Hi", annotations=[])),
    message_delta("msg_1", piece(" there")),
    message_event("completed", "msg_1", text("Hi there")),
    step_event("completed", "step_m", "message_creation"),
    *ENDED,
]

TWO_TOOL_STEPS: list[Event] = [
    *BEGUN,
    step_event("created", "step_1"),
    step_delta("step_1", code(0, "call_1", "import x", [])),
    step_delta("step_1", code(0, text="\nprint(1)")),
    step_delta("step_1", code(0, outputs=[logs("1\n", 0)])),
    step_event("completed", "step_1", calls=[code_call("call_1", "import x\nprint(1)", logs("1\n"))]),
    step_event("created", "step_2"),
    step_delta("step_2", code(0, "call_2", "y=2")),
    step_delta("step_2", code(0, text="\nprint(y)")),
    step_event("completed", "step_2", calls=[code_call("call_2", "y=2\nprint(y)", logs("2\n"))]),
    *TEXT[2:],
]


def encode(events: list[Event], *, ids: bool = False) -> list[bytes]:
    """Each event as bytes; with `ids`, numbered as an asstream server does."""
    return [
        (f"id: {number}\n" if ids else "").encode()
        + f"event: {name}\ndata: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        for number, (name, data) in enumerate(events, 1)
    ]


def fixture(name: str) -> list[Event]:
    """A recording of the real service as events."""
    blocks = (FIXTURES / name).read_text().strip().split("\n\n")
    pairs = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    return [
        (pair["event"], pair["data"] if pair["event"] == "done" else json.loads(pair["data"]))
        for pair in pairs
    ]


CALLBACKS = [name for name in dir(EventHandler) if name.startswith("on_") and name != "on_event"]
Call = tuple[str, tuple[Any, ...]]


def _noting(base: type[AssistantEventHandler]) -> type[Any]:
    """A subclass that overrides every callback, and notes each call with what its objects were then."""

    def note(name: str) -> Any:
        def callback(self: Any, *args: Any) -> None:
            copies = [a.model_copy(deep=True) if isinstance(a, openai.BaseModel) else a for a in args]
            self.calls.append((name, tuple(copies)))

        return callback

    def init(self: Any) -> None:
        base.__init__(self)
        self.calls = []

    return type("Noting", (base,), {"__init__": init} | {name: note(name) for name in CALLBACKS})


Ours = _noting(EventHandler)
Stock = _noting(AssistantEventHandler)


def names(handler: Any, *only: str) -> list[str]:
    """The callbacks that fired, in order, without their `on_`."""
    return [name[3:] for name, _ in handler.calls if not only or name[3:] in only]


def args(handler: Any, name: str) -> list[Any]:
    """The first argument of each call of one callback (the only one, but for deltas)."""
    return [arguments[0] for called, arguments in handler.calls if called == f"on_{name}"]

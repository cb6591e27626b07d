"""A user's handler with every callback overridden: which are called, in which order, with what."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.handlers.loopback import Loopback
from tests.handlers.test_quirks import read
from tests.handlers.wire_events import (
    BEGUN,
    DONE,
    ENDED,
    FIXTURES,
    TEXT,
    TWO_TOOL_STEPS,
    Event,
    Ours,
    args,
    fixture,
    message_delta,
    message_event,
    names,
    piece,
    run_event,
    step_delta,
    step_event,
    text,
)

REFUSAL = {"type": "refusal", "refusal": "I can not."}
TEXT_CALLS = (
    "run_step_created message_created "
    "text_created text_delta message_delta text_delta message_delta text_done message_done run_step_done "
)
CALLS: dict[str, tuple[list[Event], str]] = {
    "text": (TEXT, TEXT_CALLS + "run_done end"),
    "two tool steps": (
        TWO_TOOL_STEPS,
        "run_step_created "
        "tool_call_created tool_call_delta run_step_delta tool_call_delta run_step_delta "
        "tool_call_delta run_step_delta tool_call_done run_step_done "
        "run_step_created "
        "tool_call_created tool_call_delta run_step_delta tool_call_delta run_step_delta "
        # the second step's output comes with its end alone: as a last delta
        "tool_call_delta run_step_delta tool_call_done run_step_done " + TEXT_CALLS + "run_done end",
    ),
    "a failed run": (
        [*TEXT[:5], run_event("failed", last_error={"code": "server_error", "message": "no"}), DONE],
        "run_step_created message_created text_created text_delta message_delta "
        "text_done message_done run_step_done run_done end",
    ),
    "a cancelled run": (
        [
            *TEXT[:5],
            run_event("cancelling"),
            message_event("incomplete", "msg_1", text("Hi")),
            step_event("cancelled", "step_m", "message_creation"),
            run_event("cancelled"),
            DONE,
        ],
        "run_step_created message_created text_created text_delta message_delta "
        "text_done message_done run_step_done run_done end",
    ),
    "a run cancelled in a tool call": (
        [*TWO_TOOL_STEPS[:5], run_event("cancelled"), DONE],
        "run_step_created tool_call_created tool_call_delta run_step_delta tool_call_delta run_step_delta "
        "tool_call_done run_step_done run_done end",
    ),
    "image, then text": (
        [
            *BEGUN,
            message_event("created"),
            message_delta(
                "msg_1", {"index": 0, "type": "image_file", "image_file": {"file_id": "f", "detail": "auto"}}
            ),
            message_delta("msg_1", piece("cap", 1)),
            message_event(
                "completed", "msg_1", {"type": "image_file", "image_file": {"file_id": "f"}}, text("cap")
            ),
            *ENDED,
        ],
        "message_created message_delta image_file_done text_created text_delta message_delta "
        "text_done message_done run_done end",
    ),
    "refusal": (
        [
            *BEGUN,
            message_event("created"),
            message_delta("msg_1", {"index": 0, "type": "refusal", "refusal": "I can"}),
            message_delta("msg_1", {"index": 0, "type": "refusal", "refusal": " not"}),
            message_event("completed", "msg_1", REFUSAL),
            *ENDED,
        ],
        "message_created refusal_delta message_delta refusal_delta message_delta refusal_delta message_delta "
        "refusal_done message_done run_done end",
    ),
    "a message joined late": (
        [message_event("completed", "msg_1", text("Hi there")), *ENDED],
        "message_created text_created text_delta message_delta text_done message_done run_done end",
    ),
    "an event of a later version": ([*BEGUN, ("thread.run.pondering", {"id": "x"}), *ENDED], "run_done end"),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_callback_comes_once_and_in_order(server: Loopback, name: str) -> None:
    events, calls = CALLS[name]
    outcome = read(server, Ours(), events)
    assert outcome.error is None
    assert names(outcome.handler) == calls.split()


def test_created_is_empty_and_the_deltas_are_the_whole(server: Loopback) -> None:
    handler = read(server, Ours(), TWO_TOOL_STEPS).handler
    created = args(handler, "tool_call_created")
    assert [(c.id, c.code_interpreter.input, c.code_interpreter.outputs) for c in created] == [
        ("call_1", "", []),
        ("call_2", "", []),
    ]
    assert [text.value for text in args(handler, "text_created")] == [""]
    code = [delta.code_interpreter for delta in args(handler, "tool_call_delta")]
    assert "".join(part.input or "" for part in code) == "import x\nprint(1)y=2\nprint(y)"
    assert [output.logs for part in code for output in part.outputs or ()] == ["1\n", "2\n"]


def test_snapshots_hold_what_has_come_so_far(server: Loopback) -> None:
    handler = read(server, Ours(), TEXT).handler
    pairs = [(delta.value, whole.value) for name, (delta, whole, *_) in two(handler, "on_text_delta")]
    assert pairs == [("Hi", "Hi"), (" there", "Hi there")]


def two(handler: Any, name: str) -> list[Any]:
    return [(called, arguments) for called, arguments in handler.calls if called == name]


def test_text_missing_from_the_deltas_comes_as_a_last_one(server: Loopback) -> None:
    events = [event for event in TEXT if event[1] != TEXT[5][1]]
    handler = read(server, Ours(), events).handler
    assert [delta.value for delta in args(handler, "text_delta")] == ["Hi", " there"]


def test_parallel_calls_are_told_apart_by_their_index(server: Loopback) -> None:
    def call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
        return {"index": index, "type": "function", "function": {"arguments": arguments, **more}}

    events = [
        *BEGUN,
        step_event("created", "step_1"),
        step_delta("step_1", call(0, "", name="f") | {"id": "call_0"}),
        step_delta("step_1", call(1, "", name="g") | {"id": "call_1"}),
        step_delta("step_1", call(1, "[1]"), call(0, "[0]")),
        step_event("completed", "step_1"),
        *ENDED,
    ]
    handler = read(server, Ours(), events).handler
    done = [(c.id, c.function.name, c.function.arguments) for c in args(handler, "tool_call_done")]
    assert done == [("call_0", "f", "[0]"), ("call_1", "g", "[1]")]


def test_the_sdks_properties_and_methods_work(server: Loopback) -> None:
    server.reset(TWO_TOOL_STEPS)
    seen: list[tuple[str | None, str | None]] = []

    class Watching(Ours):  # type: ignore[misc, valid-type]
        def on_text_delta(self, delta: Any, snapshot: Any) -> None:
            event = self.current_event
            seen.append((event.event if event else None, self.current_message_snapshot.id))
            assert self.current_run_step_snapshot.id == "step_m"

    with (
        server.client() as client,
        client.beta.threads.runs.stream(
            thread_id="thread_1", assistant_id="asst_1", event_handler=Watching()
        ) as stream,
    ):
        assert list(stream.text_deltas) == ["Hi", " there"]
        assert stream.get_final_run().status == "completed"
        assert [message.content[0].text.value for message in stream.get_final_messages()] == ["Hi there"]
        assert [step.id for step in stream.get_final_run_steps()] == ["step_1", "step_2", "step_m"]
        assert stream.current_event is None
    assert seen == [("thread.message.delta", "msg_1")] * 2


def test_events_come_to_the_loop_as_they_were_sent(server: Loopback) -> None:
    server.reset(TWO_TOOL_STEPS)
    with (
        server.client() as client,
        client.beta.threads.runs.stream(
            thread_id="thread_1", assistant_id="asst_1", event_handler=Ours()
        ) as stream,
    ):
        sent = [(event.event, event.data.to_dict()) for event in stream]
    assert sent == TWO_TOOL_STEPS[:-1]


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not beside the checkout")
@pytest.mark.parametrize("name", [path.name for path in sorted(FIXTURES.glob("0[1-6]*.sse"))])
def test_the_recordings_of_the_service_give_each_created_its_done(server: Loopback, name: str) -> None:
    events = fixture(name)
    outcome = read(server, Ours(), events)
    handler = outcome.handler
    assert outcome.error is None
    counts = Counter(names(handler))
    assert counts["text_created"] == counts["text_done"]
    assert counts["message_created"] == counts["message_done"]
    if not name.startswith(("02", "03")):  # one run in two streams
        assert counts["tool_call_created"] == counts["tool_call_done"]
    finished = [
        data for event, data in events if event in ("thread.message.completed", "thread.message.incomplete")
    ]
    streamed = "".join(delta.value for delta in args(handler, "text_delta"))
    assert streamed == "".join(part["text"]["value"] for data in finished for part in data["content"])

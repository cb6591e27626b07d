"""One turn of a model as the wire tells it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from asstream.runtime import objects
from asstream.runtime.models.protocol import (
    FinishReason,
    ModelEvent,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.turn import Ending, Event, Turn

USAGE = objects.usage(3, 4)


def a_run() -> objects.Object:
    return objects.run("thread_1", objects.assistant({"model": "m"}), {})


def told(turn: Turn, events: Iterable[ModelEvent], finish: FinishReason | None = "stop") -> list[Event]:
    """All events of a turn; without a finish reason it is left open."""
    said = [event for each in events for event in turn.feed(each)]
    if finish is not None:
        said += turn.end(TurnEnd(finish, Usage(), {"role": "assistant"}), USAGE)
    return said


def names(events: Iterable[Event]) -> list[str]:
    return [event.name.removeprefix("thread.") for event in events]


MESSAGE_OPENS = ["run.step.created", "run.step.in_progress", "message.created", "message.in_progress"]
CALLS_OPEN = ["run.step.created", "run.step.in_progress"]


def test_text_is_one_message_with_its_step() -> None:
    turn = Turn(a_run(), frozenset())
    events = told(turn, [TextDelta("Hel"), TextDelta(""), TextDelta("lo")])
    assert names(events) == [
        *MESSAGE_OPENS,
        "message.delta",
        "message.delta",
        "message.completed",
        "run.step.completed",
    ]
    first, second = (e.data["delta"]["content"][0] for e in events if e.name.endswith("delta"))
    assert first == {"index": 0, "type": "text", "text": {"value": "Hel", "annotations": []}}
    assert second == {"index": 0, "type": "text", "text": {"value": "lo"}}
    assert events[-2].data["content"] == [{"type": "text", "text": {"value": "Hello", "annotations": []}}]
    assert events[-1].data["usage"] == USAGE


def test_a_refusal_after_text_is_a_part_of_its_own() -> None:
    turn = Turn(a_run(), frozenset())
    events = told(turn, [TextDelta("Well"), RefusalDelta("I "), RefusalDelta("won't.")])
    deltas = [e.data["delta"]["content"][0] for e in events if e.name.endswith("delta")]
    assert [delta["index"] for delta in deltas] == [0, 1, 1]
    assert events[-2].data["content"][1] == {"type": "refusal", "refusal": "I won't."}


def test_a_silent_turn_still_makes_a_message_with_a_text() -> None:
    events = told(Turn(a_run(), frozenset()), [])
    assert names(events) == [*MESSAGE_OPENS, "message.completed", "run.step.completed"]
    assert events[-2].data["content"] == [{"type": "text", "text": {"value": "", "annotations": []}}]


def test_calls_stay_in_progress_and_number_from_zero() -> None:
    turn = Turn(a_run(), frozenset({"f", "g"}))
    pieces = [
        ToolCallDelta(4, "", "call_1", "f"),
        ToolCallDelta(4, '{"a"'),
        ToolCallDelta(9, "{}", "call_2", "g"),
        ToolCallDelta(4, ": 1}"),
    ]
    events = told(turn, pieces, "tool_calls")
    assert names(events) == [*CALLS_OPEN, *["run.step.delta"] * 5]
    first, *_, last = (e.data["delta"]["step_details"]["tool_calls"][0] for e in events[2:])
    assert first == {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": "", "output": None},
    }
    assert last == {"index": 0, "type": "function", "function": {"arguments": ": 1}"}}
    assert [call["function"]["arguments"] for call in turn.calls] == ['{"a": 1}', "{}"]
    assert turn.calls_step is not None
    assert turn.calls_step["status"] == "in_progress"


def test_text_before_a_call_is_finished_before_it() -> None:
    turn = Turn(a_run(), frozenset({"f"}))
    events = told(turn, [TextDelta("Let me see."), ToolCallDelta(0, "{}", "call_1", "f")], "tool_calls")
    assert names(events) == [
        *MESSAGE_OPENS,
        "message.delta",
        "message.completed",
        "run.step.completed",
        *CALLS_OPEN,
        "run.step.delta",
        "run.step.delta",
    ]


def test_text_after_a_call_is_a_message_of_its_own() -> None:
    turn = Turn(a_run(), frozenset({"f"}))
    call = ToolCallDelta(0, "{}", "call_1", "f")
    events = told(turn, [TextDelta("Before."), call, TextDelta("\n"), TextDelta("After.")], "tool_calls")
    assert names(events)[-3:] == ["message.delta", "message.completed", "run.step.completed"]
    first, second = (e.data for e in events if e.name == "thread.message.completed")
    assert [each["content"][0]["text"]["value"] for each in (first, second)] == ["Before.", "After."]
    assert turn.message_ids == [first["id"], second["id"]]
    delta = next(e for e in reversed(events) if e.name == "thread.message.delta")
    assert (delta.data["id"], delta.data["delta"]["content"][0]["index"]) == (second["id"], 0)
    assert turn.calls_step is not None
    assert turn.calls_step["status"] == "in_progress"


def test_line_ends_after_a_call_are_no_message() -> None:
    turn = Turn(a_run(), frozenset({"f"}))
    told(turn, [ToolCallDelta(0, "{}", "call_1", "f"), TextDelta("\n\n")], "tool_calls")
    assert turn.message_ids == []


def test_a_call_of_a_function_that_nobody_offered_is_not_told() -> None:
    turn = Turn(a_run(), frozenset({"f"}))
    assert told(turn, [ToolCallDelta(0, "{}", "call_1", "rm")], "tool_calls") == []
    assert turn.unknown == {0}
    assert turn.calls == []


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_tokens"), ("content_filter", "content_filter")]
)
def test_a_cut_reply_is_incomplete_and_its_step_completed(finish: FinishReason, reason: str) -> None:
    events = told(Turn(a_run(), frozenset()), [TextDelta("Half")], finish)
    assert names(events)[-2:] == ["message.incomplete", "run.step.completed"]
    assert events[-2].data["incomplete_details"] == {"reason": reason}


def test_calls_that_were_cut_are_cancelled() -> None:
    turn = Turn(a_run(), frozenset({"f"}))
    events = told(turn, [ToolCallDelta(0, '{"a', "call_1", "f")], "length")
    assert names(events)[-1] == "run.step.cancelled"


@pytest.mark.parametrize("ending", ["cancelled", "expired", "failed"])
def test_what_is_open_is_closed_when_a_run_ends(ending: Ending) -> None:
    turn = Turn(a_run(), frozenset({"f"}))
    told(turn, [TextDelta("Half")], None)
    error = {"code": "server_error", "message": "x"}
    message, step = turn.stop(ending, error)
    assert (message.name, step.name) == ("thread.message.incomplete", f"thread.run.step.{ending}")
    assert message.data["incomplete_details"] == {"reason": f"run_{ending}"}
    assert message.data["content"][0]["text"]["value"] == "Half"
    assert step.data[f"{ending}_at"] is not None
    assert list(turn.stop(ending)) == []

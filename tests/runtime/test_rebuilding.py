"""What the event log tells of an object is what the object was."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from asstream.runtime import objects, rebuilding
from asstream.runtime.code_step import CodeStep
from asstream.runtime.markers import FilePaths
from asstream.runtime.reply import Made, Reply
from asstream.runtime.wire_events import Event

RUN = objects.run("thread_1", objects.assistant({"model": "m"}), {})
PIECES = st.lists(
    st.tuples(
        st.sampled_from(["text", "refusal"]), st.sampled_from(["Hi ", "sandbox:/mnt/data/a.csv", ".", "x"])
    )
)
OUTPUTS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["logs", "image"]), st.text(min_size=1)))


def deltas(events: list[Event]) -> list[objects.Object]:
    return copy.deepcopy([event.data["delta"] for event in events if event.name.endswith(".delta")])


@given(PIECES, st.lists(st.sampled_from(["file-1", "file-2"])))
def test_a_message_is_its_deltas(pieces: list[tuple[str, str]], figures: list[str]) -> None:
    reply = Reply(RUN, (FilePaths({"a.csv": "file-9"}),), Made(figures))
    events = list(reply.open())
    for kind, text in pieces:
        events += reply.text(text) if kind == "text" else reply.refusal(text)
    events += reply.close(None, objects.usage(0, 0))
    content = reply.message["content"]
    empty = {"type": "text", "text": {"value": "", "annotations": []}}
    assert rebuilding.content(deltas(events)) == [part for part in content if part != empty]
    for part in content:
        for annotation in part.get("text", {}).get("annotations", []):
            cut = part["text"]["value"][annotation["start_index"] : annotation["end_index"]]
            assert cut == annotation["text"]


@given(st.text(), st.text(), OUTPUTS)
def test_a_step_of_code_is_its_deltas(one: str, two: str, outputs: list[tuple[int, str, str]]) -> None:
    step = CodeStep(RUN)
    events = [
        *step.open("call_1"),
        *step.write(0, f"x{one}"),
        *step.open("call_2"),
        *step.write(1, f"x{two}"),
    ]
    events += step.written()
    for place, kind, text in outputs:
        say = step.logs if kind == "logs" else step.image
        events += say(step.calls[place], text)
    said = deltas(events)
    list(step.close("completed"))
    assert step.step is not None
    assert rebuilding.tool_calls(said) == step.step["step_details"]["tool_calls"]

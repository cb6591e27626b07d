"""A run's steps in a few words."""

from __future__ import annotations

import json

from openai.types.beta.threads.runs import RunStep

from asstream.chat.steps import brief
from tests.handlers.wire_events import FIXTURES, code_call, function, logs, step


def said(*calls: object) -> list[str]:
    return brief(RunStep.construct(**step("step_1", status="completed", calls=calls)))


def test_each_call_is_hinted_at_on_one_line() -> None:
    picture = {"type": "image", "image": {"file_id": "file-1"}}
    assert said(
        code_call("call_1", "x = 1\x1b[2J\nprint(x)", logs("\r1%\r1\n2\n"), picture),
        code_call("call_2", "pass"),
        code_call("call_5", "", logs("[Not run.]\n")),
        function("call_3", '{"a": 1}', "f", output="42"),
        function("call_4", "{}", "g"),
    ) == [
        "step_1  tool_calls  completed",
        "  code: x = 1 (+1 line) → 2 lines, 1 image",
        "  code: pass → nothing",
        "  no code: [Not run.]",
        '  function: f({"a": 1}) → 42',
        "  function: g({}) → no output",
    ]


def test_recorded_steps_of_the_service_are_told() -> None:
    listed = json.loads((FIXTURES / "08_rest_run_steps_code_interpreter_image.json").read_text())["data"]
    lines = [line for data in listed for line in brief(RunStep.construct(**data))]
    assert any("→ 1 image" in line for line in lines)
    assert all(line.startswith(("step_", "  code: ")) for line in lines)

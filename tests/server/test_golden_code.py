"""Runs that execute code in real kernels, against golden transcripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import Limits
from asstream.runtime import CodeOptions
from tests.support.golden import assert_golden
from tests.support.raw import asked, lines
from tests.support.served import reply, served

ADD: Any = {"type": "function", "function": {"name": "add", "description": "Adds.", "strict": True}}


def python(code: str) -> dict[str, Any]:
    return {"tool_call": {"name": "python", "arguments": {"code": code}}}


PLOT = """\
import matplotlib.pyplot as plt
print("about to show")
plt.plot([1, 2, 3])
plt.show()
"""

SCRIPT = [
    reply(
        [{"text": "Let me see."}, python("x = 21\nprint(x)")],
        [python("x * 2")],
        [{"text": ["It is ", "42."]}],
        match="^two steps",
    ),
    reply([python("1 / 0")], [python("1 / 2")], [{"text": "Half."}], match="^an error"),
    reply([python(PLOT)], [{"text": "Here it is."}], match="^an image"),
    reply(
        [python("with open('/mnt/data/my numbers.csv', 'w') as file:\n    _ = file.write('1,2')")],
        [
            {
                "text": [
                    "Here: [numbers](sand",
                    "box:/mnt/data/my num",
                    "bers.csv), and sandbox:/mnt/data/no.csv",
                ]
            }
        ],
        match="^a file",
    ),
    reply([python("print('on')\nwhile True:\n    pass")], [{"text": "Too long."}], match="^a timeout"),
    reply(
        [python("import os, time\nx = 1\nprint('on')\ntime.sleep(1)\nos.kill(os.getpid(), 9)")],
        [python("print('x' in globals())")],
        [{"text": "It died."}],
        match="^a kernel",
    ),
    reply([python("print('on', flush=True)\nimport time\ntime.sleep(60)")], match="^a cancel"),
    reply(
        [
            python("print(1)"),
            {"tool_call": {"name": "add", "arguments": '{"a": 1, "b": 2}'}},
            python("print(2)"),
        ],
        [{"text": "All done: {tool}"}],
        match="^mixed",
    ),
]


def code_options(home: Path, limits: Limits) -> CodeOptions:
    return CodeOptions(lambda: KernelInterpreter(home / "interpreter", limits=limits))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    home = tmp_path_factory.mktemp("home")
    with served(home, SCRIPT, code_options(home, Limits())) as made:
        yield made


def posted(client: openai.OpenAI, text: str, tools: list[Any] | None = None) -> tuple[str, dict[str, Any]]:
    wanted: list[Any] = [{"type": "code_interpreter"}, *(tools or [])]
    assistant = client.beta.assistants.create(model="m", tools=wanted)
    thread = {"messages": [{"role": "user", "content": text}]}
    return "/threads/runs", {"assistant_id": assistant.id, "thread": thread, "stream": True}


def stream(client: openai.OpenAI, text: str, tools: list[Any] | None = None) -> str:
    path, body = posted(client, text, tools)
    with asked(client, "POST", path, body) as response:
        return response.read().decode()


@pytest.mark.parametrize("scenario", ["two steps", "an error", "an image", "a file", "a kernel"])
def test_a_run_with_code_is_told_as_ever(client: openai.OpenAI, scenario: str, rewrite_golden: bool) -> None:
    assert_golden(f"code {scenario}".replace(" ", "_"), stream(client, scenario), rewrite=rewrite_golden)


def test_code_that_runs_too_long_is_told_as_ever(tmp_path: Path, rewrite_golden: bool) -> None:
    with served(tmp_path, SCRIPT, code_options(tmp_path, Limits(seconds=1))) as client:
        assert_golden("code_a_timeout", stream(client, "a timeout"), rewrite=rewrite_golden)


def test_a_run_cancelled_while_its_code_runs_is_told_as_ever(
    client: openai.OpenAI, rewrite_golden: bool
) -> None:
    told = []
    path, body = posted(client, "a cancel")
    with asked(client, "POST", path, body) as response:
        for line in lines(response):
            told.append(line)
            if '"logs":"on' in line and '"delta"' in line:
                thread: Any = client.get("/threads?limit=1", cast_to=object)
                [run] = client.beta.threads.runs.list(thread["first_id"]).data
                client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    assert_golden("code_a_cancel", "\n".join(told), rewrite=rewrite_golden)


def test_code_and_functions_in_one_turn_are_told_as_ever(client: openai.OpenAI, rewrite_golden: bool) -> None:
    told = [stream(client, "mixed", [ADD])]
    [run] = client.beta.threads.runs.list(client.get("/threads?limit=1", cast_to=object)["first_id"]).data
    assert run.required_action is not None
    [call] = run.required_action.submit_tool_outputs.tool_calls
    path = f"/threads/{run.thread_id}/runs/{run.id}/submit_tool_outputs"
    body = {"tool_outputs": [{"tool_call_id": call.id, "output": "3"}], "stream": True}
    with asked(client, "POST", path, body) as response:
        told.append(response.read().decode())
    assert_golden("code_mixed", "".join(told), rewrite=rewrite_golden)

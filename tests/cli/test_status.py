"""What a person sees of a run besides its reply: what it does now, what it took, why it ended otherwise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.terminal import terminal
from tests.cli.test_terminal import leave, prompt_is_back

SLOW = [{"wait": 2.5}, {"text": "Late."}]
CALL = {"tool_call": {"name": "get_weather", "arguments": {"city": "Rome"}}}
OH = "Oh"


def error(code: str) -> list[dict[str, Any]]:
    return [{"text": "So far"}, {"error": {"message": OH, "code": code}}]


REPLIES: list[dict[str, Any]] = [
    {"match": "^slow", "turns": [SLOW]},
    {"match": "^weather", "turns": [[CALL], [{"wait": 1.5}, {"text": "Sunny."}]]},
    {"match": "^rate", "turns": [error("rate_limit_exceeded")]},
    {"match": "^server", "turns": [error("server_error")]},
    {"match": "^invalid", "turns": [error("invalid_prompt")]},
    {"match": "^length", "turns": [[{"text": "So far"}, {"finish": "length"}]]},
    {"match": "^filter", "turns": [[{"text": "So far"}, {"finish": "content_filter"}]]},
]
ENDS = {
    "rate": ("the run failed: Oh (rate_limit_exceeded)", "wait a little, then send the message again"),
    "server": ("the run failed: Oh (server_error)", "send the message again; `asstream doctor` tells"),
    "invalid": ("the run failed: Oh (invalid_prompt)", "change the message or the instructions"),
    "length": ("the reply is incomplete: the reply reached the most tokens", "allow more tokens"),
    "filter": ("the run failed: the provider's content filter stopped the reply", "change the message"),
}
FORECASTER = """
import time, openai
from asstream import ConsoleHandler

client = openai.OpenAI()

class Forecaster(ConsoleHandler):
    def on_requires_action(self, run):
        time.sleep(1.5)
        said = input("how is it? ")
        calls = run.required_action.submit_tool_outputs.tool_calls
        with client.beta.threads.runs.submit_tool_outputs_stream(
            run_id=run.id, thread_id=run.thread_id, event_handler=Forecaster(),
            tool_outputs=[{"tool_call_id": call.id, "output": said} for call in calls],
        ) as stream:
            stream.until_done()
"""


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A model that takes its time, and fails in every way."""
    (tmp_path / "script.json").write_text(json.dumps({"replies": REPLIES}))
    return environ


@pytest.mark.parametrize("option", [[], ["--no-stream"]])
def test_a_run_is_thinking_until_its_reply_comes_and_says_what_it_took(
    environ: dict[str, str], option: list[str]
) -> None:
    with terminal(["chat", *option], environ) as chat:
        chat.wait_for("/help helps")
        chat.wait_for(prompt_is_back)
        chat.type("slow\r")
        chat.wait_for("thinking 1 s")
        chat.wait_for("Late.")
        shown = chat.wait_for(prompt_is_back)
        assert re.search(r"^> slow\nLate\.\n\d+ tokens · [23](\.\d)? s · scripted\n>$", shown, re.MULTILINE)
        leave(chat)


@pytest.mark.parametrize("option", [[], ["--no-stream"]])
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_where_the_cursor_may_not_move_nothing_moves_it(
    environ: dict[str, str], variables: dict[str, str], option: list[str]
) -> None:
    plain = [] if variables else ["--plain"]
    with terminal(["ask", *option, *plain, "slow"], {**environ, **variables}) as asked:
        assert asked.wait_end() == 0
        assert b"\x1b" not in asked.raw
        assert b"\r" not in asked.raw.replace(b"\r\n", b"")
        assert b"thinking" not in asked.raw
        assert asked.raw.startswith(b"Late.\r\n")


def test_a_function_of_the_persons_own_may_ask_where_it_was_waited_for(
    environ: dict[str, str], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(FORECASTER)
    tool = tmp_path / "tool.json"
    tool.write_text('{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}')
    assistant = run("assistants", "create", "--tool", str(tool), code=0).stdout.strip()
    handler = f"{tmp_path / 'mine.py'}:Forecaster"
    with terminal(["chat", "--assistant", assistant, "--handler", handler], environ) as chat:
        chat.type("weather\r")
        chat.wait_for("waiting for your tool: get_weather 1 s")
        chat.wait_for("how is it?")
        chat.type("21 degrees\r")
        shown = chat.wait_for("thinking 1 s")
        assert "waiting for your tool" not in shown
        chat.wait_for("Sunny.")
        shown = chat.wait_for(prompt_is_back)
        assert '{"city": "Rome"}\nhow is it? 21 degrees\nget_weather → 21 degrees\nSunny.\n' in shown
        leave(chat)


@pytest.mark.parametrize("option", [[], ["--no-stream"]])
@pytest.mark.parametrize("end", list(ENDS))
def test_an_end_that_is_no_reply_says_why_and_what_to_do(run: Run, end: str, option: list[str]) -> None:
    done = run("ask", *option, end, code=1)
    assert done.stdout == "So far\n"
    what, remedy = done.stderr.splitlines()
    assert what.startswith(f"asstream: {ENDS[end][0]}")
    assert remedy.startswith(ENDS[end][1])

"""A run at a server that another program began, joined; also where it asks for outputs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.beta.threads import Run as ThreadRun

from asstream.chat.loop import UNDER_WAY
from tests.cli.conftest import Run
from tests.cli.terminal import terminal
from tests.cli.test_joining import REPLIES, SAID, TOOL
from tests.cli.test_terminal import leave, prompt_is_back
from tests.support.served import served as serving

HANDLER = """
from asstream import ConsoleHandler, PlainHandler
import openai, time

client = openai.OpenAI()

def submit(run):
    calls = run.required_action.submit_tool_outputs.tool_calls
    return client.beta.threads.runs.submit_tool_outputs_stream(
        run_id=run.id, thread_id=run.thread_id, event_handler=Forecaster(),
        tool_outputs=[{"tool_call_id": call.id, "output": "sunny"} for call in calls])

class Forecaster(PlainHandler):
    def on_requires_action(self, run):
        print("asked")
        with submit(run) as stream:
            stream.until_done()
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[openai.OpenAI]:
    with serving(tmp_path / "served", REPLIES) as client:
        yield client


@pytest.fixture
def remote(client: openai.OpenAI) -> dict[str, str]:
    return {"ASSTREAM_BASE_URL": str(client.base_url), "ASSTREAM_API_KEY": client.api_key}


@pytest.fixture
def begin(client: openai.OpenAI) -> Callable[..., ThreadRun]:
    """Begins a run on a thread with an earlier message; gives it once it has that status."""

    def start(message: str, *tools: Any, until: str = "in_progress") -> ThreadRun:
        assistant = client.beta.assistants.create(model="m", tools=tools)
        earlier: Any = [{"role": "user", "content": "earlier"}, {"role": "assistant", "content": "Yes."}]
        thread = client.beta.threads.create(messages=[*earlier, {"role": "user", "content": message}])
        run = client.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
        return wait(client, run, until)

    return start


def wait(client: openai.OpenAI, run: ThreadRun, status: str) -> ThreadRun:
    deadline = time.monotonic() + 20
    while run.status != status:
        assert time.monotonic() < deadline, run.status
        time.sleep(0.02)
        run = client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)
    return run


def outputs(run: ThreadRun) -> list[Any]:
    assert run.required_action is not None
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": "21 degrees"} for call in calls]


def submit(client: openai.OpenAI, run: ThreadRun) -> None:
    client.beta.threads.runs.submit_tool_outputs(run.id, thread_id=run.thread_id, tool_outputs=outputs(run))


@pytest.mark.parametrize("option", [[], ["--no-stream"]])
def test_piped_the_reply_comes_whole_and_then_those_to_the_lines(
    run: Run, remote: dict[str, str], begin: Callable[..., ThreadRun], option: list[str]
) -> None:
    made = begin("count")
    done = run("resume", made.thread_id, *option, stdin="hello\n", code=0, **remote)
    assert done.stdout == f"{SAID}Understood.\n"
    assert done.stderr == f"{UNDER_WAY}\n"


def test_json_gives_the_events_of_the_log(
    run: Run, remote: dict[str, str], begin: Callable[..., ThreadRun]
) -> None:
    made = begin("count")
    done = run("resume", made.thread_id, "--json", code=0, **remote)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert (told[0]["event"], told[-1]["event"]) == ("thread.run.created", "thread.run.completed")
    deltas = [each["data"]["delta"] for each in told if each["event"] == "thread.message.delta"]
    assert "".join(delta["content"][0]["text"]["value"] for delta in deltas) == SAID


def test_outputs_that_another_program_gives_are_waited_for(
    environ: dict[str, str], remote: dict[str, str], client: openai.OpenAI, begin: Callable[..., ThreadRun]
) -> None:
    made = begin("weather", TOOL, until="requires_action")
    with terminal(["resume", made.thread_id], {**environ, **remote}) as chat:
        shown = chat.wait_for("the run waits for the output of get_weather")
        assert "Yes.\n> weather" in shown
        assert '── function get_weather ──\n{"city": "Rome"}' in shown
        chat.wait_for("waiting for your tool: get_weather 1 s")
        submit(client, made)
        shown = chat.wait_for("Sunny.")
        assert "waiting for your tool" not in shown
        assert shown.count("get_weather → 21 degrees") == 1
        assert shown.count("── function get_weather ──") == 1
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_a_wait_for_outputs_can_be_given_up(
    environ: dict[str, str], remote: dict[str, str], client: openai.OpenAI, begin: Callable[..., ThreadRun]
) -> None:
    made = begin("weather", TOOL, until="requires_action")
    with terminal(["resume", made.thread_id], {**environ, **remote}) as chat:
        chat.wait_for("waiting for your tool")
        chat.type("\x03")
        chat.wait_for("stopped")
        chat.wait_for(prompt_is_back)
        wait(client, made, "cancelled")
        leave(chat)


def test_outputs_that_were_given_before_are_not_asked_for(
    run: Run,
    remote: dict[str, str],
    client: openai.OpenAI,
    begin: Callable[..., ThreadRun],
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.py").write_text(HANDLER)
    made = begin("weather", TOOL, until="requires_action")
    submit(client, made)
    spec = f"{tmp_path / 'mine.py'}:Forecaster"
    done = run("resume", made.thread_id, "--handler", spec, code=0, **remote)
    assert done.stdout == "Sunny.\n"


def test_a_handler_that_has_the_function_gives_its_output(
    run: Run,
    remote: dict[str, str],
    client: openai.OpenAI,
    begin: Callable[..., ThreadRun],
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.py").write_text(HANDLER)
    made = begin("weather", TOOL, until="requires_action")
    spec = f"{tmp_path / 'mine.py'}:Forecaster"
    done = run("resume", made.thread_id, "--handler", spec, stdin="hello\n", code=0, **remote)
    assert done.stdout == "asked\nSunny.\nUnderstood.\n"
    wait(client, made, "completed")


def test_a_handler_that_raises_leaves_the_run_of_others_alone(
    run: Run,
    remote: dict[str, str],
    client: openai.OpenAI,
    begin: Callable[..., ThreadRun],
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.py").write_text(
        "from asstream import PlainHandler\n"
        "class Broken(PlainHandler):\n"
        "    def on_text_delta(self, delta, snapshot):\n"
        "        raise ValueError('mine')\n"
    )
    made = begin("count")
    done = run("resume", made.thread_id, "--handler", f"{tmp_path / 'mine.py'}:Broken", code=1, **remote)
    assert "the handler raised ValueError: mine (mine.py, line 4, in on_text_delta)" in done.stderr
    assert "cancelled" not in done.stderr
    wait(client, made, "completed")

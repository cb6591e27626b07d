"""`chat`, `resume` and `ask` through pipes: what is said where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import openai
import pytest

from tests.cli.conftest import Run


def thread_ids(run: Run, **variables: str) -> list[str]:
    listed = run("threads", "list", "--json", code=0, **variables).stdout.splitlines()
    return [json.loads(line)["id"] for line in listed]


def test_a_piped_chat_prints_the_replies_text_alone(run: Run) -> None:
    done = run("chat", stdin="What is the capital of France?\nAnd now?\nexit\nnever sent\n", code=0)
    assert done.stdout == "The capital of France is **Paris**.\nUnderstood.\n"
    assert done.stderr == ""


def test_an_empty_line_is_refused_with_a_word_and_not_sent(run: Run) -> None:
    done = run("chat", stdin="\n   \nQUIT\n", code=0)
    assert done.stdout == ""
    assert done.stderr.count("nothing to send") == 2
    assert thread_ids(run) == []


def test_a_chat_that_is_only_left_leaves_no_thread_behind(run: Run) -> None:
    run("chat", stdin="exit\n", code=0)
    assert thread_ids(run) == []


@pytest.mark.parametrize("more", [[], ["--handler", "console"]])
def test_a_reply_that_is_empty_is_said_to_be(run: Run, tmp_path: Path, more: list[str]) -> None:
    script = tmp_path / "empty.json"
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [[{"text": ["\n"]}]]}]}))
    done = run("ask", "hi", *more, code=0, ASSTREAM_MODEL=f"scripted:{script}")
    assert "the reply is empty" in done.stderr


def test_json_prints_one_event_a_line_as_on_the_wire(run: Run) -> None:
    done = run("chat", "--json", stdin="hi\n", code=0)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(event) == {"event", "data"} for event in events)
    assert [events[0]["event"], events[-1]["event"]] == ["thread.run.created", "thread.run.completed"]


def test_without_streaming_the_same_reply_comes_whole(run: Run) -> None:
    done = run("chat", "--no-stream", stdin="capital of France?\n", code=0)
    assert done.stdout == "The capital of France is **Paris**.\n"
    events = run("ask", "--no-stream", "--json", "capital of France?", code=0).stdout.splitlines()
    assert json.loads(events[-1])["event"] == "thread.run.completed"


def test_ask_prints_one_reply_and_a_dash_reads_the_prompt(run: Run) -> None:
    assert run("ask", "capital of France?", code=0).stdout == "The capital of France is **Paris**.\n"
    assert run("ask", "-", stdin="a\nb capital of France?\n", code=0).stdout.startswith("The capital")
    assert "prompt is empty" in run("ask", "  ", code=2).stderr


def test_no_escape_sequence_of_a_reply_reaches_stdout(run: Run) -> None:
    done = run("ask", "escape", code=0)
    assert done.stdout == "red text\n"


def test_a_function_that_nobody_offers_is_printed_and_its_run_cancelled(run: Run, tmp_path: Path) -> None:
    tool = tmp_path / "tool.json"
    tool.write_text('{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}')
    run("assistants", "create", "--name", "forecaster", "--tool", str(tool), code=0)
    done = run("ask", "--assistant", "forecaster", "the weather?", code=1)
    assert 'get_weather({"city": "Rome"})' in done.stderr
    assert done.stdout == ""
    thread = thread_ids(run)[0]
    assert json.loads(run("runs", "list", thread, "--json", code=0).stdout)["status"] == "cancelled"


HANDLERS = '''
import openai
from typing_extensions import override

client = openai.OpenAI()

class Answers(openai.AssistantEventHandler):
    """As the old documentation has it: submits the outputs itself, in a stream of its own."""
    @override
    def on_event(self, event):
        if event.event == "thread.run.requires_action":
            calls = event.data.required_action.submit_tool_outputs.tool_calls
            outputs = [{"tool_call_id": call.id, "output": "sunny"} for call in calls]
            with client.beta.threads.runs.submit_tool_outputs_stream(
                thread_id=event.data.thread_id, run_id=event.data.id, tool_outputs=outputs,
                event_handler=Answers(),
            ) as stream:
                for text in stream.text_deltas:
                    print(text, end="", flush=True)
                print()

class Quiet(openai.AssistantEventHandler):
    """Submits without a stream: the session has to show what follows."""
    def on_event(self, event):
        if event.event == "thread.run.requires_action":
            calls = event.data.required_action.submit_tool_outputs.tool_calls
            client.beta.threads.runs.submit_tool_outputs(
                thread_id=event.data.thread_id, run_id=event.data.id,
                tool_outputs=[{"tool_call_id": call.id, "output": "sunny"} for call in calls])

class Raises(openai.AssistantEventHandler):
    def on_text_delta(self, delta, snapshot):
        raise ValueError("mine")

class RaisesAtTheEnd(openai.AssistantEventHandler):
    def on_text_delta(self, delta, snapshot):
        print(delta.value, end="")

    def on_end(self):
        raise ValueError("too late")

class Wants(openai.AssistantEventHandler):
    def __init__(self, needed):
        super().__init__()
'''


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(HANDLERS)
    return path


@pytest.fixture
def forecaster(run: Run, tmp_path: Path) -> str:
    tool = tmp_path / "tool.json"
    tool.write_text('{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}')
    return run("assistants", "create", "--name", "forecaster", "--tool", str(tool), code=0).stdout.strip()


def test_a_handler_that_submits_by_itself_is_not_doubled(run: Run, handlers: Path, forecaster: str) -> None:
    done = run("ask", "--assistant", forecaster, "--handler", f"{handlers}:Answers", "the weather?", code=0)
    assert done.stdout == "It will be sunny.\n"


def test_a_handler_that_submits_without_a_stream_is_followed_to_the_end(
    run: Run, handlers: Path, forecaster: str
) -> None:
    run("ask", "--assistant", forecaster, "--handler", f"{handlers}:Quiet", "the weather?", code=0)
    thread = thread_ids(run)[0]
    assert json.loads(run("runs", "list", thread, "--json", code=0).stdout)["status"] == "completed"


def test_a_recording_holds_what_a_handler_followed_by_itself(
    run: Run, handlers: Path, forecaster: str, tmp_path: Path
) -> None:
    kept = tmp_path / "run.sse"
    spec = f"{handlers}:Answers"
    run("ask", "--assistant", forecaster, "--handler", spec, "--record", str(kept), "the weather?", code=0)
    events = [line for line in kept.read_text().splitlines() if line.startswith("event: ")]
    assert events.count("event: thread.run.requires_action") == 1
    assert events[-2:] == ["event: thread.run.completed", "event: done"]
    assert run("replay", str(kept), "--speed", "0", code=0).stdout == "It will be sunny.\n"


def test_what_json_printed_can_be_replayed_from_a_pipe(run: Run) -> None:
    printed = run("ask", "--json", "capital of France?", code=0).stdout
    assert run("replay", "-", stdin=printed, code=0).stdout == "The capital of France is **Paris**.\n"


def test_a_handler_that_raises_after_the_run_cancelled_nothing(run: Run, handlers: Path) -> None:
    done = run("ask", "--handler", f"{handlers}:RaisesAtTheEnd", "hi", code=1)
    assert re.search(r"raised ValueError: too late \(\w+\.py, line \d+, in on_\w+\)\n", done.stderr)
    assert "cancelled" not in done.stderr


def test_a_replay_blames_the_handler_that_raises(run: Run, handlers: Path, tmp_path: Path) -> None:
    kept = str(tmp_path / "run.sse")
    run("ask", "--record", kept, "hi", code=0)
    done = run("replay", kept, "--handler", f"{handlers}:Raises", code=1)
    assert done.stderr.startswith("asstream: the handler raised ValueError: mine (")


def test_resuming_a_thread_whose_assistant_is_gone_says_so(run: Run, forecaster: str) -> None:
    run("ask", "--assistant", forecaster, "hi", code=0)
    run("assistants", "delete", forecaster, code=0)
    done = run("resume", "--last", stdin="and now?\n", code=0)
    assert done.stdout == "Understood.\n"
    assert f"{forecaster}, is gone" in done.stderr


def test_a_thread_made_elsewhere_is_called_by_its_first_message(
    run: Run, client: openai.OpenAI, remote: dict[str, str]
) -> None:
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "How it began"}])
    run("resume", thread.id, stdin="and now\n", code=0, **remote)
    [entry] = run("threads", "list", "--json", code=0, **remote).stdout.splitlines()
    assert json.loads(entry)["title"] == "How it began"


BAD_HANDLERS = {
    "raises": ("{}:Raises", 1, "the handler raised ValueError: mine"),
    "has no such class": ("{}:Missing", 2, "no class 'Missing'"),
    "needs arguments": ("{}:Wants", 2, "can't be made"),
    "is no file": ("{}x.py:Missing", 2, "no handler file"),
    "has no name": ("nonsense", 2, "no handler named 'nonsense'"),
}


@pytest.mark.parametrize("case", BAD_HANDLERS)
def test_a_handler_that_cannot_be_used_is_named(run: Run, handlers: Path, case: str) -> None:
    spec, code, words = BAD_HANDLERS[case]
    done = run("ask", "--handler", spec.format(handlers), "hi", code=code)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_handler_that_raises_leaves_the_thread_free(run: Run, handlers: Path) -> None:
    run("ask", "--handler", f"{handlers}:Raises", "hi", code=1)
    assert run("ask", "--thread", thread_ids(run)[0], "again", code=0).stdout == "Understood.\n"


def test_resume_goes_on_with_the_thread_and_its_assistant(run: Run) -> None:
    made = run("assistants", "create", "--name", "other", code=0).stdout.strip()
    run("ask", "--assistant", made, "one", code=0)
    thread = thread_ids(run)[0]
    assert run("resume", thread[:14], stdin="two\n", code=0).stdout == "Understood.\n"
    assert run("resume", "--last", stdin="three\n", code=0).stdout == "Understood.\n"
    runs = [json.loads(line) for line in run("runs", "list", thread, "--json", code=0).stdout.splitlines()]
    assert [each["assistant_id"] for each in runs] == [made] * 3
    shown = run("threads", "show", thread, code=0).stdout
    assert [word for word in shown.split() if word in ("one", "two", "three")] == ["one", "two", "three"]


def test_resume_without_a_thread_says_what_to_give(run: Run) -> None:
    assert "no thread to resume" in run("resume", "--last", code=2).stderr
    assert "--last" in run("resume", code=2).stderr
    assert "exclude each other" in run("resume", "thread_a", "--last", code=2).stderr
    assert "exclude each other" in run("resume", "thread_a", "--thread", "thread_b", code=2).stderr


def test_options_change_the_run_and_not_the_assistant(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "told.txt"
    file.write_text("Be brief.")
    run("ask", "--model", "other-model", "--instructions", f"@{file}", "hi", code=0)
    made = json.loads(run("runs", "list", thread_ids(run)[0], "--json", code=0).stdout)
    assert (made["model"], made["instructions"]) == ("other-model", "Be brief.")
    assistant = json.loads(run("assistants", "show", "asstream", "--json", code=0).stdout)
    assert assistant["model"] == "default"


def test_the_default_assistant_is_made_once(run: Run) -> None:
    run("chat", stdin="a\n", code=0)
    run("chat", stdin="b\n", code=0)
    names = [json.loads(line)["name"] for line in run("assistants", "list", "--json").stdout.splitlines()]
    assert names == ["asstream"]


def test_a_recording_shows_the_same_again(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.sse"
    asked = run("ask", "--record", str(file), "capital of France?", code=0)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("replay", str(file), "--speed", "0", code=0).stdout == asked.stdout
    names = [
        json.loads(line)["event"]
        for line in run("replay", str(file), "--speed", "0", "--json", code=0).stdout.splitlines()
    ]
    assert names[-1] == "thread.run.completed"


def test_ctrl_c_in_a_piped_chat_cancels_the_run_and_exits_with_130(
    environ: dict[str, str], run: Run, tmp_path: Path
) -> None:
    script = tmp_path / "slow.json"
    slow = [{"text": "Once"}, *[{"wait": 0.5}, {"text": " more"}] * 100]
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [slow]}]}))
    process = subprocess.Popen(
        [sys.executable, "-m", "asstream", "ask", "go"],
        env={**environ, "ASSTREAM_MODEL": f"scripted:{script}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.read(4) == "Once"
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    made = json.loads(run("runs", "list", thread_ids(run)[0], "--json", code=0).stdout)
    assert made["status"] == "cancelled"


def test_a_reader_that_goes_away_ends_it_quietly(environ: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "asstream", "ask", "hi"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(60) == 1


def test_a_remote_endpoint_is_used_by_the_same_commands(
    run: Run, remote: dict[str, str], client: openai.OpenAI
) -> None:
    assert run("chat", stdin="capital of France?\n", code=0, **remote).stdout.startswith("The capital")
    assert client.get("/assistants", cast_to=object)["data"][0]["name"] == "asstream"  # type: ignore[index]
    listed = [
        json.loads(line) for line in run("threads", "list", "--json", code=0, **remote).stdout.splitlines()
    ]
    assert [entry["title"] for entry in listed] == ["capital of France?"]
    assert thread_ids(run) == []


def test_the_wire_log_of_debug_holds_no_key(run: Run, remote: dict[str, str]) -> None:
    done = run("--debug", "ask", "hi", code=0, **remote)
    assert "POST" in done.stderr and "/runs" in done.stderr
    assert remote["ASSTREAM_API_KEY"] not in done.stderr
    assert time.strftime("%H:") in done.stderr

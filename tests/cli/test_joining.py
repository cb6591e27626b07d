"""A run that is under way in one terminal, joined in another: on the same home, and at a server."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from asstream.chat.loop import UNDER_WAY
from tests.cli.conftest import Run
from tests.cli.terminal import Terminal, terminal
from tests.cli.test_terminal import leave, prompt_is_back

COUNT = [{"text": f"line {n}.\n"} if n % 2 else {"wait": 0.1} for n in range(80)]
SAID = "".join(f"line {n}.\n" for n in range(1, 80, 2))
CODE = "import time\nprint('begun', flush=True)\ntime.sleep(4)\nprint('ended')"
ENDLESS = [{"text": "Once"}, *[{"wait": 0.2}, {"text": " more"}] * 300]
CALL = {"tool_call": {"name": "get_weather", "arguments": {"city": "Rome"}}}
REPLIES: list[dict[str, Any]] = [
    {"match": "^count", "turns": [COUNT]},
    {
        "match": "^code",
        "turns": [
            [{"text": "Look."}, {"tool_call": {"name": "python", "arguments": {"code": CODE}}}],
            [{"text": "Done."}],
        ],
    },
    {"match": "^endless", "turns": [ENDLESS]},
    {"match": "^weather", "turns": [[CALL], [{"wait": 1}, {"text": "Sunny."}]]},
    {"match": None, "turns": [[{"text": "Understood."}]]},
]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A model that takes its time."""
    (tmp_path / "script.json").write_text(json.dumps({"replies": REPLIES}))
    return environ


def begin(chat: Terminal, message: str, shows: str) -> str:
    """Have a short exchange, then begin a reply; the thread's id once the reply shows something."""
    chat.type("hello\r")
    chat.wait_for("Understood.")
    chat.wait_for(prompt_is_back)
    chat.type(f"{message}\r")
    found = re.search(r"thread_\w+", chat.wait_for(shows))
    assert found is not None
    return found[0]


@pytest.mark.parametrize("command", [["resume"], ["chat", "--thread"]])
def test_a_reply_in_another_terminal_is_shown_from_its_beginning_once_and_goes_on(
    environ: dict[str, str], command: list[str]
) -> None:
    with terminal(["chat"], environ) as first:
        thread = begin(first, "count", "line 9.")
        with terminal([*command, thread], environ) as second:
            shown = second.wait_for("line 13.")
            assert "line 77." not in shown
            second.type("next thought")
            shown = second.wait_for("> next thought")
            before, live = shown.split(UNDER_WAY)
            assert "> hello\nUnderstood.\n> count" in before
            assert "line 1." not in before
            assert live.startswith(f"\n{SAID}")
            assert live.count("line 1.") == 1
            assert re.match(r"\d+ tokens · [4-6] s · scripted\n", live.removeprefix(f"\n{SAID}"))
            second.type("\r")
            second.wait_for(lambda text: text.count("Understood.") == 2)
            second.wait_for(prompt_is_back)
            leave(second)
        shown = first.wait_for(prompt_is_back)
        assert SAID in shown
        leave(first)


def test_a_line_that_was_entered_before_the_reply_was_found_is_sent_after_it(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as first:
        thread = begin(first, "count", "line 9.")
        with terminal(["chat", "--thread", thread], environ) as second:
            second.wait_for(">")
            second.type("and then?\r")
            second.wait_for(UNDER_WAY)
            shown = second.wait_for(lambda text: text.count("Understood.") == 2)
            assert SAID in shown[: shown.rindex("Understood.")]
            second.wait_for(prompt_is_back)
            leave(second)


def test_a_thread_that_was_picked_is_joined_in_its_reply(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as first:
        thread = begin(first, "count", "line 9.")
        with terminal(["chat"], environ) as second:
            second.wait_for(prompt_is_back)
            second.type(f"/threads {thread}\r")
            second.wait_for("line 77.")
            shown = second.wait_for(prompt_is_back)
            before, live = shown.split(UNDER_WAY)
            assert "> hello\nUnderstood.\n> count" in before
            assert live.startswith(f"\n{SAID}")
            leave(second)
        first.wait_for(prompt_is_back)
        leave(first)


def test_a_run_in_the_way_of_a_message_is_shown_and_the_message_comes_back(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as first:
        first.type("hello\r")
        thread = re.search(r"thread_\w+", first.wait_for("Understood."))
        assert thread is not None
        first.wait_for(prompt_is_back)
        with terminal(["resume", thread[0]], environ) as second:
            second.wait_for(prompt_is_back)
            first.type("count\r")
            first.wait_for("line 9.")
            second.type("and then?\r")
            second.wait_for(UNDER_WAY)
            shown = second.wait_for(lambda text: text.rstrip().endswith("> and then?"))
            assert SAID in shown and "Understood." not in shown.partition(UNDER_WAY)[2]
            second.type("\r")
            second.wait_for(lambda text: text.count("Understood.") == 2)
            second.wait_for(prompt_is_back)
            leave(second)
        first.wait_for(prompt_is_back)
        leave(first)


def test_ctrl_c_cancels_the_run_that_was_joined_and_both_chats_go_on(
    environ: dict[str, str], run: Run
) -> None:
    with terminal(["chat"], environ) as first:
        thread = begin(first, "endless", "Once more")
        with terminal(["resume", thread], environ) as second:
            second.wait_for("Once more")
            second.type("\x03")
            second.wait_for("stopped")
            second.wait_for(prompt_is_back)
            first.wait_for("the run was cancelled")
            first.wait_for(prompt_is_back)
            second.type("hello\r")
            second.wait_for(lambda text: text.count("Understood.") == 2)
            leave(second)
        leave(first)
    listed = run("runs", "list", thread, "--json", code=0).stdout.splitlines()
    assert [json.loads(line)["status"] for line in listed] == ["completed", "cancelled", "completed"]


def test_code_and_what_it_prints_are_shown_from_their_beginning_and_on(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as first:
        thread = begin(first, "code", "begun")
        with terminal(["resume", thread], environ) as second:
            shown = second.wait_for("begun")
            assert "ended\n" not in shown
            second.wait_for("running code")
            shown = second.wait_for("Done.")
            before, live = shown.split(UNDER_WAY)
            assert "> code" in before and "Look." not in before and "begun" not in before
            order = ["Look.", "── code ──", CODE, "── output ──", "begun\nended\n", "Done."]
            assert [live.count(part) for part in order] == [1] * len(order)
            assert sorted(order, key=live.index) == order
            second.wait_for(prompt_is_back)
            assert "running code" not in second.text()
            leave(second)


def test_a_run_whose_process_died_is_seen_to_end(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as first:
        thread = begin(first, "endless", "Once more")
        with terminal(["resume", thread], environ) as second:
            second.wait_for("Once more")
            os.kill(first.pid, signal.SIGKILL)
            shown = second.wait_for("the process that worked on this run ended before it", 15)
            assert "send the message again" in second.wait_for(prompt_is_back)
            assert shown.count("Once more") == 1
            leave(second)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_where_the_cursor_cannot_move_nothing_of_the_reply_and_its_status_moves_it(
    environ: dict[str, str], variables: dict[str, str]
) -> None:
    with terminal(["chat"], environ) as first:
        thread = begin(first, "code", "begun")
        with terminal(["resume", thread], {**environ, **variables}) as second:
            second.wait_for("Done.")
            second.wait_for("scripted")
            assert "running code" not in second.text()
            told = second.raw[second.raw.index(UNDER_WAY.encode()) : second.raw.index(b"scripted")]
            assert b"\x1b" not in told
            assert b"\r" not in told.replace(b"\r\n", b"")

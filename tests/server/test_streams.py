"""Many streams at once, readers who leave, and a server that stops while they read."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from asstream.server import answers
from tests.support.processes import server_process
from tests.support.raw import asked, lines
from tests.support.served import reply, served, write_script

SLOW = [{"text": ["word "]} if n % 2 else {"wait": 0.05} for n in range(2000)]
STEADY = [{"text": [f"{n} "]} if n % 2 else {"wait": 0.002} for n in range(200)]
LONG = [{"text": [f"{n} " for n in range(32_000)]}]
ASKS = reply([{"tool_call": {"name": "f", "arguments": {}}}], [{"text": "Done."}], match="^asks")
SCRIPT = [ASKS, reply(SLOW, match="^slow"), reply(STEADY, match="^steady"), reply(LONG, match="^long")]


def stream(client: openai.OpenAI, text: str) -> list[str]:
    """All lines of a new run's stream."""
    assistant = client.beta.assistants.create(model="m")
    thread = {"messages": [{"role": "user", "content": text}]}
    body = {"assistant_id": assistant.id, "thread": thread, "stream": True}
    with asked(client, "POST", "/threads/runs", body) as response:
        return list(lines(response))


def numbers(told: list[str]) -> list[int]:
    return [int(line.removeprefix("id: ")) for line in told if line.startswith("id: ")]


def assert_whole(told: list[str], deltas: int) -> None:
    assert numbers(told) == list(range(1, len(numbers(told)) + 1))
    assert told.count("event: thread.message.delta") == deltas
    names = [line for line in told if line.startswith("event: ")]
    assert names[-2:] == ["event: thread.run.completed", "event: done"]


def test_fifty_streams_at_once_are_each_whole_and_in_order(tmp_path: Path) -> None:
    with served(tmp_path / "home", SCRIPT) as client, ThreadPoolExecutor(50) as pool:
        for told in pool.map(lambda _: stream(client, "steady"), range(50)):
            assert_whole(told, 100)


def test_a_reply_of_32_000_deltas_is_whole_also_to_a_reader_who_comes_late(tmp_path: Path) -> None:
    with served(tmp_path / "home", SCRIPT) as client:
        told = stream(client, "long")
        assert_whole(told, 32_000)
        created = next(line for line in told if '"thread.run"' in line)
        run = json.loads(created.removeprefix("data: "))
        assert _follow(client, run["thread_id"], run["id"]) == told


def test_a_reader_who_leaves_changes_nothing_about_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(tmp_path / "home", SCRIPT) as client:
        assistant = client.beta.assistants.create(model="m")
        thread = {"messages": [{"role": "user", "content": "steady"}]}
        body = {"assistant_id": assistant.id, "thread": thread, "stream": True}
        for leave_after in range(1, 30, 3):
            with asked(client, "POST", "/threads/runs", body) as response:
                told = lines(response)
                for _ in range(leave_after):
                    next(told)
        for made in client.get("/threads", cast_to=object)["data"]:  # type: ignore[type-arg]
            [run] = client.beta.threads.runs.list(made["id"]).data
            assert client.beta.threads.runs.poll(run.id, thread_id=made["id"]).status == "completed"
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_ends_its_streams_and_goes(
    tmp_path: Path, sent: signal.Signals
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    spec = write_script(home / "script.json", SCRIPT)
    with (
        server_process(home, spec) as (other, elsewhere),
        server_process(home, spec) as (process, client),
        ThreadPoolExecutor(5) as pool,
    ):
        own = [pool.submit(stream, client, "slow") for _ in range(3)]
        foreign = pool.submit(_follow, client, *_begin(elsewhere))
        time.sleep(1)
        process.send_signal(sent)
        for told in (future.result(20) for future in own):
            names = [line for line in told if line.startswith("event: ")]
            assert names[-2:] == ["event: thread.run.cancelled", "event: done"]
        names = [line for line in foreign.result(20) if line.startswith("event: ")]
        assert names[-2:] == ["event: error", "event: done"]
        process.wait(10)
        assert other.poll() is None


def _begin(client: openai.OpenAI) -> tuple[str, str]:
    assistant = client.beta.assistants.create(model="m")
    run = client.beta.threads.create_and_run(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "slow"}]}
    )
    return run.thread_id, run.id


def _follow(client: openai.OpenAI, thread_id: str, run_id: str) -> list[str]:
    with asked(client, "GET", f"/threads/{thread_id}/runs/{run_id}/events") as response:
        return list(lines(response))


def test_a_runs_events_end_where_it_waits_for_outputs_and_go_on_once_they_are_given(tmp_path: Path) -> None:
    with served(tmp_path / "home", SCRIPT) as client:
        tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
        assistant = client.beta.assistants.create(model="m", tools=[tool])  # type: ignore[list-item]
        made = client.beta.threads.create_and_run_poll(
            assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "asks"}]}
        )
        told = _follow(client, made.thread_id, made.id)
        names = [line.removeprefix("event: ") for line in told if line.startswith("event: ")]
        assert names[-2:] == ["thread.run.requires_action", "done"]
        assert made.required_action is not None
        [call] = made.required_action.submit_tool_outputs.tool_calls
        client.beta.threads.runs.submit_tool_outputs_and_poll(
            run_id=made.id, thread_id=made.thread_id, tool_outputs=[{"tool_call_id": call.id, "output": "1"}]
        )
        again = _follow(client, made.thread_id, made.id)
        assert again[: len(told) - 3] == told[:-3]
        names = [line.removeprefix("event: ") for line in again if line.startswith("event: ")]
        assert names.count("thread.run.requires_action") == 1
        assert names[-2:] == ["thread.run.completed", "done"]
        path = f"/threads/{made.thread_id}/runs/{made.id}/events"
        with asked(client, "GET", path, headers={"Authorization": "Bearer wrong"}) as response:
            assert response.status == 401


def test_a_server_closes_in_a_bounded_time_with_readers_and_idle_connections(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with served(tmp_path / "home", SCRIPT) as client:
            client.models.list()
            reader = pool.submit(stream, client, "slow")
            time.sleep(0.5)
        assert "event: thread.run.cancelled" in reader.result(10)


def test_a_stream_that_is_silent_for_long_does_not_break_the_sdk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "KEEP_ALIVE_SECONDS", 0.05)
    script = [reply([{"text": "One "}, {"wait": 0.5}, {"text": "two"}])]
    with served(tmp_path, script) as client:
        assert sum(line.startswith(": ") for line in stream(client, "hello")) > 1
        assistant = client.beta.assistants.create(model="m")
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "hello"}])
        told = client.beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id, stream=True)
        assert [event.event for event in told][-1] == "thread.run.completed"

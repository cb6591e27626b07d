"""What was answered with 2xx survives kill -9; nobody's live run is touched; nothing stays stuck."""

from __future__ import annotations

import time
from pathlib import Path

import openai
import pytest

from tests.support.processes import kill, server_process
from tests.support.raw import asked, lines
from tests.support.served import reply, write_script

SLOW = [{"text": [f"word{n} "]} if n % 2 else {"wait": 0.05} for n in range(200)]


def spec(home: Path) -> str:
    home.mkdir(exist_ok=True)
    return write_script(home / "script.json", [reply(SLOW, match="slowly"), reply([{"text": "Quick."}])])


def slow_run(client: openai.OpenAI) -> tuple[str, str]:
    """A thread with a run that takes five seconds, and its id."""
    assistant = client.beta.assistants.create(model="m")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "slowly"}])
    run = client.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
    return thread.id, run.id


def text_so_far(client: openai.OpenAI, thread_id: str) -> openai.types.beta.threads.Message:
    return client.beta.threads.messages.list(thread_id, limit=1).data[0]


def wait_for_text(client: openai.OpenAI, thread_id: str, run_id: str) -> None:
    """Read the run's stream until its first words."""
    with asked(client, "GET", f"/threads/{thread_id}/runs/{run_id}/events") as response:
        seen = 0
        for line in lines(response):
            seen += line == "event: thread.message.delta"
            if seen == 3:
                return
    raise AssertionError("the run ended before it had said anything")


def test_a_killed_process_loses_nothing_it_acknowledged_and_its_run_is_failed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with server_process(home, spec(home)) as (process, client):
        thread_id, run_id = slow_run(client)
        wait_for_text(client, thread_id, run_id)
        time.sleep(0.2)  # deltas are on the disk 50 ms later
        kill(process)
    with server_process(home, spec(home)) as (_, client):
        run = client.beta.threads.runs.retrieve(run_id, thread_id=thread_id)
        assert run.status == "failed"
        assert run.last_error is not None
        assert run.last_error.code == "server_error"
        message = text_so_far(client, thread_id)
        assert message.status == "incomplete"
        assert message.incomplete_details is not None
        assert message.incomplete_details.reason == "run_failed"
        assert message.content[0].text.value.startswith("word1 word3 ")
        [step] = client.beta.threads.runs.steps.list(run_id, thread_id=thread_id).data
        assert step.status == "failed"
        client.beta.threads.messages.create(thread_id, role="user", content="again")


def test_another_process_on_the_home_fails_a_dead_ones_run_within_two_seconds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        server_process(home, spec(home)) as (process, first),
        server_process(home, spec(home)) as (_, second),
    ):
        thread_id, run_id = slow_run(first)
        wait_for_text(second, thread_id, run_id)
        kill(process)
        # Not asked for by its id: the list only reads.
        for _ in range(40):
            [run] = second.beta.threads.runs.list(thread_id).data
            if run.status == "failed":
                break
            time.sleep(0.05)
        assert run.status == "failed"


def test_a_live_run_of_another_process_is_followed_and_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with server_process(home, spec(home)) as (_, first), server_process(home, spec(home)) as (_, second):
        thread_id, run_id = slow_run(first)
        with pytest.raises(openai.BadRequestError, match="Can't add messages"):
            second.beta.threads.messages.create(thread_id, role="user", content="again")
        wait_for_text(second, thread_id, run_id)
        assert second.beta.threads.runs.retrieve(run_id, thread_id=thread_id).status == "in_progress"


def test_another_process_can_cancel_a_run(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with server_process(home, spec(home)) as (_, first), server_process(home, spec(home)) as (_, second):
        thread_id, run_id = slow_run(first)
        wait_for_text(second, thread_id, run_id)
        assert second.beta.threads.runs.cancel(run_id, thread_id=thread_id).status == "cancelling"
        for _ in range(100):
            run = first.beta.threads.runs.retrieve(run_id, thread_id=thread_id)
            if run.status == "cancelled":
                break
            time.sleep(0.02)
        assert run.status == "cancelled"
        assert text_so_far(first, thread_id).status == "incomplete"
        first.beta.threads.messages.create(thread_id, role="user", content="again")


def test_a_reader_in_another_process_sees_every_event_once_and_in_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with server_process(home, spec(home)) as (_, first), server_process(home, spec(home)) as (_, second):
        thread_id, run_id = slow_run(first)
        with asked(second, "GET", f"/threads/{thread_id}/runs/{run_id}/events") as response:
            seen = list(lines(response))
        ids = [int(line.removeprefix("id: ")) for line in seen if line.startswith("id: ")]
        assert ids == list(range(1, len(ids) + 1))
        told = [line.removeprefix("event: ") for line in seen if line.startswith("event: ")]
        assert told[-2:] == ["thread.run.completed", "done"]
        assert told.count("thread.message.delta") == 100

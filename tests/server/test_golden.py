"""Whole streams against golden transcripts; `pytest … --rewrite-golden` makes new ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.golden import assert_golden
from tests.support.raw import asked, lines
from tests.support.served import reply, served

FUNCTION: Any = {"type": "function", "function": {"name": "add", "description": "Adds.", "strict": True}}


def add(a: int, b: int) -> dict[str, Any]:
    return {"tool_call": {"name": "add", "arguments": [f'{{"a": {a}, ', f'"b": {b}}}']}}


SCRIPT = [
    reply([{"text": ["Hel", "lo"]}], match="^text"),
    reply([{"text": "Let me see."}, add(1, 2), add(3, 4)], [add(3, 7)], [{"text": "10"}], match="^functions"),
    reply([{"refusal": ["I ", "won't."]}], match="^refusal"),
    reply([{"text": ["one ", "two ", "three "]}], match="^incomplete"),
    reply([{"text": ["Half "]}, {"error": {"message": "overloaded"}}], match="^failed"),
    reply([{"text": ["Half "]}, {"wait": 30}], match="^cancelled"),
    reply([{"text": []}], match="^silent"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), SCRIPT) as made:
        yield made


@pytest.fixture(scope="module")
def assistant(client: openai.OpenAI) -> str:
    return client.beta.assistants.create(model="m", instructions="Be brief.", tools=[FUNCTION]).id


def stream(client: openai.OpenAI, path: str, body: dict[str, Any]) -> str:
    with asked(client, "POST", path, {**body, "stream": True}) as response:
        return response.read().decode()


def body(assistant: str, text: str, **fields: Any) -> dict[str, Any]:
    return {
        "assistant_id": assistant,
        "thread": {"messages": [{"role": "user", "content": text}]},
        "metadata": {"scenario": text},
        **fields,
    }


@pytest.mark.parametrize("scenario", ["text", "refusal", "failed", "silent"])
def test_a_run_is_told_as_ever(
    client: openai.OpenAI, assistant: str, scenario: str, rewrite_golden: bool
) -> None:
    told = stream(client, "/threads/runs", body(assistant, scenario))
    assert_golden(scenario, told, rewrite=rewrite_golden)


def test_a_run_that_reaches_its_limit_is_told_as_ever(
    client: openai.OpenAI, assistant: str, rewrite_golden: bool
) -> None:
    told = stream(client, "/threads/runs", body(assistant, "incomplete", max_completion_tokens=2))
    assert_golden("incomplete", told, rewrite=rewrite_golden)


def test_three_stretches_with_functions_are_told_as_ever(
    client: openai.OpenAI, assistant: str, rewrite_golden: bool
) -> None:
    told = [stream(client, "/threads/runs", body(assistant, "functions"))]
    for sums in (["3", "7"], ["10"]):
        [run] = client.beta.threads.runs.list(client.get("/threads?limit=1", cast_to=object)["first_id"]).data
        assert run.required_action is not None
        calls = run.required_action.submit_tool_outputs.tool_calls
        outputs = [{"tool_call_id": c.id, "output": s} for c, s in zip(calls, sums, strict=True)]
        path = f"/threads/{run.thread_id}/runs/{run.id}/submit_tool_outputs"
        told.append(stream(client, path, {"tool_outputs": outputs}))
    assert_golden("functions", "".join(told), rewrite=rewrite_golden)


def test_a_cancelled_run_is_told_as_ever(client: openai.OpenAI, assistant: str, rewrite_golden: bool) -> None:
    told = []
    with asked(client, "POST", "/threads/runs", {**body(assistant, "cancelled"), "stream": True}) as response:
        for line in lines(response):
            told.append(line)
            if line == "event: thread.message.delta":
                thread: Any = client.get("/threads?limit=1", cast_to=object)
                [run] = client.beta.threads.runs.list(thread["first_id"]).data
                client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    assert_golden("cancelled", "\n".join(told), rewrite=rewrite_golden)

"""Function calling as the stock client sees it, with a real Chat Completions endpoint behind the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AssistantEventHandler
from starlette.responses import Response

from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.sources import open_source
from tests.support.served import served_with
from tests.support.upstream import KEY, Received, Upstream, calls, says, upstream

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
TIME: Any = {"type": "function", "function": {"name": "time"}}
BOTH = (("weather", '{"city": "Oslo"}'), ("time", "{}"))


def answer(received: Received) -> Response:
    """Both calls, and once there are outputs a text that repeats them."""
    outputs = [each["content"] for each in received.json["messages"] if each["role"] == "tool"]
    return says(" and ".join(outputs)) if outputs else calls(*BOTH)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Upstream, Path, openai.OpenAI]]:
    home = tmp_path_factory.mktemp("home")
    with upstream() as up, served_with(home, lambda: source(up, home)) as client:
        yield up, home, client


def source(up: Upstream, home: Path) -> Any:
    return open_source(home, ModelEndpoint(up.base_url, KEY, "m-1", "the test"), None)


@pytest.fixture
def up(started: tuple[Upstream, Path, openai.OpenAI]) -> Upstream:
    up = started[0]
    up.received.clear()
    up.answer = answer
    return up


@pytest.fixture
def client(started: tuple[Upstream, Path, openai.OpenAI]) -> openai.OpenAI:
    return started[2]


@pytest.fixture(scope="module")
def assistant(started: tuple[Upstream, Path, openai.OpenAI]) -> str:
    made = started[2].beta.assistants.create(model="m-1", tools=[WEATHER, TIME])
    return str(made.id)


def ask(client: openai.OpenAI, assistant: str, **options: Any) -> Any:
    """Poll a run over one message to its end or its pause."""
    thread: Any = {"messages": [{"role": "user", "content": "Go."}]}
    return client.beta.threads.create_and_run_poll(assistant_id=assistant, thread=thread, **options)


def called(run: Any) -> list[Any]:
    return list(run.required_action.submit_tool_outputs.tool_calls)


def outputs(run: Any) -> list[Any]:
    return [{"tool_call_id": call.id, "output": f"out of {call.function.name}"} for call in called(run)]


SAID = "out of weather and out of time"


class Answering(AssistantEventHandler):
    """Answers the calls of its run through a stream, as programs of the old service do."""

    def __init__(self, client: openai.OpenAI) -> None:
        super().__init__()
        self.client = client
        self.names: list[str] = []
        self.text = ""

    def on_event(self, event: Any) -> None:
        self.names.append(event.event)
        if event.event == "thread.run.requires_action":
            run = event.data
            with self.client.beta.threads.runs.submit_tool_outputs_stream(
                thread_id=run.thread_id, run_id=run.id, tool_outputs=outputs(run)
            ) as stream:
                self.text = "".join(stream.text_deltas)


def test_parallel_calls_are_answered_in_a_stream(up: Upstream, client: openai.OpenAI, assistant: str) -> None:
    handler = Answering(client)
    thread: Any = {"messages": [{"role": "user", "content": "Go."}]}
    with client.beta.threads.create_and_run_stream(
        assistant_id=assistant, thread=thread, event_handler=handler
    ) as stream:
        stream.until_done()
    assert handler.text == SAID
    assert handler.names[-1] == "thread.run.requires_action"
    sent = up.received[1].json["messages"]
    assert [call["id"] for call in sent[1]["tool_calls"]] == [each["tool_call_id"] for each in sent[2:]]
    assert up.received[0].json["tools"][0] == WEATHER


@pytest.mark.parametrize("streamed", [False, True])
def test_outputs_may_come_to_another_process_than_the_run_began_in(
    started: tuple[Upstream, Path, openai.OpenAI], up: Upstream, assistant: str, streamed: bool
) -> None:
    _, home, client = started
    run = ask(client, assistant)
    assert [(call.function.name, call.function.arguments) for call in called(run)] == [*BOTH]
    given: Any = {"run_id": run.id, "thread_id": run.thread_id, "tool_outputs": outputs(run)}
    with served_with(home, lambda: source(up, home)) as other:
        if streamed:
            with other.beta.threads.runs.submit_tool_outputs_stream(**given) as stream:
                assert "".join(stream.text_deltas) == SAID
        else:
            assert other.beta.threads.runs.submit_tool_outputs_and_poll(**given).status == "completed"
    ended = client.beta.threads.runs.poll(run.id, thread_id=run.thread_id)
    assert ended.status == "completed"
    message = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data[0]
    assert message.content[0].text.value == SAID  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "choice", ["auto", "none", "required", {"type": "function", "function": {"name": "time"}}]
)
def test_a_choice_of_tools_reaches_the_model(
    up: Upstream, client: openai.OpenAI, assistant: str, choice: Any
) -> None:
    up.answer = lambda _: says("Yes.")
    run = ask(client, assistant, tool_choice=choice)
    assert run.status == "completed"
    expected = run.tool_choice if isinstance(run.tool_choice, str) else run.tool_choice.to_dict()
    assert expected == choice
    sent = up.received[0].json
    assert sent.get("tool_choice") == (None if choice in ("auto", "none") else choice)
    assert ("tools" in sent) == (choice != "none")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"type": "code_interpreter"}, "no tool 'code_interpreter'. Its tools: 'function'."),
        ({"type": "file_search"}, "no tool 'file_search'. Its tools: 'function'."),
        (
            {"type": "function", "function": {"name": "rm"}},
            "no function 'rm'. Its functions: 'weather', 'time'.",
        ),
        ("sometimes", "Supported values for 'tool_choice' are"),
    ],
)
def test_a_choice_that_the_run_does_not_have_is_refused(
    up: Upstream, client: openai.OpenAI, assistant: str, choice: Any, message: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, assistant, tool_choice=choice)
    error = caught.value.response.json()["error"]
    assert message in error["message"]
    assert error["param"] == "tool_choice"
    assert not up.received


def test_calls_come_one_by_one_where_that_was_asked(
    up: Upstream, client: openai.OpenAI, assistant: str
) -> None:
    run = ask(client, assistant, parallel_tool_calls=False)
    assert up.received[0].json["parallel_tool_calls"] is False
    assert [call.function.name for call in called(run)] == ["weather"]
    ended = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=run.thread_id, tool_outputs=outputs(run)
    )
    assert ended.status == "completed"
    # Of the call that was held back the model hears nothing: it would wait for its output.
    assert [call["function"]["name"] for call in up.received[1].json["messages"][1]["tool_calls"]] == [
        "weather"
    ]
    [step] = [
        step
        for step in client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id)
        if step.step_details.type == "tool_calls"
    ]
    assert len(step.step_details.tool_calls) == 1  # type: ignore[union-attr]


def test_outputs_that_do_not_fit_or_come_late_are_refused_in_the_services_words(
    up: Upstream, client: openai.OpenAI, assistant: str
) -> None:
    run = ask(client, assistant)
    ids = [call.id for call in called(run)]

    def refused(*given: str) -> str:
        several: Any = [{"tool_call_id": id, "output": ""} for id in given]
        with pytest.raises(openai.BadRequestError) as caught:
            client.beta.threads.runs.submit_tool_outputs(
                run.id, thread_id=run.thread_id, tool_outputs=several
            )
        error = caught.value.response.json()["error"]
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, None)
        return str(error["message"])

    for given in ([], ids[:1], [*ids, ids[0]], [ids[0], "call_x"]):
        assert refused(*given) == f"Expected tool outputs for call_ids {ids}, got {given}"
    client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    client.beta.threads.runs.poll(run.id, thread_id=run.thread_id)
    assert refused(*ids) == 'Runs in status "cancelled" do not accept tool outputs.'

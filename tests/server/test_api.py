"""The API as the stock client sees it: objects, pages, refusals, files, runs by polling."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.raw import asked
from tests.support.served import reply, served

FUNCTION: Any = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
ADD = {"tool_call": {"name": "add", "arguments": {"a": 1, "b": 2}}}
SLOW = [{"text": ["word "]} if n % 2 else {"wait": 0.05} for n in range(400)]

SCRIPT = [
    reply([ADD], [{"text": "The sum is {tool}."}], match="^add"),
    reply([ADD, ADD], [{"text": "Both."}], match="^both"),
    reply([{"error": {"message": "overloaded", "code": "rate_limit_exceeded"}}], match="^fail"),
    reply([{"text": "Half"}, {"break": True}], match="^break"),
    reply([{"refusal": "I can't say."}], match="^refuse"),
    reply([{"tool_call": {"name": "rm", "arguments": "{}"}}], [{"text": "Then not."}], match="^unknown"),
    reply(SLOW, match="^slow"),
    reply([{"text": "You said: {user}"}]),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), SCRIPT) as made:
        yield made


@pytest.fixture(scope="module")
def assistant(client: openai.OpenAI) -> str:
    return client.beta.assistants.create(model="any-name", name="Tester", tools=[FUNCTION]).id


def ask(client: openai.OpenAI, assistant: str, text: str, **options: Any) -> Any:
    """Poll a run over one message to its end."""
    thread: Any = {"messages": [{"role": "user", "content": text}]}
    return client.beta.threads.create_and_run_poll(assistant_id=assistant, thread=thread, **options)


def said(client: openai.OpenAI, run: Any) -> str:
    content: Any = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data[0].content[0]
    return str(content.text.value if content.type == "text" else content.refusal)


def test_an_assistant_lives_through_its_methods(client: openai.OpenAI) -> None:
    assistants = client.beta.assistants
    made = assistants.create(
        model="m", name="A", instructions="Be brief.", metadata={"k": "v"}, temperature=0.5
    )
    assert assistants.retrieve(made.id) == made
    changed = assistants.update(made.id, name="B", metadata={"n": "1"})
    assert (changed.name, changed.instructions, changed.metadata) == ("B", "Be brief.", {"n": "1"})
    assert (changed.temperature, changed.top_p, changed.model) == (0.5, 1.0, "m")
    assert assistants.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError, match=f"No assistant found with id '{made.id}'"):
        assistants.retrieve(made.id)


def test_nulls_are_what_was_left_out(client: openai.OpenAI) -> None:
    body: dict[str, Any] = dict.fromkeys(
        (
            "name",
            "description",
            "instructions",
            "tools",
            "tool_resources",
            "metadata",
            "top_p",
            "response_format",
        )
    )
    made: Any = client.post("/assistants", body={"model": "m", **body}, cast_to=object)
    assert (made["tools"], made["metadata"], made["response_format"]) == ([], {}, "auto")
    named: Any = client.post(f"/assistants/{made['id']}", body={"name": "N", "model": None}, cast_to=object)
    kept: Any = client.post(f"/assistants/{made['id']}", body={"name": None}, cast_to=object)
    assert (named["model"], kept["name"]) == ("m", "N")
    assert not [key for key in made if key.startswith("_")]


def test_an_assistant_can_have_an_id_that_programs_know(client: openai.OpenAI) -> None:
    body = {"model": "m", "id": "asst_known"}
    made: Any = client.post("/assistants", body=body, cast_to=object)
    assert made["id"] == "asst_known"
    with pytest.raises(openai.BadRequestError, match="already exists"):
        client.post("/assistants", body=body, cast_to=object)
    with pytest.raises(openai.BadRequestError, match="does not match"):
        client.post("/assistants", body={"model": "m", "id": "../../etc"}, cast_to=object)


def test_lists_are_walked_by_the_clients_pages(client: openai.OpenAI) -> None:
    thread = client.beta.threads.create()
    ids = [client.beta.threads.messages.create(thread.id, role="user", content=str(n)).id for n in range(7)]
    messages = client.beta.threads.messages
    assert [message.id for message in messages.list(thread.id, limit=3)] == ids[::-1]
    assert [message.id for message in messages.list(thread.id, limit=2, order="asc")] == ids
    assert [message.id for message in messages.list(thread.id, before=ids[3]).data] == [
        ids[6],
        ids[5],
        ids[4],
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "Expected a value >= 1, but got 0"),
        ("limit=101", "Expected a value <= 100, but got 101"),
        ("limit=ten", "expected an integer, but got 'ten'"),
        ("order=up", "Supported values are: 'asc' and 'desc'"),
        ("after=asst_gone", "No assistant found with id 'asst_gone'"),
    ],
)
def test_a_page_that_can_not_be_is_refused(client: openai.OpenAI, query: str, message: str) -> None:
    with pytest.raises(openai.APIStatusError, match=message):
        client.get(f"/assistants?{query}", cast_to=object)


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({}, "model", "Missing required parameter: 'model'."),
        ({"model": 3}, "model", "expected a string, but got an integer instead"),
        ({"model": "m", "color": 1}, "color", "Unknown parameter: 'color'."),
        ({"model": "m", "name": "n" * 257}, "name", "maximum length 256"),
        ({"model": "m", "temperature": 2.5}, "temperature", "Expected a value <= 2.0"),
        ({"model": "m", "metadata": {"k": 1}}, "metadata.k", "expected a string"),
        ({"model": "m", "metadata": {str(n): "" for n in range(17)}}, "metadata", "at most 16, but got 17"),
        ({"model": "m", "tools": "all"}, "tools", "expected an array"),
        ({"model": "m", "tools": [{"type": "magic"}]}, "tools[0]", "Supported values for 'tools[0].type'"),
        ({"model": "m", "tools": [{"type": "function"}]}, "tools[0].function", "Missing required parameter"),
        (
            {"model": "m", "tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools[0].function.name",
            "does not match",
        ),
        ({"model": "m", "tools": [{"type": "code_interpreter"}] * 129}, "tools", "at most 128"),
        (
            {"model": "m", "response_format": {"type": "json_schema"}},
            "response_format",
            "it has no json_schema",
        ),
        (
            {"model": "m", "response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
            "response_format.json_schema.name",
            "does not match",
        ),
    ],
)
def test_a_wrong_field_is_named(client: openai.OpenAI, body: Any, param: str, message: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/assistants", body=body, cast_to=object)
    error = caught.value.response.json()["error"]
    assert message in error["message"]
    assert error["param"] == param


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(client: openai.OpenAI, content: bytes) -> None:
    with pytest.raises(openai.BadRequestError):
        client.post("/threads", content=content, cast_to=object)


def test_a_method_that_is_not_there_is_a_405(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.put("/assistants", body={}, cast_to=object)
    assert caught.value.status_code == 405
    assert "Not allowed to PUT on /v1/assistants" in str(caught.value)
    assert caught.value.response.headers["allow"] == "GET, HEAD, POST"
    with pytest.raises(openai.APIStatusError) as caught:
        client.put("/threads/thread_1/runs/run_1", body={}, cast_to=object)
    assert caught.value.response.headers["allow"] == "GET, HEAD, POST"


def test_every_answer_names_its_request_and_says_how_long_it_took(client: openai.OpenAI) -> None:
    ids = set()
    for _ in range(2):
        made = client.beta.threads.create()
        assert made._request_id is not None and made._request_id.startswith("req_")
        ids.add(made._request_id)
        with pytest.raises(openai.NotFoundError) as refused:
            client.beta.threads.retrieve("thread_none")
        assert refused.value.request_id is not None
        ids.add(refused.value.request_id)
        assert int(refused.value.response.headers["openai-processing-ms"]) >= 0
    assert len(ids) == 4


def test_a_run_is_polled_to_its_reply(client: openai.OpenAI, assistant: str) -> None:
    run = ask(client, assistant, "Hello")
    assert run.status == "completed"
    assert run.model == "any-name"
    assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens > 0
    assert said(client, run) == "You said: Hello"
    [step] = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data
    assert step.usage.total_tokens == run.usage.total_tokens
    fetched = client.beta.threads.runs.steps.retrieve(step.id, thread_id=run.thread_id, run_id=run.id)
    assert fetched == step


def test_function_outputs_are_polled(client: openai.OpenAI, assistant: str) -> None:
    run = ask(client, assistant, "add, please")
    assert run.status == "requires_action"
    [call] = run.required_action.submit_tool_outputs.tool_calls
    assert (call.function.name, call.function.arguments) == ("add", '{"a": 1, "b": 2}')
    run = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=run.thread_id, tool_outputs=[{"tool_call_id": call.id, "output": "3"}]
    )
    assert run.status == "completed"
    assert said(client, run) == "The sum is 3."
    newest, first = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data
    assert first.step_details.tool_calls[0].function.output == "3"  # type: ignore[union-attr]
    assert run.usage.total_tokens == newest.usage.total_tokens + first.usage.total_tokens  # type: ignore[union-attr]


def test_every_call_needs_its_output(client: openai.OpenAI, assistant: str) -> None:
    run = ask(client, assistant, "both, please")
    calls = [call.id for call in run.required_action.submit_tool_outputs.tool_calls]
    assert len(set(calls)) == 2
    for given in ([calls[0]], [*calls, calls[0]], ["call_x", calls[1]]):
        with pytest.raises(openai.BadRequestError, match="Expected tool outputs for call_ids"):
            client.beta.threads.runs.submit_tool_outputs(
                run.id,
                thread_id=run.thread_id,
                tool_outputs=[{"tool_call_id": id, "output": ""} for id in given],
            )
    run = client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=run.thread_id,
        tool_outputs=[{"tool_call_id": id, "output": "1"} for id in reversed(calls)],
    )
    assert run.status == "completed"


def test_a_function_that_nobody_offered_is_answered_to_the_model(
    client: openai.OpenAI, assistant: str
) -> None:
    run = ask(client, assistant, "unknown function")
    assert run.status == "completed", run.last_error
    assert said(client, run) == "Then not."


def test_a_model_that_fails_fails_the_run(client: openai.OpenAI, assistant: str) -> None:
    run = ask(client, assistant, "fail, please")
    assert run.status == "failed"
    assert (run.last_error.code, run.last_error.message) == ("rate_limit_exceeded", "overloaded")
    client.beta.threads.messages.create(run.thread_id, role="user", content="again")


def test_a_model_that_stops_mid_stream_keeps_what_it_said(client: openai.OpenAI, assistant: str) -> None:
    run = ask(client, assistant, "break, please")
    assert run.status == "failed"
    [message] = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data
    assert message.status == "incomplete"
    assert message.content[0].text.value == "Half"  # type: ignore[union-attr]


def test_a_refusal_is_a_part_of_its_own(client: openai.OpenAI, assistant: str) -> None:
    assert said(client, ask(client, assistant, "refuse, please")) == "I can't say."


def test_additional_messages_and_instructions_count(client: openai.OpenAI, assistant: str) -> None:
    thread = client.beta.threads.create()
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread.id,
        assistant_id=assistant,
        instructions="One.",
        additional_instructions="Two.",
        additional_messages=[{"role": "user", "content": "Hi there"}],
        metadata={"k": "v"},
    )
    assert run.instructions == "One.\n\nTwo."
    assert run.metadata == {"k": "v"}
    assert said(client, run) == "You said: Hi there"
    assert len(client.beta.threads.messages.list(thread.id).data) == 2


def test_a_run_is_cancelled_and_the_thread_goes_on(client: openai.OpenAI, assistant: str) -> None:
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "slow, please"}])
    run = client.beta.threads.runs.create(thread.id, assistant_id=assistant)
    time.sleep(0.3)
    assert client.beta.threads.runs.cancel(run.id, thread_id=thread.id).status == "cancelling"
    ended = client.beta.threads.runs.poll(run.id, thread_id=thread.id)
    assert ended.status == "cancelled"
    assert ended.cancelled_at is not None
    [message, _] = client.beta.threads.messages.list(thread.id).data
    assert (message.status, message.incomplete_details.reason) == ("incomplete", "run_cancelled")  # type: ignore[union-attr]
    client.beta.threads.messages.create(thread.id, role="user", content="again")


def test_a_deleted_thread_takes_its_run_along(client: openai.OpenAI, assistant: str) -> None:
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "slow, please"}])
    run = client.beta.threads.runs.create(thread.id, assistant_id=assistant)
    assert client.beta.threads.delete(thread.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.beta.threads.runs.retrieve(run.id, thread_id=thread.id)
    with pytest.raises(openai.NotFoundError):
        client.beta.threads.messages.list(thread.id)


def test_messages_and_runs_take_metadata(client: openai.OpenAI, assistant: str) -> None:
    run = ask(client, assistant, "Hello")
    [message] = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data
    changed = client.beta.threads.messages.update(message.id, thread_id=run.thread_id, metadata={"a": "b"})
    assert changed.metadata == {"a": "b"}
    updated = client.beta.threads.runs.update(run.id, thread_id=run.thread_id, metadata={"c": "d"})
    assert updated.metadata == {"c": "d"}
    assert client.beta.threads.messages.delete(message.id, thread_id=run.thread_id).deleted


def test_files_are_kept_listed_and_deleted(client: openai.OpenAI) -> None:
    made = client.files.create(file=("../../a b.txt", b"hello"), purpose="assistants")
    assert (made.bytes, made.status, made.purpose) == (5, "processed", "assistants")
    assert client.files.content(made.id).read() == b"hello"
    assert made.id in [file.id for file in client.files.list(purpose="assistants")]
    assert made.id not in [file.id for file in client.files.list(purpose="vision")]
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError, match=f"No such File object: {made.id}"):
        client.files.content(made.id)


def test_a_message_can_not_attach_a_file_that_is_not_there(client: openai.OpenAI) -> None:
    thread = client.beta.threads.create()
    with pytest.raises(openai.NotFoundError, match="No such File object: file-x"):
        client.beta.threads.messages.create(
            thread.id, role="user", content="Hi", attachments=[{"file_id": "file-x", "tools": []}]
        )
    assert client.beta.threads.messages.list(thread.id).data == []


def test_an_event_stream_can_be_taken_up_after_any_event(client: openai.OpenAI, assistant: str) -> None:
    run = ask(client, assistant, "Hello")
    path = f"/threads/{run.thread_id}/runs/{run.id}/events"
    whole = client.get(path, cast_to=str)
    blocks = whole.strip().split("\n\n")
    assert blocks[0].startswith("event: thread.created\n")
    assert blocks[-1] == "event: done\ndata: [DONE]"
    for seen in range(len(blocks)):
        rest = client.get(path, cast_to=str, options={"headers": {"Last-Event-ID": str(seen)}})
        assert rest.strip().split("\n\n") == blocks[seen:]
    with pytest.raises(openai.BadRequestError, match="Last-Event-ID"):
        client.get(path, cast_to=str, options={"headers": {"Last-Event-ID": "x"}})


def test_models_are_listed(client: openai.OpenAI) -> None:
    [model] = client.models.list().data
    assert model.id == "scripted"
    assert client.models.retrieve("scripted").id == "scripted"
    with pytest.raises(openai.NotFoundError, match="The model 'x' does not exist"):
        client.models.retrieve("x")


def test_the_paths_stand_without_v1_too(client: openai.OpenAI) -> None:
    bare = client.with_options(base_url=str(client.base_url).removesuffix("v1/"))
    assert bare.beta.threads.create().id.startswith("thread_")


# The door


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Bearer \xe9\xff", "Basic abc"])
def test_a_wrong_key_is_a_401(client: openai.OpenAI, header: str) -> None:
    with asked(client, "GET", "/assistants", headers={"Authorization": header}) as response:
        text = response.read().decode()
    assert response.status == 401
    assert json.loads(text)["error"]["type"] == "invalid_request_error"
    assert client.api_key not in text


def test_azures_header_carries_a_key_too(client: openai.OpenAI) -> None:
    headers = {"Authorization": "", "api-key": client.api_key}
    with asked(client, "GET", "/assistants", headers=headers) as response:
        assert response.status == 200


@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_a_page_of_the_web_can_not_reach_the_server(client: openai.OpenAI, header: str) -> None:
    with asked(client, "GET", "/assistants", headers={header: "evil.example"}) as response:
        assert response.status == 403
        assert "on this machine only" in response.read().decode()


def test_health_needs_no_key(client: openai.OpenAI) -> None:
    with asked(client, "GET", "/health", headers={"Authorization": ""}) as response:
        assert json.loads(response.read())["status"] == "ok"


def test_every_answer_names_the_server(client: openai.OpenAI) -> None:
    answer = client.beta.threads.with_raw_response.create()
    assert answer.headers["x-asstream"]


def test_the_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    with served(tmp_path / "home", SCRIPT) as client:
        client.files.create(file=("a", b"x"), purpose="assistants")
    for path in (tmp_path / "home").rglob("*"):
        if path.name != "script.json":
            assert path.stat().st_mode & 0o077 == 0, path


def test_whoever_deletes_what_is_listed_comes_to_the_end(client: openai.OpenAI) -> None:
    made = {client.beta.assistants.create(model="m", metadata={"n": str(n)}).id for n in range(25)}
    gone = [client.beta.assistants.delete(a.id).id for a in client.beta.assistants.list() if a.id in made]
    assert set(gone) == made


def test_a_cursor_of_another_thread_is_not_there(client: openai.OpenAI) -> None:
    one, other = client.beta.threads.create(), client.beta.threads.create()
    message = client.beta.threads.messages.create(other.id, role="user", content="hi")
    with pytest.raises(openai.NotFoundError, match=message.id):
        client.beta.threads.messages.list(one.id, after=message.id)


def test_a_run_that_is_being_cancelled_is_not_cancelled_again(client: openai.OpenAI, assistant: str) -> None:
    thread: Any = {"messages": [{"role": "user", "content": "slow"}]}
    run = client.beta.threads.create_and_run(assistant_id=assistant, thread=thread)
    with pytest.raises(openai.BadRequestError, match=r"Cannot cancel run with status 'cancell"):
        for _ in range(2):
            client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)


def test_an_assistant_may_be_made_with_a_store_of_its_own(client: openai.OpenAI) -> None:
    resources: Any = {"file_search": {"vector_stores": [{"file_ids": []}]}}
    made = client.beta.assistants.create(model="m", tools=[{"type": "file_search"}], tool_resources=resources)
    assert client.beta.assistants.retrieve(made.id).tools[0].type == "file_search"


def test_the_files_of_version_1_go_to_the_tools_that_there_are(client: openai.OpenAI) -> None:
    file = client.files.create(file=("a.txt", b"text"), purpose="assistants")
    for kind, tool in (("code_interpreter", "code_interpreter"), ("retrieval", "file_search")):
        made: Any = client.post(
            "/assistants",
            cast_to=object,
            body={"model": "m", "tools": [{"type": kind}], "file_ids": [file.id]},
        )
        given = made["tool_resources"][tool]
        ids = given.get("file_ids") or client.vector_stores.files.list(given["vector_store_ids"][0]).data
        assert [getattr(each, "id", each) for each in ids] == [file.id]
    thread = client.beta.threads.create()
    message: Any = client.post(
        f"/threads/{thread.id}/messages",
        cast_to=object,
        body={"role": "user", "content": "see", "file_ids": [file.id]},
    )
    assert [attachment["file_id"] for attachment in message["attachments"]] == [file.id]
    with pytest.raises(openai.BadRequestError, match="file_ids"):
        client.post("/assistants", cast_to=object, body={"model": "m", "file_ids": "a"})


@pytest.mark.parametrize("where", ["assistant", "assistant modified", "thread", "thread modified", "run"])
def test_files_of_tool_resources_must_be_there(client: openai.OpenAI, assistant: str, where: str) -> None:
    beta = client.beta
    resources: Any = {"code_interpreter": {"file_ids": ["file-gone"]}}
    calls: dict[str, Callable[[], object]] = {
        "assistant": lambda: beta.assistants.create(model="m", tool_resources=resources),
        "assistant modified": lambda: beta.assistants.update(assistant, tool_resources=resources),
        "thread": lambda: beta.threads.create(tool_resources=resources),
        "thread modified": lambda: beta.threads.update(beta.threads.create().id, tool_resources=resources),
        "run": lambda: beta.threads.create_and_run(assistant_id=assistant, tool_resources=resources),
    }
    with pytest.raises(openai.NotFoundError, match="No such File object: file-gone"):
        calls[where]()


def test_a_function_that_is_not_among_the_tools_cannot_be_chosen(
    client: openai.OpenAI, assistant: str
) -> None:
    thread = client.beta.threads.create()
    tools: Any = [{"type": "function", "function": {"name": "weather"}}]
    choice: Any = {"type": "function", "function": {"name": "forecast"}}
    with pytest.raises(openai.BadRequestError, match=r"no function 'forecast'. Its functions: 'weather'"):
        client.beta.threads.runs.create(thread.id, assistant_id=assistant, tools=tools, tool_choice=choice)
    assert not client.beta.threads.runs.list(thread.id).data

"""The same routes under every form of their URL: OpenAI's, Azure's, Foundry's."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.served import reply, served

VERSION = "api-version=2024-05-01-preview"
FUNCTION: Any = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
SCRIPT = [
    reply([{"tool_call": {"name": "add", "arguments": {"a": 1}}}], [{"text": "It is {tool}."}], match="^add"),
    reply([{"text": "You said: {user}"}]),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), SCRIPT) as made:
        yield made


def azure_of(client: openai.OpenAI, **key: Any) -> openai.AzureOpenAI:
    url = client.base_url
    return openai.AzureOpenAI(
        azure_endpoint=f"http://{url.host}:{url.port}",
        api_version="2024-05-01-preview",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
        **key,
    )


def raw(
    client: openai.OpenAI, method: str, path: str, headers: dict[str, str], body: Any = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(str(client.base_url.host), client.base_url.port, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_a_program_for_azure_runs_streamed_and_polled(client: openai.OpenAI) -> None:
    with azure_of(client, api_key=client.api_key) as azure:
        assistant = azure.beta.assistants.create(model="gpt-4o", tools=[FUNCTION])
        assert assistant.id in [each.id for each in azure.beta.assistants.list()]
        thread = azure.beta.threads.create(messages=[{"role": "user", "content": "add"}])
        run = azure.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
        assert run.required_action is not None
        call = run.required_action.submit_tool_outputs.tool_calls[0].id
        outputs: Any = [{"tool_call_id": call, "output": "2"}]
        with azure.beta.threads.runs.submit_tool_outputs_stream(
            run_id=run.id, thread_id=thread.id, tool_outputs=outputs
        ) as stream:
            assert "".join(stream.text_deltas) == "It is 2."
        uploaded = azure.files.create(file=("a.txt", b"a"), purpose="assistants")
        assert azure.files.content(uploaded.id).read() == b"a"
        assert [model.id for model in azure.models.list()]


def test_azure_keys_are_compared(client: openai.OpenAI) -> None:
    with azure_of(client, azure_ad_token=client.api_key) as bearer:
        bearer.beta.assistants.list()
    for wrong in ({"api_key": "wrong"}, {"azure_ad_token": "wrong"}):
        with azure_of(client, **wrong) as azure, pytest.raises(openai.AuthenticationError):
            azure.beta.assistants.list()


@pytest.mark.parametrize("prefix", ["/openai", "/openai/v1", "/v1", ""])
def test_each_form_of_a_url_asks_for_either_key(client: openai.OpenAI, prefix: str) -> None:
    path = f"{prefix}/threads?{VERSION}"
    for headers in ({"api-key": client.api_key}, {"Authorization": f"Bearer {client.api_key}"}):
        status, thread = raw(client, "POST", path, headers, {"messages": [{"role": "user", "content": "hi"}]})
        assert (status, thread["object"]) == (200, "thread")
        status, messages = raw(client, "GET", f"{prefix}/threads/{thread['id']}/messages?{VERSION}", headers)
        assert (status, len(messages["data"])) == (200, 1)
    for wrong in ({}, {"api-key": "wrong"}, {"Authorization": "Bearer wrong"}):
        assert raw(client, "POST", path, wrong, {})[0] == 401
    assert raw(client, "GET", f"{prefix}/health?{VERSION}", {})[1]["status"] == "ok"


@pytest.mark.parametrize(
    "path", ["/openai/openai/threads", "/v1/openai/threads", "/openai", "/openaithreads"]
)
def test_what_is_no_form_of_a_url_is_not_there(client: openai.OpenAI, path: str) -> None:
    status, body = raw(client, "POST", path, {"api-key": client.api_key}, {})
    assert (status, body["error"]["message"]) == (404, f"Invalid URL (POST {path})")


def test_a_wrong_method_is_told_as_one(client: openai.OpenAI) -> None:
    headers = {"api-key": client.api_key}
    for prefix in ("/openai/v1", "/openai", "/v1", ""):
        status, body = raw(client, "PUT", f"{prefix}/threads?{VERSION}", headers, {})
        assert (status, body["error"]["code"]) == (405, "method_not_supported")

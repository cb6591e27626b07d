"""Bodies, ids and headers that no client of good will sends: each a clear refusal, and nothing breaks."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from asstream.server import limits
from tests.support.raw import asked
from tests.support.served import reply, served


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), [reply([{"text": "Hi."}])]) as made:
        yield made


def refused(client: openai.OpenAI, path: str, content: bytes) -> Any:
    """Post bytes; the error that answers them."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.post(path, content=content, cast_to=object)
    return caught.value.response.json()["error"]


def function(parameters: str) -> bytes:
    tool = '{"type": "function", "function": {"name": "f", "parameters": ' + parameters + "}}"
    return b'{"model": "m", "tools": [' + tool.encode() + b"]}"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_can_not_carry_is_refused(client: openai.OpenAI, number: str) -> None:
    assert "not a number" in refused(client, "/assistants", function(f'{{"a": {number}}}'))["message"]
    with asked(client, "GET", "/assistants?limit=100") as response:
        json.loads(response.read(), parse_constant=pytest.fail)


def test_a_body_is_not_nested_deeper_than_it_can_be_written_again(client: openai.OpenAI) -> None:
    deep = '{"a":' * 300 + "1" + "}" * 300
    assert "deeper than the limit of 256" in refused(client, "/assistants", function(deep))["message"]
    fine = '{"a":' * 200 + "1" + "}" * 200
    made: Any = client.post("/assistants", content=function(fine), cast_to=object)
    assert client.beta.assistants.delete(made["id"]).deleted


def test_of_many_faults_only_the_first_is_looked_for(client: openai.OpenAI) -> None:
    error = refused(client, "/threads", b'{"messages": [' + b"{}," * 300_000 + b"{}]}")
    assert error["param"] == "messages[0].role"


def test_a_message_repeats_no_more_than_a_line_of_what_was_sent(client: openai.OpenAI) -> None:
    error = refused(client, "/assistants", b'{"model": "m", "%s": 1}' % (b"y" * 100_000))
    assert error["code"] == "unknown_parameter"
    assert len(error["message"]) < 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Invalid type for 'content': expected a string, but got null instead."),
        ([], "Invalid 'content': empty array. Expected at least 1 entry."),
        ([{"type": "text", "text": 3}], "Invalid type for 'content[0].text': expected a string"),
    ],
)
def test_a_fault_of_a_content_is_named_as_the_client_knows_it(
    client: openai.OpenAI, content: Any, message: str
) -> None:
    thread = client.beta.threads.create()
    body = json.dumps({"role": "user", "content": content}).encode()
    assert refused(client, f"/threads/{thread.id}/messages", body)["message"].startswith(message)


@pytest.mark.parametrize(("key", "value"), [("k" * 65, "v"), ("k", "v" * 513)])
def test_metadata_has_its_limits(client: openai.OpenAI, key: str, value: str) -> None:
    error = refused(client, "/threads", json.dumps({"metadata": {key: value}}).encode())
    assert error["param"] == f"metadata.{key}"
    assert error["code"] == "string_above_max_length"


def test_a_forced_function_has_a_name(client: openai.OpenAI) -> None:
    body = {"assistant_id": "asst_x", "tool_choice": {"type": "function"}}
    error = refused(client, "/threads/runs", json.dumps(body).encode())
    assert (error["param"], error["message"]) == (
        "tool_choice",
        "Invalid 'tool_choice': it names no function.",
    )


def test_a_body_beyond_the_limit_is_a_413_that_names_it(client: openai.OpenAI) -> None:
    assert "67108864 bytes" in refused(client, "/threads", b" " * (65 << 20))["message"]


def test_an_upload_that_does_not_say_its_length_is_bounded_too(
    client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MB", 1 << 11)  # of which 512 are 1 MB

    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(40):
            yield b"a" * (1 << 17)
        yield b"\r\n--x--\r\n"

    url = client.base_url
    connection = http.client.HTTPConnection(str(url.host), url.port, timeout=10)
    headers = {
        "Authorization": f"Bearer {client.api_key}",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    try:
        connection.request("POST", "/v1/files", chunks(), headers, encode_chunked=True)
        response = connection.getresponse()
        assert response.status == 413
        assert "larger than the limit" in response.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "id",
    ["undefined", "thread_x", "thread_%00", "thread_%ff", "%1b[31m", "..%2f..%2fetc", "thread_" + "x" * 5000],
)
def test_an_id_that_is_not_there_is_refused_in_every_place(client: openai.OpenAI, id: str) -> None:
    thread = client.beta.threads.create().id
    for method, path in (
        ("GET", f"/threads/{id}"),
        ("DELETE", f"/threads/{id}"),
        ("GET", f"/threads/{id}/messages"),
        ("GET", f"/threads/{thread}/messages/{id}"),
        ("GET", f"/threads/{thread}/messages?after={id}"),
        ("GET", f"/threads/{thread}/runs/{id}"),
        ("GET", f"/threads/{thread}/runs/{id}/events"),
        ("GET", f"/threads/{thread}/runs/{id}/steps"),
        ("POST", f"/threads/{thread}/runs/{id}/cancel"),
        ("GET", f"/assistants/{id}"),
        ("GET", f"/files/{id}/content"),
        ("DELETE", f"/files/{id}"),
    ):
        with asked(client, method, path) as response:
            body = response.read()
        assert response.status in (400, 404), path
        assert b"\x1b" not in body


def test_a_cursor_that_was_deleted_stands_where_it_stood(client: openai.OpenAI) -> None:
    thread = client.beta.threads.create().id
    ids = [client.beta.threads.messages.create(thread, role="user", content="x").id for _ in range(3)]
    client.beta.threads.messages.delete(ids[1], thread_id=thread)
    assert [each.id for each in client.beta.threads.messages.list(thread, after=ids[1])] == [ids[0]]
    with pytest.raises(openai.NotFoundError, match="No message found with id 'msg_never'"):
        client.beta.threads.messages.list(thread, after="msg_never")
    assert [each.id for each in client.beta.threads.messages.list(thread)] == [ids[2], ids[0]]


@pytest.mark.parametrize("given", ["9" * 30, "9223372036854775808", "-1", "1.5", "x"])
def test_a_last_event_id_that_no_event_can_have_is_refused(client: openai.OpenAI, given: str) -> None:
    assistant = client.beta.assistants.create(model="m")
    run = client.beta.threads.create_and_run_poll(assistant_id=assistant.id)
    path = f"/threads/{run.thread_id}/runs/{run.id}/events"
    with asked(client, "GET", path, headers={"Last-Event-ID": given}) as response:
        assert response.status == 400
        assert "Last-Event-ID" in response.read().decode()


def test_threads_are_listed_in_pages(tmp_path: Path) -> None:
    with served(tmp_path / "home", [reply([{"text": "Hi."}])]) as client:
        ids = [client.beta.threads.create().id for _ in range(5)]
        first: Any = client.get("/threads?limit=2", cast_to=object)
        assert [each["id"] for each in first["data"]] == ids[:2:-1]
        assert (first["has_more"], first["last_id"]) == (True, ids[3])
        rest: Any = client.get(f"/threads?after={ids[3]}", cast_to=object)
        assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (ids[2::-1], False)


def test_one_connection_serves_many_requests_also_after_refusals(client: openai.OpenAI) -> None:
    url = client.base_url
    connection = http.client.HTTPConnection(str(url.host), url.port, timeout=10)
    key = {"Authorization": f"Bearer {client.api_key}"}
    try:
        for method, path, status in (
            ("GET", "/v1/assistants", 200),
            ("HEAD", "/v1/assistants", 200),
            ("OPTIONS", "/v1/assistants", 405),
            ("GET", "/v1/nowhere", 404),
            ("GET", "/v1/threads/undefined", 400),
            ("GET", "/v1/health", 200),
        ):
            connection.request(method, path, headers=key)
            response = connection.getresponse()
            body = response.read()
            assert (response.status, bool(body)) == (status, method != "HEAD")
            assert connection.sock is not None
    finally:
        connection.close()

"""What the server passes on to the model's endpoint: whole, with the endpoint's key, and to no asstream."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import openai
import pytest
from starlette.responses import JSONResponse, Response

from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.sources import open_source
from tests.support.raw import asked, lines
from tests.support.served import reply, served, served_with
from tests.support.upstream import KEY, Upstream, chunk, says, stream, upstream

HI: Any = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Upstream, openai.OpenAI]]:
    home = tmp_path_factory.mktemp("home")
    with upstream() as up:
        endpoint = ModelEndpoint(up.base_url, KEY, None, "the test")
        up.models = ("m-1", "other")
        with served_with(home, lambda: open_source(home, endpoint, None)) as client:
            yield up, client


@pytest.fixture
def up(started: tuple[Upstream, openai.OpenAI]) -> Upstream:
    up, _ = started
    up.received.clear()
    up.left.clear()
    up.asked.clear()
    up.silent = False
    return up


@pytest.fixture
def client(started: tuple[Upstream, openai.OpenAI]) -> openai.OpenAI:
    return started[1]


def completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [choice]}


def test_a_chat_completion_is_passed_on_whole_and_streamed(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: JSONResponse(
        completion("Hello."), headers={"x-request-id": "r1", "set-cookie": "a=b"}
    )
    raw = client.chat.completions.with_raw_response.create(
        model="other", messages=HI, extra_body={"top_k": 7}, extra_headers={"Cookie": "c=1"}
    )
    assert raw.parse().choices[0].message.content == "Hello."
    assert raw.headers["x-request-id"] == "r1"
    assert "set-cookie" not in raw.headers
    [sent] = up.received
    assert (sent.path, sent.json) == (
        "/v1/chat/completions",
        {"model": "other", "messages": HI, "top_k": 7},
    )
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert "cookie" not in sent.headers
    assert client.api_key not in json.dumps(sent.headers)

    up.answer = lambda _: stream(chunk(content="Hel"), chunk(content="lo."), chunk("stop"))
    pieces = client.chat.completions.create(model="m-1", messages=HI, stream=True)
    assert [piece.choices[0].delta.content for piece in pieces] == ["Hel", "lo.", None]


def test_a_model_that_the_endpoint_does_not_list_is_answered_as_a_run_is(
    up: Upstream, client: openai.OpenAI
) -> None:
    up.answer = lambda _: JSONResponse(completion("Hello."))
    client.chat.completions.create(model="gpt-4o", messages=HI)
    assert up.received[0].json["model"] == "m-1"


@pytest.mark.parametrize("prefix", ["/v1", "", "/openai"])
@pytest.mark.parametrize("path", ["/embeddings", "/responses", "/moderations", "/chat/completions"])
def test_each_path_is_passed_on_under_each_prefix(
    up: Upstream, client: openai.OpenAI, path: str, prefix: str
) -> None:
    up.answer = lambda _: Response(gzip.compress(b"any"), 200, {"content-encoding": "gzip"}, "text/x")
    root = client.with_options(base_url=str(client.base_url).removesuffix("/v1/") + prefix)
    assert root.post(path, cast_to=str, body={"input": "é"}) == "any"
    [sent] = up.received
    assert (sent.path, sent.json) == (f"/v1{path}", {"input": "é"})


def test_azures_form_is_passed_on_too(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: JSONResponse(completion("Hello."))
    url = client.base_url
    with openai.AzureOpenAI(
        azure_endpoint=f"http://{url.host}:{url.port}", api_version="2024-06-01", api_key=client.api_key
    ) as azure:
        azure.chat.completions.create(model="m-1", messages=HI)
    [sent] = up.received
    assert (sent.path, sent.query) == ("/v1/chat/completions", "")
    assert client.api_key not in json.dumps(sent.headers)
    for path in ("chat/completions", "embeddings"):
        with asked(client, "POST", f"/deployments/other/{path}", {"input": "x"}) as response:
            assert response.status == 200
        assert up.received[-1].json == {"input": "x", "model": "other"}


def test_what_the_endpoint_refuses_has_its_own_status_and_words(up: Upstream, client: openai.OpenAI) -> None:
    error = {"message": "no embeddings here", "type": "t", "param": None, "code": "c"}
    up.answer = lambda _: JSONResponse(
        {"error": error}, 418, {"retry-after": "7", "Connection": "x-hop", "x-hop": "1"}
    )
    with pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model="m-1", input="x", encoding_format="float")
    assert caught.value.status_code == 418
    assert caught.value.response.json() == {"error": error}
    assert caught.value.response.headers["retry-after"] == "7"
    assert "x-hop" not in caught.value.response.headers


def test_a_key_that_the_endpoint_refuses_is_not_the_clients(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: JSONResponse({"error": {"message": f"Incorrect API key: {KEY}"}}, 401)
    with pytest.raises(openai.InternalServerError, match="refuses the API key") as caught:
        client.moderations.create(input="x")
    assert KEY not in caught.value.response.text


def test_a_stream_that_breaks_says_so(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: stream(chunk(content="Hel"), done=False)
    said = []
    with pytest.raises(openai.APIError, match="stopped mid-stream"):
        for piece in client.chat.completions.create(model="m-1", messages=HI, stream=True):
            said.append(piece.choices[0].delta.content)
    assert said == ["Hel"]


def test_a_client_that_leaves_ends_the_endpoints_work(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: up.endless()
    with asked(client, "POST", "/chat/completions", {"model": "m-1", "stream": True}) as response:
        assert next(lines(response)).startswith("data: ")
        assert not up.left.is_set()
    assert up.left.wait(10)


def test_a_client_that_leaves_before_the_answer_does_so_too(up: Upstream, client: openai.OpenAI) -> None:
    up.silent = True
    url = client.base_url
    connection = http.client.HTTPConnection(str(url.host), url.port)
    connection.request("POST", "/v1/embeddings", "{}", {"Authorization": f"Bearer {client.api_key}"})
    assert up.asked.wait(10)
    connection.close()
    assert up.left.wait(10)


def test_a_body_that_is_no_json_is_the_endpoints_to_refuse(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: JSONResponse({"error": {"message": "bad"}}, 400)
    with pytest.raises(openai.BadRequestError, match="bad"):
        client.post("/chat/completions", content=b"[" * 100_000, cast_to=object)
    assert up.received[0].body == b"[" * 100_000


def test_a_run_and_a_program_of_chat_completions_share_the_endpoint(
    up: Upstream, client: openai.OpenAI
) -> None:
    up.answer = lambda _: says("Yes.")
    assistant = client.beta.assistants.create(model="m-1")
    run = client.beta.threads.create_and_run_poll(assistant_id=assistant.id, thread={"messages": HI})
    assert run.status == "completed"
    assert up.received[0].headers["x-asstream"]


def test_nothing_goes_round_in_circles(up: Upstream, client: openai.OpenAI) -> None:
    headers = {"Authorization": f"Bearer {client.api_key}", "x-asstream": "1"}
    with asked(client, "POST", "/chat/completions", {"model": "m-1"}, headers) as response:
        assert response.status == 508
        assert json.loads(response.read())["error"]["code"] == "loop_detected"
    assert not up.received


def test_an_endpoint_that_is_asstream_is_not_asked(tmp_path: Any, client: openai.OpenAI) -> None:
    endpoint = ModelEndpoint(str(client.base_url), client.api_key, None, "ASSTREAM_MODEL_BASE_URL")
    with (
        served_with(tmp_path, lambda: open_source(tmp_path, endpoint, None)) as other,
        pytest.raises(openai.InternalServerError, match="is asstream itself"),
    ):
        other.chat.completions.create(model="m-1", messages=HI)


def test_the_scripted_model_says_what_it_is(tmp_path: Any) -> None:
    with (
        served(tmp_path, [reply([{"text": "Yes."}])]) as scripted,
        pytest.raises(openai.NotFoundError, match="answers runs alone, not /embeddings"),
    ):
        scripted.embeddings.create(model="m", input="x")


RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "output": []}


def test_what_the_endpoint_keeps_is_asked_for_there(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: JSONResponse({**RESPONSE, "data": [], "messages": []})
    assert client.responses.retrieve("resp_1", include=["file_search_call.results"]).id == "resp_1"
    client.responses.input_items.list("resp_1", limit=3)
    client.responses.cancel("resp_1")
    client.responses.delete("resp_1")
    client.chat.completions.list(model="m-1", metadata={"a": "b"})
    client.chat.completions.retrieve("c-1")
    client.chat.completions.update("c-1", metadata={"a": "b"})
    client.chat.completions.messages.list("c-1", order="asc")
    client.chat.completions.delete("c-1")
    assert [(each.method, each.path.removeprefix("/v1")) for each in up.received] == [
        ("GET", "/responses/resp_1"),
        ("GET", "/responses/resp_1/input_items"),
        ("POST", "/responses/resp_1/cancel"),
        ("DELETE", "/responses/resp_1"),
        ("GET", "/chat/completions"),
        ("GET", "/chat/completions/c-1"),
        ("POST", "/chat/completions/c-1"),
        ("GET", "/chat/completions/c-1/messages"),
        ("DELETE", "/chat/completions/c-1"),
    ]
    assert all(each.headers["authorization"] == f"Bearer {KEY}" for each in up.received)
    queries = [dict(parse_qsl(each.query)) for each in up.received]
    assert queries[0] == {"include[]": "file_search_call.results"}
    assert queries[1] == {"limit": "3"}
    assert queries[4] == {"model": "m-1", "metadata[a]": "b"}
    assert queries[7] == {"order": "asc"}
    assert up.received[6].json == {"metadata": {"a": "b"}}


def test_a_kept_response_is_streamed_again(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: stream(chunk(content="Hi"))
    with asked(client, "GET", "/responses/resp_1?stream=true") as response:
        assert "text/event-stream" in response.headers["content-type"]
        assert b'"Hi"' in response.read()
    assert up.received[0].query == "stream=true"


@pytest.mark.parametrize("id", ["..", "%2e%2e", "a%2fb", "a%0d%0ab", "a%3fb", "x" * 300])
def test_an_id_leads_nowhere_else(up: Upstream, client: openai.OpenAI, id: str) -> None:
    for method, path in (("GET", "/responses/"), ("DELETE", "/chat/completions/")):
        with asked(client, method, f"{path}{id}") as response:
            assert response.status in (404, 405)
    assert not up.received


def test_a_script_and_a_small_model_keep_nothing(tmp_path: Any) -> None:
    with served(tmp_path, [reply([{"text": "Yes."}])]) as scripted:
        for ask in (
            lambda: scripted.responses.retrieve("resp_1"),
            lambda: scripted.chat.completions.list(),
        ):
            with pytest.raises(openai.NotFoundError, match="answers runs alone"):
                ask()

"""What messages hold: images as the model is shown them, attachments, several assistants on one thread."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from starlette.responses import JSONResponse

from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.sources import open_source
from tests.support.served import served_with
from tests.support.upstream import KEY, Upstream, chunk, says, stream, upstream

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
URL = "https://example.org/cat.png"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Upstream, openai.OpenAI]]:
    home = tmp_path_factory.mktemp("home")
    with upstream() as up:
        endpoint = ModelEndpoint(up.base_url, KEY, "m-1", "the test")
        with served_with(home, lambda: open_source(home, endpoint, None)) as client:
            yield up, client


@pytest.fixture
def up(started: tuple[Upstream, openai.OpenAI]) -> Upstream:
    started[0].received.clear()
    started[0].answer = lambda _: says("A cat.")
    return started[0]


@pytest.fixture
def client(started: tuple[Upstream, openai.OpenAI]) -> openai.OpenAI:
    return started[1]


def run(client: openai.OpenAI, thread_id: str, **assistant: Any) -> Any:
    made = client.beta.assistants.create(model="m-1", **assistant)
    return client.beta.threads.runs.create_and_poll(thread_id=thread_id, assistant_id=made.id)


def test_images_are_shown_to_the_model_with_their_detail(up: Upstream, client: openai.OpenAI) -> None:
    file = client.files.create(file=("cat.png", PNG), purpose="vision")
    content: Any = [
        {"type": "text", "text": "What?"},
        {"type": "image_file", "image_file": {"file_id": file.id, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": URL, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": URL}},
    ]
    thread = client.beta.threads.create(messages=[{"role": "user", "content": content}])
    [message] = client.beta.threads.messages.list(thread.id).data
    assert [part.to_dict() for part in message.content][1:3] == content[1:3]
    assert run(client, thread.id).status == "completed"
    shown = up.received[0].json["messages"][0]["content"]
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert shown == [
        content[0],
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": URL, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": URL, "detail": "auto"}},
    ]
    client.files.delete(file.id)
    run(client, thread.id)
    assert up.received[1].json["messages"][0]["content"][1]["text"] == f"[The image {file.id} was deleted.]"


def test_an_endpoint_that_refuses_images_fails_the_run_and_says_what_to_do(
    up: Upstream, client: openai.OpenAI
) -> None:
    said = "Invalid content type. image_url is only supported by certain models."
    up.answer = lambda _: JSONResponse({"error": {"message": said}}, 400)
    part: Any = {"type": "image_url", "image_url": {"url": URL}}
    thread = client.beta.threads.create(messages=[{"role": "user", "content": [part]}])
    failed = run(client, thread.id)
    assert (failed.status, failed.last_error.code) == ("failed", "invalid_prompt")
    assert said in failed.last_error.message
    assert "can't see images" in failed.last_error.message
    assert "Name a model with vision (--model" in failed.last_error.message


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "expected an http or https URL, or a data URL of an image"),
        ("data:text/html,<b>", "expected an http or https URL"),
        ("cat.png", "expected an http or https URL"),
        ("data:image/png;base64," + "A" * (28 << 20), r"more than the limit of 20971520 bytes \(20 MB\)"),
    ],
)
def test_an_address_that_no_model_could_be_shown_is_refused(
    client: openai.OpenAI, url: str, message: str
) -> None:
    content: Any = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": url}}]
    with pytest.raises(openai.BadRequestError, match=message) as caught:
        client.beta.threads.create(messages=[{"role": "user", "content": content}])
    assert caught.value.param == "content[1].image_url.url"


def test_a_file_that_is_no_image_or_too_large_is_refused(client: openai.OpenAI) -> None:
    thread = client.beta.threads.create()
    for data, message in ((b"%PDF", "is not a png, jpeg, gif or webp"), (PNG + bytes(20 << 20), "20 MB")):
        file = client.files.create(file=("cat.png", data), purpose="vision")
        part: Any = {"type": "image_file", "image_file": {"file_id": file.id}}
        with pytest.raises(openai.BadRequestError, match=message):
            client.beta.threads.messages.create(thread.id, role="user", content=[part])
    assert not client.beta.threads.messages.list(thread.id).data


def test_several_assistants_answer_on_one_thread(up: Upstream, client: openai.OpenAI) -> None:
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hi"}])
    runs = [run(client, thread.id, instructions=name) for name in ("One.", "Two.")]
    second = up.received[1].json["messages"]
    assert [each["role"] for each in second] == ["system", "user", "assistant"]
    assert (second[0]["content"], second[2]["content"]) == ("Two.", "A cat.")
    newest, older, _ = client.beta.threads.messages.list(thread.id).data
    assert [older.assistant_id, newest.assistant_id] == [each.assistant_id for each in runs]


def test_a_refusal_is_kept_and_said_again_to_the_model(up: Upstream, client: openai.OpenAI) -> None:
    up.answer = lambda _: stream(chunk(refusal="I can't."), chunk("stop"))
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Do it"}])
    refused = run(client, thread.id)
    [message] = client.beta.threads.messages.list(thread.id, run_id=refused.id).data
    assert message.content[0].to_dict() == {"type": "refusal", "refusal": "I can't."}
    client.beta.threads.messages.create(thread.id, role="user", content="Please")
    run(client, thread.id)
    assert up.received[1].json["messages"][1]["refusal"] == "I can't."


def test_an_attachment_without_its_file_is_refused_and_one_with_it_is_kept(client: openai.OpenAI) -> None:
    thread = client.beta.threads.create()
    file = client.files.create(file=("a.csv", b"a,b"), purpose="assistants")
    given: Any = [{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}]
    made = client.beta.threads.messages.create(thread.id, role="user", content="see", attachments=given)
    assert [each.to_dict() for each in made.attachments or ()] == given
    client.beta.threads.messages.delete(made.id, thread_id=thread.id)
    with pytest.raises(openai.NotFoundError, match=f"No message found with id '{made.id}'"):
        client.beta.threads.messages.retrieve(made.id, thread_id=thread.id)
    client.files.delete(file.id)
    with pytest.raises(openai.NotFoundError, match=f"No such File object: {file.id}"):
        client.beta.threads.messages.create(thread.id, role="user", content="see", attachments=given)

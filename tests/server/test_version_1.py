"""Version 1 of the API, as programs before May 2024 speak it: files in `file_ids`, and retrieval."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.raw import asked
from tests.support.served import reply, served

CODE, RETRIEVAL = {"type": "code_interpreter"}, {"type": "retrieval"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), [reply([{"text": "Yes."}])]) as made:
        yield made


@pytest.fixture
def file(client: openai.OpenAI) -> str:
    return client.files.create(file=("a.txt", b"a"), purpose="assistants").id


def said(client: openai.OpenAI, method: str, path: str, body: Any = None, version: int = 1) -> Any:
    """The JSON that a program of this version gets."""
    headers = {"OpenAI-Beta": f"assistants=v{version}"}
    with asked(client, method, path, body, headers) as response:
        return json.loads(response.read())


def test_the_files_of_an_assistant_and_of_its_runs_stand_in_file_ids(
    client: openai.OpenAI, file: str
) -> None:
    made = said(client, "POST", "/assistants", {"model": "m", "tools": [CODE], "file_ids": [file]})
    assert (made["file_ids"], made["tools"]) == ([file], [CODE])
    assert made["tool_resources"]["code_interpreter"] == {"file_ids": [file]}
    assert said(client, "GET", "/assistants?limit=1")["data"][0]["file_ids"] == [file]
    body = {"assistant_id": made["id"], "thread": {"messages": [{"role": "user", "content": "Hi"}]}}
    run = said(client, "POST", "/threads/runs", body)
    assert (run["file_ids"], run["tools"]) == ([file], [CODE])
    assert "file_ids" not in said(client, "GET", f"/assistants/{made['id']}", version=2)


def test_file_ids_alone_are_for_the_tools_that_the_assistant_has(client: openai.OpenAI, file: str) -> None:
    path = f"/assistants/{said(client, 'POST', '/assistants', {'model': 'm', 'tools': [CODE]})['id']}"
    changed = said(client, "POST", path, {"file_ids": [file]})
    assert (changed["file_ids"], changed["tool_resources"]["code_interpreter"]["file_ids"]) == (
        [file],
        [file],
    )
    assert said(client, "POST", path, {"name": "n"})["file_ids"] == [file]


def test_retrieval_is_file_search_by_its_old_name(client: openai.OpenAI) -> None:
    made = said(client, "POST", "/assistants", {"model": "m", "tools": [RETRIEVAL]})
    assert made["tools"] == [RETRIEVAL]
    again = said(client, "GET", f"/assistants/{made['id']}", version=2)
    assert again["tools"][0]["type"] == "file_search"


def test_the_files_of_a_message_are_attached_and_stand_in_file_ids(client: openai.OpenAI, file: str) -> None:
    thread = client.beta.threads.create()
    body = {"role": "user", "content": "Hi", "file_ids": [file]}
    made = said(client, "POST", f"/threads/{thread.id}/messages", body)
    assert made["file_ids"] == [file]
    assert [each["file_id"] for each in made["attachments"]] == [file]


@pytest.mark.parametrize("wrong", [{"tools": 3}, {"tools": [{"type": []}]}, {"tool_resources": 3}, {}])
def test_wrong_things_beside_file_ids_are_refused_by_name(client: openai.OpenAI, wrong: Any) -> None:
    body = {"model": "m", "tools": [CODE], "file_ids": ["file-1"], **wrong}
    error = said(client, "POST", "/assistants", body)["error"]
    assert error["type"] == "invalid_request_error"
    assert any(name in error["message"] for name in wrong or ("No such File object: file-1",))


def test_the_files_of_an_assistant_are_objects_of_their_own(client: openai.OpenAI, file: str) -> None:
    made = said(client, "POST", "/assistants", {"model": "m", "tools": [CODE, RETRIEVAL]})
    path = f"/assistants/{made['id']}/files"
    other = client.files.create(file=("b.txt", b"b"), purpose="assistants").id
    first = said(client, "POST", path, {"file_id": file})
    created = client.files.retrieve(file).created_at
    expected = {"id": file, "object": "assistant.file", "created_at": created, "assistant_id": made["id"]}
    assert first == expected
    said(client, "POST", path, {"file_id": other})
    listed = said(client, "GET", path)
    assert [each["id"] for each in listed["data"]] == [other, file]
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == (other, file, False)
    page = said(client, "GET", f"{path}?limit=1&order=asc")
    assert ([each["id"] for each in page["data"]], page["has_more"]) == ([file], True)
    assert said(client, "GET", f"{path}?order=asc&after={file}")["data"][0]["id"] == other
    assert said(client, "GET", f"{path}/{file}") == expected
    held = said(client, "GET", f"/assistants/{made['id']}", version=2)["tool_resources"]
    assert held["code_interpreter"]["file_ids"] == [file, other]
    [store] = held["file_search"]["vector_store_ids"]
    assert {each.id for each in client.vector_stores.files.list(store)} == {file, other}
    gone = said(client, "DELETE", f"{path}/{file}")
    assert gone == {"id": file, "object": "assistant.file.deleted", "deleted": True}
    assert client.files.retrieve(file).id == file
    assert said(client, "GET", f"/assistants/{made['id']}")["file_ids"] == [other]
    said(client, "DELETE", f"{path}/{other}")
    held = said(client, "GET", f"/assistants/{made['id']}", version=2)["tool_resources"]
    assert held == {"code_interpreter": {"file_ids": []}, "file_search": {"vector_store_ids": []}}


def test_the_files_of_a_message_are_objects_of_their_own(client: openai.OpenAI, file: str) -> None:
    thread = client.beta.threads.create()
    body = {"role": "user", "content": "Hi", "file_ids": [file]}
    message = said(client, "POST", f"/threads/{thread.id}/messages", body)["id"]
    path = f"/threads/{thread.id}/messages/{message}/files"
    [listed] = said(client, "GET", path)["data"]
    assert (listed["id"], listed["object"], listed["message_id"]) == (file, "thread.message.file", message)
    assert said(client, "GET", f"{path}/{file}") == listed
    assert "No file found" in said(client, "GET", f"{path}/file-none")["error"]["message"]


def test_files_that_are_not_there_are_refused(client: openai.OpenAI, file: str) -> None:
    made = said(client, "POST", "/assistants", {"model": "m", "tools": [CODE]})
    path = f"/assistants/{made['id']}/files"
    assert "No such File object" in said(client, "POST", path, {"file_id": "file-none"})["error"]["message"]
    assert "file_id" in said(client, "POST", path, {})["error"]["message"]
    assert "No file found" in said(client, "DELETE", f"{path}/{file}")["error"]["message"]
    assert said(client, "GET", path)["data"] == []

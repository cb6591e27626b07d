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

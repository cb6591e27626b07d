"""The server's description of itself."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from asstream.server.app import ROUTES
from asstream.server.openapi import document, name_of
from tests.support.raw import asked
from tests.support.served import reply, served


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), [reply([{"text": "Yes."}])]) as made:
        yield made


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        yield from (each for key, each in value.items() if key == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def test_it_names_every_route_and_needs_a_key(client: openai.OpenAI) -> None:
    with asked(client, "GET", "/openapi.json") as response:
        found = json.loads(response.read())
    operations = {(method.upper(), path) for path, each in found["paths"].items() for method in each}
    assert operations == {(method, path.replace(":path", "")) for method, path, _ in ROUTES}
    ids = [each["operationId"] for path in found["paths"].values() for each in path.values()]
    assert len(set(ids)) == len(ids)
    for path, each in found["paths"].items():
        for operation in each.values():
            named = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert named == re.findall(r"\{(\w+)\}", path)
    for reference in references(found):
        assert reference.rpartition("/")[2] in found["components"]["schemas"], reference
    with asked(client, "GET", "/openapi.json", headers={"Authorization": ""}) as response:
        assert response.status == 401


def test_every_body_that_is_read_is_described() -> None:
    paths = document(ROUTES)["paths"]
    for method, path, handler in ROUTES:
        # `body(request, CreateRun)`, or a form.
        read = re.search(r"await body\(request, (\w+)\)", inspect.getsource(handler))
        described = paths[path.replace(":path", "")][method.lower()].get("requestBody")
        if name_of(handler) == "files.create":
            assert "multipart/form-data" in described["content"]
            continue
        if name_of(handler).startswith("passing.") or name_of(handler) == "stored.modify_completion":
            assert described["content"] == {"application/json": {"schema": {"type": "object"}}}
            continue
        assert (read is None) == (described is None), name_of(handler)
        if read is not None:
            schema = described["content"]["application/json"]["schema"]
            assert schema == {"$ref": f"#/components/schemas/{read[1]}"}


def test_every_answer_and_every_page_is_described() -> None:
    paths = document(ROUTES)["paths"]
    for method, path, handler in ROUTES:
        operation = paths[path.replace(":path", "")][method.lower()]
        assert operation["responses"]["200"]["content"], name_of(handler)
        is_page = "listing(request" in inspect.getsource(handler)
        assert is_page == ("limit" in [each["name"] for each in operation["parameters"]]), name_of(handler)
        streams = re.search(
            "stream_answer\\(|POST /\\S*(completions|responses)`|GET /responses/{response_id}`",
            inspect.getsource(handler),
        )
        assert bool(streams) == ("text/event-stream" in operation["responses"]["200"]["content"]), name_of(
            handler
        )

"""Every operation of the official description, driven by the SDK: each answer and each event is as the
description says, and as the SDK's own types say, strictly.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, get_args

import openai
import pytest
from openai.types.beta import AssistantStreamEvent
from pydantic import TypeAdapter, ValidationError

from asstream.interpreter.protocol import CellEnd, CellEvent, CellStart, Image, Logs, ProducedFile
from asstream.server.app import ROUTES
from tests.support import spec
from tests.support.cells import PlayedInterpreter
from tests.support.driven import DRIVEN, PNG, SCRIPT
from tests.support.served import served
from tests.support.sse import events
from tests.support.wiretap import Exchange, tapped

pytestmark = pytest.mark.skipif(not spec.SPEC.is_file(), reason="the description is not on this machine")

REFUSED = {"deleteModel"}
"""Operations that no request of ours can succeed with: nobody has fine-tuned a model here."""

Driven = tuple[str, Any, list[Exchange]]
"""Operation, result and exchanges of a call."""

EVENTS_NOT_DRIVEN = {
    "error",
    # They need a clock that runs ahead, or an interpreter that breaks: tests/runtime has them.
    *("thread.run.expired", "thread.run.step.expired", "thread.run.step.failed"),
}


def server_operations() -> set[str | None]:
    """The operations of the description that the server has a route for."""
    paths = ((method, path.replace(":path", "")) for method, path, _ in ROUTES)
    renamed = {spec.unnamed(each): id for each, id in spec.operations().items()}
    return {renamed.get(spec.unnamed(each)) for each in paths} - {None}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """A client of a server whose every cell prints, shows an image and makes a file."""
    home = tmp_path_factory.mktemp("home")
    (home / "a.csv").write_text("a,b\n")

    async def play(_: str) -> AsyncIterator[CellEvent]:
        yield CellStart(False)
        yield Logs("out\n")
        yield Image(PNG, "png")
        yield ProducedFile("a.csv", home / "a.csv", 4)
        yield CellEnd("ok")

    with served(home / "home", SCRIPT, PlayedInterpreter(play).options) as made:
        yield made


@pytest.fixture(scope="module")
def driven(client: openai.OpenAI) -> list[Driven]:
    """All that is driven, done in order."""
    with tapped(client) as (own, exchanges):
        w = SimpleNamespace(client=own, beta=own.beta)
        done: list[Driven] = []
        for operation, name, drive in DRIVEN:
            before = len(exchanges)
            result = drive(w)
            if name:
                setattr(w, name, result)
            done.append((operation, result, exchanges[before:]))
        return done


def test_the_server_lacks_nothing_of_the_description() -> None:
    everything = set(spec.operations().values())
    assert everything <= server_operations()
    assert {operation for operation, _, _ in DRIVEN} | REFUSED == everything


def test_every_answer_is_as_described(driven: list[Driven]) -> None:
    wrong = []
    for operation, _, exchanges in driven:
        assert spec.operation_of(exchanges[-1].method, exchanges[-1].path) == operation
        for each in exchanges:
            assert each.status == 200, each
            if each.kind == "application/json":
                named = spec.operation_of(each.method, each.path)
                assert named, each
                schema = spec.answer_schema(named)
                wrong += [f"{named}: {fault}" for fault in spec.faults(schema, json.loads(each.text))]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_every_answer_is_of_the_sdks_own_type(driven: list[Driven]) -> None:
    wrong = []
    for operation, result, exchanges in driven:
        if exchanges[-1].kind == "application/json":
            wrong += ill_typed(operation, TypeAdapter(type(result)), exchanges[-1].text)
    assert not wrong, "\n".join(sorted(set(wrong)))


def ill_typed(what: str, adapter: TypeAdapter[Any], text: str) -> list[str]:
    """What a type of the SDK finds missing or of another type in JSON."""
    try:
        adapter.validate_json(text, strict=True)
    except ValidationError as error:
        found = [fault for fault in error.errors() if not is_recorded(fault)]
        return [f"{what}: {fault['loc']} {fault['msg']}" for fault in found]
    return []


def is_recorded(fault: Any) -> bool:
    """Whether a fault is a null, or the `object` of a batch, as the recordings have it too."""
    if fault["input"] is None:
        return fault["loc"][-1] in spec.RECORDED_NULLS["RunObject"]
    return fault["loc"] == ("object",) and fault["input"] in spec.RECORDED_KINDS.values()


def test_every_event_is_as_described_and_of_the_sdks_own_type(
    driven: list[Driven],
) -> None:
    texts = [each.text for _, _, exchanges in driven for each in exchanges if "event-stream" in each.kind]
    told = list(itertools.chain.from_iterable(map(events, texts)))
    [union, *_] = get_args(AssistantStreamEvent)
    adapters = {
        get_args(each.model_fields["event"].annotation)[0]: TypeAdapter(each) for each in get_args(union)
    }
    wrong = []
    for name, data in told:
        one = {"event": name, "data": data}
        wrong += [f"{name}: {fault}" for fault in spec.faults(spec.event_schemas()[name], one)]
        if name != "done":
            wrong += ill_typed(name, adapters[name], json.dumps(one))
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert set(spec.event_schemas()) - {name for name, _ in told} == EVENTS_NOT_DRIVEN


def test_a_model_is_not_deleted(client: openai.OpenAI) -> None:
    for model, kind in (("scripted", openai.PermissionDeniedError), ("ft:none", openai.NotFoundError)):
        with pytest.raises(kind, match=f"The model '{model}'") as refused:
            client.models.delete(model)
        schema = {"$ref": "#/components/schemas/ErrorResponse"}
        assert spec.faults(schema, refused.value.response.json()) == []


def test_an_answer_that_is_not_as_described_is_found() -> None:
    schema = spec.answer_schema("getThread")
    thread = {"id": "thread_1", "object": "thread", "created_at": 1, "metadata": {}, "tool_resources": {}}
    assert spec.faults(schema, thread) == []
    assert spec.faults(schema, {**thread, "created_at": "1"}) != []
    del thread["metadata"]
    assert spec.faults(schema, thread) != []

"""The official description of the API: its operations, and whether an answer is as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SPEC = Path(__file__).parents[3] / "shared" / "spec" / "assistants.openapi.json"

_BASE = "urn:spec"

_LISTS = ("Assistants", "Files", "Messages", "RunSteps", "Runs", "VectorStores", "VectorStoreFiles")

RECORDED_NULLS = {
    "RunObject": ("instructions",),
    "OpenAIFile": ("expires_at", "status_details"),
    **{f"List{each}Response": ("first_id", "last_id") for each in _LISTS},  # the ends of an empty list
}
"""Where the service gave a null that the description does not allow. The service wins."""

RECORDED_KINDS = {"VectorStoreFileBatchObject": "vector_store.file_batch"}
"""Where the service gave another `object` than the description, and the SDK's types, have."""


@cache
def spec() -> dict[str, Any]:
    """The description."""
    found: dict[str, Any] = json.loads(SPEC.read_text(encoding="utf-8"))
    for schema, keys in RECORDED_NULLS.items():
        for key in keys:
            found["components"]["schemas"][schema]["properties"][key]["nullable"] = True
    for schema, kind in RECORDED_KINDS.items():
        found["components"]["schemas"][schema]["properties"]["object"]["enum"] = [kind]
    modern: dict[str, Any] = _modern(found)
    return modern


def _modern(schema: Any) -> Any:
    """A schema whose `nullable` of OpenAPI 3.0, which this description of 3.1 still has, allows null."""
    if isinstance(schema, list):
        return [_modern(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: _modern(value) for key, value in schema.items() if key != "nullable"}
    nullable = {"nullable": True} in schema.get("allOf", ()) or schema.get("nullable") is True
    return {"anyOf": [rest, {"type": "null"}]} if nullable else rest


@cache
def operations() -> dict[tuple[str, str], str]:
    """The operations' ids by method and path."""
    return {
        (method.upper(), path): each["operationId"]
        for path, methods in spec()["paths"].items()
        for method, each in methods.items()
    }


def operation_of(method: str, path: str) -> str | None:
    """The id of the operation that a request asks for; what stands written goes before a parameter."""
    fitting = [
        (template.count("{"), id)
        for (of, template), id in operations().items()
        if of == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    ]
    return min(fitting)[1] if fitting else None


def unnamed(operation: tuple[str, str]) -> tuple[str, str]:
    """A method and a path whose parameters have no names: two descriptions may name them differently."""
    method, path = operation
    return method, re.sub(r"\{\w+\}", "{}", path)


def answer_schema(operation: str) -> dict[str, Any]:
    """The schema of an operation's answer."""
    for methods in spec()["paths"].values():
        for each in methods.values():
            if each["operationId"] == operation:
                [content] = each["responses"]["200"]["content"].values()
                found: dict[str, Any] = content["schema"]
                return found
    raise KeyError(operation)


@cache
def event_schemas() -> dict[str, dict[str, Any]]:
    """The schemas of `{"event", "data"}`, by the event's name."""
    return {each["properties"]["event"]["enum"][0]: each for each in _alternatives("AssistantStreamEvent")}


def _alternatives(name: str) -> Iterator[dict[str, Any]]:
    schema = spec()["components"]["schemas"][name]
    for each in schema.get("oneOf", [schema]):
        if "$ref" in each:
            yield from _alternatives(each["$ref"].rpartition("/")[2])
        else:
            yield each


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value: a line a fault."""
    found = _validator(json.dumps(schema)).iter_errors(value)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


@cache
def _validator(schema: str) -> Draft202012Validator:
    text = json.dumps(spec()["components"]).replace('"#/components', f'"{_BASE}#/components')
    document = {"components": json.loads(text)}
    registry: Registry[Any] = Registry().with_resource(
        _BASE, Resource(contents=document, specification=DRAFT202012)
    )
    absolute = json.loads(schema.replace('"#/components', f'"{_BASE}#/components'))
    return Draft202012Validator(absolute, registry=registry)

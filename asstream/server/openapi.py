"""`/openapi.json`: what this server answers, drawn from its table of routes and its checks of bodies."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from asstream import __version__
from asstream.runtime.files import PURPOSES
from asstream.runtime.objects import Object
from asstream.server.answers import answer
from asstream.server.bodies import Body
from asstream.server.requests import (
    CreateAssistant,
    CreateAssistantFile,
    CreateMessage,
    CreateRun,
    CreateThread,
    CreateThreadAndRun,
    ModifyAssistant,
    ModifyMetadata,
    ModifyThread,
    SubmitToolOutputs,
)
from asstream.server.store_requests import (
    CreateFileBatch,
    CreateStoreFile,
    CreateVectorStore,
    ModifyStoreFile,
    ModifyVectorStore,
    SearchVectorStore,
)

Handler = Callable[[Request], Awaitable[Response]]
RouteRow = tuple[str, str, Handler]

_BODIES: Final[dict[str, type[Body]]] = {
    "assistants.create": CreateAssistant,
    "old_files.create": CreateAssistantFile,
    "assistants.modify": ModifyAssistant,
    "threads.create": CreateThread,
    "threads.modify": ModifyThread,
    "messages.create": CreateMessage,
    "messages.modify": ModifyMetadata,
    "runs.create": CreateRun,
    "runs.create_with_thread": CreateThreadAndRun,
    "runs.modify": ModifyMetadata,
    "runs.submit_tool_outputs": SubmitToolOutputs,
    "vector_stores.create": CreateVectorStore,
    "vector_stores.modify": ModifyVectorStore,
    "vector_stores.search": SearchVectorStore,
    "store_files.create": CreateStoreFile,
    "store_files.modify": ModifyStoreFile,
    "file_batches.create": CreateFileBatch,
}
"""The JSON bodies, by the names of the operations that read them."""

_LISTS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "assistants.page": (100, ()),
    "threads.page": (100, ()),
    "messages.page": (100, ("run_id",)),
    "runs.page": (100, ()),
    "runs.steps": (100, ()),
    "old_files.page": (100, ()),
    "old_files.message_files": (100, ()),
    "files.page": (10_000, ("purpose",)),
    "vector_stores.page": (100, ()),
    "store_files.page": (100, ("filter",)),
    "file_batches.files": (100, ("filter",)),
}
"""The operations that give a page of a list: its most entries, and what else the query may hold."""

_CURSORS: Final[Object] = {
    "order": {"enum": ["asc", "desc"]},
    "after": {"type": "string"},
    "before": {"type": "string"},
}
_HEADERS: Final[dict[str, Object]] = {"runs.events": {"Last-Event-ID": {"type": "integer", "minimum": 0}}}

_UPLOAD: Final[Object] = {
    "type": "object",
    "required": ["file", "purpose"],
    "properties": {"file": {"type": "string", "format": "binary"}, "purpose": {"enum": [*PURPOSES]}},
}
_UPLOADS: Final[dict[str, Object]] = {"files.create": {"multipart/form-data": {"schema": _UPLOAD}}}
_ERROR: Final[Object] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_TEMPLATE: Final = "#/components/schemas/{model}"


def route_of(rows: Iterable[RouteRow]) -> RouteRow:
    """The route that answers with the description of these routes."""
    listed = tuple(rows)

    async def openapi(request: Request) -> Response:
        """`GET /openapi.json`: this description."""
        return answer(await asyncio.to_thread(document, listed))

    return ("GET", "/openapi.json", openapi)


@functools.cache
def document(rows: tuple[RouteRow, ...]) -> Object:
    """An OpenAPI 3.1 document of routes (method, path, what answers)."""
    from asstream.server import described

    # Described together: two types of one name get names that tell them apart.
    models: list[Any] = [(model, "validation") for model in (*_BODIES.values(), *described.models())]
    referred, found = models_json_schema(models, ref_template=_TEMPLATE)
    schemas = found["$defs"]
    described.widen(schemas)
    references: dict[Any, Object] = {model: reference for (model, _), reference in referred.items()}
    contents = described.contents((name_of(handler) for _, _, handler in rows), references)
    paths: dict[str, Object] = {}
    for method, path, handler in rows:
        name = name_of(handler)
        operation = _operation(path, handler, _read(name, references), contents.get(name))
        paths.setdefault(_PARAMETER.sub(r"{\1}", path), {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "asstream", "version": __version__},
        "servers": [{"url": "/v1"}, {"url": "/openai"}, {"url": "/"}],
        "security": [{"bearer": []}, {"api-key": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
            },
        },
    }


def name_of(handler: Handler) -> str:
    """The name of an operation: its noun and its verb, as `runs.create`."""
    return f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"


def _read(name: str, references: Mapping[Any, Object]) -> Object | None:
    """The content of the body that an operation reads, by media type."""
    if name in _BODIES:
        return {"application/json": {"schema": references[_BODIES[name]]}}
    # What is passed on is for the model's endpoint to check.
    passes = name.startswith("passing.") or name == "stored.modify_completion"
    passed = {"application/json": {"schema": {"type": "object"}}} if passes else None
    return _UPLOADS.get(name, passed)


def _operation(path: str, handler: Handler, read: Object | None, given: Object | None) -> Object:
    name = name_of(handler)
    error = {"application/json": {"schema": {"$ref": _TEMPLATE.format(model="Error")}}}
    operation: Object = {
        "operationId": name,
        "summary": (handler.__doc__ or "").strip().partition("\n")[0],
        "parameters": [
            *(_parameter(each, "path", {"type": "string"}) for each in _PARAMETER.findall(path)),
            *(_parameter(each, "query", schema) for each, schema in _queries(name).items()),
            *(_parameter(each, "header", schema) for each, schema in _HEADERS.get(name, {}).items()),
        ],
        "responses": {
            "200": {"description": "What was asked for.", **({"content": given} if given else {})},
            "default": {"description": "An error.", "content": error},
        },
    }
    if read:
        operation["requestBody"] = {"content": read}
    if name == "models.health":
        operation["security"] = []
    return operation


def _parameter(name: str, place: str, schema: Object) -> Object:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _queries(name: str) -> Object:
    """What an operation reads of the query."""
    if name not in _LISTS:
        return {}
    most, others = _LISTS[name]
    limit = {"type": "integer", "minimum": 1, "maximum": most}
    return {"limit": limit, **_CURSORS, **{each: {"type": "string"} for each in others}}

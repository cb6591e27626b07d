"""`/openapi.json`: what this server answers, drawn from its table of routes and its checks of bodies."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from asstream import __version__
from asstream.runtime.objects import Object
from asstream.server.answers import answer
from asstream.server.requests import (
    Body,
    CreateAssistant,
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

_UPLOAD: Final[Object] = {
    "type": "object",
    "required": ["file", "purpose"],
    "properties": {"file": {"type": "string", "format": "binary"}, "purpose": {"type": "string"}},
}
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
        return answer(document(listed))

    return ("GET", "/openapi.json", openapi)


def document(rows: Iterable[RouteRow]) -> Object:
    """An OpenAPI 3.1 document of routes (method, path, what answers)."""
    paths: dict[str, Object] = {}
    for method, path, handler in rows:
        paths.setdefault(_PARAMETER.sub(r"{\1}", path), {})[method.lower()] = _operation(path, handler)
    models = [(model, "validation") for model in dict.fromkeys(_BODIES.values())]
    _, schemas = models_json_schema(models, ref_template=_TEMPLATE)  # type: ignore[arg-type]
    return {
        "openapi": "3.1.0",
        "info": {"title": "asstream", "version": __version__},
        "servers": [{"url": "/v1"}, {"url": "/openai"}, {"url": "/"}],
        "security": [{"bearer": []}, {"api-key": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Error": _ERROR},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
            },
        },
    }


def name_of(handler: Handler) -> str:
    """The name of an operation: its noun and its verb, as `runs.create`."""
    return f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"


def _operation(path: str, handler: Handler) -> Object:
    name = name_of(handler)
    error = {"application/json": {"schema": {"$ref": _TEMPLATE.format(model="Error")}}}
    operation: Object = {
        "operationId": name,
        "summary": (handler.__doc__ or "").strip().partition("\n")[0],
        "parameters": [
            {"name": each, "in": "path", "required": True, "schema": {"type": "string"}}
            for each in _PARAMETER.findall(path)
        ],
        "responses": {
            "200": {"description": "What was asked for."},
            "default": {"description": "An error.", "content": error},
        },
    }
    if name in _BODIES:
        schema = {"$ref": _TEMPLATE.format(model=_BODIES[name].__name__)}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    elif name == "files.create":
        operation["requestBody"] = {"content": {"multipart/form-data": {"schema": _UPLOAD}}}
    if name == "models.health":
        operation["security"] = []
    return operation

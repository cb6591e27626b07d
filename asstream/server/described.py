"""What answers look like, for the server's description of itself: the types that the SDK reads them with.

Imported only when the description is asked for: the SDK takes its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from openai.types import (
    FileDeleted,
    FileObject,
    Model,
    ModelDeleted,
    VectorStore,
    VectorStoreDeleted,
    VectorStoreSearchResponse,
)
from openai.types.beta import Assistant, AssistantDeleted, Thread, ThreadDeleted
from openai.types.beta.threads import Message, MessageDeleted, Run
from openai.types.beta.threads.runs import RunStep
from openai.types.vector_stores import (
    FileContentResponse,
    VectorStoreFile,
    VectorStoreFileBatch,
    VectorStoreFileDeleted,
)
from pydantic import BaseModel

from asstream.runtime.objects import Object

References = Mapping[type[BaseModel], Object]

_OBJECTS: Final[dict[str, type[BaseModel]]] = {
    "assistants": Assistant,
    "threads": Thread,
    "messages": Message,
    "runs": Run,
    "files": FileObject,
    "models": Model,
    "vector_stores": VectorStore,
    "store_files": VectorStoreFile,
    "file_batches": VectorStoreFileBatch,
}
"""What the operations of a noun answer with, where nothing below says otherwise."""

_DELETED: Final[dict[str, type[BaseModel]]] = {
    "assistants": AssistantDeleted,
    "threads": ThreadDeleted,
    "messages": MessageDeleted,
    "files": FileDeleted,
    "models": ModelDeleted,
    "vector_stores": VectorStoreDeleted,
    "store_files": VectorStoreFileDeleted,
}

_PAGES: Final[dict[str, type[BaseModel]]] = {"runs.steps": RunStep, "file_batches.files": VectorStoreFile}
_SINGLE: Final[dict[str, type[BaseModel]]] = {"runs.step": RunStep}

_FOUND: Final[dict[str, tuple[type[BaseModel], str]]] = {
    "vector_stores.search": (VectorStoreSearchResponse, "vector_store.search_results.page"),
    "store_files.content": (FileContentResponse, "vector_store.file_content.page"),
}
"""Operations that answer with a list that has no cursors: what is in it, and its `object`."""

_STREAMED: Final = ("runs.create", "runs.create_with_thread", "runs.submit_tool_outputs")
"""Operations that answer with a stream where `stream` is true."""

_EVENTS: Final[Object] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "One of the run's events; `data` is JSON, but for the last one's.",
            "required": ["event", "data"],
            "properties": {
                "event": {"type": "string"},
                "data": {"type": "string"},
                "id": {"type": "string", "pattern": "^[0-9]+$"},
            },
        }
    }
}

_PASSED_ON: Final[Object] = {"application/json": {"schema": {"type": "object"}}}
_PASSED_ON_STREAMED: Final[Object] = {**_PASSED_ON, "text/event-stream": {"schema": {"type": "object"}}}

_STORED: Final = (
    "response",
    "delete_response",
    "cancel_response",
    "input_items",
    "completions",
    "completion",
    "modify_completion",
    "delete_completion",
    "completion_messages",
)


def _old_file(owner: str) -> Object:
    """The schema of a file of version 1: of an assistant, or of a message."""
    kind = {"assistant": "assistant.file", "message": "thread.message.file"}[owner]
    properties: Object = {
        "id": {"type": "string"},
        "object": {"const": kind},
        "created_at": {"type": "integer"},
        f"{owner}_id": {"type": "string"},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _page(item: Object, *, has_ends: bool) -> Object:
    """The schema of a list of items."""
    end: Object = {"type": ["string", "null"]}
    ends: Object = {"first_id": end, "last_id": end, "has_more": {"type": "boolean"}} if has_ends else {}
    properties: Object = {"object": {"const": "list"}, "data": {"type": "array", "items": item}, **ends}
    return {"type": "object", "required": list(properties), "properties": properties}


_OTHERS: Final[dict[str, Object]] = {
    "passing.chat_completions": _PASSED_ON_STREAMED,
    "passing.deployed_chat_completions": _PASSED_ON_STREAMED,
    "passing.responses": _PASSED_ON_STREAMED,
    "passing.embeddings": _PASSED_ON,
    "passing.deployed_embeddings": _PASSED_ON,
    "passing.moderations": _PASSED_ON,
    **{f"stored.{verb}": _PASSED_ON for verb in _STORED},
    "stored.response": _PASSED_ON_STREAMED,
    "old_files.create": {"application/json": {"schema": _old_file("assistant")}},
    "old_files.get": {"application/json": {"schema": _old_file("assistant")}},
    "old_files.delete": {"application/json": {"schema": {"type": "object", "required": ["id", "deleted"]}}},
    "old_files.message_file": {"application/json": {"schema": _old_file("message")}},
    "old_files.page": {"application/json": {"schema": _page(_old_file("assistant"), has_ends=True)}},
    "old_files.message_files": {"application/json": {"schema": _page(_old_file("message"), has_ends=True)}},
    "runs.events": _EVENTS,
    "files.content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    "models.health": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["status", "server", "version"],
                "properties": {
                    "status": {"const": "ok"},
                    "server": {"type": "string"},
                    "version": {"type": "string"},
                },
            }
        }
    },
}
"""Answers that no type of the SDK reads, or that are up to the model's endpoint."""

_WIDER: Final[dict[tuple[str, str], Object]] = {
    ("Run", "instructions"): {"type": "null"},
    ("FileObject", "purpose"): {"const": "evals"},
    ("VectorStore", "name"): {"type": "null"},
    ("VectorStoreFileBatch", "object"): {"const": "vector_store.file_batch"},
}
"""What else a key may hold that the SDK's types do not know; the service had both."""


def models() -> list[type[BaseModel]]:
    """Every type that an answer is read with."""
    tables = (_OBJECTS, _DELETED, _PAGES, _SINGLE)
    found = (model for model, _ in _FOUND.values())
    return list(dict.fromkeys([*(model for table in tables for model in table.values()), *found]))


def contents(names: Iterable[str], references: References) -> dict[str, Object]:
    """The content of the answers of operations, by name; one of which nothing is known has none.

    `references` are the references to the schemas of `models()`.
    """
    found = {name: _content(name, references) for name in names}
    return {name: content for name, content in found.items() if content}


def widen(schemas: Object) -> None:
    """Let the schemas of `models()` allow what the service's answers held beside it."""
    for (model, key), other in _WIDER.items():
        properties = schemas[model]["properties"]
        properties[key] = {"anyOf": [properties[key], other]}


def _content(name: str, references: References) -> Object:
    """The content of an operation's answer, by media type."""
    if name in _OTHERS:
        return _OTHERS[name]
    if name in _FOUND:
        model, kind = _FOUND[name]
        return {"application/json": {"schema": _found(references[model], kind)}}
    return _of_noun(name, references)


def _of_noun(name: str, references: References) -> Object:
    noun, _, verb = name.partition(".")
    if verb == "page" or name in _PAGES:
        model = _PAGES.get(name) or _OBJECTS.get(noun)
        schema = model and _page(references[model], has_ends=noun != "models")
    else:
        model = _DELETED.get(noun) if verb == "delete" else _SINGLE.get(name) or _OBJECTS.get(noun)
        schema = model and references[model]
    if not schema:
        return {}
    return {"application/json": {"schema": schema}, **(_EVENTS if name in _STREAMED else {})}


def _found(item: Object, kind: str) -> Object:
    """The schema of a list that is whole."""
    properties: Object = {
        "object": {"const": kind},
        "data": {"type": "array", "items": item},
        "has_more": {"const": False},
        "next_page": {"type": "null"},
    }
    return {"type": "object", "required": list(properties), "properties": properties}

"""Version 1 of the API, which programs before May 2024 speak: files stand in `file_ids`, and file search is
called retrieval. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from asstream.runtime.objects import Object, attached_files, public

VERSION: Final = b"assistants=v1"
"""What the header `OpenAI-Beta` of such a program says."""


def is_asked(scope: Mapping[str, Any]) -> bool:
    """Whether a request (its ASGI scope) wants answers of version 1."""
    return any(name == b"openai-beta" and VERSION in value for name, value in scope["headers"])


def resources(ids: list[str], tools: Any) -> Object:
    """The tool resources that an assistant's `file_ids` stand for, by its tools, which nobody has checked."""
    kinds = (
        {str(each.get("type")) for each in tools if isinstance(each, dict)} if isinstance(tools, list) else ()
    )
    made: Object = {}
    if ids and "code_interpreter" in kinds:
        made["code_interpreter"] = {"file_ids": ids}
    if ids and ("retrieval" in kinds or "file_search" in kinds):
        made["file_search"] = {"vector_stores": [{"file_ids": ids}]}
    return made


def shown(thing: Object) -> Object:
    """An object, or a page of objects, as version 1 showed it: with what version 2 added beside it."""
    if thing.get("object") == "list":
        return {**public(thing), "data": [shown(each) for each in thing["data"]]}
    return {**public(thing), **_SHOWN.get(thing.get("object", ""), dict)(thing)}


def _with_tools(thing: Object) -> Object:
    return {"file_ids": thing.get("_file_ids", []), "tools": [_tool(tool) for tool in thing["tools"]]}


def _tool(tool: Object) -> Object:
    return {"type": "retrieval"} if tool["type"] == "file_search" else tool


def _message(thing: Object) -> Object:
    return {"file_ids": attached_files(thing)}


def _step(thing: Object) -> Object:
    details = thing["step_details"]
    if details["type"] != "tool_calls":
        return {}
    return {"step_details": {**details, "tool_calls": [_call(call) for call in details["tool_calls"]]}}


def _call(call: Object) -> Object:
    if call["type"] != "file_search":
        return call
    return {"id": call["id"], "type": "retrieval", "retrieval": {}}


_SHOWN: Final = {
    "assistant": _with_tools,
    "thread.run": _with_tools,
    "thread.message": _message,
    "thread.run.step": _step,
}
"""What is different in an object of version 1, by its kind."""

"""The objects of the wire, as plain dictionaries that hold every key the service's answers held.

Times are in whole Unix seconds. The key order is the service's own.
"""

from __future__ import annotations

import time
from typing import Any

from asstream.runtime.ids import new_id

Object = dict[str, Any]

RUN_SECONDS = 600
"""A run expires this many seconds after its creation."""

MOST_MESSAGES = 100_000
"""The most messages of a thread."""

DEFAULT_RANKER = {"ranker": "default_2024_08_21", "score_threshold": 0.0, "hybrid_search": None}


def public(thing: Object) -> Object:
    """An object as the wire shows it: without our private keys, which begin with an underscore."""
    return {key: value for key, value in thing.items() if not key.startswith("_")}


def now() -> int:
    """This moment in Unix seconds."""
    return int(time.time())


def assistant(fields: Object) -> Object:
    """An assistant from the (validated) fields of a request. `_file_ids` are what version 1 called so."""
    return {
        "id": fields.get("id") or new_id("asst_"),
        "object": "assistant",
        "created_at": fields.get("created_at") or now(),
        "name": fields.get("name"),
        "description": fields.get("description"),
        "model": fields["model"],
        "instructions": fields.get("instructions"),
        "tools": tools(fields.get("tools")),
        "top_p": _or(fields.get("top_p"), 1.0),
        "temperature": _or(fields.get("temperature"), 1.0),
        "reasoning_effort": fields.get("reasoning_effort"),
        "tool_resources": tool_resources(fields.get("tool_resources")),
        "metadata": fields.get("metadata") or {},
        "response_format": fields.get("response_format") or "auto",
        "_sampling": sampling(fields),
        "_file_ids": fields.get("file_ids") or [],
    }


def sampling(fields: Object) -> Object:
    """What a request named of temperature and top_p.

    The wire shows 1.0 for the rest; a model may choose otherwise.
    """
    return {key: fields[key] for key in ("temperature", "top_p") if fields.get(key) is not None}


def thread(fields: Object) -> Object:
    """A thread from the fields of a request."""
    return {
        "id": new_id("thread_"),
        "object": "thread",
        "created_at": now(),
        "metadata": fields.get("metadata") or {},
        "tool_resources": tool_resources(fields.get("tool_resources")),
    }


def message(thread_id: str, fields: Object) -> Object:
    """A finished message that a client adds to a thread."""
    created = now()
    return {
        **_message(thread_id, fields["role"], created),
        "status": "completed",
        "completed_at": created,
        "content": [_content_part(part) for part in _parts(fields["content"])],
        "attachments": fields.get("attachments") or [],
        "metadata": fields.get("metadata") or {},
    }


def reply(run: Object) -> Object:
    """The assistant's message of a run, still empty and in progress."""
    return {
        **_message(run["thread_id"], "assistant", now()),
        "assistant_id": run["assistant_id"],
        "run_id": run["id"],
    }


def _message(thread_id: str, role: str, created: int) -> Object:
    return {
        "id": new_id("msg_"),
        "object": "thread.message",
        "created_at": created,
        "assistant_id": None,
        "thread_id": thread_id,
        "run_id": None,
        "status": "in_progress",
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": None,
        "role": role,
        "content": [],
        "attachments": [],
        "metadata": {},
    }


def run(thread_id: str, owner: Object, fields: Object, seconds: int = RUN_SECONDS) -> Object:
    """A queued run of the assistant `owner`; what the request names goes before what the assistant has.

    It expires after `seconds`.
    """
    created = now()

    def chosen(key: str, default: Any = None) -> Any:
        return _or(fields.get(key), _or(owner.get(key), default))

    return {
        "id": new_id("run_"),
        "object": "thread.run",
        "created_at": created,
        "assistant_id": owner["id"],
        "thread_id": thread_id,
        "status": "queued",
        "started_at": None,
        "expires_at": created + seconds,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "required_action": None,
        "last_error": None,
        "model": chosen("model"),
        "instructions": _instructions(chosen("instructions"), fields.get("additional_instructions")),
        "tools": tools(chosen("tools")),
        "tool_resources": tool_resources(fields.get("tool_resources")),
        "metadata": fields.get("metadata") or {},
        "temperature": chosen("temperature", 1.0),
        "top_p": chosen("top_p", 1.0),
        "reasoning_effort": chosen("reasoning_effort"),
        "max_completion_tokens": fields.get("max_completion_tokens"),
        "max_prompt_tokens": fields.get("max_prompt_tokens"),
        "truncation_strategy": {
            "type": "auto",
            "last_messages": None,
            **(fields.get("truncation_strategy") or {}),
        },
        "incomplete_details": None,
        "usage": None,
        "response_format": chosen("response_format", "auto"),
        "tool_choice": _or(fields.get("tool_choice"), "auto"),
        "parallel_tool_calls": _or(fields.get("parallel_tool_calls"), True),
        "_sampling": {**owner.get("_sampling", {}), **sampling(fields)},
        "_file_ids": owner.get("_file_ids", []),
    }


def end_fields(status: str) -> Object:
    """What changes in a run that ends with `status`."""
    at = f"{status}_at" if status in ("failed", "cancelled") else "completed_at"
    stamp = {} if status == "expired" else {at: now()}
    return {"status": status, "expires_at": None, **stamp}


def step(run: Object, kind: str, details: Object) -> Object:
    """A run step in progress; `kind` is `message_creation` or `tool_calls`.

    `_process` is the process that works on it.
    """
    return {
        "id": new_id("step_"),
        "object": "thread.run.step",
        "created_at": now(),
        "run_id": run["id"],
        "assistant_id": run["assistant_id"],
        "thread_id": run["thread_id"],
        "type": kind,
        "status": "in_progress",
        "cancelled_at": None,
        "completed_at": None,
        "expires_at": run["expires_at"],
        "expired_at": None,
        "failed_at": None,
        "last_error": None,
        "step_details": {"type": kind, kind: details},
        "metadata": {},
        "usage": None,
        "_process": run.get("_process"),
    }


def file(fields: Object) -> Object:
    """An uploaded file. `fields`: `purpose`, `filename`, `bytes` and perhaps `id` and `expires_at`."""
    return {
        "object": "file",
        "id": fields.get("id") or new_id("file-"),
        "purpose": fields["purpose"],
        "filename": fields["filename"],
        "bytes": fields["bytes"],
        "created_at": now(),
        "expires_at": fields.get("expires_at"),
        "status": "processed",
        "status_details": None,
    }


def usage(prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> Object:
    """Tokens, in the shape of a run's and a step's `usage`."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_token_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def add_usage(one: Object | None, other: Object | None) -> Object | None:
    """The sum of two usages; None counts as nothing, and two of them stay None."""
    if one is None or other is None:
        return one or other
    return usage(
        one["prompt_tokens"] + other["prompt_tokens"],
        one["completion_tokens"] + other["completion_tokens"],
        one["prompt_token_details"]["cached_tokens"] + other["prompt_token_details"]["cached_tokens"],
        one["completion_tokens_details"]["reasoning_tokens"]
        + other["completion_tokens_details"]["reasoning_tokens"],
    )


def tools(listed: list[Object] | None) -> list[Object]:
    """The tools of a request with what the service filled in."""
    return [_TOOLS.get(tool["type"], dict)(tool) for tool in listed or []]


def _function_tool(tool: Object) -> Object:
    function = {key: value for key, value in tool["function"].items() if value is not None}
    function.setdefault("parameters", {"type": "object", "properties": {}})
    function.setdefault("strict", False)
    return {"type": "function", "function": function}


def _file_search_tool(tool: Object) -> Object:
    options = {key: value for key, value in (tool.get("file_search") or {}).items() if value is not None}
    named = {key: value for key, value in (options.get("ranking_options") or {}).items() if value is not None}
    options["ranking_options"] = {**DEFAULT_RANKER, **named}
    return {"type": "file_search", "file_search": options}


# `retrieval` is what version 1 of the API called file search.
_TOOLS = {"function": _function_tool, "file_search": _file_search_tool, "retrieval": _file_search_tool}


def tool_resources(given: Object | None) -> Object:
    """Tool resources without what was sent as null."""
    return {kind: value for kind, value in (given or {}).items() if value is not None}


def code_files(tool_resources: Object) -> list[str]:
    """The ids of the files that tool resources give to code."""
    return list((tool_resources.get("code_interpreter") or {}).get("file_ids") or ())


def attached_files(message: Object) -> list[str]:
    """The ids of the files that are attached to a message, each once."""
    return list(dict.fromkeys(each["file_id"] for each in message["attachments"]))


def page(data: list[Object], has_more: bool) -> Object:
    """A list answer."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def deleted(id: str, kind: str) -> Object:
    """The answer to a DELETE; `kind` is the whole value of `object`."""
    return {"id": id, "object": kind, "deleted": True}


def _parts(content: str | list[Object]) -> list[Object]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _content_part(part: Object) -> Object:
    if part["type"] == "text":
        return {"type": "text", "text": {"value": part["text"], "annotations": []}}
    kind = part["type"]
    return {"type": kind, kind: {**part[kind], "detail": part[kind].get("detail") or "auto"}}


def _instructions(base: str | None, additional: str | None) -> str | None:
    return f"{base}\n\n{additional}" if base and additional else base or additional


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value

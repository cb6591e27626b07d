"""The files of assistants and of messages as version 1 of the API had them: with routes of their own."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream.errors import WireError
from asstream.runtime import objects
from asstream.runtime.objects import Object, attached_files
from asstream.runtime.rows import ASSISTANT, MESSAGE, THREAD, Listing
from asstream.server.answers import answer
from asstream.server.asked import body, listing, path_id, runtime
from asstream.server.requests import CreateAssistantFile
from asstream.server.version_1 import resources


async def create(request: Request) -> Response:
    """`POST /assistants/{assistant_id}/files`: give a file to the assistant's tools."""
    id = path_id(request, "assistant_id", ASSISTANT)
    wanted = await body(request, CreateAssistantFile)
    assistant, file = runtime(request).assistants.get(id), runtime(request).files.get(wanted.file_id)
    await _set(request, assistant, [*_ids(assistant), file["id"]])
    return answer(_of_assistant(file, id))


async def page(request: Request) -> Response:
    """`GET /assistants/{assistant_id}/files`."""
    id = path_id(request, "assistant_id", ASSISTANT)
    files = _known(request, _ids(runtime(request).assistants.get(id)))
    return answer(_page(listing(request), [_of_assistant(file, id) for file in files]))


async def get(request: Request) -> Response:
    """`GET /assistants/{assistant_id}/files/{file_id}`."""
    id = path_id(request, "assistant_id", ASSISTANT)
    ids = _ids(runtime(request).assistants.get(id))
    return answer(_of_assistant(_one(request, ids), id))


async def delete(request: Request) -> Response:
    """`DELETE /assistants/{assistant_id}/files/{file_id}`: take it from the assistant; the file stays."""
    assistant = runtime(request).assistants.get(path_id(request, "assistant_id", ASSISTANT))
    file = _one(request, _ids(assistant))
    await _set(request, assistant, [id for id in _ids(assistant) if id != file["id"]])
    return answer(objects.deleted(file["id"], "assistant.file.deleted"))


async def message_files(request: Request) -> Response:
    """`GET /threads/{thread_id}/messages/{message_id}/files`."""
    message = _message(request)
    files = _known(request, attached_files(message))
    return answer(_page(listing(request), [_of_message(file, message["id"]) for file in files]))


async def message_file(request: Request) -> Response:
    """`GET /threads/{thread_id}/messages/{message_id}/files/{file_id}`."""
    message = _message(request)
    return answer(_of_message(_one(request, attached_files(message)), message["id"]))


def _message(request: Request) -> Object:
    ids = path_id(request, "thread_id", THREAD), path_id(request, "message_id", MESSAGE)
    return runtime(request).messages.get(*ids)


def _ids(assistant: Object) -> list[str]:
    found: list[str] = assistant.get("_file_ids") or []
    return found


async def _set(request: Request, assistant: Object, ids: list[str]) -> None:
    """Let an assistant have these files. Tools that it has none of any more keep an empty list."""
    ids = list(dict.fromkeys(ids))
    given = resources(ids, assistant["tools"])
    if "code_interpreter" in assistant["tool_resources"]:
        given.setdefault("code_interpreter", {"file_ids": []})
    if not ids and "file_search" in assistant["tool_resources"]:
        given["file_search"] = {"vector_store_ids": []}
    fields: Object = {"file_ids": ids, **({"tool_resources": given} if given else {})}
    await runtime(request).assistants.modify(assistant["id"], fields)


def _known(request: Request, ids: list[str]) -> list[Object]:
    """The files of these ids that are still there."""
    found = []
    for id in ids:
        try:
            found.append(runtime(request).files.get(id))
        except WireError:
            continue  # deleted since
    return found


def _one(request: Request, ids: list[str]) -> Object:
    """The file of the path, which has to be one of these. Raises WireError 404."""
    id = str(request.path_params["file_id"])
    if id not in ids:
        raise WireError(404, f"No file found with id '{id[:120]}'.")
    return runtime(request).files.get(id)


def _of_assistant(file: Object, assistant_id: str) -> Object:
    return {**_shown(file, "assistant.file"), "assistant_id": assistant_id}


def _of_message(file: Object, message_id: str) -> Object:
    return {**_shown(file, "thread.message.file"), "message_id": message_id}


def _shown(file: Object, kind: str) -> Object:
    return {"id": file["id"], "object": kind, "created_at": file["created_at"]}


def _page(wanted: Listing, everything: list[Object]) -> Object:
    """A page of objects that are all at hand, the oldest first."""
    ids = [each["id"] for each in everything]
    if wanted.order == "desc":
        everything, ids = everything[::-1], ids[::-1]
    start = ids.index(wanted.after) + 1 if wanted.after in ids else 0
    end = ids.index(wanted.before) if wanted.before in ids else len(ids)
    within = everything[start:end]
    shown = within[: wanted.limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(within) > len(shown),
    }

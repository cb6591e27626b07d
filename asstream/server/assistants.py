"""`/assistants`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream.runtime.rows import ASSISTANT
from asstream.server.answers import answer
from asstream.server.asked import body, listing, path_id, runtime
from asstream.server.requests import CreateAssistant, ModifyAssistant
from asstream.server.version_1 import resources


async def create(request: Request) -> Response:
    """`POST /assistants`."""
    wanted = await body(request, CreateAssistant)
    return answer(await runtime(request).assistants.create(wanted.fields()))


async def page(request: Request) -> Response:
    """`GET /assistants`."""
    return answer(runtime(request).assistants.page(listing(request)))


async def get(request: Request) -> Response:
    """`GET /assistants/{assistant_id}`."""
    return answer(runtime(request).assistants.get(path_id(request, "assistant_id", ASSISTANT)))


async def modify(request: Request) -> Response:
    """`POST /assistants/{assistant_id}`."""
    id = path_id(request, "assistant_id", ASSISTANT)
    fields = (await body(request, ModifyAssistant)).fields()
    assistants = runtime(request).assistants
    if fields.get("file_ids") and not fields.get("tools"):
        # Of version 1: what the files are for is up to the tools that the assistant has already.
        made = resources(fields["file_ids"], assistants.get(id)["tools"])
        fields["tool_resources"] = {**made, **(fields.get("tool_resources") or {})}
    return answer(await assistants.modify(id, fields))


async def delete(request: Request) -> Response:
    """`DELETE /assistants/{assistant_id}`."""
    id = path_id(request, "assistant_id", ASSISTANT)
    return answer(await runtime(request).assistants.delete(id))

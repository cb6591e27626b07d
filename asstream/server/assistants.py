"""`/assistants`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream.runtime.rows import ASSISTANT
from asstream.server.answers import answer
from asstream.server.asked import body, listing, path_id, runtime
from asstream.server.requests import CreateAssistant, ModifyAssistant


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
    wanted = await body(request, ModifyAssistant)
    return answer(await runtime(request).assistants.modify(id, wanted.fields()))


async def delete(request: Request) -> Response:
    """`DELETE /assistants/{assistant_id}`."""
    id = path_id(request, "assistant_id", ASSISTANT)
    return answer(await runtime(request).assistants.delete(id))

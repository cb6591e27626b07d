"""`/threads`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream.runtime.rows import THREAD
from asstream.server.answers import answer
from asstream.server.asked import body, listing, path_id, runtime
from asstream.server.requests import CreateThread, ModifyThread


async def create(request: Request) -> Response:
    """`POST /threads`."""
    wanted = await body(request, CreateThread)
    return answer(await runtime(request).threads.create(wanted.fields()))


async def page(request: Request) -> Response:
    """`GET /threads`: an extension, the service could not list threads."""
    return answer(runtime(request).threads.page(listing(request)))


async def get(request: Request) -> Response:
    """`GET /threads/{thread_id}`."""
    return answer(runtime(request).threads.get(path_id(request, "thread_id", THREAD)))


async def modify(request: Request) -> Response:
    """`POST /threads/{thread_id}`."""
    id = path_id(request, "thread_id", THREAD)
    wanted = await body(request, ModifyThread)
    return answer(await runtime(request).threads.modify(id, wanted.fields()))


async def delete(request: Request) -> Response:
    """`DELETE /threads/{thread_id}`."""
    id = path_id(request, "thread_id", THREAD)
    return answer(await runtime(request).threads.delete(id))

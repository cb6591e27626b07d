"""`/threads/{thread_id}/messages`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream.runtime.objects import attached_files
from asstream.runtime.rows import MESSAGE, THREAD
from asstream.server.answers import answer
from asstream.server.asked import body, listing, path_id, runtime
from asstream.server.requests import CreateMessage, ModifyMetadata


def _ids(request: Request) -> tuple[str, str]:
    return path_id(request, "thread_id", THREAD), path_id(request, "message_id", MESSAGE)


async def create(request: Request) -> Response:
    """`POST /threads/{thread_id}/messages`."""
    thread_id = path_id(request, "thread_id", THREAD)
    wanted = await body(request, CreateMessage)
    return answer(await runtime(request).messages.create(thread_id, wanted.fields()))


async def page(request: Request) -> Response:
    """`GET /threads/{thread_id}/messages`, with `run_id` those that one run wrote."""
    thread_id = path_id(request, "thread_id", THREAD)
    run_id = request.query_params.get("run_id") or None
    return answer(runtime(request).messages.page(thread_id, listing(request), run_id))


async def get(request: Request) -> Response:
    """`GET /threads/{thread_id}/messages/{message_id}`."""
    return answer(runtime(request).messages.get(*_ids(request)))


async def modify(request: Request) -> Response:
    """`POST /threads/{thread_id}/messages/{message_id}`."""
    ids = _ids(request)
    wanted = await body(request, ModifyMetadata)
    message = await runtime(request).messages.modify(*ids, wanted.fields())
    # Here the service named the files as version 1 did, whichever was asked for.
    return answer({**message, "file_ids": attached_files(message)})


async def delete(request: Request) -> Response:
    """`DELETE /threads/{thread_id}/messages/{message_id}`."""
    return answer(await runtime(request).messages.delete(*_ids(request)))

"""`/vector_stores/{vector_store_id}/file_batches`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream.runtime.rows import FILE_BATCH
from asstream.server.answers import answer, polled_answer
from asstream.server.asked import body, listing, path_id, runtime
from asstream.server.store_files import status_filter
from asstream.server.store_requests import CreateFileBatch
from asstream.server.vector_stores import store_id


def _ids(request: Request) -> tuple[str, str]:
    return store_id(request), path_id(request, "batch_id", FILE_BATCH)


async def create(request: Request) -> Response:
    """`POST /vector_stores/{vector_store_id}/file_batches`."""
    store = store_id(request)
    wanted = await body(request, CreateFileBatch)
    return polled_answer(await runtime(request).file_batches.create(store, wanted.fields()))


async def get(request: Request) -> Response:
    """`GET /vector_stores/{vector_store_id}/file_batches/{batch_id}`."""
    return polled_answer(runtime(request).file_batches.get(*_ids(request)))


async def cancel(request: Request) -> Response:
    """`POST /vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel`."""
    return answer(await runtime(request).file_batches.cancel(*_ids(request)))


async def files(request: Request) -> Response:
    """`GET /vector_stores/{vector_store_id}/file_batches/{batch_id}/files`."""
    store, batch = _ids(request)
    batches = runtime(request).file_batches
    return answer(batches.files(store, batch, listing(request), status_filter(request)))

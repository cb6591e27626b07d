"""`/vector_stores/{vector_store_id}/files`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream.errors import WireError
from asstream.runtime.rows import STORE_FILE
from asstream.runtime.store_objects import STATUSES
from asstream.server.answers import answer, polled_answer
from asstream.server.asked import body, listing, path_id, runtime
from asstream.server.store_requests import CreateStoreFile, ModifyStoreFile
from asstream.server.vector_stores import store_id


def status_filter(request: Request) -> str | None:
    """The status that a listing is limited to. Raises WireError 400."""
    wanted = request.query_params.get("filter") or None
    if wanted is not None and wanted not in STATUSES:
        supported = ", ".join(repr(status) for status in STATUSES)
        message = f"Invalid value: {wanted[:120]!r}. Supported values for 'filter' are: {supported}."
        raise WireError(400, message, param="filter", code="invalid_value")
    return wanted


def _ids(request: Request) -> tuple[str, str]:
    return store_id(request), path_id(request, "file_id", STORE_FILE)


async def create(request: Request) -> Response:
    """`POST /vector_stores/{vector_store_id}/files`."""
    store = store_id(request)
    wanted = await body(request, CreateStoreFile)
    return polled_answer(await runtime(request).store_files.create(store, wanted.fields()))


async def page(request: Request) -> Response:
    """`GET /vector_stores/{vector_store_id}/files`."""
    files = runtime(request).store_files
    return answer(files.page(store_id(request), listing(request), status_filter(request)))


async def get(request: Request) -> Response:
    """`GET /vector_stores/{vector_store_id}/files/{file_id}`."""
    return polled_answer(runtime(request).store_files.get(*_ids(request)))


async def modify(request: Request) -> Response:
    """`POST /vector_stores/{vector_store_id}/files/{file_id}`: other attributes, in place of all it had."""
    store, file = _ids(request)
    wanted = await body(request, ModifyStoreFile)
    return answer(await runtime(request).store_files.modify(store, file, wanted.attributes or {}))


async def delete(request: Request) -> Response:
    """`DELETE /vector_stores/{vector_store_id}/files/{file_id}`."""
    return answer(await runtime(request).store_files.delete(*_ids(request)))


async def content(request: Request) -> Response:
    """`GET /vector_stores/{vector_store_id}/files/{file_id}/content`: its text as it was read."""
    return answer(await runtime(request).store_files.content(*_ids(request)))

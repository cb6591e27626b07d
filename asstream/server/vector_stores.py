"""`/vector_stores`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream.runtime.rows import VECTOR_STORE
from asstream.server.answers import answer, polled_answer
from asstream.server.asked import body, listing, path_id, runtime
from asstream.server.store_requests import CreateVectorStore, ModifyVectorStore, SearchVectorStore


def store_id(request: Request) -> str:
    """The store that a path names. Raises WireError 400."""
    return path_id(request, "vector_store_id", VECTOR_STORE)


async def create(request: Request) -> Response:
    """`POST /vector_stores`."""
    wanted = await body(request, CreateVectorStore)
    return answer(await runtime(request).vector_stores.create(wanted.fields()))


async def page(request: Request) -> Response:
    """`GET /vector_stores`."""
    return answer(runtime(request).vector_stores.page(listing(request)))


async def get(request: Request) -> Response:
    """`GET /vector_stores/{vector_store_id}`."""
    return polled_answer(runtime(request).vector_stores.get(store_id(request)))


async def modify(request: Request) -> Response:
    """`POST /vector_stores/{vector_store_id}`."""
    id = store_id(request)
    wanted = await body(request, ModifyVectorStore)
    return answer(await runtime(request).vector_stores.modify(id, wanted.fields()))


async def delete(request: Request) -> Response:
    """`DELETE /vector_stores/{vector_store_id}`."""
    return answer(await runtime(request).vector_stores.delete(store_id(request)))


async def search(request: Request) -> Response:
    """`POST /vector_stores/{vector_store_id}/search`."""
    id = store_id(request)
    wanted = await body(request, SearchVectorStore)
    return answer(await runtime(request).vector_stores.search(id, wanted.fields()))

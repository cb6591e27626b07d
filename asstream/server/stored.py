"""What the model's endpoint keeps of responses and chat completions: asked for there."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from asstream.errors import WireError
from asstream.server.passing import pass_on

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")


async def response(request: Request) -> Response:
    """`GET /responses/{response_id}`, passed on to the model's endpoint."""
    return await pass_on(request, f"/responses/{_id(request, 'response_id')}")


async def delete_response(request: Request) -> Response:
    """`DELETE /responses/{response_id}`, passed on to the model's endpoint."""
    return await pass_on(request, f"/responses/{_id(request, 'response_id')}")


async def cancel_response(request: Request) -> Response:
    """`POST /responses/{response_id}/cancel`, passed on to the model's endpoint."""
    return await pass_on(request, f"/responses/{_id(request, 'response_id')}/cancel")


async def input_items(request: Request) -> Response:
    """`GET /responses/{response_id}/input_items`, passed on to the model's endpoint."""
    return await pass_on(request, f"/responses/{_id(request, 'response_id')}/input_items")


async def completions(request: Request) -> Response:
    """`GET /chat/completions`: those that were stored, passed on to the model's endpoint."""
    return await pass_on(request, "/chat/completions")


async def completion(request: Request) -> Response:
    """`GET /chat/completions/{completion_id}`, passed on to the model's endpoint."""
    return await pass_on(request, f"/chat/completions/{_id(request, 'completion_id')}")


async def modify_completion(request: Request) -> Response:
    """`POST /chat/completions/{completion_id}`, passed on to the model's endpoint."""
    return await pass_on(request, f"/chat/completions/{_id(request, 'completion_id')}")


async def delete_completion(request: Request) -> Response:
    """`DELETE /chat/completions/{completion_id}`, passed on to the model's endpoint."""
    return await pass_on(request, f"/chat/completions/{_id(request, 'completion_id')}")


async def completion_messages(request: Request) -> Response:
    """`GET /chat/completions/{completion_id}/messages`, passed on to the model's endpoint."""
    return await pass_on(request, f"/chat/completions/{_id(request, 'completion_id')}/messages")


def _id(request: Request, name: str) -> str:
    """An id of the path that leads nowhere else in another's. Raises WireError 404."""
    id = str(request.path_params[name])
    if not _PLAIN.fullmatch(id):
        raise WireError(404, f"There is nothing with the id {id[:120]!r}.", param=name)
    return id

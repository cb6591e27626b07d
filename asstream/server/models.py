"""`/models` and `/health`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from asstream import __version__
from asstream.errors import WireError
from asstream.runtime.models.protocol import ModelInfo
from asstream.runtime.objects import Object
from asstream.server.answers import answer
from asstream.server.asked import runtime


def _shown(model: ModelInfo) -> Object:
    return {
        **model.extra,
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
    }


async def page(request: Request) -> Response:
    """`GET /models`."""
    listed = await runtime(request).models.list()
    return answer({"object": "list", "data": [_shown(model) for model in listed]})


async def get(request: Request) -> Response:
    """`GET /models/{model}`."""
    name = request.path_params["model"]
    for model in await runtime(request).models.list():
        if model.id == name:
            return answer(_shown(model))
    raise WireError(404, f"The model '{name}' does not exist", param="model", code="model_not_found")


async def health(request: Request) -> Response:
    """`GET /health`: whether the server answers. It needs no key."""
    return answer({"status": "ok", "server": "asstream", "version": __version__})

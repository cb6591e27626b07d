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


async def _asked_for(request: Request) -> ModelInfo:
    name = request.path_params["model"]
    for model in await runtime(request).models.list():
        if model.id == name:
            return model
    raise WireError(404, f"The model '{name}' does not exist", param="model", code="model_not_found")


async def get(request: Request) -> Response:
    """`GET /models/{model}`."""
    return answer(_shown(await _asked_for(request)))


async def delete(request: Request) -> Response:
    """`DELETE /models/{model}`: refused, as the service did for all but one's own fine-tuned ones."""
    model = await _asked_for(request)
    message = f"The model '{model.id}' can't be deleted: it belongs to the endpoint behind this server."
    raise WireError(403, message, param="model")


async def health(request: Request) -> Response:
    """`GET /health`: whether the server answers. It needs no key."""
    return answer({"status": "ok", "server": "asstream", "version": __version__})

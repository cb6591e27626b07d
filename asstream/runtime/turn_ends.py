"""What a finished turn took, and what is said of one that went astray. No I/O but the model's own count."""

from __future__ import annotations

from typing import Final

from asstream.runtime import objects
from asstream.runtime.models.protocol import Model, ModelRequest, TurnEnd, Usage
from asstream.runtime.objects import Object

_SHOWN: Final = 200
"""The most characters of a model's text that a message repeats."""


async def usage_of(model: Model, request: ModelRequest, end: TurnEnd) -> Object:
    """The turn's tokens; counted by us where the endpoint does not say."""
    used = end.usage
    if used is None:
        prompt = await model.count_tokens(request.messages, request.tools)
        used = Usage(prompt, await model.count_tokens([end.message]))
    return objects.usage(
        used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.reasoning_tokens
    )


def astray(end: TurnEnd, times: int) -> str:
    """What to say of a model that calls what nobody offered, with its last call."""
    function = end.message["tool_calls"][-1]["function"]
    name, arguments = (repr(function[key])[:_SHOWN] for key in ("name", "arguments"))
    return (
        f"The model called a function that is not offered, {times} times in a row: {name} with {arguments}."
    )

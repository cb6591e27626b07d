"""The request body, and what an endpoint turned out not to accept in it. Pure; remembers for one model.

Endpoints refuse parameters that others require. A 400 that names a parameter of ours is answered by
leaving it out (or by its other name) from then on, and is said once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from asstream.runtime.models import vision
from asstream.runtime.models.failures import ErrorBody
from asstream.runtime.models.protocol import Message, ModelRequest

_DROPPABLE = (
    "stream_options",
    "parallel_tool_calls",
    "reasoning_effort",
    "temperature",
    "top_p",
    "tool_choice",
)
_OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_REFUSAL = re.compile(
    r"unsupported|not support|n't support|unrecogni[sz]ed|unknown|not permitted"
    r"|not allowed|extra (input|field)"
    r"|unexpected|not compatible|incompatible|only the default|invalid (parameter|argument|field)|deprecated"
    r"|cannot be (used|specified|set)|may not be",
    re.IGNORECASE,
)
_NO_TOOLS = re.compile(
    r"(does not|doesn't|do not|don't|not) support (tool|function)"
    r"|(tools?|functions?|function calling|tool use) (is|are) not supported"
    r"|support tool use|tool choice requires --enable-auto|tools param requires --jinja",
    re.IGNORECASE,
)
"""How Ollama, vLLM, OpenRouter and llama.cpp's server say that a model can't be offered functions."""
_MESSAGE_KEYS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio"})
_CALL_KEYS = frozenset({"id", "type", "function"})
_FUNCTION_KEYS = frozenset({"name", "arguments"})


class RequestShape:
    """How requests to one model are put.

    Args:
        model: the model's name.
        max_tokens_name: `max_tokens` or `max_completion_tokens`, whichever the endpoint is likely to know.
        defaults: parameters for requests that name none, e.g. `{"temperature": 0}`.
    """

    def __init__(self, model: str, max_tokens_name: str, defaults: Mapping[str, Any]) -> None:
        self._model = model
        self._max_tokens_name: str | None = max_tokens_name
        self._tried_names = {max_tokens_name}
        self._defaults = dict(defaults)
        self._dropped: set[str] = set()
        self._plain_messages = False
        self._blind = False
        self.refuses_tools = False
        """Whether the endpoint said that this model can't be offered functions."""

    def body(self, request: ModelRequest) -> dict[str, Any]:
        """The JSON body for a request."""
        wanted: dict[str, Any] = {
            **self._defaults,
            **_named(
                temperature=request.temperature, top_p=request.top_p, response_format=request.response_format
            ),
            **_named(reasoning_effort=request.reasoning_effort),
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            wanted["tools"] = list(request.tools)
            wanted.update(
                _named(tool_choice=request.tool_choice, parallel_tool_calls=request.parallel_tool_calls)
            )
        if request.max_tokens is not None and self._max_tokens_name:
            wanted[self._max_tokens_name] = request.max_tokens
        body = {key: value for key, value in wanted.items() if key not in self._dropped}
        return {"model": self._model, "messages": self._messages(request.messages), "stream": True, **body}

    def _messages(self, messages: Sequence[Message]) -> list[Message]:
        # Pictures that wait for an answer go out each time: another model may answer to the name by now.
        if self._blind and not vision.wait_for_answer(messages):
            messages = vision.without_images(messages)
        return [_plain(message) for message in messages] if self._plain_messages else list(messages)

    def adapt(self, status: int, error: ErrorBody, body: Mapping[str, Any]) -> str | None:
        """Learn from a refusal. Returns what is done about it; None if it names nothing to leave out."""
        if status in (400, 404, 422, 500, 501) and "tools" in body and _NO_TOOLS.search(error.message):
            self.refuses_tools = True
            return None
        if vision.has_images(body["messages"]) and vision.is_refusal(error.message):
            self._blind = True
            if not vision.wait_for_answer(body["messages"]):
                return "it can't see images: a note stands in their place from now on"
            return None
        if status not in (400, 422):
            return None
        text = f"{error.code} {error.message}"
        if not _REFUSAL.search(text) and error.param not in body:
            return None
        named = [name for name in (*_OTHER_NAME, *_DROPPABLE) if name in body and _names(error, name)]
        # A message may name two parameters ("use 'max_completion_tokens' instead"): the one in `param` is at
        # fault.
        for name in sorted(named, key=lambda name: name != error.param):
            if name in _OTHER_NAME:
                return self._rename(name)
            if name == "tool_choice" and body[name] not in ("auto", "none"):
                continue  # leaving out a choice that forces a call would change what was asked
            self._dropped.add(name)
            return f"it does not accept {name}, which is left out from now on"
        if not self._plain_messages and any(
            f in text or f in error.param for f in _extra_fields(body["messages"])
        ):
            self._plain_messages = True
            return "it does not accept another provider's fields in messages, which are left out from now on"
        return None

    def _rename(self, name: str) -> str:
        other = _OTHER_NAME[name]
        if other in self._tried_names:
            self._max_tokens_name = None
            return (
                "it accepts neither max_tokens nor max_completion_tokens: replies have no limit but its own"
            )
        self._tried_names.add(other)
        self._max_tokens_name = other
        return f"it does not accept {name}: {other} is sent from now on"


def _named(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _names(error: ErrorBody, name: str) -> bool:
    if error.param:
        return error.param == name or error.param.startswith(f"{name}.")
    return re.search(rf"(?<![\w.]){name}(?!\w)", error.message) is not None


def _extra_fields(messages: Sequence[Message]) -> set[str]:
    found: set[str] = set()
    for message in messages:
        found |= message.keys() - _MESSAGE_KEYS
        for call in message.get("tool_calls") or ():
            found |= call.keys() - _CALL_KEYS
            found |= call.get("function", {}).keys() - _FUNCTION_KEYS
    return found


def _plain(message: Message) -> Message:
    plain = {key: value for key, value in message.items() if key in _MESSAGE_KEYS}
    if calls := plain.get("tool_calls"):
        plain["tool_calls"] = [
            {
                **{key: value for key, value in call.items() if key in _CALL_KEYS},
                "function": {k: v for k, v in call.get("function", {}).items() if k in _FUNCTION_KEYS},
            }
            for call in calls
        ]
    return plain

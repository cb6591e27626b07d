"""A Model around a model that can't call functions: fenced Python in its reply is a call.

The reply is cut off where the first block of Python closes; the block goes on as a call of the one function
that was offered, and its output comes back to the model in words. All that is kept between turns is in the
messages, in their usual form.

A reply of a wanted form (`response_format`) can hold no block of code. So while code may be written the model
is not held to the form; what it says without code is held back, and asked for again in that form.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import astuple, replace
from typing import Any, Final

from asstream.runtime.fenced_words import in_words, pieces_of_code
from asstream.runtime.fences import Fences, Piece
from asstream.runtime.models.protocol import (
    FinishReason,
    Message,
    Model,
    ModelEvent,
    ModelRequest,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)

MOST_CALLS: Final = 3
"""Code calls after one message of the user; then a block is text, and the reply ends. Small models repeat
themselves."""

NOT_RUN: Final = (
    f"The code above was not run: one message runs {MOST_CALLS} pieces of code at most."
    " Send a message to go on."
)
"""What a person is told of a block after the last call."""


class FencedModel:
    """A model that runs code by writing it.

    Args:
        model: the model.
        function: the name of the function that runs code.
    """

    calls_functions = True

    def __init__(self, model: Model, function: str) -> None:
        self.name = model.name
        self.context_window = model.context_window
        self.counts_exactly = model.counts_exactly
        self._model = model
        self._function = function

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
        """The prompt tokens of these messages as the model is shown them."""
        return await self._model.count_tokens(in_words(messages, self._function, hint=bool(tools)))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream one turn; see `Model`."""
        plain = self._in_fences(request, hint=bool(request.tools))
        if not request.tools:
            events = _generator(self._model, plain)
        elif _calls_made(request.messages) >= MOST_CALLS:
            events = self._last(plain)
        else:
            events = self._calling(request, plain)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _last(self, plain: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """A turn in which code is only text: its end tells of it."""
        fences, written = Fences(), 0
        async with aclosing(_generator(self._model, plain)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    written += pieces_of_code(fences.feed(event.text))
                elif isinstance(event, TurnEnd):
                    written += pieces_of_code(fences.end())
                    event = replace(event, note=NOT_RUN if written else "")
                yield event

    async def _calling(self, request: ModelRequest, plain: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """A turn in which code is a call."""
        reply = _Reply(self._function)
        held: list[ModelEvent] | None = None if request.response_format is None else []
        end: TurnEnd | None = None
        free = replace(plain, response_format=None)
        async with aclosing(_generator(self._model, free)) as events:
            async for event in events:
                told: list[ModelEvent] = []
                if isinstance(event, TextDelta):
                    told = reply.feed(event.text)
                elif isinstance(event, TurnEnd):
                    end = event
                elif isinstance(event, RefusalDelta):
                    told = [event]
                if held is not None:
                    held += told
                    if all(isinstance(each, TextDelta) for each in told):
                        continue
                    told, held = held, None
                for each in told:
                    yield each
                if reply.fences.closed:
                    break
        rest = [*(held or ()), *reply.rest()]
        if held is not None and not reply.has_code and end is not None and end.finish_reason == "stop":
            formed = None if _has_form(end, request) else await self._formed(request, end)
            if formed is not None:
                async with aclosing(_generator(self._model, formed)) as events:
                    async for event in events:
                        yield _with_usage(event, end) if isinstance(event, TurnEnd) else event
                return
        for each in rest:
            yield each
        yield reply.end(end)

    async def _formed(self, request: ModelRequest, said: TurnEnd) -> ModelRequest | None:
        """The request for the reply in the form that is wanted; None where no tokens are left for it."""
        left = request.max_tokens
        if left is not None:
            used = said.usage.completion_tokens if said.usage else await self.count_tokens([said.message])
            left -= used
            if left <= 0:
                return None
        return replace(self._in_fences(request, hint=False), max_tokens=left)

    def _in_fences(self, request: ModelRequest, *, hint: bool) -> ModelRequest:
        """A request without functions."""
        return replace(
            request,
            messages=in_words(request.messages, self._function, hint=hint),
            tools=(),
            tool_choice=None,
            parallel_tool_calls=None,
        )


class _Reply:
    """One reply: text in, the events of text and of the call out."""

    def __init__(self, function: str) -> None:
        self.fences = Fences()
        self._id = f"call_{secrets.token_hex(12)}"
        self._function = function
        self._text: list[str] = []
        self._code: list[str] = []

    def feed(self, text: str) -> list[ModelEvent]:
        """The events for a further piece."""
        return [event for piece in self.fences.feed(text) for event in self._events(piece)]

    def rest(self) -> list[ModelEvent]:
        """The events for what was held back."""
        events = [event for piece in self.fences.end() for event in self._events(piece)]
        return [*events, ToolCallDelta(0, '"}')] if self._code else events

    def _events(self, piece: Piece) -> list[ModelEvent]:
        if piece.kind == "text":
            self._text.append(piece.text)
            return [TextDelta(piece.text)]
        first: list[ModelEvent] = []
        if not self._code:
            first = [ToolCallDelta(0, '{"code": "', self._id, self._function)]
        self._code.append(piece.text)
        return [*first, ToolCallDelta(0, json.dumps(piece.text)[1:-1])]

    @property
    def has_code(self) -> bool:
        """Whether a block of code has begun."""
        return bool(self._code)

    def end(self, told: TurnEnd | None) -> TurnEnd:
        """The end of the turn; `told` is the model's own, None where it was cut off."""
        text = "".join(self._text)
        if not self._code:
            return told or TurnEnd("stop", None, {"role": "assistant", "content": text})
        function = {"name": self._function, "arguments": json.dumps({"code": "".join(self._code)})}
        call = {"id": self._id, "type": "function", "function": function}
        message = {"role": "assistant", "content": text or None, "tool_calls": [call]}
        if told is None:
            return TurnEnd("tool_calls", None, message)
        reason: FinishReason = "tool_calls" if told.finish_reason == "stop" else told.finish_reason
        return TurnEnd(reason, told.usage, message, told.model)


def _has_form(end: TurnEnd, request: ModelRequest) -> bool:
    """Whether a reply has the form that is wanted, as far as that can be told without its schema."""
    if (request.response_format or {}).get("type") != "json_object":
        return False
    try:
        return isinstance(json.loads(end.message.get("content") or ""), dict)
    except ValueError:
        return False


def _with_usage(end: TurnEnd, before: TurnEnd) -> TurnEnd:
    """The end of a reply, with what was used for the one before it."""
    if end.usage is None or before.usage is None:
        return replace(end, usage=None)
    pairs = zip(astuple(before.usage), astuple(end.usage), strict=True)
    return replace(end, usage=Usage(*(one + other for one, other in pairs)))


def _generator(model: Model, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
    stream = model.stream(request)
    assert isinstance(stream, AsyncGenerator)
    return stream


def _calls_made(messages: Sequence[Message]) -> int:
    """How often code was run since the user's last message."""
    last = max((at for at, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    return sum(1 for message in messages[last + 1 :] if message.get("role") == "tool")

"""Putting a turn together from the chunks of a stream: a chunk in, ModelEvents out. Pure; no I/O.

Endpoints differ in what they send for the same thing; the differences end here. What no field of ours holds
(`reasoning_content`, a tool call's `extra_content`, …) is kept in the message of TurnEnd, since some
providers want it back.
"""

from __future__ import annotations

import json
from typing import Any

from asstream.runtime.models.endpoint import printable
from asstream.runtime.models.merging import merge, merge_text_part
from asstream.runtime.models.protocol import (
    FinishReason,
    Message,
    ModelError,
    ModelErrorCode,
    ModelEvent,
    RefusalDelta,
    TextDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.models.toolcalls import ToolCalls

_FINISH: dict[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "content-filter": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "prohibited_content": "content_filter",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
}
"""Providers' words for why they stopped, in lower case; every other word is `stop`."""

STOPPED = "The model stopped mid-stream: its reply ended with no reason given. Ask again."


class TurnAssembly:
    """One turn in the making.

    `feed` takes a chunk and gives the events in it; `end` gives the TurnEnd.
    """

    def __init__(self) -> None:
        self._text: list[str] = []
        self._parts: list[Any] = []
        self._refusal: list[str] = []
        self._calls = ToolCalls()
        self._extra: Message = {}
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._model: str | None = None
        self.finished = False
        """Whether the reply is whole: a finish reason or the usage was seen."""

    def feed(self, chunk: Any) -> list[ModelEvent]:
        """The events of one chunk. Raises ModelError for an error sent inside the stream."""
        if not isinstance(chunk, dict):
            return []
        if error := chunk.get("error"):
            raise error_in_stream(error)
        if isinstance(model := chunk.get("model"), str) and model:
            self._model = model
        groq = chunk.get("x_groq")
        usage = chunk.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
        if isinstance(usage, dict):
            self._usage = read_usage(usage)
        choices = chunk.get("choices")
        events: list[ModelEvent] = []
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index") in (0, None):
                events += self._choice(choice)
        if self._usage is not None and not choices:
            self.finished = True
        return events

    def _choice(self, choice: dict[str, Any]) -> list[ModelEvent]:
        # A whole completion, from an endpoint that does not stream, has `message` where a chunk has `delta`.
        delta = choice.get("delta") or choice.get("message")
        events = self._delta(delta) if isinstance(delta, dict) else []
        reason = choice.get("finish_reason")
        if reason == "error":
            raise error_in_stream(choice.get("error") or "the model reported an error")
        if isinstance(reason, str) and reason:
            self._finish = reason.lower()
            self.finished = True
        return events

    def _delta(self, delta: dict[str, Any]) -> list[ModelEvent]:
        events: list[ModelEvent] = []
        for key, value in delta.items():
            if key == "content":
                events += self._content(value)
            elif key == "refusal":
                if isinstance(value, str) and value:
                    self._refusal.append(value)
                    events.append(RefusalDelta(value))
            elif key == "tool_calls":
                events += self._calls.feed(value)
            elif key != "role" and value is not None:
                self._extra[key] = merge(self._extra.get(key), value, key)
        return events

    def _content(self, content: Any) -> list[ModelEvent]:
        if isinstance(content, str):
            if not content:
                return []
            self._text.append(content)
            if self._parts:
                self._parts = merge_text_part(self._parts, content)
            return [TextDelta(content)]
        if not isinstance(content, list):
            return []
        # Mistral's thinking models send parts; only those of type text are said, all are kept.
        if not self._parts and self._text:
            self._parts = [{"type": "text", "text": "".join(self._text)}]
        events: list[ModelEvent] = []
        for part in content:
            text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
            if isinstance(text, str) and text:
                self._text.append(text)
                self._parts = merge_text_part(self._parts, text)
                events.append(TextDelta(text))
            else:
                self._parts = [*self._parts, part]
        return events

    def closing(self) -> list[ModelEvent]:
        """What is still to be said before the end: `{}` for calls that came without arguments."""
        return self._calls.closing()

    def end(self) -> TurnEnd:
        """The end of the turn. Raises ModelError where a tool call can't be used."""
        calls = self._calls.finished()
        reason: FinishReason = _FINISH.get(self._finish or "", "stop")
        if calls and reason == "stop":
            reason = "tool_calls"
        elif reason == "tool_calls" and not calls:
            reason = "stop"
        text = "".join(self._text)
        message: Message = {"role": "assistant", "content": self._parts or text or (None if calls else "")}
        if self._refusal:
            message["refusal"] = "".join(self._refusal)
        if calls:
            message["tool_calls"] = calls
        message.update(self._extra)
        return TurnEnd(reason, self._usage, message, self._model)


def read_usage(usage: dict[str, Any]) -> Usage:
    """Usage as endpoints report it: absent, null and foreign numbers are 0."""
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    cached = prompt.get("cached_tokens") if isinstance(prompt, dict) else None
    reasoning = completion.get("reasoning_tokens") if isinstance(completion, dict) else None
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(usage.get("prompt_cache_hit_tokens") if cached is None else cached),
        _count(usage.get("reasoning_tokens") if reasoning is None else reasoning),
    )


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < 1e15 else 0


def error_in_stream(error: Any) -> ModelError:
    """The error that a provider sent in place of a chunk."""
    fields = error if isinstance(error, dict) else {"message": error}
    message = fields.get("message") or json.dumps(error, ensure_ascii=False, default=str)
    hint = f"{fields.get('code')} {fields.get('type')}"
    code: ModelErrorCode = "rate_limit_exceeded" if "429" in hint or "rate_limit" in hint else "server_error"
    kind = "context_length" if "context_length" in hint or "exceed_context" in hint else "other"
    return ModelError(
        f"The model stopped mid-stream: {printable(str(message))}",
        code=code,
        kind="context_length" if kind == "context_length" else "other",
    )

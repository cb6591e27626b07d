"""The scripted model: it says what a JSON file tells it to, for tests and `asstream demo`. No network.

    {"replies": [{"match": "weather", "turns": [
        [{"tool_call": {"name": "get_weather", "arguments": {"city": "Oslo"}}}],
        [{"text": "It is {tool}."}]]},
     {"match": null, "turns": [[{"text": "You said: {user}"}]]}]}

The reply is the first whose regular expression is found in the last user message. Its turn is the number
of assistant messages after that message (the last one repeats): nothing is remembered, so any process can
go on.

Steps: `text` and `refusal` (a string is cut into words, a list gives the exact deltas; `{user}` is the
last user message, `{tool}` the last tool output), `tool_call` {name, arguments: object, string or list of
pieces, id?}, `wait` (seconds), `pace` (seconds between the deltas of the turn's steps after it; arguments
in one piece are then cut into words too), `usage` {prompt_tokens, …}, `finish` (a finish reason), `error`
{message, code, kind}, `break` (true: the stream breaks). A delta of text is one token for `max_tokens` and
for the usage that is reported if none is scripted.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from asstream.errors import ConfigError
from asstream.runtime.models.protocol import (
    FinishReason,
    Message,
    ModelError,
    ModelEvent,
    ModelInfo,
    ModelRequest,
    RawAnswer,
    RawRequest,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.models.script import Reply, Script, Step, check, parse

NAME = "scripted"
SPEC = "scripted:"
"""The beginning of a model's name that names a script: `scripted:PATH.json`."""

_RUNS_ALONE = "The scripted model answers runs alone, not {path}. ASSTREAM_MODEL_BASE_URL names an endpoint."
_WORD = re.compile(r"\s*\S+|\s+\Z")
_SAID_BY: dict[str, type[TextDelta] | type[RefusalDelta]] = {"text": TextDelta, "refusal": RefusalDelta}


class ScriptedModel:
    """A model that follows a script.

    Args:
        script: a checked script.
        context_window: what the model claims its window to be; longer prompts fail as a real model's do.
    """

    name = NAME
    calls_functions = True
    counts_exactly = True

    def __init__(self, script: Script, context_window: int | None = None) -> None:
        self.context_window = context_window
        self._script = script

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ScriptedModel:
        """From a script as a dict. Raises ConfigError."""
        return cls(check(dict(data)))

    @classmethod
    def from_file(cls, path: Path) -> ScriptedModel:
        """From a JSON file. Raises ConfigError."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(
                f"the script {path} can't be read: {reason}", "name a JSON file: scripted:PATH.json"
            ) from error
        return cls(parse(text, str(path)))

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
        """One token a word of every message's text."""
        del tools
        return sum(len(_words(text_of(message))) for message in messages)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Say the turn that the script has for these messages; see `Model`."""
        prompt_tokens = await self.count_tokens(request.messages)
        if self.context_window is not None and prompt_tokens > self.context_window:
            raise ModelError(
                f"The messages take {prompt_tokens} tokens; the window has {self.context_window}.",
                kind="context_length",
            )
        turn = _Turn(request, prompt_tokens)
        for step in self._steps(turn):
            if step.kind == "wait":
                await asyncio.sleep(step.value)
                continue
            for event in turn.events(step):
                yield event
                if turn.pace:
                    await asyncio.sleep(turn.pace)
            if turn.is_cut:
                break
        yield turn.end()

    def _steps(self, turn: _Turn) -> Sequence[Step]:
        for reply in self._script.replies:
            if reply.match is None or reply.match.search(turn.user):
                return _turn_of(reply, turn.number)
        raise ModelError("The script has no reply to this message; its last reply should have `match`: null.")


class _Turn:
    """One turn in the saying."""

    def __init__(self, request: ModelRequest, prompt_tokens: int) -> None:
        last = max((i for i, m in enumerate(request.messages) if m.get("role") == "user"), default=-1)
        after = list(request.messages[last + 1 :])
        self.user = text_of(request.messages[last]) if last >= 0 else ""
        self.number = sum(1 for message in after if message.get("role") == "assistant")
        self._tool = next((text_of(m) for m in reversed(request.messages) if m.get("role") == "tool"), "")
        self._left = request.max_tokens
        self._prompt_tokens = prompt_tokens
        self._said: dict[str, list[str]] = {"text": [], "refusal": []}
        self._calls: list[dict[str, Any]] = []
        self._tokens = 0
        self._usage: Usage | None = None
        self._finish: FinishReason | None = None
        self._seed = f"{self.user}\0{self.number}\0{len(request.messages)}"
        self.is_cut = False
        self.pace = 0.0

    def events(self, step: Step) -> list[ModelEvent]:
        """The events of a step. Raises ModelError where the script says so."""
        if step.kind in _SAID_BY:
            return self._say(step)
        if step.kind == "tool_call":
            return self._call(step.value)
        if step.kind == "error":
            raise ModelError(step.value["message"], code=step.value["code"], kind=step.value["kind"])
        if step.kind == "break":
            raise ModelError("The model stopped mid-stream, as its script says. Ask again.")
        if step.kind == "pace":
            self.pace = step.value
        elif step.kind == "usage":
            self._usage = Usage(**step.value)
        elif step.kind == "finish":
            self._finish = cast(FinishReason, step.value)
        return []

    def _say(self, step: Step) -> list[ModelEvent]:
        pieces = step.value if isinstance(step.value, tuple) else _words(self._filled(step.value))
        deltas = [self._filled(piece) for piece in pieces] if isinstance(step.value, tuple) else pieces
        events: list[ModelEvent] = []
        for delta in deltas:
            if self._left is not None and self._tokens >= self._left:
                self.is_cut = True
                break
            self._tokens += 1
            self._said[step.kind].append(delta)
            events.append(_SAID_BY[step.kind](delta))
        return events

    def _call(self, call: Mapping[str, Any]) -> list[ModelEvent]:
        index = len(self._calls)
        digest = hashlib.sha256(f"{self._seed}\0{index}".encode()).hexdigest()
        given = call["id"] or f"call_{digest[:24]}"
        function = {"name": call["name"], "arguments": "".join(call["arguments"])}
        self._calls.append({"id": given, "type": "function", "function": function})
        pieces = _words(function["arguments"]) if self.pace else call["arguments"]
        self._tokens += len(pieces)
        first: ModelEvent = ToolCallDelta(index, "", given, call["name"])
        return [first, *(ToolCallDelta(index, piece) for piece in pieces)]

    def _filled(self, text: str) -> str:
        # In one pass, so that a message that holds "{tool}" is not filled in again.
        return re.sub(r"\{(user|tool)\}", lambda found: self.user if found[1] == "user" else self._tool, text)

    def end(self) -> TurnEnd:
        """The end of the turn."""
        text, refusal = "".join(self._said["text"]), "".join(self._said["refusal"])
        message: Message = {"role": "assistant", "content": text or (None if self._calls or refusal else "")}
        if refusal:
            message["refusal"] = refusal
        if self._calls:
            message["tool_calls"] = self._calls
        finish: FinishReason = (
            "length" if self.is_cut else self._finish or ("tool_calls" if self._calls else "stop")
        )
        return TurnEnd(finish, self._usage or Usage(self._prompt_tokens, self._tokens), message, NAME)


class ScriptedSource:
    """A source with the scripted model alone; it answers for every name.

    Args:
        model: the model.
        where: the script's file, for `describe`.
    """

    def __init__(self, model: ScriptedModel, where: str = "") -> None:
        self._model = model
        self._where = where

    async def get(self, name: str | None) -> ScriptedModel:
        """The scripted model, whatever the name."""
        return self._model

    async def list(self) -> Sequence[ModelInfo]:
        """One line: `scripted`."""
        return [ModelInfo(NAME)]

    async def forward(self, request: RawRequest) -> RawAnswer:
        """Refuses: a script has nothing but the turns of runs."""
        from asstream.runtime.models.forwarding import refusal

        return refusal(404, _RUNS_ALONE.format(path=request.path), "unsupported")

    async def close(self) -> None:
        """Nothing to let go of."""

    def warm(self) -> None:
        """Nothing to start."""

    def describe(self) -> dict[str, str]:
        """`model`, `endpoint` (the script's file) and `kind`."""
        return {"model": NAME, "endpoint": self._where, "kind": NAME}


def text_of(message: Message) -> str:
    """The text of a message, whether its content is a string or parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else json.dumps(content, ensure_ascii=False)
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _turn_of(reply: Reply, number: int) -> tuple[Step, ...]:
    return reply.turns[min(number, len(reply.turns) - 1)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text)

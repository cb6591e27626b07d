"""What the run engine asks of a model, and what a model answers: the whole contract between the two.

A `Model` streams one turn. It is given Chat Completions messages and yields `ModelEvent`s in the order in
which they happened; the last one is always a `TurnEnd`. A turn that can't be finished raises
`ModelError`. A `ModelSource` finds the model for a name, lists the names for `GET /models`, and passes
requests that are none of ours on to where its models are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Message = dict[str, Any]
"""A Chat Completions message: `role`, `content`, and whatever else the provider put in (`tool_calls`, …)."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One turn asked of a model. `None` means: not named by the request; the model decides.

    Attributes:
        messages: the conversation, oldest first, in Chat Completions form.
        tools: function tools in Chat Completions form; empty when none are offered.
        tool_choice: `auto`, `none`, `required` or `{"type": "function", "function": {"name": …}}`.
        max_tokens: the most tokens the reply may have.
        response_format: `{"type": "json_object"}` or `{"type": "json_schema", "json_schema": {…}}`; None for
        text.
    """

    messages: Sequence[Message]
    tools: Sequence[dict[str, Any]] = ()
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the reply's text."""

    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """A piece of a refusal, in place of text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call: the first of an index has `id` and `name`; `arguments` is a piece of JSON."""

    index: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one turn, as the model reports them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The end of a turn.

    Attributes:
        finish_reason: why the model stopped; a missing reason is `stop`.
        usage: None where the endpoint reports none.
        message: the assistant's message exactly as the provider sent it, put together from its pieces,
        unknown
            fields included (`reasoning_content`, a tool call's `extra_content`, …), fit to be sent back in
            the next turn.
        model: the model's name as the provider reports it.
        note: what a person must be told of the turn, in words that are not the model's; empty for nothing.
    """

    finish_reason: FinishReason
    usage: Usage | None
    message: Message
    model: str | None = None
    note: str = ""


ModelEvent = TextDelta | RefusalDelta | ToolCallDelta | TurnEnd

ModelErrorCode = Literal["server_error", "rate_limit_exceeded", "invalid_prompt"]


class ModelError(Exception):
    """A turn that can't be finished.

    Attributes:
        code: what a run's `last_error.code` says.
        message: what happened and what to do, fit for a person; never holds a key.
        what, remedy: the two parts of the message; no remedy where none was named.
        kind: `context_length` when the messages don't fit the model's window (the engine then leaves out
        older turns and
            asks again), `connection` when the endpoint can't be reached, else `other`.
    """

    def __init__(
        self,
        what: str,
        *,
        remedy: str = "",
        code: ModelErrorCode = "server_error",
        kind: Literal["other", "context_length", "connection"] = "other",
    ) -> None:
        self.message = f"{what} {remedy}".rstrip()
        super().__init__(self.message)
        self.what = what
        self.remedy = remedy
        self.code = code
        self.kind = kind


class Model(Protocol):
    """One model, ready to be asked.

    Attributes:
        name: the name that the endpoint knows it by.
        context_window: tokens that prompt and reply may have together; None when unknown.
        counts_exactly: whether `count_tokens` is the model's own count or an estimate that is never too low
        on purpose.
    """

    name: str
    context_window: int | None
    counts_exactly: bool

    @property
    def calls_functions(self) -> bool:
        """Whether it can be offered functions.

        That it can't may turn out when it is asked: `stream` raises ModelError, and from then on this is
        False.
        """
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one turn. Closing the iterator ends the model's work. Raises ModelError."""
        ...

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
        """How many prompt tokens these messages and tools take."""
        ...


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A line of `GET /models`. `created` is in Unix seconds."""

    id: str
    created: int = 0
    owned_by: str = "asstream"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request to pass on as it is.

    Attributes:
        path: below the endpoint's base URL, e.g. `/embeddings`; of a client's text it has ids at most.
        headers: those that may go on; never a key.
        model: the model of a body that names none; None: it stays so.
        query: names and values behind the path, in order.
    """

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    method: str = "POST"
    query: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An endpoint's answer, whatever its status. `close` ends the request; it must be called."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class ModelSource(Protocol):
    """Where the runtime's models come from."""

    async def get(self, name: str | None) -> Model:
        """The model for a name that an assistant or run gave (None: none was given).

        A name that the endpoint does not list is answered by the default model: any name is accepted on the
        wire.
        Raises ModelError when there is no model at all or it can't be reached or started.
        """
        ...

    async def list(self) -> Sequence[ModelInfo]:
        """The models that can be named. Raises ModelError when the endpoint can't be reached."""
        ...

    async def forward(self, request: RawRequest) -> RawAnswer:
        """Pass a request on with the source's own key. Raises ModelError where there is nobody to answer.

        A source that answers by itself refuses what it does not know with an answer of its own.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and end child processes."""
        ...

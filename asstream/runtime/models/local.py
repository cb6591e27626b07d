"""The model on this machine, as a Model: Chat Completions to a child process that serves its file.

What a small model lacks is made up for here: functions are not offered to a model whose template has no
words for them, pictures that were answered before become a note in the text (see `vision`), and a request
that names no temperature is decoded at 0.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai

from asstream.runtime.models import vision
from asstream.runtime.models.catalog import Installed, folder
from asstream.runtime.models.completions import CompletionsModel, make_client
from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.forwarding import forward, read, refusal, with_fields
from asstream.runtime.models.process import ServerProcess
from asstream.runtime.models.protocol import (
    Message,
    ModelError,
    ModelEvent,
    ModelRequest,
    RawAnswer,
    RawRequest,
)
from asstream.runtime.models.tokens import estimate_prompt

logger = logging.getLogger("asstream.models")

DEFAULTS = {"temperature": 0, "dry_multiplier": 0.8, "dry_allowed_length": 4, "max_tokens": 1024}
"""How this model decodes where a request names nothing else.

A small model that always takes the likeliest token falls into loops: of ten everyday prompts three went on
without end ("la femme de la femme de la …"). llama.cpp's DRY sampler ended two of them and left code and
lists as they were from four repeated tokens on; two and eight were worse. What still rambles ends at
`max_tokens`.
"""

_COUNT_SECONDS = 30.0
_NOTICE_DEATH = 0.1


class LocalModel:
    """An installed model file, served by a child process that starts when it is first needed.

    Args:
        home: ASSTREAM_HOME; the child's log is kept under `models/` there.
        installed: the file.
    """

    counts_exactly = True

    def __init__(self, home: Path, installed: Installed) -> None:
        self.name = installed.name
        self.context_window: int | None = None
        self._process = ServerProcess(installed, folder(home))
        self._lock = asyncio.Lock()
        self._endpoint: ModelEndpoint | None = None
        self._client: openai.AsyncOpenAI | None = None
        self._model: CompletionsModel | None = None
        self._takes_tools = False
        self._takes_images = False
        self._said_no_tools = False

    @property
    def calls_functions(self) -> bool:
        """Whether its template has words for functions; known once it is open."""
        return self._takes_tools

    @property
    def pid(self) -> int | None:
        """The child's process id, while it runs."""
        return self._process.pid

    def warm(self) -> None:
        """Start the child in the background, so that the first request finds it ready. From any thread."""
        self._process.start()

    async def open(self) -> None:
        """Wait until the child answers. Raises ModelError."""
        await self._opened()

    async def close(self) -> None:
        """End the child."""
        if self._client is not None:
            await self._client.close()
        self._endpoint = self._client = self._model = None
        await asyncio.to_thread(self._process.close)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream one turn; see `Model`. A child that died is started again first."""
        for last in (False, True):
            model = await self._opened()
            started = False
            try:
                if not self._takes_images and vision.wait_for_answer(request.messages):
                    raise vision.blind(f"{self.name}, the model on this machine,")
                async with aclosing(model.stream(self._fitted(request))) as events:
                    async for event in events:
                        started = True
                        yield event
                return
            except ModelError as error:
                # It may have died a moment ago: the next look finds it gone, and starts another.
                if last or started or error.kind != "connection":
                    raise
                await asyncio.sleep(_NOTICE_DEATH)

    async def forward(self, request: RawRequest) -> RawAnswer:
        """Answer a chat completion: the child's own answer, decoded as ours are where nothing is named.

        One that was not heard is asked again: the child ends connections that were idle, and may have died.
        """
        try:
            return await self._forward(request)
        except ModelError as error:
            if error.kind != "connection":
                raise
        await asyncio.sleep(_NOTICE_DEATH)
        return await self._forward(request)

    async def _forward(self, request: RawRequest) -> RawAnswer:
        await self._opened()
        assert self._client is not None and self._endpoint is not None
        if (body := read(request)) is not None:
            if not self._takes_images and vision.has_images(_messages(body)):
                return refusal(400, vision.blind(self.name).message, "unsupported")
            named = {key for key, value in body.items() if value is not None}
            if "max_completion_tokens" in named:
                named.add("max_tokens")
            added = {key: value for key, value in DEFAULTS.items() if key not in named}
            request = with_fields(request, {**body, **added, "model": self.name})
        return await forward(self._client, self._endpoint, request)

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
        """The prompt tokens by the model's own template and vocabulary."""
        await self._opened()
        assert self._client is not None
        request = self._fitted(ModelRequest(messages, tools))
        body = {
            "messages": list(request.messages),
            **({"tools": list(request.tools)} if request.tools else {}),
        }
        options: Any = {"timeout": _COUNT_SECONDS}
        try:
            # A kept connection may have been closed by the child a moment ago; counting again does no harm.
            answer: Any = await self._client.with_options(max_retries=2).post(
                "/chat/completions/input_tokens", cast_to=object, body=body, options=options
            )
            return int(answer["input_tokens"])
        except (openai.OpenAIError, KeyError, TypeError, ValueError):
            # A template that refuses these messages: the turn itself will say so.
            return estimate_prompt(messages, tools)

    async def _opened(self) -> CompletionsModel:
        async with self._lock:
            endpoint = await asyncio.to_thread(self._process.ready)
            if self._model is None or endpoint is not self._endpoint:
                if self._client is not None:
                    await self._client.close()
                self._client = make_client(endpoint)
                self._endpoint = endpoint
                self.context_window = self._process.plan.window if self._process.plan else None
                self._model = CompletionsModel(
                    endpoint,
                    self.name,
                    context_window=self.context_window,
                    client=self._client,
                    defaults=DEFAULTS,
                    tries=1,
                )
                await self._learn(endpoint)
            return self._model

    async def _learn(self, endpoint: ModelEndpoint) -> None:
        """Ask the child what its model can do."""
        assert self._client is not None
        root = endpoint.base_url.removesuffix("/v1")
        try:
            properties: Any = await self._client.with_options(max_retries=2).get(
                f"{root}/props", cast_to=object
            )
        except openai.OpenAIError as error:
            raise ModelError("The model on this machine started, but does not answer. Ask again.") from error
        self._takes_tools = bool(properties.get("chat_template_caps", {}).get("supports_tools"))
        self._takes_images = bool(properties.get("modalities", {}).get("vision"))

    def _fitted(self, request: ModelRequest) -> ModelRequest:
        """The request without what this model has no words for."""
        if request.tools and not self._takes_tools:
            if not self._said_no_tools:
                self._said_no_tools = True
                logger.warning("%s can't call functions: none are offered to it", self.name)
            request = replace(request, tools=(), tool_choice=None, parallel_tool_calls=None)
        if not self._takes_tools:
            request = replace(request, messages=[_without_calls(message) for message in request.messages])
        if not self._takes_images:
            request = replace(request, messages=vision.without_images(request.messages))
        return request


def _messages(body: dict[str, Any]) -> list[Message]:
    given = body.get("messages")
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _without_calls(message: Message) -> Message:
    """A message with its tool calls said in words, since the template would leave them out."""
    calls = message.get("tool_calls")
    if message.get("role") == "tool":
        return {"role": "user", "content": f"Result: {message.get('content') or ''}"}
    if not calls:
        return message
    functions = (call.get("function") or {} for call in calls)
    said = [f"{function.get('name')}({function.get('arguments') or ''})" for function in functions]
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    return {"role": "assistant", "content": "\n".join([*([text] if text else []), *said])}

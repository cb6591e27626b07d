"""A model behind any Chat Completions endpoint, through `openai.AsyncOpenAI`.

Knows HTTP; reads no environment variable, and puts no key into any text.

Requests are sent with the SDK's generic `post`, and answers read as plain JSON: the SDK's own types would
drop fields that providers want back, and building them costs a process's first run 0.15 s and more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import openai

from asstream import __version__
from asstream.runtime.models import vision
from asstream.runtime.models.assembly import STOPPED, TurnAssembly
from asstream.runtime.models.endpoint import ModelEndpoint, printable
from asstream.runtime.models.failures import Failure, failure, itself, without_key
from asstream.runtime.models.listing import no_api
from asstream.runtime.models.protocol import Message, ModelError, ModelEvent, ModelRequest
from asstream.runtime.models.quirks import RequestShape
from asstream.runtime.models.sse import LineTooLongError, events
from asstream.runtime.models.tokens import estimate_prompt

logger = logging.getLogger("asstream.models")

TRIES = 5
"""How often a request is sent that fails before its first event."""
LONGEST_WAIT = 60.0
"""Seconds that the waits between tries may take together."""
_FIRST_WAIT = {429: 1.0}
_DEFAULT_FIRST_WAIT = 0.25
_DRAIN = 0.05
"""Seconds given to the rest of a body after `[DONE]`, so that the connection can be used again."""
_NO_KEY = "none"
_READ_SECONDS = 600.0
"""How long a model may say nothing: some think for minutes, and no run lasts longer."""
_SILENT = f"The model fell silent in mid-reply: nothing came for {_READ_SECONDS:.0f} s. Ask again."


def make_client(endpoint: ModelEndpoint) -> openai.AsyncOpenAI:
    """A client for an endpoint. A model on this machine is never asked for through a proxy."""
    client = openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key or _NO_KEY,
        max_retries=0,
        # An asstream that this comes back to, by whatever way, refuses it.
        default_headers={"x-asstream": __version__},
        timeout=openai.Timeout(_READ_SECONDS, connect=10),
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if endpoint.is_loopback else None,
    )
    # The SDK took them from OPENAI_ORG_ID and OPENAI_PROJECT_ID, which belong to another key.
    client.organization = client.project = None
    return client


class CompletionsModel:
    """One model of a Chat Completions endpoint.

    Args:
        endpoint: where it is.
        name: the name that the endpoint knows it by.
        context_window: tokens of prompt and reply together, if known.
        client: a client to share between the models of an endpoint; whoever made it closes it.
        defaults: parameters for requests that name none, e.g. `{"temperature": 0}`.
        tries: how often a request is sent that fails before its first event.
    """

    counts_exactly = False

    @property
    def calls_functions(self) -> bool:
        """False once the endpoint has refused functions for this model."""
        return not self._shape.refuses_tools

    def __init__(
        self,
        endpoint: ModelEndpoint,
        name: str,
        *,
        context_window: int | None = None,
        client: openai.AsyncOpenAI | None = None,
        defaults: Mapping[str, Any] | None = None,
        tries: int = TRIES,
    ) -> None:
        self.name = name
        self.context_window = context_window
        self._endpoint = endpoint
        self._tries = tries
        self._client = client or make_client(endpoint)
        self._owns_client = client is None
        limit_name = "max_completion_tokens" if endpoint.is_openai_family else "max_tokens"
        self._shape = RequestShape(name, limit_name, defaults or {})

    async def close(self) -> None:
        """Let go of the connections, if they are this model's own."""
        if self._owns_client:
            await self._client.close()

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
        """An estimate on the high side (see `tokens`): Chat Completions has no way to ask."""
        return estimate_prompt(messages, tools)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Stream one turn; see `Model`. Asked again after a failure only while nothing was yielded."""
        waits = Waits(self._tries)
        while True:
            started = False
            try:
                response = await self._post(request)
                try:
                    async for event in self._read(response):
                        started = True
                        yield event
                finally:
                    await response.close()
                return
            except _RetryableError as error:
                if started or not await waits.again(error.failure):
                    raise error.failure.error from error.__cause__

    async def _post(self, request: ModelRequest) -> openai.AsyncStream[object]:
        """Send a request, as often as the endpoint names a parameter that can be left out."""
        while True:
            body = self._shape.body(request)
            try:
                return await self._client.post(
                    "/chat/completions",
                    cast_to=object,
                    body=body,
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                )
            except Exception as error:
                # Not only openai.OpenAIError: a malformed address or header raises the HTTP library's own.
                told = failure(error, self._endpoint, self.name)
                if done := self._shape.adapt(told.status, told.body, body):
                    logger.warning("%s at %s: %s", printable(self.name, 80), self._endpoint.host, done)
                    continue
                if request.tools and not self.calls_functions:
                    raise told.error from error  # asking again would bring the same answer
                if vision.wait_for_answer(request.messages) and vision.is_refusal(told.body.message):
                    said = printable(told.body.message).rstrip(".")
                    raise vision.blind(
                        f"{printable(self.name, 80)} at {self._endpoint.host}", said
                    ) from error
                raise _RetryableError(told) from error

    def _blind(self, said: str) -> ModelError:
        words = printable(without_key(said, self._endpoint)).rstrip(".")
        return vision.blind(f"{printable(self.name, 80)} at {self._endpoint.host}", words)

    async def _read(self, response: openai.AsyncStream[object]) -> AsyncIterator[ModelEvent]:
        headers = response.response.headers
        if headers.get("x-asstream"):
            raise itself(self._endpoint)
        kind = headers.get("content-type", "")
        if "html" in kind:  # a page for people: asking again would bring it again
            raise no_api(self._endpoint, kind)
        assembly = TurnAssembly()
        whole = False
        # The SDK's iterator hides whether [DONE] came, and raises where a chunk is odd: the bytes are read
        # here.
        body = response.response.aiter_bytes()
        try:
            if "json" in kind:
                for event in assembly.feed(_whole_answer(b"".join([piece async for piece in body]))):
                    yield event
                whole = True
            else:
                async for name, data in events(body):
                    if data.startswith("[DONE]"):
                        whole = True
                        break
                    for event in assembly.feed(_chunk(name, data)):
                        yield event
                if whole:
                    await _drain(body)
        except (ModelError, GeneratorExit):
            raise
        except LineTooLongError as error:
            raise ModelError(f"{self._endpoint.host} sends no Chat Completions stream: {error}.") from error
        except Exception as error:
            # Whatever the HTTP library calls it: its errors are no part of the SDK's interface.
            if not assembly.finished:
                what = printable(str(error) or type(error).__name__, 120)
                silent = any(kind.__name__ == "ReadTimeout" for kind in type(error).__mro__)
                told = ModelError(_SILENT if silent else f"{STOPPED} ({what})")
                reason = f"{self._endpoint.host} {'fell silent' if silent else 'closed the connection'}"
                raise _RetryableError(Failure(told, reason=reason)) from error
        if not whole and not assembly.finished:
            raise _RetryableError(
                Failure(ModelError(STOPPED), reason=f"{self._endpoint.host} closed the connection")
            )
        for event in assembly.closing():
            yield event
        yield assembly.end()


class _RetryableError(Exception):
    """A failure that may be worth another try, if nothing was yielded yet."""

    def __init__(self, told: Failure) -> None:
        super().__init__(told.error.message)
        self.failure = told


class Waits:
    """The waits between the tries of one request: exponential with jitter, bounded in number and in sum."""

    def __init__(self, tries: int) -> None:
        self._tries = tries
        self._try = 1
        self._waited = 0.0

    async def again(self, told: Failure) -> bool:
        """Wait before the next try, and say so. False: there is to be none."""
        if not told.reason or self._try >= self._tries:
            return False
        # Jitter spreads clients that were refused together; it is no secret.
        jitter = random.uniform(0.8, 1.2)  # noqa: S311
        seconds = _FIRST_WAIT.get(told.status, _DEFAULT_FIRST_WAIT) * 2 ** (self._try - 1) * jitter
        if told.retry_after is not None:
            seconds = max(told.retry_after, 0.05)
        if self._waited + seconds > LONGEST_WAIT:
            return False
        self._try += 1
        self._waited += seconds
        logger.warning("%s; trying again in %.3g s (%d of %d)", told.reason, seconds, self._try, self._tries)
        await asyncio.sleep(seconds)
        return True


def _chunk(name: str, data: str) -> Any:
    """One event's JSON. What is none is skipped: proxies put words of their own into streams."""
    try:
        chunk = json.loads(data)
    except ValueError:
        return {"error": data} if name == "error" else None
    if name == "error" and isinstance(chunk, dict) and "error" not in chunk:
        return {"error": chunk}
    return chunk


def _whole_answer(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise ModelError(
            f"The endpoint's answer is no JSON: {printable(body[:80].decode('utf-8', 'replace'))}"
        ) from error


async def _drain(body: AsyncIterator[bytes]) -> None:
    with suppress(Exception):
        async with asyncio.timeout(_DRAIN):
            async for _ in body:
                pass

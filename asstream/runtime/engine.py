"""The run engine: an async generator that asks the model turn by turn and yields the run's events.

It reads the conversation, and changes nothing: whoever consumes the events saves them (runner.py). A run that
must stop is closed by `Execution.stop`, after the generator was closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Final, NamedTuple

from asstream.runtime import objects, records
from asstream.runtime.context import Conversation, left_out, prompt_limit
from asstream.runtime.fenced import FencedModel
from asstream.runtime.hosted import Hosted
from asstream.runtime.models.protocol import (
    Model,
    ModelError,
    ModelRequest,
    ModelSource,
    ToolCallDelta,
    TurnEnd,
)
from asstream.runtime.objects import Object
from asstream.runtime.offering import Offer, offer
from asstream.runtime.one_call import OneCall
from asstream.runtime.turn import Turn
from asstream.runtime.turn_ends import astray, usage_of
from asstream.runtime.wire_events import Ending, Event

logger = logging.getLogger("asstream.runtime")

DEFAULT_MODEL: Final = "default"
"""The name that stands for whatever model there is; a run says which one that was. Other names are echoed."""

_COUNT_SECONDS: Final = 1.0

MOST_TURNS: Final = 64
"""The most turns of one run."""

MOST_ASTRAY: Final = 3
"""The most turns in a row in which a model calls nothing but functions that do not exist."""


class Turned(NamedTuple):
    """A finished turn, to be kept privately (see `context.recorded_turns`), and its step of function calls.

    That step stays in progress and no event tells of it, but from now on its calls are whole. With `goes_on`
    the next turn reads the record: it must be in the store by then.
    """

    record: Object
    calls_step: Object | None
    goes_on: bool


class Execution:
    """One stretch of a run, from `queued` to its end or to `requires_action`.

    Args:
        run: the run's object; it is changed as the run goes on.
        source: where the model comes from.
        read: reads the conversation for a model's name.
        usage: what earlier stretches of this run used.
        hosted: what runs the model's code and searches; without it the run has no such tools.
    """

    def __init__(
        self,
        run: Object,
        source: ModelSource,
        read: Callable[[str], Conversation],
        usage: Object | None = None,
        hosted: Hosted | None = None,
    ) -> None:
        self.run = run
        self._source = source
        self._read = read
        self._used = usage
        self._hosted = hosted or Hosted()
        self._turn: Turn | None = None
        self._offer = Offer([], frozenset(), None)
        self._talk: Conversation | None = None
        self._gone = 0
        self._running = self._recorded = False
        self._asked: ModelRequest | None = None
        self._heard: list[str] = []

    async def events(self) -> AsyncGenerator[Event | Turned, None]:
        """The events from `thread.run.in_progress` on. Raises ModelError when the model can't go on."""
        self.run.update(status="in_progress", started_at=objects.now(), required_action=None)
        yield Event("thread.run.in_progress", self.run)
        named = self.run["model"] if self.run["model"] != DEFAULT_MODEL else None
        model = await self._source.get(named)
        if named is None:
            self.run["model"] = model.name
        strayed = 0
        self._model = model
        async for told in self._search_first():
            yield told
        for number in range(MOST_TURNS):
            request = await self._request(first=number == 0 and self._used is None)
            if isinstance(request, str):
                yield self._incomplete(request)
                return
            turn = self._turn = self._new_turn()
            self._asked, self._heard, self._recorded = request, [], False
            end: TurnEnd | None = None
            async with contextlib.aclosing(self._streamed(request)) as stream:
                async for event in stream:
                    if isinstance(event, TurnEnd):
                        end = event
                    elif isinstance(event, Event | Turned):
                        yield event
                    else:
                        self._heard.append(
                            event.arguments if isinstance(event, ToolCallDelta) else event.text
                        )
                        for told in turn.feed(event):
                            yield told
                        self._hosted.warm(turn)
            if end is None:
                raise ModelError("The model's stream ended without an end.")
            usage = await usage_of(self._model, request, end)
            for told in turn.end(end, usage):
                yield told
            self._used, self._asked = objects.add_usage(self._used, usage), None
            record = records.of_turn(model.name, turn, end, usage, self._offer)
            step, self._recorded = turn.calls_step, True
            if turn.asks_us:
                yield Turned(record, step, goes_on=False)
                self._running, window = True, self._model.context_window
                async with contextlib.aclosing(self._hosted.run(turn, usage, window)) as events:
                    async for told in events:
                        yield told
                record, step, self._running = self._hosted.record(turn, self._model), None, False
            outcome = self._outcome(end)
            yield Turned(record, step, outcome is None)
            if outcome is not None:
                yield outcome
                return
            # Nothing but calls of functions that nobody offered: a few times that may mend itself.
            strayed = strayed + 1 if self._turn.unknown and not self._turn.calls else 0
            if strayed == MOST_ASTRAY:
                raise ModelError(astray(end, strayed))
        raise ModelError(f"The model took {MOST_TURNS} turns without an end.")

    async def count_cut_turn(self) -> None:
        """Add what a turn has used that is cut off: no endpoint tells that, so it is counted here.

        Bounded in time. A turn of which nothing was heard counts as nothing.
        """
        request, self._asked = self._asked, None
        if request is None or not any(self._heard):
            return
        said = [{"role": "assistant", "content": "".join(self._heard)}]
        with contextlib.suppress(ModelError, TimeoutError):
            async with asyncio.timeout(_COUNT_SECONDS):
                prompt = await self._model.count_tokens(request.messages, request.tools)
                usage = objects.usage(prompt, await self._model.count_tokens(said))
                self._used = objects.add_usage(self._used, usage)

    async def collect(self) -> list[Event]:
        """Keep what code had made that was interrupted; what is to be told of it. Bounded in time."""
        return await self._hosted.collect() if self._running else []

    def stop(self, ending: Ending, error: Object | None = None) -> Iterator[Event | Turned]:
        """Close what is open, and the run itself. `error`: a run's `last_error`."""
        if self._turn is not None:
            made = self._hosted.made()
            files = [*made.files] if made is not None else []
            if self._running:
                record = self._hosted.record(self._turn, self._model)
                files += record.get("files", [])
                yield Turned(record, None, goes_on=False)
            elif not self._recorded:
                cut = records.of_cut_turn(self._model.name, self._turn, self._offer)
                if cut is not None:
                    yield Turned(cut, None, goes_on=False)
            # No message will have them: the API has no place for that, so it is said in a field of our own.
            if unsaid := [id for id in dict.fromkeys(files) if id not in self._turn.attached]:
                self.run["made_files"] = unsaid
            yield from self._turn.stop(ending, error)
        yield from self._hosted.stop(ending, error)
        self.run.update({"usage": self._used, "last_error": error, "required_action": None})
        yield self._end(ending)

    def _new_turn(self) -> Turn:
        offered, hosted = self._offer, self._hosted
        patterns, made = hosted.patterns(), hosted.made()
        return Turn(self.run, offered.names, offered.code, patterns, made, offered.search)

    async def _search_first(self) -> AsyncGenerator[Event | Turned, None]:
        """Put passages before the question of a model that can't ask for them; once a run."""
        searches, model = self._hosted.searches, self._model
        if searches is None or model.calls_functions or searches.searched_before:
            return
        async for told in searches.before(self._read(model.name), model.context_window):
            yield told if isinstance(told, Event) else Turned({**told, "model": model.name}, None, False)

    def _outcome(self, end: TurnEnd) -> Event | None:
        """How a turn ends the run; None when it goes on."""
        assert self._turn is not None
        if end.finish_reason == "length":
            return self._incomplete("max_completion_tokens")
        if end.finish_reason == "content_filter":
            message = "The provider's content filter stopped the reply."
            self.run.update(usage=self._used, last_error={"code": "server_error", "message": message})
            return self._end("failed")
        if self._turn.calls:
            return self._requires_action(self._turn.calls)
        if self._turn.unknown or self._turn.code.calls or self._turn.search.calls:
            return None
        allowed = self.run["max_prompt_tokens"]
        if allowed is not None and self._used is not None and self._used["prompt_tokens"] > allowed:
            return self._incomplete("max_prompt_tokens")
        self.run.update(usage=self._used)
        return self._end("completed")

    def _requires_action(self, calls: list[Object]) -> Event:
        wanted = [
            {
                "id": call["id"],
                "type": "function",
                "function": {key: call["function"][key] for key in ("name", "arguments")},
            }
            for call in calls
        ]
        action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": wanted}}
        self.run.update(status="requires_action", required_action=action)
        return Event("thread.run.requires_action", self.run)

    def _incomplete(self, reason: str) -> Event:
        self.run.update(usage=self._used, incomplete_details={"reason": reason})
        return self._end("incomplete")

    def _end(self, status: str) -> Event:
        self.run.update(objects.end_fields(status))
        return Event(f"thread.run.{status}", self.run)

    async def _request(self, *, first: bool) -> ModelRequest | str:
        """The next turn's request, or the limit of the run that leaves no room for one."""
        run, searches = self.run, self._hosted.searches
        wordless = isinstance(self._model, FencedModel) or not self._model.calls_functions
        self._offer = offer(run, self._hosted.files(), searches=searches is not None and not wordless)
        if self._offer.code is not None and not self._model.calls_functions:
            self._write_in_fences(self._offer.code)
        model, tools = self._model, self._offer.tools
        spent = self._used or objects.usage(0, 0)
        reply = run["max_completion_tokens"]
        if reply is not None and spent["completion_tokens"] >= reply:
            return "max_completion_tokens"
        talk = self._read(model.name)
        talk = talk if searches is None else searches.with_passages(talk)
        gone = await self._left_out(talk, model, tools, spent["prompt_tokens"])
        if gone is None:
            return "max_prompt_tokens"
        self._talk, self._gone = talk, gone
        return ModelRequest(
            messages=talk.messages(gone),
            tools=tools,
            tool_choice=self._offer.tool_choice(run["tool_choice"]) if first else None,
            parallel_tool_calls=run["parallel_tool_calls"] if tools else None,
            # Only what somebody named: the 1.0 that the wire shows is not a wish.
            **run.get("_sampling", {}),
            max_tokens=None if reply is None else reply - spent["completion_tokens"],
            response_format=_response_format(run["response_format"]),
            reasoning_effort=run["reasoning_effort"],
        )

    def _write_in_fences(self, function: str) -> None:
        """Go on with a model that has no words for functions."""
        if self._offer.names:
            logger.warning("%s can't call functions: only code is offered to it", self._model.name)
        self._model = FencedModel(self._model, function)

    async def _left_out(
        self, talk: Conversation, model: Model, tools: list[Object], spent: int
    ) -> int | None:
        """How many of the oldest exchanges stay out; None when the run allows no prompt so short."""
        allowed = self.run["max_prompt_tokens"]
        gone = 0
        window = prompt_limit(self.run, model)
        if window is not None:
            fitting = await left_out(talk, model, tools, window)
            # What does not fit by our count may still fit by the model's own.
            gone = talk.most_left_out if fitting is None else fitting
        if allowed is not None:
            within = await left_out(talk, model, tools, allowed - spent)
            if within is None and not model.counts_exactly and spent < allowed:
                # An estimate is high on purpose: the shortest prompt is tried, and the endpoint's own count
                # decides (see `_outcome`).
                within = talk.most_left_out
            return None if within is None else max(gone, within)
        return gone

    async def _streamed(self, request: ModelRequest) -> AsyncGenerator[Any, None]:
        """The model's events.

        A prompt that it finds too long is asked again with fewer old exchanges; a model that turns out to
        know no functions, without them.
        """
        assert self._turn is not None and self._talk is not None
        one = OneCall() if request.parallel_tool_calls is False else None
        while True:
            stream = self._model.stream(request)
            try:
                async for event in stream:
                    kept = event if one is None else one.let_through(event)
                    if kept is not None:
                        yield kept
                return
            except ModelError as error:
                if not self._turn.empty:
                    raise
                rest = self._talk.most_left_out - self._gone
                if error.kind == "context_length" and rest > 0:
                    self._gone += (rest + 1) // 2
                    request = dataclasses.replace(request, messages=self._talk.messages(self._gone))
                elif self._model.calls_functions or not (self._offer.code or self._offer.search):
                    raise
                else:
                    async for told in self._search_first():
                        yield told
                    again = await self._request(first=False)
                    if isinstance(again, str):
                        raise
                    request = again
            finally:
                # At once, also when the run was stopped: the model should not go on for nobody.
                if isinstance(stream, AsyncGenerator):
                    await stream.aclose()


def _response_format(wanted: Any) -> Object | None:
    return wanted if isinstance(wanted, dict) and wanted.get("type") != "text" else None

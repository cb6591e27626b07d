"""What a model is shown of a thread: instructions, the conversation in exchanges, and how much of it fits.

An exchange is what must stay together: a message of the user, or all that one run said and called. The oldest
exchanges go first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from asstream.runtime import objects, rows
from asstream.runtime.images import data_url
from asstream.runtime.models.protocol import Message, Model
from asstream.runtime.objects import Object
from asstream.runtime.store import Store, Writer
from asstream.runtime.wire_events import text_part

LOOKED_AT: Final = 1000
"""The newest messages of a thread that are looked at for one run: far more than any window takes."""

_REPLY_ROOM: Final = 1024
"""Tokens kept free for a reply whose length the request leaves open; a quarter of a small window."""

_OVERHEAD: Final = 16
"""Tokens that a chat template may put around one message; an upper bound of what was seen."""

_IMAGE_SIZE: Final = 4000
"""Characters of text that are about as many tokens as an image."""

_STANDARD: Final = ("role", "content", "tool_calls", "tool_call_id", "name", "refusal")

Exchange = list[Message]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread for one run: its exchanges, oldest first, and what the run itself said and was given.

    The `tail` always stays whole.
    """

    instructions: str | None
    exchanges: list[Exchange]
    tail: Exchange

    def messages(self, left_out: int = 0) -> list[Message]:
        """The messages for the model, without the `left_out` oldest exchanges."""
        system: Exchange = [{"role": "system", "content": self.instructions}] if self.instructions else []
        kept = [message for exchange in self.exchanges[left_out:] for message in exchange]
        return [*system, *kept, *self.tail]

    @property
    def most_left_out(self) -> int:
        """How many exchanges may go: all but the newest."""
        return max(0, len(self.exchanges) - 1)


def conversation(store: Store, files: Path, run: Object, model: str) -> Conversation:
    """Read what `run` is about. `model` is the name of the model that will see it."""
    strategy = run["truncation_strategy"]
    limit = LOOKED_AT
    if strategy["type"] == "last_messages" and strategy["last_messages"]:
        limit = min(strategy["last_messages"], objects.MOST_MESSAGES)
    found = store.read(
        "SELECT seq, body FROM messages WHERE thread_id = ? AND run_id IS NOT ? ORDER BY seq DESC LIMIT ?",
        (run["thread_id"], run["id"], limit),
    )
    messages = [(place, rows.load(body)) for place, body in reversed(found)]
    turns = {id: recorded_turns(store, id) for id in {m["run_id"] for _, m in messages if m["run_id"]}}
    placed = [*_exchanges(messages, turns, files, model), *_silent(store, run, messages, model)]
    return Conversation(
        instructions=run["instructions"],
        exchanges=[exchange for _, exchange in sorted(placed, key=lambda each: each[0])],
        tail=_answered(_said(recorded_turns(store, run["id"]), model)),
    )


def newest_place(source: Store | Writer, thread_id: str) -> int:
    """Where the newest message of a thread stands, kept by a run as `_after`; 0 where there is none."""
    found = rows.select(source, "SELECT max(seq) FROM messages WHERE thread_id = ?", (thread_id,))
    return next((place or 0 for (place,) in found), 0)


def _silent(
    store: Store, run: Object, messages: Sequence[tuple[int, Object]], model: str
) -> Iterable[tuple[int, Exchange]]:
    """What runs called that were stopped before they wrote a message, each at its place in the thread."""
    found = store.read(
        "SELECT body FROM runs WHERE thread_id = ? AND id != ? "
        "AND EXISTS (SELECT 1 FROM turns WHERE run_id = runs.id) "
        "AND NOT EXISTS (SELECT 1 FROM messages WHERE run_id = runs.id) ORDER BY seq DESC LIMIT ?",
        (run["thread_id"], run["id"], LOOKED_AT),
    )
    oldest = messages[0][0] if messages else 0
    for before in reversed([rows.load(body) for (body,) in found]):
        turns = recorded_turns(store, before["id"])
        if before.get("_after", -1) < oldest or any(turn["message_ids"] for turn in turns):
            continue  # too old, or its messages were deleted
        if exchange := _answered(_said(turns, model)):
            yield before["_after"], exchange


def recorded_turns(source: Store | Writer, run_id: str) -> list[Object]:
    """The turns of a run, oldest first: `{"model", "messages", "message_ids", "step_id", "usage"}`.

    `step_id` is the step of function calls; `code_step_id` and `search_step_id` (where there are the keys)
    are those of code and of searches.
    """
    found = rows.select(source, "SELECT body FROM turns WHERE run_id = ? ORDER BY seq", (run_id,))
    return [rows.load(body) for (body,) in found]


def tokens_used(source: Store | Writer, run_id: str) -> Object | None:
    """The usage of all turns of a run so far; None when there was none."""
    used: Object | None = None
    for turn in recorded_turns(source, run_id):
        used = objects.add_usage(used, turn["usage"])
    return used


async def left_out(talk: Conversation, model: Model, tools: Sequence[Object], limit: int) -> int | None:
    """How many of the oldest exchanges must go for the prompt to fit.

    It may take `limit` tokens; None when nothing that may go makes it so short.
    """
    count = 0
    while True:
        messages = talk.messages(count)
        if _at_most(messages, tools) <= limit:
            return count
        tokens = await model.count_tokens(messages, tools)
        if tokens <= limit:
            return count
        if count >= talk.most_left_out:
            return None
        # Take away about what is too much, by its share of the text, and look again.
        excess = (tokens - limit) / tokens * sum(map(_size, messages))
        while count < talk.most_left_out and excess > 0:
            excess -= sum(map(_size, talk.exchanges[count]))
            count += 1


def prompt_limit(run: Object, model: Model) -> int | None:
    """The most tokens a prompt may take by the model's window; None when that is unknown."""
    if model.context_window is None:
        return None
    room = run["max_completion_tokens"] or min(_REPLY_ROOM, model.context_window // 4)
    return max(model.context_window - room, model.context_window // 8)


def _exchanges(
    messages: Sequence[tuple[int, Object]], turns: dict[str, list[Object]], files: Path, model: str
) -> Iterable[tuple[int, Exchange]]:
    there = {message["id"] for _, message in messages}
    told: set[str] = set()
    for place, message in messages:
        run_id = message["run_id"]
        recorded = turns.get(run_id, []) if run_id else []
        kept = [turn for turn in recorded if there.issuperset(turn["message_ids"])]
        if not any(message["id"] in turn["message_ids"] for turn in kept):
            content = message["content"]
            if message["role"] == "assistant":
                content = [_figure_in_words(part) for part in content]
            yield place, [{"role": message["role"], "content": _content(content, files)}]
        elif run_id not in told:
            told.add(run_id)
            yield place, _answered(_said(kept, model))


def _said(turns: Iterable[Object], model: str) -> Exchange:
    return [
        # What a provider adds of its own is only for that provider's eyes.
        message if turn["model"] == model else {key: message[key] for key in _STANDARD if key in message}
        for turn in turns
        for message in turn["messages"]
    ]


def _answered(exchange: Exchange) -> Exchange:
    """Calls with their outputs; one without the other is left out, since endpoints refuse it.

    A cancelled run has calls that never got an output. Outputs lose their calls with a message that was
    deleted, or is too old to be shown.
    """
    kept: Exchange = []
    for place, message in enumerate(exchange):
        calls = message.get("tool_calls")
        if not calls:
            kept += [message] if message["role"] != "tool" else []
            continue
        outputs = list(takewhile(lambda each: each["role"] == "tool", exchange[place + 1 :]))
        given = {output["tool_call_id"] for output in outputs}
        answered = [call for call in calls if call["id"] in given]
        asked = {call["id"] for call in answered}
        if answered:
            kept.append({**message, "tool_calls": answered})
            kept += [output for output in outputs if output["tool_call_id"] in asked]
        elif message.get("content"):
            kept.append({"role": "assistant", "content": message["content"]})
    return kept


def _content(parts: list[Object], files: Path) -> str | list[Object]:
    if all(part["type"] in ("text", "refusal") for part in parts):
        return "\n\n".join(_text(part) for part in parts)
    return [_seen(part, files) for part in parts]


def _figure_in_words(part: Object) -> Object:
    """A part of the assistant's own message: endpoints take no pictures there."""
    if part["type"] != "image_file":
        return part
    return text_part(f"[A figure was shown to the user: {part['image_file']['file_id']}]")


def _text(part: Object) -> str:
    value: str = part["refusal"] if part["type"] == "refusal" else part["text"]["value"]
    return value


def _seen(part: Object, files: Path) -> Object:
    if part["type"] == "image_url":
        return {"type": "image_url", "image_url": part["image_url"]}
    if part["type"] == "image_file":
        image: dict[str, Any] = part["image_file"]
        try:
            url = data_url(files / image["file_id"])
        except FileNotFoundError:
            return {"type": "text", "text": f"[The image {image['file_id']} was deleted.]"}
        return {"type": "image_url", "image_url": {"url": url, "detail": image.get("detail") or "auto"}}
    return {"type": "text", "text": _text(part)}


def _size(message: Message) -> int:
    """About how much of a prompt a message is, in characters; the length of an image's data says nothing."""
    content = message.get("content")
    if not isinstance(content, list):
        return len(rows.dump(message))
    return sum(_IMAGE_SIZE if "image_url" in part else len(rows.dump(part)) for part in content)


def _at_most(messages: Iterable[Message], tools: Sequence[Object]) -> int:
    """A bound that no tokenizer exceeds: no token is shorter than a byte."""
    whole = [*messages, *tools]
    return sum(len(rows.dump(part).encode()) + _OVERHEAD for part in whole)

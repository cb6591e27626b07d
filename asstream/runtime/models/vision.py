"""Pictures for a model that can't see: which of them matter, and what to say. Pure.

A picture that waits for an answer fails the turn: an answer that passes it over would be made up. One that
an earlier reply has dealt with becomes a note in the text, so that a thread which has a picture goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, Final

from asstream.runtime.models.protocol import Message, ModelError

NOTE: Final = "[an image, which this model can't see]"

_WAYS: Final = (
    "Name a model with vision (--model, ASSTREAM_MODEL, ASSTREAM_MODEL_BASE_URL), "
    "or ask without the image in another thread."
)

_SIGHT: Final = r"(image(_url)?s?|vision|multi-?modal)( content| inputs?| data)?"
_REFUSED: Final = re.compile(
    rf"(does not|doesn't|do not|don't|not|n't|cannot|can't) (support|accept|process|handle)( any)? {_SIGHT}\b"
    rf"|\b{_SIGHT} (is|are) (not (supported|enabled|allowed)|only supported by|unsupported)"
    r"|not a multi-?modal model|missing data required for image input|support image input"
    r"|unknown variant `?image_url|content type.{0,20}image_url|content must be a string",
    re.IGNORECASE,
)
"""How OpenAI, Ollama, llama.cpp's server, vLLM, DeepSeek, OpenRouter, Mistral and Groq say that a model sees
none. The last names no image: it counts only where there was one."""
_FORMAT: Final = re.compile(r"(image|media|mime)[ _-]?(type|format)", re.IGNORECASE)
"""Another matter: the model sees images, but not this one."""


def is_refusal(message: str) -> bool:
    """Whether an endpoint says that the model can't see images at all."""
    return bool(_REFUSED.search(message)) and not _FORMAT.search(message)


def has_images(messages: Iterable[Message]) -> bool:
    """Whether there is a picture in any message."""
    return any(_is_image(part) for message in messages for part in _parts(message))


def wait_for_answer(messages: Sequence[Message]) -> bool:
    """Whether there is a picture in what the user said last: after the last reply that says something."""
    return has_images(takewhile(lambda message: not _is_reply(message), reversed(messages)))


def without_images(messages: Iterable[Message]) -> list[Message]:
    """The messages with a note in place of each picture."""
    return [_without(message) if has_images([message]) else message for message in messages]


def blind(who: str, said: str = "") -> ModelError:
    """The error of a turn whose pictures nobody sees. `said`: the endpoint's own words."""
    what = f"{who} can't see images{f': {said}' if said else ''}."
    return ModelError(what, remedy=_WAYS, code="invalid_prompt")


def _is_reply(message: Message) -> bool:
    return message.get("role") == "assistant" and bool(message.get("content"))


def _without(message: Message) -> Message:
    note = {"type": "text", "text": NOTE}
    return {**message, "content": [note if _is_image(part) else part for part in _parts(message)]}


def _parts(message: Message) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _is_image(part: Any) -> bool:
    return isinstance(part, dict) and "image_url" in part

"""A person's message, sent once: a lost request is looked for in the thread before it is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import openai


def post_message(
    client: openai.OpenAI,
    thread_id: str,
    text: str,
    attachments: Sequence[dict[str, Any]] = (),
    images: Sequence[dict[str, Any]] = (),
) -> None:
    """Send a message.

    Args:
        client: the endpoint.
        thread_id: the thread it goes to.
        text: what it says.
        attachments: the files that tools are given with it, as on the wire.
        images: parts of the message that show images.

    Raises openai.APIError: it was not sent.
    """
    once = client.with_options(max_retries=0)
    extra: dict[str, Any] = {"attachments": attachments} if attachments else {}
    content: Any = [{"type": "text", "text": text}, *images] if images else text
    for last in (False, True):
        try:
            once.beta.threads.messages.create(thread_id, role="user", content=content, **extra)
            return
        except (openai.APIConnectionError, openai.InternalServerError):
            if _arrived(client, thread_id, text, len(images)):
                return
            if last:
                raise


def _arrived(client: openai.OpenAI, thread_id: str, text: str, images: int) -> bool:
    try:
        newest = client.beta.threads.messages.list(thread_id, limit=1, order="desc").data
    except openai.OpenAIError:
        return False
    if not newest or newest[0].role != "user":
        return False
    parts = newest[0].content
    said = [part.text.value for part in parts if part.type == "text"]
    return said == [text] and len(parts) == 1 + images

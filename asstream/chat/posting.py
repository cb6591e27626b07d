"""A person's message, sent once: a lost request is looked for in the thread before it is repeated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import openai

from asstream.chat.history import text_of


def post_message(client: openai.OpenAI, thread_id: str, text: str, attached: Iterable[str] = ()) -> None:
    """Send a message.

    Args:
        client: the endpoint.
        thread_id: the thread it goes to.
        text: what it says.
        attached: ids of files that the code interpreter is given with it.

    Raises openai.APIError: it was not sent.
    """
    once = client.with_options(max_retries=0)
    tools = [{"type": "code_interpreter"}]
    attachments: list[Any] = [{"file_id": file_id, "tools": tools} for file_id in attached]
    extra: dict[str, Any] = {"attachments": attachments} if attachments else {}
    for last in (False, True):
        try:
            once.beta.threads.messages.create(thread_id, role="user", content=text, **extra)
            return
        except (openai.APIConnectionError, openai.InternalServerError):
            if _arrived(client, thread_id, text):
                return
            if last:
                raise


def _arrived(client: openai.OpenAI, thread_id: str, text: str) -> bool:
    try:
        newest = client.beta.threads.messages.list(thread_id, limit=1, order="desc").data
    except openai.OpenAIError:
        return False
    return bool(newest) and newest[0].role == "user" and text_of(newest[0]) == text

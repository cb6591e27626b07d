"""A thread's messages oldest first, all pages, and what they say as text.

Knows the `openai` client.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from asstream.render.clean import clean_line

if TYPE_CHECKING:
    import openai
    from openai.types.beta.threads import Message, Run


def messages(client: openai.OpenAI, thread_id: str) -> Iterator[Message]:
    """Every message of a thread, oldest first; pages are fetched as they are needed."""
    yield from client.beta.threads.messages.list(thread_id, order="asc", limit=100)


def last_run(client: openai.OpenAI, thread_id: str) -> Run | None:
    """A thread's newest run; None when it has had none."""
    page = client.beta.threads.runs.list(thread_id, limit=1, order="desc")
    return page.data[0] if page.data else None


def first_words(client: openai.OpenAI, thread_id: str) -> str:
    """The text of a thread's first message; empty when it has none."""
    page = client.beta.threads.messages.list(thread_id, limit=1, order="asc")
    return text_of(page.data[0]) if page.data else ""


def text_of(message: Message) -> str:
    """A message's text; parts that are not text are named in brackets."""
    return "\n".join(part_text(part) for part in message.content)


def shown(message: Message) -> str:
    """A message as a person reads it later: its text, and why it ends where it does, if it was cut off."""
    end = cut_off(message)
    return text_of(message) + (f"\n{end}" if end else "")


def cut_off(message: Message) -> str:
    """Why a message ends where it does, in brackets; empty where it was not cut off."""
    details = message.incomplete_details
    return f"[incomplete: {details.reason}]" if details is not None else ""


def part_text(part: Any) -> str:
    """A part of a message as text; one that is none is named in brackets."""
    if part.type == "text":
        return str(part.text.value)
    if part.type == "refusal":
        return str(part.refusal)
    if part.type == "image_file":
        return f"[image {part.image_file.file_id}]"
    if part.type == "image_url":
        return f"[image {_address(part.image_url.url)}]"
    return f"[{part.type}]"


def _address(url: str) -> str:
    """An image's address in one line; of one that holds the image itself only its kind and its length."""
    if url[:5].lower() == "data:":
        kind, _, data = url[5:].partition(",")
        return f"{clean_line(kind.partition(';')[0], 40)}, {len(data):,} characters"
    return clean_line(url, 200)

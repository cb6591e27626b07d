"""A message of a thread's past as a chat showed it live: its Markdown, and the notes that close it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asstream.chat.history import cut_off, part_text
from asstream.handlers.files import footnotes
from asstream.render.marks import Marks
from asstream.render.transcript import Transcript

if TYPE_CHECKING:
    from openai.types.beta.threads import Message

    from asstream.handlers.files import Files


def show_said(page: Transcript, message: Message, files: Files) -> None:
    """Print an assistant's message. Where the cursor can't be moved its Markdown stays as it was written."""
    marks = Marks(links=page.pen.live)
    for part in message.content:
        text = part_text(part)
        page.open(object(), markdown=part.type == "text")
        page.add(marks.all(text) if part.type == "text" else text)
        page.close()
    if end := cut_off(message):
        page.line(end)
    page.footnotes(footnotes(message, files, marks.numbers))

"""What a model that can't call functions is shown of a conversation: calls and outputs in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from asstream.runtime.arguments import CodeArguments
from asstream.runtime.fences import Fences, Piece
from asstream.runtime.models.protocol import Message
from asstream.runtime.records import UNFINISHED, UNRUN

HINT: Final = "You can run Python code. Write it in a ```python block and print the result."
"""Stands before the instructions.

Measured with SmolLM2-135M at temperature 0, on eight questions of which six want code: with the instructions
of a math tutor alone it was right in 3, with this before them in 5; of eight other hints none did better.
"""

OUTPUT: Final = "The code was run. It printed:\n\n{}\n\nNow say the result in one sentence."
"""How a model is told what its code printed.

Measured likewise: after `Output:` with a fence, or without the last sentence, it wrote the same code again
and again; after this one it said the result.
"""


FAILED: Final = "The code failed:\n\n{}\n\nWrite the corrected code."
"""The same of code that raised."""

UNRUN_TEXT: Final = "The code above was not run."
"""What is said of code that stayed text, or whose run was stopped before."""

STOPPED_TEXT: Final = "The code above was stopped before its end."
"""And of code that was interrupted."""

_FENCE: Final = re.compile("```|~~~")
_FAILURE: Final = re.compile(r"Traceback \(most recent call last\)|^\w*(Error|Exception): ", re.MULTILINE)


def in_words(messages: Sequence[Message], function: str, *, hint: bool) -> list[Message]:
    """The messages without calls.

    Args:
        function: the name of the function that runs code.
        hint: whether the model is told that it can.
    """
    codes: set[str] = set()
    shown: list[Message] = []
    notes: list[str] = []
    for message in messages:
        if (note := _note(message, codes)) is not None:
            notes.append(note)
            continue
        # Joined with what the user said then: some templates allow no two messages of one role in a row.
        shown += _with_notes(_message(message, function, codes), notes)
        notes = [UNRUN_TEXT] if _writes_code(message) else []
    shown += _with_notes(None, notes)
    if hint and shown and shown[0]["role"] == "system":
        shown[0] = {**shown[0], "content": f"{HINT}\n\n{shown[0]['content']}"}
    elif hint:
        shown.insert(0, {"role": "system", "content": HINT})
    return shown


def _message(message: Message, function: str, codes: set[str]) -> Message:
    if message.get("role") == "tool":
        output = message.get("content") or ""
        if message.get("tool_call_id") in codes:
            words = FAILED if _FAILURE.search(output) else OUTPUT
            return {"role": "user", "content": words.format(output)}
        return {"role": "user", "content": f"Result: {output}"}
    calls = message.get("tool_calls")
    if not calls:
        return message
    said = [message["content"]] if message.get("content") else []
    for call in calls:
        asked = call.get("function") or {}
        if asked.get("name") == function:
            codes.add(call["id"])
            said.append(f"```python\n{_code(asked.get('arguments') or '')}\n```")
        else:
            said.append(f"{asked.get('name')}({asked.get('arguments') or ''})")
    return {"role": "assistant", "content": "\n\n".join(said)}


def _note(message: Message, codes: set[str]) -> str | None:
    """What is said of code whose run was stopped, before the user's next words; None of other messages."""
    if message.get("role") != "tool" or message.get("tool_call_id") not in codes:
        return None
    output = message.get("content") or ""
    if output == UNRUN:
        return UNRUN_TEXT
    if not output.endswith(UNFINISHED):
        return None
    printed = output.removesuffix(UNFINISHED).strip("\n")
    return STOPPED_TEXT + (f" Before, it printed:\n\n{printed}" if printed else "")


def _with_notes(message: Message | None, notes: list[str]) -> list[Message]:
    """A message with notes before it, in it where it is a text of the user's."""
    noted = "\n\n".join(notes)
    if noted and message is not None and message["role"] == "user" and isinstance(message["content"], str):
        return [{**message, "content": f"{noted}\n\n{message['content']}"}]
    before: list[Message] = [{"role": "user", "content": noted}] if noted else []
    return [*before, message] if message is not None else before


def _writes_code(message: Message) -> bool:
    """Whether a block of Python is in a reply's text: one that is run is a call, and not in the text."""
    text = message.get("content")
    if message.get("role") != "assistant" or message.get("tool_calls") or not isinstance(text, str):
        return False
    if not _FENCE.search(text):
        return False
    fences = Fences()
    return bool(pieces_of_code(fences.feed(text)) + pieces_of_code(fences.end()))


def _code(arguments: str) -> str:
    reader = CodeArguments()
    return reader.feed(arguments) + reader.end()


def pieces_of_code(pieces: Iterator[Piece]) -> int:
    """How many pieces of code there are, but for blank ones."""
    return sum(1 for piece in pieces if piece.kind == "code" and piece.text.strip())

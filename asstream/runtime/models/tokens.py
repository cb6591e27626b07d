"""Estimating prompt tokens where the endpoint can't count them: made to err high, never to be exact.

A count that is too low sends a prompt that does not fit; one that is too high leaves out a turn too
early. So every class of characters is priced at the dear end of what byte-level BPE vocabularies (GPT,
Llama, Qwen, SmolLM) charge:

- words of Latin letters: one token per three letters begun (English prose takes about one per four or five);
- digits: one each (some vocabularies keep every digit apart);
- punctuation: one each; runs of white space: one, and one more per eight characters; a single space is free;
- anything else: one token per byte of UTF-8, halved for two-byte scripts with a vocabulary of their own
  (Cyrillic, Greek, accented Latin are about one token per character), in full for the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from asstream.runtime.models.protocol import Message

MESSAGE_OVERHEAD = 8
"""Role, separators and name of one message."""
PROMPT_OVERHEAD = 32
"""What a chat template puts before and after (SmolLM2's own system message takes 23 tokens)."""
IMAGE_TOKENS = 1_500
"""One image at high detail (OpenAI charges 85 to 1,105, newer models up to about 1,500)."""

_PIECES = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<digits>[0-9]+)|(?P<space>\s+)|(?P<punctuation>[!-/:-@\[-`{-~]+)"
    r"|(?P<other>[^\x00-\x7f]+)"
)


def estimate_prompt(messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
    """An estimate of the prompt tokens that messages and function tools take, on the high side."""
    total = PROMPT_OVERHEAD + sum(estimate_message(message) for message in messages)
    if tools:
        total += sum(estimate_text(json.dumps(tool, ensure_ascii=False)) + MESSAGE_OVERHEAD for tool in tools)
    return total


def estimate_message(message: Message) -> int:
    """An estimate for one message: its content, tool calls and whatever else is sent along."""
    total = MESSAGE_OVERHEAD + _content_tokens(message.get("content"))
    for key, value in message.items():
        if key in ("role", "content") or value is None:
            continue
        total += estimate_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return total


def _content_tokens(content: Any) -> int:
    if content is None:
        return 0
    if isinstance(content, str):
        return estimate_text(content)
    if not isinstance(content, list):
        return estimate_text(str(content))
    return sum(_part_tokens(part) for part in content)


def _part_tokens(part: Any) -> int:
    if not isinstance(part, dict):
        return estimate_text(str(part))
    if "image_url" in part or part.get("type") in ("image_url", "image", "input_image"):
        return IMAGE_TOKENS
    text = part.get("text")
    return estimate_text(text if isinstance(text, str) else json.dumps(part, ensure_ascii=False))


@lru_cache(maxsize=2048)
def estimate_text(text: str) -> int:
    """An estimate of the tokens of a text, on the high side."""
    return sum(_price(match.lastgroup or "other", match.group()) for match in _PIECES.finditer(text))


def _price(kind: str, piece: str) -> int:
    length = len(piece)
    if kind == "word":
        return -(-length // 3)
    if kind == "space":
        return 0 if piece == " " else 1 + length // 8
    if kind == "other":
        two_byte = sum(1 for character in piece if character < "\u0800")
        return two_byte + len(piece.encode("utf-8", "surrogatepass")) - 2 * two_byte
    return length

"""Why a run did not complete, and what a person can do about it. Knows the wire's statuses and codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from asstream.render.clean import clean_line

if TYPE_CHECKING:
    from openai.types.beta.threads import Message, Run

_ERRORS: Mapping[str, str] = {
    "rate_limit_exceeded": "wait a little, then send the message again",
    "server_error": "send the message again; `asstream doctor` tells whether the model answers",
    "invalid_prompt": "change the message or the instructions, then send it again",
}
"""Code of `last_error` → what to do."""

_LASTING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), remedy)
    for pattern, remedy in (
        (r"model's context|context[ _](length|window|size)", "start a new thread, or send less at once"),
        (
            r"\bquota\b|billing",
            "see to the account's plan, or use another endpoint or key; sending it again does not help",
        ),
        (r"content (filter|policy)", "change the message, then send it again"),
        (r"no model '|does not let this key use|model\b.{0,80} does not exist", "name another with --model"),
        (r"function that is not offered", "name another model with --model, or offer it that function"),
    )
)
"""What a message says → what to do about an error that comes again however often the message is sent."""

_ADVICE = re.compile(
    r"(?<=[.!?)]) (?=(?:Ask|Change|Check|Correct|Install|Look|Name|Pull|Set|Start|Try)\b"
    r"[^.]{0,300}\S{1,200}$)"
)
"""Where a message begins to say itself what to do."""

_PLAIN_WORD = re.compile(r"[A-Z](?=[a-z]*[ ,;:])")
"""A capital that only the beginning of a sentence asks for."""

_CUTS: Mapping[str, tuple[str, str]] = {
    "max_completion_tokens": (
        "the reply reached the most tokens that it may have",
        "allow more tokens, or ask it to go on",
    ),
    "max_prompt_tokens": (
        "the conversation reached the most tokens that it may have",
        "allow more tokens, or start a new thread",
    ),
    "content_filter": ("the content filter stopped the reply", "change the message, then send it again"),
}
"""Reason of `incomplete_details` → what happened, what to do."""


def explain_run(run: Run) -> tuple[str, str] | None:
    """What went wrong in a run that is over, and what to do about it; None for one that completed."""
    explain = _EXPLAIN.get(run.status)
    return explain(run) if explain else None


def outcome_lines(run: Run) -> list[str]:
    """The same as lines for standard error, harmless for a terminal; none for a run that completed."""
    what, remedy = explain_run(run) or ("", "")
    return [clean_line(line) for line in (f"asstream: {what}", remedy) if what and line]


EMPTY = "the reply is empty"
"""What is said of a message that `says_nothing`: nothing at all would look like a fault."""


def says_nothing(message: Message) -> bool:
    """Whether a finished message holds neither words nor anything else."""
    parts = message.content or ()
    return getattr(message, "status", None) == "completed" and not any(
        part.type != "text" or part.text.value.strip() for part in parts
    )


def _failed(run: Run) -> tuple[str, str]:
    code = _word(run.last_error, "code") or "server_error"
    message = _word(run.last_error, "message") or "the endpoint does not say why"
    what, *advice = (_plain(part) for part in _ADVICE.split(message, maxsplit=1))
    lasting = (remedy for pattern, remedy in _LASTING if pattern.search(message))
    remedy = advice[0] if advice else next(lasting, _ERRORS.get(code, _ERRORS["server_error"]))
    return f"the run failed: {what} ({code})", remedy


def _word(told: object, field: str) -> str:
    """A text that an endpoint tells; empty where it tells none, or something else."""
    value = getattr(told, field, None)
    return value.strip() if isinstance(value, str) else ""


def _plain(sentence: str) -> str:
    """A sentence of the wire in the style of our own errors."""
    text = sentence.strip().removesuffix(".")
    return text[:1].lower() + text[1:] if _PLAIN_WORD.match(text) else text


def _incomplete(run: Run) -> tuple[str, str]:
    reason = _word(run.incomplete_details, "reason")
    what, remedy = _CUTS.get(
        reason, (reason or "the endpoint does not say why", "ask it to go on, or send the message again")
    )
    return f"the reply is incomplete: {what}", remedy


def _expired(run: Run) -> tuple[str, str]:
    if run.required_action:
        return "the run expired while it waited for its tool outputs", "send the message again"
    return "the run expired: it took longer than a run may", "send the message again, or ask for less at once"


def _cancelled(run: Run) -> tuple[str, str]:
    return "the run was cancelled", "send a message to go on; what was said is kept"


_EXPLAIN = {"failed": _failed, "incomplete": _incomplete, "expired": _expired, "cancelled": _cancelled}

"""Why a run did not complete, and what a person can do about it. Knows the wire's statuses and codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from asstream.render.clean import clean_line

if TYPE_CHECKING:
    from openai.types.beta.threads import Run

_ERRORS: Mapping[str, str] = {
    "rate_limit_exceeded": "wait a little, then send the message again",
    "server_error": "send the message again; `asstream doctor` tells whether the model answers",
    "invalid_prompt": "change the message or the instructions, then send it again",
}
"""Code of `last_error` → what to do."""

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


def _failed(run: Run) -> tuple[str, str]:
    code = run.last_error.code if run.last_error else "server_error"
    message = run.last_error.message if run.last_error else "the endpoint does not say why"
    return f"the run failed: {message} ({code})", _ERRORS.get(code, _ERRORS["server_error"])


def _incomplete(run: Run) -> tuple[str, str]:
    reason = (run.incomplete_details.reason if run.incomplete_details else None) or ""
    what, remedy = _CUTS.get(
        reason, (reason or "the endpoint does not say why", "ask it to go on, or send the message again")
    )
    return f"the reply is incomplete: {what}", remedy


def _expired(run: Run) -> tuple[str, str]:
    waited = "its tool outputs" if run.required_action else "its end"
    return f"the run expired while it waited for {waited}", "send the message again"


def _cancelled(run: Run) -> tuple[str, str]:
    return "the run was cancelled", "send a message to go on; what was said is kept"


_EXPLAIN = {"failed": _failed, "incomplete": _incomplete, "expired": _expired, "cancelled": _cancelled}

"""The state tables of runs, run steps and messages.

They say which event may follow which status, and what it leads to. One lookup decides; an event that has no
entry raises. Nothing else in the package decides what may follow what.
"""

from __future__ import annotations

from typing import Final

ACTIVE: Final = ("queued", "in_progress", "requires_action", "cancelling")
"""A thread whose run has one of these takes neither messages nor runs."""

WORKING: Final = ("queued", "in_progress", "cancelling")
"""A run with one of these is being worked on by the process that owns it."""

TERMINAL: Final = ("completed", "incomplete", "failed", "cancelled", "expired")

_ENDS = {
    "thread.run.cancelling": "cancelling",
    "thread.run.failed": "failed",
    "thread.run.expired": "expired",
}

RUN: Final[dict[str | None, dict[str, str]]] = {
    None: {"thread.run.created": "queued"},
    "queued": {"thread.run.queued": "queued", "thread.run.in_progress": "in_progress", **_ENDS},
    "in_progress": {
        "thread.run.completed": "completed",
        "thread.run.incomplete": "incomplete",
        "thread.run.requires_action": "requires_action",
        **_ENDS,
    },
    "requires_action": {"thread.run.queued": "queued", **_ENDS},
    "cancelling": {
        "thread.run.cancelling": "cancelling",
        "thread.run.cancelled": "cancelled",
        "thread.run.failed": "failed",
        "thread.run.expired": "expired",
    },
    **{status: {} for status in TERMINAL},
}

STEP: Final[dict[str | None, dict[str, str]]] = {
    None: {"thread.run.step.created": "in_progress"},
    "in_progress": {
        "thread.run.step.in_progress": "in_progress",
        "thread.run.step.delta": "in_progress",
        "thread.run.step.completed": "completed",
        "thread.run.step.failed": "failed",
        "thread.run.step.cancelled": "cancelled",
        "thread.run.step.expired": "expired",
    },
    **{status: {} for status in ("completed", "failed", "cancelled", "expired")},
}

MESSAGE: Final[dict[str | None, dict[str, str]]] = {
    None: {"thread.message.created": "in_progress"},
    "in_progress": {
        "thread.message.in_progress": "in_progress",
        "thread.message.delta": "in_progress",
        "thread.message.completed": "completed",
        "thread.message.incomplete": "incomplete",
    },
    "completed": {},
    "incomplete": {},
}

_TABLES: Final = (("thread.run.step.", STEP), ("thread.run.", RUN), ("thread.message.", MESSAGE))


class IllegalEvent(Exception):
    """An event that the state table does not allow. It is a fault of ours, never of a client's."""


def after(event: str, status: str | None) -> str:
    """The status that `event` leads to from `status` (None: the object does not exist yet).

    Raises IllegalEvent.
    """
    for prefix, table in _TABLES:
        if event.startswith(prefix):
            try:
                return table[status][event]
            except KeyError:
                raise IllegalEvent(f"{event} can't follow the status {status!r}") from None
    raise IllegalEvent(f"{event} is no event of a run, a step or a message")


def is_delta(event: str) -> bool:
    """Whether an event is a delta: a piece, where every other event carries a whole object."""
    return event.endswith(".delta")

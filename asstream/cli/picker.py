"""Picking a thread from a numbered list, at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from asstream.chat import keys
from asstream.chat.threads import ThreadEntry
from asstream.cli.output import say, table, when
from asstream.errors import UsageError

SHOWN = 20


def pick(entries: Sequence[ThreadEntry]) -> str:
    """The id of the thread that the person picks. Raises UsageError when they pick none."""
    shown = entries[:SHOWN]
    table(
        ("", "LAST USED", "TITLE"),
        [
            (number, when(entry.last_used), entry.title or entry.id)
            for number, entry in enumerate(shown, start=1)
        ],
    )
    if len(entries) > len(shown):
        say(f"({len(entries) - len(shown)} older ones: `asstream threads list`)")
    for _ in range(3):
        try:
            answer = keys.ask("Which one? [1] ").strip() or "1"
        except EOFError:
            break
        if answer.isdecimal() and 1 <= int(answer) <= len(shown):
            return shown[int(answer) - 1].id
        say(f"type a number from 1 to {len(shown)}")
    raise UsageError("no thread was picked", "give a THREAD_ID or --last")

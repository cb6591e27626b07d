"""The Tab key: what can follow is put in, or listed above the prompt. Knows prompt_toolkit, not the API."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent

SHOWN = 20
"""Candidates that are listed."""


@dataclass(frozen=True)
class Candidate:
    """A word that can stand where the cursor is.

    Attributes:
        text: the whole word.
        note: what it is, in a few words.
        after: what follows it once nothing else is possible.
    """

    text: str
    note: str = ""
    after: str = ""


Complete = Callable[[str], tuple[int, Sequence[Candidate]]]
"""The text before the cursor → where the word begins, and what it can become. May ask an endpoint."""


def bind(bindings: KeyBindings, complete: Complete) -> None:
    """Bind Tab. A slow endpoint holds up no key: what comes late, for another text, is dropped."""

    @bindings.add("c-i")
    async def tab(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        before = buffer.document
        text = before.text_before_cursor
        start, found = await _in_thread(lambda: complete(text))
        if not found or buffer.document != before or event.app.is_done:
            return
        typed = text[start:]
        word = found[0].text + found[0].after if len(found) == 1 else _common(found)
        if len(word) > len(typed):
            buffer.delete_before_cursor(len(typed))
            buffer.insert_text(word)
        elif len(found) > 1:
            print_above(event.app, lambda: _list(found))


def print_above(application: Any, show: Callable[[], None]) -> None:
    """Let `show` print where the prompt stands, and draw the prompt below.

    prompt_toolkit's `run_in_terminal` sets the terminal back to editing lines meanwhile: a Ctrl-D struck
    then is taken by the terminal, and lost. Here the keys wait.
    """
    application.renderer.erase()
    show()
    application.renderer.reset()
    application.invalidate()


def _common(found: Sequence[Candidate]) -> str:
    words = [each.text for each in found]
    first, last = min(words), max(words)  # what these two share, all that lie between them share
    return next((first[:at] for at, char in enumerate(first) if last[at : at + 1] != char), first)


def _list(found: Sequence[Candidate]) -> None:
    from asstream.render.columns import columns

    for line in columns([(each.text, each.note) for each in found[:SHOWN]]):
        sys.stdout.write(line + "\n")
    if len(found) > SHOWN:
        sys.stdout.write(f"… {len(found) - SHOWN} more\n")
    sys.stdout.flush()


async def _in_thread(
    work: Callable[[], tuple[int, Sequence[Candidate]]],
) -> tuple[int, Sequence[Candidate]]:
    """The work's result. Its thread is a daemon, which an executor's is not: leaving does not wait for it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[int, Sequence[Candidate]]] = loop.create_future()

    def settle(result: tuple[int, Sequence[Candidate]]) -> None:
        if not done.done():
            done.set_result(result)

    def run() -> None:
        try:
            result = work()
        except Exception:  # an endpoint that does not answer has nothing to offer; the command will say so
            result = (0, ())
        try:
            loop.call_soon_threadsafe(settle, result)
        except RuntimeError:  # the line was entered meanwhile
            return

    threading.Thread(target=run, name="asstream-completion", daemon=True).start()
    return await done

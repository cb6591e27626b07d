"""How a reply is shown: which handler, the status of a reply that is waited for, a thread's past."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from asstream.chat import keys
from asstream.cli.output import cleaned, show_status
from asstream.errors import UsageError

if TYPE_CHECKING:
    import openai
    from openai import AssistantEventHandler

    from asstream.chat.session import Session
    from asstream.cli.talk import TalkOptions


def check_choice(options: TalkOptions) -> None:
    """Raise UsageError where two options name different ways to show a reply."""
    chosen = [
        name
        for name, given in (
            ("--handler", options.handler),
            ("--plain", options.plain),
            ("--json", options.json),
        )
        if given
    ]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other", "choose one")


def handler_name(options: TalkOptions, configured: str | None, *, terminal: bool) -> str:
    """The spec of the handler: the option's; at a terminal the profile's, else `console`; piped, `plain`."""
    if options.handler is not None:
        return options.handler
    if options.json:
        return "jsonl"
    if options.plain or not terminal:
        return "plain"
    return configured or "console"


def is_ours(spec: str) -> bool:
    """Whether a spec names a built-in handler."""
    from asstream.handlers.find import BUILT_IN

    return spec in BUILT_IN


def handler_maker(
    spec: str, client: openai.OpenAI, resources: ExitStack
) -> Callable[[], AssistantEventHandler]:
    """Makes a fresh handler for each stream. Raises NotFoundError, UsageError.

    A handler of the person's own may make an `OpenAI()`: it reaches the session's endpoint until
    `resources` is closed.
    """
    from asstream.handlers.find import instantiate, load

    if not is_ours(spec):
        from asstream.handlers.endpoint_environment import reachable

        resources.enter_context(reachable(str(client.base_url), client.api_key))
    kind = load(spec)
    return lambda: instantiate(kind, spec)


def status_line() -> Callable[[str | None], None]:
    """Shows a run's status and the seconds so far on stderr, in place; silent where that is no terminal."""
    if not sys.stderr.isatty():
        return lambda _: None
    started: list[float] = []

    def tell(status: str | None) -> None:
        if status is None:
            started.clear()
            show_status("")
        else:
            started[:] = started or [time.monotonic()]
            show_status(f"{cleaned(status)} {time.monotonic() - started[0]:.0f} s")

    return tell


def show_past(session: Session) -> None:
    """Print a thread's messages on stdout, oldest first, all pages; the person's behind the prompt's sign."""
    from asstream.chat.history import messages, shown

    for message in messages(session.client, session.thread_id):
        text = cleaned(shown(message))
        if message.role == "user":
            text = keys.PROMPT + text.replace("\n", "\n" + " " * len(keys.PROMPT))
        sys.stdout.write(text + "\n")
    sys.stdout.flush()

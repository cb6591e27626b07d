"""What `chat`, `resume` and `ask` do: settings → an opening → the loop. Imports nothing of Typer.

The SDK, the server and the session are imported inside the opening, which runs in a thread behind the prompt.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.cli.shown import check_choice, show_past
from asstream.config import Settings, ensure_home, load
from asstream.errors import UsageError

if TYPE_CHECKING:
    from asstream.chat.loop import Surroundings, TerminalChat
    from asstream.chat.session import Session


_FLAGS = ("assistant", "model", "instructions", "handler", "profile", "base_url", "api_key", "sandbox")
"""The options that the configuration has a say in."""


@dataclass(frozen=True)
class TalkOptions:
    """The options of `chat`, `resume` and `ask`, as they were given."""

    assistant: str | None = None
    thread: str | None = None
    model: str | None = None
    instructions: str | None = None
    files: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    handler: str | None = None
    record: str | None = None
    save_files: str | None = None
    sandbox: str | None = None
    profile: str | None = None
    base_url: str | None = None
    api_key: str | None = None
    stream: bool = True
    plain: bool = False
    json: bool = False


def chat(options: TalkOptions) -> int:
    """`asstream chat`. Returns the exit code; raises AsstreamError and the SDK's errors."""
    settings = _settings(options)
    from asstream.chat.loop import run_piped

    around = _surroundings(settings, options)
    if not _at_terminal():
        return run_piped(around, sys.stdin)
    return _terminal(around).run()


def ask(prompt: str, options: TalkOptions) -> int:
    """`asstream ask`: one message, the reply on stdout."""
    text = sys.stdin.read() if prompt == "-" else prompt
    if not text.strip():
        raise UsageError("the prompt is empty", "give some text; - reads it from stdin")
    from asstream.chat.loop import open_unasked, settle

    around = _surroundings(_settings(options), options, asking=True)
    session = open_unasked(around)
    try:
        return settle(around, session, session.send(text))
    finally:
        session.close()


def resume(thread: str | None, last: bool, options: TalkOptions) -> int:
    """`asstream resume`: the messages so far, then the chat goes on."""
    from asstream.chat.loop import run_piped

    if thread is not None and last:
        raise UsageError(f"{thread} and --last exclude each other", "give one of them")
    settings = _settings(options)
    named = thread or _chosen(settings, last)
    around = _surroundings(settings, TalkOptions(**{**vars(options), "thread": named}), resuming=True)
    if not _at_terminal():
        return run_piped(around, sys.stdin)
    from asstream.chat import keys
    from asstream.chat.loop import open_unasked
    from asstream.cli.output import warn

    keys.hold()
    try:
        session = open_unasked(around)
        try:
            show_past(session)
            warn(*session.header())
        except BaseException:
            session.close()
            raise
        return _terminal(around).run(session)
    finally:
        keys.release()


def _chosen(settings: Settings, last: bool) -> str:
    """The thread to resume where none was named: the last, or one picked from a list."""
    from asstream.cli.picker import pick
    from asstream.cli.target import opened_with, thread_index

    if not last and not _at_terminal():
        raise UsageError(
            "no thread was named", "give a THREAD_ID or --last; `asstream threads list` shows them"
        )
    entries = thread_index(settings).entries() if last else []
    if not entries:  # those that were made by other programs are known to the endpoint alone
        with opened_with(settings) as target:
            entries = target.index.merged(target.client)
    if not entries:
        raise UsageError("there is no thread to resume yet", "`asstream chat` begins one")
    return entries[0].id if last else pick(entries)


def _settings(options: TalkOptions) -> Settings:
    check_choice(options)
    return load({name: getattr(options, name) for name in _FLAGS})


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _terminal(around: Surroundings) -> TerminalChat:
    from asstream.chat.loop import TerminalChat
    from asstream.chat.prompt import Prompt

    return TerminalChat(around, Prompt(around.history))


def _surroundings(
    settings: Settings, options: TalkOptions, *, resuming: bool = False, asking: bool = False
) -> Surroundings:
    from asstream.chat.loop import Surroundings
    from asstream.cli.exits import explain
    from asstream.cli.output import cleaned

    def opening() -> Session:
        from asstream.cli.notices import show_notices
        from asstream.cli.opening import open_session, uncollected

        show_notices()
        with uncollected():
            return open_session(
                settings, options, resuming=resuming, terminal=sys.stdout.isatty(), in_chat=not asking
            )

    def pull() -> None:
        from asstream.cli.first_model import pull_default

        pull_default(ensure_home(settings))

    return Surroundings(
        open=opening,
        pull=pull,
        explain=lambda error: explain(error)[1],
        clean=cleaned,
        show_past=show_past,
        history=_history(settings),
        asks="No model yet. Pull SmolLM2-135M (93 MB), a small one for this machine?",
    )


def _history(settings: Settings) -> Path:
    return settings.home / "history" / (settings.profile or "default")

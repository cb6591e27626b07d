"""How a reply is shown: which handler, the status of a reply that is waited for, a thread's past."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.chat import keys
from asstream.cli.output import cleaned, show_status, warn
from asstream.config import Settings, terminal_variables
from asstream.errors import UsageError

if TYPE_CHECKING:
    import openai
    from openai import AssistantEventHandler

    from asstream.chat.downloads import Downloads
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
    spec: str, client: openai.OpenAI, files: Downloads, resources: ExitStack
) -> Callable[[], AssistantEventHandler]:
    """Makes a fresh handler for each stream, with a way to its files. Raises NotFoundError, UsageError.

    A handler of the person's own may make an `OpenAI()`: it reaches the session's endpoint until
    `resources` is closed.
    """
    from asstream.handlers.base import EventHandler
    from asstream.handlers.console import ConsoleHandler
    from asstream.handlers.find import instantiate, load
    from asstream.render.images.viewer import Viewer

    if not is_ours(spec):
        from asstream.handlers.endpoint_environment import reachable

        resources.enter_context(reachable(str(client.base_url), client.api_key))
    kind = load(spec)
    viewer = Viewer(terminal_variables())
    if issubclass(kind, ConsoleHandler) and sys.stdout.isatty() and sys.stderr.isatty():
        files.tell = lambda _: None  # the reply itself names each file that was saved, on the same screen

    def make() -> AssistantEventHandler:
        handler = instantiate(kind, spec)
        if isinstance(handler, EventHandler):
            handler.files = files
        if isinstance(handler, ConsoleHandler):
            handler.viewer = viewer
        return handler

    return make


def downloads(settings: Settings, options: TalkOptions, client: openai.OpenAI, *, in_chat: bool) -> Downloads:
    """The way to the files of the replies. Raises ConfigError where `--save-files` names no usable folder."""
    from asstream.chat.downloads import Downloads
    from asstream.chat.saving import prepare

    return Downloads(
        client,
        settings.home / "pictures",
        kept=prepare(Path(options.save_files)) if options.save_files is not None else None,
        remedy="/save writes it here" if in_chat else "--save-files DIR saves it",
        tell=warn,
    )


def status_line(options: TalkOptions) -> Callable[[str | None], None]:
    """Shows on stderr, in place, what goes on while no reply can say it, until it is given None.

    Nothing where stderr is no terminal whose cursor can move, or where plain output was asked for.
    """
    from rich.console import Console

    from asstream.handlers.activity import STATUSES
    from asstream.render.clean import clean_line
    from asstream.render.pen import Pen
    from asstream.render.status import Status

    console = Console(stderr=True)
    pen, lock = Pen(console), threading.Lock()
    if not pen.live or options.plain or options.json:
        return lambda _: None

    def draw(text: str) -> None:
        with lock:
            if status.what:  # else it was stopped while this waited
                show_status(pen.paint(clean_line(text)[: console.width - 1], "dim"))

    status = Status(draw)

    def tell(what: str | None) -> None:
        if what is not None:
            status.start(STATUSES.get(what, what))
            return
        status.stop()
        with lock:
            show_status("")

    return tell


def show_past(session: Session) -> None:
    """Print a thread's past on stdout, oldest first, all pages; the person's words behind the prompt's sign.

    Code and what it printed stand where they stood, shortened, images in words. A run that is under way is
    left out: it is shown when it is joined.
    """
    from functools import partial

    from rich.console import Console

    from asstream.chat.history import shown
    from asstream.chat.past import Names, image_in_words, past
    from asstream.cli.said import show_said
    from asstream.cli.steps import show_code
    from asstream.render.transcript import Transcript

    files = Names(session.client)
    page = Transcript(Console(), Console(stderr=True))
    live = session.live.id if session.live is not None else None
    for entry in past(session.client, session.thread_id, without=live):
        if entry.object == "thread.run.step":
            show_code(page, entry, partial(image_in_words, session.client))
            continue
        if entry.role == "assistant":
            show_said(page, entry, files)
            continue
        text = cleaned(shown(entry))
        sys.stdout.write(keys.PROMPT + text.replace("\n", "\n" + " " * len(keys.PROMPT)) + "\n")
    sys.stdout.flush()

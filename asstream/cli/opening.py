"""Opening a session: what `talk` does in a thread while the person already types."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.cli import options as o
from asstream.cli.output import warn
from asstream.cli.shown import downloads, handler_maker, handler_name, is_ours, show_past, status_line
from asstream.config import EMBEDDED, Settings, ensure_home, is_loopback
from asstream.errors import NotFoundError

if TYPE_CHECKING:
    import openai
    from openai import AssistantEventHandler
    from openai.types.beta import Assistant
    from openai.types.beta.threads import Run

    from asstream.chat.pictures import Picture
    from asstream.chat.recording import Recorder
    from asstream.chat.session import Session
    from asstream.cli.talk import TalkOptions
    from asstream.endpoints import Endpoint


_ELSEWHERE = ("endpoint", "loopback")
"""Kinds of models that another program runs."""


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """While this is open no garbage is looked for, and what is there at its end never again.

    Opening imports some 300,000 objects that stay. Each full look at them holds up every thread, the one
    that shows what is typed too, for 50-70 ms, and all looks take 0.1 s of the opening.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def open_session(
    settings: Settings,
    options: TalkOptions,
    *,
    resuming: bool = False,
    terminal: bool = False,
    in_chat: bool = False,
) -> Session:
    """A session, ready to send.

    Args:
        resuming: the assistant is that of the thread's last run, unless one was named.
        terminal: whether the reply goes to a terminal.
        in_chat: whether somebody can type `/save` after it.

    Raises:
        NeedsModel: the runtime of this machine has no model yet.
        AsstreamError, openai.OpenAIError: it can't be opened.
    """
    from asstream.chat.paths import path_of
    from asstream.chat.pictures import look
    from asstream.chat.uploads import readable
    from asstream.cli.first_model import check_file, check_model

    images = [look(source) for source in options.images]
    paths = [readable(path_of(named)) for named in options.files]
    instructions = o.text_or_file(settings.instructions) if settings.instructions is not None else None
    ensure_home(settings)
    check_model(settings)

    from asstream.endpoints import open_endpoint

    resources = ExitStack()
    try:
        endpoint = resources.enter_context(open_endpoint(settings))
        described = endpoint.describe_model()
        check_file(settings.home, described)
        endpoint.warm_model()
        spec = handler_name(options, settings.handler, terminal=terminal)
        files = downloads(settings, options, endpoint.client, in_chat=in_chat)
        make_handler = handler_maker(spec, endpoint.client, files, resources)
        session = _session(settings, options, endpoint, make_handler, resuming)
        _add(session, paths, images)
        session.model_name = described.get("model", "")
        if described.get("kind") in _ELSEWHERE:  # what is typed goes there: the header must not say otherwise
            session.label = described["endpoint"]
    except BaseException:
        resources.close()
        raise
    session.instructions = instructions
    session.handler_is_ours = is_ours(spec)
    session.files = files
    if terminal:
        session.tell_past = show_past
    session.on_close = resources.close
    return session


def _add(session: Session, paths: list[Path], images: list[Picture]) -> None:
    """Upload what goes with the first message; where that fails, what was uploaded goes again."""
    try:
        for path in paths:
            file = session.outgoing.add_file(session.client, path)
            if unread := file.unread(session.assistant):
                warn(f"{file.shown} goes with the next message", unread)
        for image in images:
            session.outgoing.add_image(session.client, image)
    except BaseException:
        session.outgoing.forget(session.client)
        raise


def _session(
    settings: Settings,
    options: TalkOptions,
    endpoint: Endpoint,
    make_handler: Callable[[], AssistantEventHandler],
    resuming: bool,
) -> Session:
    from asstream.chat.find import find_thread
    from asstream.chat.history import first_words, last_run
    from asstream.chat.session import Session
    from asstream.cli.target import thread_index

    client, index = endpoint.client, thread_index(settings)
    thread = find_thread(client, index, options.thread) if options.thread is not None else None
    run = last_run(client, thread.id) if thread is not None else None
    if thread is not None:
        index.note_title(thread.id, first_words(client, thread.id))
    assistant = _assistant(client, settings, run if resuming and options.assistant is None else None)
    # Last of all, so that a start that fails leaves no empty thread.
    thread = thread or client.with_options(max_retries=0).beta.threads.create()
    session = Session(
        client=client,
        thread_id=thread.id,
        assistant=assistant,
        index=index,
        make_handler=make_handler,
        label=endpoint.label,
        stream=options.stream,
        model=settings.run_model,
        recorder=_recorder(options.record),
        tell_status=status_line(options),
        say=warn,
        last_run=run,
        # One more request on the way out is worth it only where it takes no time.
        discard=options.thread is None and is_loopback(endpoint.base_url),
    )
    _warm()
    return session


def _assistant(client: openai.OpenAI, settings: Settings, run: Run | None) -> Assistant:
    """The assistant of the thread's last run, the one that was named, or the default."""
    from asstream.chat.find import default_assistant, find_assistant

    if run is not None and run.assistant_id:
        try:
            return find_assistant(client, run.assistant_id)
        except NotFoundError:
            warn(f"asstream: the thread's last assistant, {run.assistant_id}, is gone: another one goes on")
    if settings.assistant is not None:
        return find_assistant(client, settings.assistant)
    model = settings.run_model if settings.kind != EMBEDDED else None
    return default_assistant(client, settings.home, model)


def _recorder(path: str | None) -> Recorder | None:
    from asstream.chat.recording import Recorder

    return Recorder(path) if path is not None else None


def _warm() -> None:
    """Build the SDK's event types now: a process's first stream would otherwise wait for them."""
    import json

    from asstream.chat.sse import parse_event

    for name in ("thread.run.created", "thread.message.delta", "thread.run.step.created"):
        parse_event(name, json.dumps({"id": ""}))

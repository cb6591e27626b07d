"""`asstream threads`: list, show, rename, delete, export."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asstream.chat.export import markdown
from asstream.chat.find import find_thread
from asstream.chat.history import messages, shown
from asstream.chat.past import image_in_words, past
from asstream.cli import options as o
from asstream.cli.output import as_json as data_of
from asstream.cli.output import emit, save, say, table, when
from asstream.cli.target import noun, opened

if TYPE_CHECKING:
    from openai.types.beta import Thread
    from openai.types.beta.threads import Message
    from openai.types.beta.threads.runs import RunStep

app = noun("List, show, rename, delete, export threads.")

Named = Annotated[str, typer.Argument(metavar="ID", help="An id, or a unique start of one.")]


@app.command("list")
def list_(
    limit: o.Limit = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """List the threads, last used first."""
    with opened(profile, base_url, api_key) as target:
        found = list(islice(target.index.merged(target.client), limit))
    if as_json:
        for entry in found:
            emit(asdict(entry))
        return
    rows = [(entry.id, when(entry.last_used), entry.title, entry.assistant) for entry in found]
    table(("ID", "LAST USED", "TITLE", "ASSISTANT"), rows, none="no thread yet: `asstream chat` begins one")


@app.command()
def show(
    named: Named,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Print a thread's messages, oldest first."""
    from rich.console import Console

    from asstream.chat.past import Names
    from asstream.cli.said import show_said
    from asstream.render.transcript import Transcript

    with opened(profile, base_url, api_key) as target:
        thread = find_thread(target.client, target.index, named)
        page, files = Transcript(Console(), Console(stderr=True)), Names(target.client)
        for number, message in enumerate(messages(target.client, thread.id)):
            if as_json:
                emit(message)
                continue
            say(*([""] if number else []), f"{message.role}:")
            if page.pen.live and message.role == "assistant":
                show_said(page, message, files)
            else:
                say(shown(message))


@app.command()
def rename(
    named: Named,
    title: Annotated[str, typer.Argument(help="Its new title.")],
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
) -> None:
    """Give a thread a title of your own."""
    with opened(profile, base_url, api_key) as target:
        thread = find_thread(target.client, target.index, named)
        target.index.rename(thread.id, title)
    say(thread.id)


@app.command()
def delete(
    named: Named,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Delete a thread with its messages and runs."""
    with opened(profile, base_url, api_key) as target:
        gone = target.client.beta.threads.delete(find_thread(target.client, target.index, named).id)
        target.index.forget(gone.id)
    emit(gone) if as_json else say(f"deleted {gone.id}")


@app.command()
def export(
    named: Named,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Where to; - is stdout.")] = "-",
    as_json: Annotated[bool, typer.Option("--json", help="JSON in place of Markdown.")] = False,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
) -> None:
    """Write a thread's transcript: its messages, and its code with what that printed."""
    with opened(profile, base_url, api_key) as target:
        thread = find_thread(target.client, target.index, named)
        entry = target.index.get(thread.id)
        found = past(target.client, thread.id)
        if as_json:
            text = json.dumps(_as_data(thread, list(found)), indent=2) + "\n"
        else:
            name = partial(image_in_words, target.client)
            text = markdown(entry.title if entry else "", thread.id, found, name)
    if file == "-" and sys.stdout.isatty():
        say(text.rstrip("\n"))
    else:
        save(file, text)


def _as_data(thread: Thread, found: list[Message | RunStep]) -> dict[str, Any]:
    """The thread, its messages, and the steps in which code was run, each as the endpoint has it."""
    return {
        "thread": data_of(thread),
        "messages": [data_of(each) for each in found if each.object == "thread.message"],
        "steps": [data_of(each) for each in found if each.object == "thread.run.step"],
    }

"""`asstream resume` for Typer."""

from __future__ import annotations

from typing import Annotated

import typer

from asstream.cli import options as o
from asstream.cli.talk import TalkOptions, resume
from asstream.cli.target import noun
from asstream.errors import UsageError

app = noun("Show a thread's messages and go on with it.")


@app.command()
def command(
    thread_id: Annotated[
        str | None,
        typer.Argument(
            metavar="THREAD_ID", help="An id, or a unique start of one; without it, a list to pick from."
        ),
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="The thread last used.")] = False,
    assistant: o.Assistant = None,
    thread: o.Thread = None,
    model: o.Model = None,
    instructions: o.Instructions = None,
    file: o.Files = None,
    image: o.Images = None,
    handler: o.Handler = None,
    no_stream: o.NoStream = False,
    plain: o.Plain = False,
    json: o.JsonEvents = False,
    record: o.Record = None,
    save_files: o.SaveFiles = None,
    sandbox: o.Sandbox = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
) -> int:
    """Show a thread's messages, oldest first, and go on with it; the assistant is that of its last run."""
    if thread_id is not None and thread is not None:
        raise UsageError(f"{thread_id} and --thread {thread} exclude each other", "give one of them")
    return resume(
        thread_id or thread,
        last,
        TalkOptions(
            assistant=assistant,
            model=model,
            instructions=instructions,
            files=tuple(file or ()),
            images=tuple(image or ()),
            handler=handler,
            record=record,
            save_files=save_files,
            sandbox=sandbox,
            profile=profile,
            base_url=base_url,
            api_key=api_key,
            stream=not no_stream,
            plain=plain,
            json=json,
        ),
    )

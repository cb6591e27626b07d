"""`asstream ask` for Typer."""

from __future__ import annotations

from typing import Annotated

import typer

from asstream.cli import options as o
from asstream.cli.talk import TalkOptions, ask
from asstream.cli.target import noun

app = noun("Send one message, print the reply, exit.")


@app.command()
def command(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT|-", help="The message; - reads it from stdin.")],
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
    """Send one message, print the reply on stdout, exit."""
    return ask(
        prompt,
        TalkOptions(
            assistant=assistant,
            thread=thread,
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

"""`asstream chat` for Typer: the options that `quick` does not take by itself, and their help."""

from __future__ import annotations

from asstream.cli import options as o
from asstream.cli.talk import TalkOptions, chat
from asstream.cli.target import noun

app = noun("Chat with an assistant, the reply streaming live.")


@app.command()
def command(
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
    """Chat with an assistant, the reply streaming live.

    At a terminal it asks line by line; piped, it reads stdin and prints the replies' text alone.
    `exit`, `quit` or Ctrl-D leave; Ctrl-C stops a reply; /help lists the chat's own commands.
    """
    return chat(
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
        )
    )

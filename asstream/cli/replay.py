"""`asstream replay`: a recorded run, shown again by any handler."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from asstream.cli import options as o
from asstream.cli.shown import check_choice, handler_name, is_ours
from asstream.cli.talk import TalkOptions
from asstream.cli.target import noun
from asstream.endpoints import KEYLESS
from asstream.errors import AsstreamError

NOWHERE = "http://127.0.0.1:9/v1"
"""What the `OpenAI()` of a handler's file reaches: it must load, but a recording has no endpoint."""

app = noun("Show a recorded run again.")


@app.command()
def command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-", help="What --record or --json wrote, or any event stream; - is stdin."
        ),
    ],
    speed: Annotated[
        float, typer.Option("--speed", metavar="N", help="2 is twice as fast, 0 at once.", min=0)
    ] = 1.0,
    handler: o.Handler = None,
    plain: o.Plain = False,
    json: o.JsonEvents = False,
) -> int:
    """Show a recorded run again, at any pace; exits with 1 where the run did not complete."""
    from openai import OpenAIError

    from asstream.chat.recording import replay
    from asstream.handlers.endpoint_environment import reachable
    from asstream.handlers.faults import raised_by_handler
    from asstream.handlers.find import instantiate, load

    options = TalkOptions(handler=handler, plain=plain, json=json)
    check_choice(options)
    spec = handler_name(options, None, terminal=sys.stdout.isatty())
    try:
        with reachable(NOWHERE, KEYLESS):
            kind = load(spec)
            run = replay(file, lambda: instantiate(kind, spec), speed)
    except Exception as error:
        if is_ours(spec) or isinstance(error, OpenAIError | AsstreamError | BrokenPipeError):
            raise
        raise raised_by_handler(error) from error
    return 0 if run is None or run.status in ("completed", "requires_action") else 1

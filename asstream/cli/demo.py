"""`asstream demo`: a scripted tour through a server and a home of its own, gone afterwards."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from asstream.chat.keys import PROMPT
from asstream.cli import options as o
from asstream.cli.output import say
from asstream.cli.talk import TalkOptions
from asstream.cli.target import noun
from asstream.config import EMBEDDED, ModelSettings, Settings

app = noun("A scripted tour; needs no model and no key.")

SCRIPT = Path(__file__).with_name("tour.json")
QUESTIONS = ("Who are you?", "Do you remember what I asked?", "How does my own program use this?")


@app.command()
def command(handler: o.Handler = None, plain: o.Plain = False) -> int:
    """Show what a chat looks like. The replies come from the scripted model: no model, no key, no network."""
    from asstream.cli.opening import open_session
    from asstream.cli.shown import check_choice

    options = TalkOptions(handler=handler, plain=plain)
    check_choice(options)
    say("A tour. The replies come from the scripted model, not from a language model.")
    with tempfile.TemporaryDirectory(prefix="asstream-demo-") as folder:
        home = Path(folder)
        settings = Settings(
            home=home,
            config_path=home / "none.toml",
            kind=EMBEDDED,
            model=ModelSettings(model=f"scripted:{SCRIPT}"),
        )
        session = open_session(settings, options, terminal=sys.stdout.isatty())
        try:
            for question in QUESTIONS:
                say("", PROMPT + question)
                run = session.send(question)
                if run.status != "completed":
                    say(*session.outcome(run))
                    return 1
        finally:
            session.close()
    say("", "`asstream chat` begins a chat of your own.", "`asstream doctor` tells which model would answer.")
    return 0

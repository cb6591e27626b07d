"""`asstream demo`: a scripted tour through a server and a home of its own, gone afterwards.

The model is a script and says so; the code that it writes is run for real.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.chat.keys import PROMPT
from asstream.cli import options as o
from asstream.cli.output import say
from asstream.cli.talk import TalkOptions
from asstream.cli.target import noun
from asstream.config import EMBEDDED, ModelSettings, Settings, load
from asstream.interpreter import installed
from asstream.runtime.models.embedding_source import absent

if TYPE_CHECKING:
    from asstream.chat.session import Session

app = noun("A scripted tour; needs no model and no key.")

SCRIPT = Path(__file__).with_name("tour.json")
TEXT = ("Who are you?", "How does my own program use this?")
CODE = (
    "Here are eight numbers: 3, 1, 4, 1, 5, 9, 2, 6. Add them up, slowly.",
    "Now the prices: tea 3.50, coffee 4.20, milk 1.10.",
)
PLOT = "Draw the numbers."
FILE = "I want the numbers as a file."
SEARCH = "Here are the notes on the kettle. When is it to be descaled?"
NOTES = Path(__file__).with_name("kettle.md")


@app.command()
def command(
    handler: o.Handler = None,
    plain: o.Plain = False,
    save_files: o.SaveFiles = None,
    sandbox: o.Sandbox = None,
) -> int:
    """Show what a chat looks like. The replies come from the scripted model: no model, no key, no network.

    The code in them is run on this machine, in the sandbox that a chat would use.
    """
    from asstream.cli.opening import open_session
    from asstream.cli.shown import check_choice

    options = TalkOptions(handler=handler, plain=plain, save_files=save_files, sandbox=sandbox)
    check_choice(options)
    held = load({"sandbox": sandbox, "base_url": EMBEDDED}).sandbox  # the tour runs here, whatever is set
    say("A tour. The replies come from the scripted model, not from a language model.")
    with tempfile.TemporaryDirectory(prefix="asstream-demo-") as folder:
        session = open_session(_settings(Path(folder), held), options, terminal=sys.stdout.isatty())
        try:
            failed = any(not _told(session, question, file) for question, file in _questions(held))
        finally:
            session.close()
    if failed:
        return 1
    if save_files is None:
        say("", "The files went with the demo's home; `asstream demo --save-files DIR` keeps them.")
    say("", "`asstream chat` begins a chat of your own.", "`asstream doctor` tells which model would answer.")
    return 0


def _settings(home: Path, sandbox: str) -> Settings:
    """A home that holds nothing; of what is configured, what holds code counts here too."""
    return Settings(
        home=home,
        config_path=home / "none.toml",
        kind=EMBEDDED,
        model=ModelSettings(model=f"scripted:{SCRIPT}"),
        sandbox=sandbox,
    )


def _told(session: Session, question: str, file: Path | None) -> bool:
    say("")
    if file is not None:  # as somebody would do it in a chat
        added = session.outgoing.add_file(session.client, file)
        say(f"{PROMPT}/file {file.name}", f"{added.shown} ({added.size:,} bytes) goes with the next message")
    say(PROMPT + question)
    run = session.send(question)
    if run.status != "completed":
        say(*session.outcome(run))
    return run.status == "completed"


def _questions(sandbox: str) -> Iterator[tuple[str, Path | None]]:
    """What is asked, and the file that goes with it.

    About code only where code can be run, about a plot only where one can be drawn, about a file only where
    files are searched.
    """
    yield TEXT[0], None
    yield from ((question, None) for question in _code_questions(sandbox))
    if missing := absent():
        say("", f"(No file is searched: {' and '.join(missing)} missing; pip install 'asstream[search]'.)")
    else:
        yield SEARCH, NOTES
    yield TEXT[1], None


def _code_questions(sandbox: str) -> Iterator[str]:
    without = _no_interpreter(sandbox)
    if without:
        say("", *without)
    else:
        yield from CODE
        if installed.absent(["matplotlib"]):
            say("", f"(No plot: matplotlib is not installed; {installed.REMEDY}.)")
        else:
            yield PLOT
        yield FILE


def _no_interpreter(sandbox: str) -> list[str]:
    """Why no code is run here, and what to do about it; empty where it is."""
    if missing := installed.absent():
        told = installed.not_installed(missing)
        return [f"(No code is run: the code interpreter is {told}.)", f"({installed.REMEDY}.)"]
    from asstream.interpreter.protocol import InterpreterUnavailableError
    from asstream.interpreter.sandbox import choose

    try:
        choose("none" if sandbox == "none" else "auto")
    except InterpreterUnavailableError as error:
        return [f"(No code is run: {error.message}.)", *([f"({error.remedy})"] if error.remedy else [])]
    return []

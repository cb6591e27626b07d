"""The root of the command line: the table of commands, the help made from it, and the dispatch.

Imports nothing heavy: help is printed, and a plain `chat` starts, before Typer is imported. Only the named
command's module is imported.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# name: (module with a Typer `app`, summary). The order is that of the help.
COMMANDS = {
    "chat": ("asstream.cli.chat", "Chat with an assistant, the reply streaming live."),
    "resume": ("asstream.cli.resume", "Show a thread's messages and go on with it."),
    "ask": ("asstream.cli.ask", "Send one message, print the reply, exit."),
    "serve": ("asstream.cli.serve", "Serve the Assistants API on this machine, for any program."),
    "demo": ("asstream.cli.demo", "A scripted tour; needs no model and no key."),
    "replay": ("asstream.cli.replay", "Show a recorded run again."),
    "assistants": (
        "asstream.cli.assistants",
        "Create, change, list, show, delete, export, import assistants.",
    ),
    "threads": ("asstream.cli.threads", "List, show, rename, delete, export threads."),
    "runs": ("asstream.cli.runs", "List, show, cancel runs; their steps."),
    "files": ("asstream.cli.files", "Upload, list, show, download, delete files."),
    "stores": ("asstream.cli.stores", "List, show, create, fill, search, delete vector stores."),
    "models": ("asstream.cli.models", "List, pull, choose models of this machine."),
    "handlers": ("asstream.cli.handlers", "List the handlers that can show a reply."),
    "doctor": ("asstream.cli.doctor", "What is configured, reachable, installed; how to mend what is not."),
}

_FOOTER = """\
Options:
  --version  Print the version.
  --debug    Show tracebacks, and what goes over the wire (without keys).
  --help     Print this; `asstream COMMAND --help` prints a command's own.

With nothing configured, `asstream chat` talks to a small model on this machine.
"""


def help_text() -> str:
    """The root's help, made from the table."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "Usage: asstream [--debug] COMMAND [ARGS]...",
            "",
            "The OpenAI Assistants API again: a live streaming chat, and a server of its own.",
            "",
            "Commands:",
            *lines,
            "",
            _FOOTER,
        ]
    )


def run(arguments: list[str]) -> None:
    """Run one command line and end the process with its exit code."""
    _open_closed_streams()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # whatever bytes come or go, none of them ends the program
            stream.reconfigure(errors="replace")
    debug, arguments = _take_debug(arguments)
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        leave(_print_help())
    if arguments[0] == "--version":
        from asstream import __version__

        print(f"asstream {__version__}")
        leave(0)
    leave(_guarded(arguments, debug))


def _open_closed_streams() -> None:
    """Give a process that was started with closed streams (`<&-`, `>&-`) empty ones in their place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def leave(code: int) -> None:
    """End the process at once: all is closed by now, and the interpreter's teardown takes 0.15-0.6 s."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the reader went away: there is nobody left to tell
            code = code or 1
    os._exit(code)


def _take_debug(arguments: list[str]) -> tuple[bool, list[str]]:
    """Whether `--debug` stands anywhere before a `--`, and the arguments without it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head = [argument for argument in arguments[:end] if argument != "--debug"]
    return len(head) < end, head + arguments[end:]


def _print_help() -> int:
    sys.stdout.write(help_text())
    return 0


def _guarded(arguments: list[str], debug: bool) -> int:
    """Run a command; any error becomes its message and exit code."""
    try:
        if debug:
            from asstream.cli.debug import log_the_wire

            log_the_wire()
        return _dispatch(arguments[0], arguments[1:])
    except BaseException as error:
        from asstream.cli.exits import report

        return report(error, debug=debug)


def _dispatch(name: str, arguments: list[str]) -> int:
    simple = _SIMPLE.get(name)
    if simple is not None:
        from asstream.cli.quick import parse

        options = parse(name, arguments)
        if options is not None:
            return simple(options)
    return _typer(name, arguments)


def _plain_chat(options: dict[str, Any]) -> int:
    """A chat with simple options: the prompt appears first, everything is imported behind it."""
    from asstream.chat import keys

    keys.show_prompt()
    try:
        from asstream.cli.talk import TalkOptions, chat

        return chat(TalkOptions(**options))
    finally:
        keys.release()


def _plain_resume(options: dict[str, Any]) -> int:
    from asstream.cli.talk import TalkOptions, resume

    last = options.pop("last")
    return resume(options.pop("thread", None), last, TalkOptions(**options))


_SIMPLE = {"chat": _plain_chat, "resume": _plain_resume}


def _typer(name: str, arguments: list[str]) -> int:
    from importlib import import_module

    from asstream.errors import UsageError

    if name not in COMMANDS:
        raise UsageError(f"there is no command {name!r}{_near(name)}", "`asstream --help` lists the commands")
    app = import_module(COMMANDS[name][0]).app
    code = app(args=arguments, prog_name=f"asstream {name}", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _near(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""

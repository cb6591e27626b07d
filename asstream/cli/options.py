"""Typer's options that several commands share, and the small parsers of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asstream.errors import NotFoundError, UsageError

Profile = Annotated[
    str | None, typer.Option("--profile", metavar="P", help="A profile of the configuration file.")
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="A remote Assistants endpoint; `embedded` is this machine's own runtime.",
    ),
]
ApiKey = Annotated[str | None, typer.Option("--api-key", metavar="KEY", help="The key of that endpoint.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Print at most so many.")]

Assistant = Annotated[
    str | None, typer.Option("--assistant", metavar="ID|NAME", help="The assistant (default: ASSISTANT_ID).")
]
Thread = Annotated[str | None, typer.Option("--thread", metavar="ID", help="Go on with this thread.")]
Model = Annotated[str | None, typer.Option("--model", metavar="M", help="The model for these runs.")]
Instructions = Annotated[
    str | None,
    typer.Option(
        "--instructions", metavar="TEXT|@FILE", help="Instructions in place of the assistant's own."
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        metavar="PATH",
        help="A file for the first message, for the assistant's tools; repeat it for more.",
    ),
]
Images = Annotated[
    list[str] | None,
    typer.Option(
        "--image",
        metavar="PATH|URL",
        help="An image for the first message: png, jpg, gif, webp; repeat it for more.",
    ),
]
Handler = Annotated[
    str | None,
    typer.Option(
        "--handler", metavar="NAME|FILE.py:CLASS|pkg.mod:CLASS", help="The class that shows the reply."
    ),
]
NoStream = Annotated[bool, typer.Option("--no-stream", help="Wait for the whole reply, then show it.")]
Plain = Annotated[bool, typer.Option("--plain", help="Print the reply's text alone, unstyled.")]
JsonEvents = Annotated[bool, typer.Option("--json", help="Print one event a line, as on the wire.")]
Record = Annotated[
    str | None,
    typer.Option("--record", metavar="FILE", help="Keep the events of the runs, for `asstream replay`."),
]

SaveFiles = Annotated[
    str | None,
    typer.Option("--save-files", metavar="DIR", help="Save the files of each reply into this folder."),
]
Sandbox = Annotated[
    str | None,
    typer.Option(
        "--sandbox",
        metavar="auto|none",
        help="What holds the code that the model writes: the strongest sandbox here, or nothing.",
    ),
]


def text_or_file(value: str) -> str:
    """The text itself, or the content of the file that `@FILE` names. Raises NotFoundError, UsageError."""
    if not value.startswith("@"):
        return value
    path = Path(value[1:]).expanduser()
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}", "`@FILE` reads a file's text") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read as text: {error}", "give a UTF-8 text file") from error


def metadata(pairs: list[str], option: str = "--metadata") -> dict[str, str]:
    """`K=V` pairs, as that option gave them. Raises UsageError."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} {pair!r} is no K=V pair", f"write it as {option} topic=maths")
        found[key] = value
    return found


def tools(specs: list[str]) -> list[dict[str, Any]]:
    """`code_interpreter`, `file_search` or a JSON file, as the wire's tools. Raises UsageError."""
    found: list[dict[str, Any]] = []
    for spec in specs:
        if spec in ("code_interpreter", "file_search"):
            found.append({"type": spec})
        else:
            found.extend(_tools_of_file(spec))
    return found


def _tools_of_file(spec: str) -> list[dict[str, Any]]:
    import json

    path = Path(spec).expanduser()
    if not path.is_file():
        raise UsageError(
            f"--tool {spec!r} is neither code_interpreter nor file_search nor a file",
            "a FILE.json holds a tool, or a list of tools, as the API takes them",
        )
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not JSON: {error}", "it holds a tool, or a list of tools") from error
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(tool, dict) for tool in listed):
        raise UsageError(f"{path} does not hold a tool or a list of tools", 'such as {"type": "function", …}')
    return [tool if "type" in tool else {"type": "function", "function": tool} for tool in listed]

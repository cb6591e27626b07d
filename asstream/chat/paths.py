"""Paths as people type them at the prompt."""

from __future__ import annotations

from pathlib import Path

from asstream.errors import UsageError
from asstream.render.clean import clean_line


def path_of(argument: str) -> Path:
    """The path that a person typed or dropped: quotes around it, and `~`, are read as a shell reads them."""
    if len(argument) > 1 and argument[0] == argument[-1] and argument[0] in "'\"":
        argument = argument[1:-1]
    if "\0" in argument:
        raise UsageError(f"{clean_line(argument, 60)!r} is no path", "name a file")
    try:
        return Path(argument).expanduser()
    except RuntimeError as error:
        raise UsageError(
            f"{clean_line(argument, 60)}: nobody here has that home folder", "give the path whole"
        ) from error

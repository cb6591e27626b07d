"""What commands print: lines and tables for people, JSON lines for programs.

Everything is cleaned on its way out.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from asstream.errors import UsageError


def cleaned(text: str) -> str:
    """Text of a server, a model or a file, without anything that a terminal would act on."""
    from asstream.render.clean import clean

    return clean(text)


def say(*lines: str) -> None:
    """Print lines on stdout."""
    for line in lines:
        sys.stdout.write(cleaned(line) + "\n")
    sys.stdout.flush()


def warn(*lines: str) -> None:
    """Print lines on stderr, also where stdout takes no more (which may be what they tell of)."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    for line in lines:
        sys.stderr.write(cleaned(line) + "\n")
    sys.stderr.flush()


_status = ""
"""What stands on the terminal's last line for the moment: other lines take its place and put it back."""


def show_status(text: str) -> None:
    """Show a (clean) text on stderr in place of the status before it; nothing for an empty one."""
    global _status
    sys.stderr.write(("\r\x1b[K" if _status else "") + text)
    sys.stderr.flush()
    _status = text


def note(line: str) -> None:
    """Print a line on stderr above the status that may stand there."""
    status = _status
    if status:
        show_status("")
    sys.stderr.write(cleaned(line) + "\n")
    if status:
        show_status(status)
    sys.stderr.flush()


def emit(value: Any) -> None:
    """Print one JSON value on a line of its own; ASCII, so that nothing in it can be an escape sequence."""
    sys.stdout.write(json.dumps(as_json(value), separators=(", ", ": ")) + "\n")
    sys.stdout.flush()


def as_json(value: Any) -> Any:
    """A wire object of the SDK as plain JSON data, with every key that came."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, none: str = "") -> None:
    """Print rows in columns. On a terminal the widest are cut to fit; piped, nothing is cut.

    Args:
        none: what is said (on stderr) where there are no rows.
    """
    from asstream.render.columns import columns

    if rows or not none:
        say(*columns([headings, *rows]))
    else:
        warn(none)


def details(thing: Any) -> None:
    """Print an object's fields, a line each: times as dates, what is null left out."""
    for key, value in as_json(thing).items():
        if key.endswith("_at") and isinstance(value, int | float):
            say(f"{key}: {when(value)}")
        elif value is not None:
            say(f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


def save(file: str, text: str) -> None:
    """Write a text to a file, or to stdout where it is `-`. Raises UsageError."""
    if file == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        Path(file).expanduser().write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}", "name another file") from error


def when(seconds: float | None) -> str:
    """A Unix time as local date and minute; empty for None."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M") if seconds is not None else ""

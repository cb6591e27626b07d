"""Files of this machine sent to an endpoint: which ones a person names, and one upload.

Knows the `openai` client and the file system. An upload is sent at most once.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from asstream.errors import NotFoundError, UsageError
from asstream.render.clean import clean_line

if TYPE_CHECKING:
    import openai
    from openai.types import FileObject

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]

SECONDS = 600.0
"""How long an upload may take."""


def upload(client: openai.OpenAI, path: Path, purpose: Purpose = "assistants") -> FileObject:
    """Upload a file under its own name. Raises UsageError where it can't be read or sent, openai's errors."""
    from asstream.chat.saving import safe_name

    try:
        with readable(path).open("rb") as file:
            once = client.with_options(max_retries=0, timeout=SECONDS)
            return once.files.create(file=(safe_name(path.name), file), purpose=purpose)
    except OSError as error:
        raise _unreadable(path, error) from error


def readable(path: Path) -> Path:
    """The path of a file that can be sent. Raises UsageError: it can't be read, is empty, or too large."""
    from asstream.chat.downloads import MOST

    shown = clean_line(str(path))
    if path.is_dir():
        raise UsageError(f"{shown} is a folder", "name a file in it")
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise UsageError(f"{shown} is no plain file", "name one that is")
    try:
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    if size > MOST:
        raise UsageError(f"{shown} has {size:,} bytes, more than the API's {MOST:,}", "split it")
    if not size:
        raise UsageError(f"{shown} is empty", "name a file that holds something")
    return path


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{clean_line(str(path))} can't be read: {error.strerror}", "name another file")


def named(patterns: Iterable[str]) -> list[Path]:
    """The files that paths, folders and patterns (`notes/*.md`, `**`) name, each once, in order.

    A folder stands for all files in it and below, without hidden ones. Raises NotFoundError where a pattern
    names none.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        here = dict.fromkeys(_of(pattern))
        if not here:
            raise NotFoundError(f"{clean_line(pattern)!r} names no file", "give paths, folders or patterns")
        found |= here
    return list(found)


def _of(pattern: str) -> Iterator[Path]:
    path = Path(pattern).expanduser()
    if path.is_dir():
        yield from _below(path)
    elif path.exists() or path.is_symlink():  # before it is read as a pattern: names may hold brackets
        yield path
    else:
        for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 - a Path takes no absolute one
            if Path(match).is_file():
                yield Path(match)


def _below(folder: Path) -> Iterator[Path]:
    """The plain files below a folder, in order; links to folders are not followed, hidden ones left out."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        elif path.is_file():
            yield path

"""Filling a vector store from the command line: a bar, and a word for each file that can't be searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asstream.cli.output import warn
from asstream.cli.progress import bar

if TYPE_CHECKING:
    import openai

    from asstream.chat.stores import Filled


def fill_store(
    client: openai.OpenAI,
    store_id: str,
    paths: Sequence[Path],
    attributes: Mapping[str, str | float | bool] | None = None,
    chunking: Mapping[str, Any] | None = None,
) -> int:
    """Upload files into a store and say what came of it; the exit code. Raises openai's errors."""
    from asstream.chat.stores import fill

    with bar(len(paths)) as tell:
        filled = fill(client, store_id, paths, attributes=attributes, chunking=chunking, tell=tell)
    return told(filled, len(paths), "can be searched")


def told(filled: Filled, number: int, can: str) -> int:
    """Say what came of so many files, and why some did not come along; the exit code."""
    for path, why in filled.failed:
        warn(f"{path}: {why}")
    failed = f"; {len(filled.failed)} could not be read" if filled.failed else ""
    warn(f"{len(filled.added)} of {number} {'file' if number == 1 else 'files'} {can}{failed}")
    return 1 if filled.failed else 0

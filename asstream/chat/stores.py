"""Filling a vector store with files of this machine: uploads, then batches, watched until they are done.

Knows the `openai` client. A file that can't be sent or read never keeps back the others.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asstream.chat.uploads import upload
from asstream.errors import UsageError

if TYPE_CHECKING:
    import openai
    from openai.types.vector_stores import VectorStoreFile, VectorStoreFileBatch

BATCH = 500
"""Files of one batch: the API's most."""
_POLL = 0.2  # seconds, where the endpoint names no time
_LONGEST_POLL = 5.0

Tell = Callable[[str, int], None]
"""Told what goes on (`uploading NAME`, `reading`) and how many files are done with it."""


@dataclass
class Filled:
    """What became of the files: paths by id, and a reason for each that is not there."""

    added: dict[str, Path] = field(default_factory=dict)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def fill(
    client: openai.OpenAI,
    store_id: str,
    paths: Sequence[Path],
    *,
    attributes: Mapping[str, str | float | bool] | None = None,
    chunking: Mapping[str, Any] | None = None,
    tell: Tell = lambda what, done: None,
) -> Filled:
    """Upload files and add them to a store; returns once each was read, or could not be.

    An interruption cancels the batch that is under way and goes on up. Raises openai's errors.
    """
    filled = upload_all(client, paths, tell)
    read_into(client, store_id, filled, attributes=attributes, chunking=chunking, tell=tell)
    return filled


def upload_all(client: openai.OpenAI, paths: Sequence[Path], tell: Tell = lambda what, done: None) -> Filled:
    """Upload files; what can't be sent is in `failed`. Raises openai's errors."""
    filled = Filled()
    for number, path in enumerate(paths):
        tell(f"uploading {path.name}", number)
        try:
            filled.added[upload(client, path).id] = path
        except UsageError as error:
            filled.failed.append((path, error.message))
    return filled


def read_into(
    client: openai.OpenAI,
    store_id: str,
    filled: Filled,
    *,
    attributes: Mapping[str, str | float | bool] | None = None,
    chunking: Mapping[str, Any] | None = None,
    tell: Tell = lambda what, done: None,
) -> None:
    """Add uploaded files to a store and wait; what can't be read moves from `added` to `failed`.

    An interruption cancels the batch that is under way and goes on up. Raises openai's errors.
    """
    options: dict[str, Any] = {"attributes": dict(attributes or {}), "chunking_strategy": chunking}
    given = {key: value for key, value in options.items() if value}
    ids = list(filled.added)
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        batch = client.with_options(max_retries=0).vector_stores.file_batches.create(
            store_id, file_ids=part, **given
        )
        watched = _watch(client, batch, partial(_tell_read, tell, start))
        if watched.file_counts.completed < len(part):
            _note_failures(client, watched, filled)


def _tell_read(tell: Tell, before: int, done: int) -> None:
    tell("reading", before + done)


def _watch(
    client: openai.OpenAI, batch: VectorStoreFileBatch, tell: Callable[[int], None]
) -> VectorStoreFileBatch:
    batches = client.vector_stores.file_batches
    try:
        while batch.status == "in_progress":
            tell(batch.file_counts.total - batch.file_counts.in_progress)
            answer = batches.with_raw_response.retrieve(batch.id, vector_store_id=batch.vector_store_id)
            batch = answer.parse()
            if batch.status == "in_progress":
                hint = answer.headers.get("openai-poll-after-ms", "")
                time.sleep(min(int(hint) / 1000 if hint.isdigit() else _POLL, _LONGEST_POLL))
    except BaseException:
        with contextlib.suppress(Exception):  # what interrupted is what there is to say
            batches.cancel(batch.id, vector_store_id=batch.vector_store_id)
        raise
    tell(batch.file_counts.total)
    return batch


def _note_failures(client: openai.OpenAI, batch: VectorStoreFileBatch, filled: Filled) -> None:
    """Move the files that are not completed from `added` to `failed`, each with its reason."""
    listed = client.vector_stores.file_batches.list_files(
        batch.id, vector_store_id=batch.vector_store_id, limit=100
    )
    for file in listed:
        if file.status != "completed" and file.id in filled.added:
            filled.failed.append((filled.added.pop(file.id), reason(file)))


def reason(file: VectorStoreFile) -> str:
    """Why a store can't search a file, in the endpoint's words."""
    return file.last_error.message if file.last_error is not None else file.status

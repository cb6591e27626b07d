"""Files: what was uploaded, kept under HOME/files by id; the name a client gave is never part of a path."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import BinaryIO, Final

from asstream.errors import WireError
from asstream.runtime import attaching, objects, rows
from asstream.runtime.core import Core
from asstream.runtime.ids import new_id
from asstream.runtime.objects import Object
from asstream.runtime.rows import FILE, Listing
from asstream.runtime.store import StoreFullError, Writer

PURPOSES: Final = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
"""What a client may upload a file for, as the service's error named them."""

_BATCH_SECONDS: Final = 30 * 86_400
"""How long files of purpose `batch` live where nothing else is said."""

_CHUNK: Final = 1 << 20

_ABANDONED_SECONDS: Final = 86_400
"""An upload that has not grown for so long goes on nowhere."""


class Files:
    """The files of a home."""

    def __init__(self, core: Core) -> None:
        self._core = core
        core.files.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def create(
        self, purpose: str, filename: str, content: BinaryIO, expires_after: int | None = None
    ) -> Object:
        """Keep an uploaded file. `expires_after` is in seconds. It is on the disk before this returns."""
        id = new_id("file-")
        path = self._core.files / id
        try:
            size = await asyncio.to_thread(_copy_durably, content, path)
        except OSError as error:
            raise StoreFullError(path, error.strerror or str(error)) from error
        life = expires_after or (_BATCH_SECONDS if purpose == "batch" else None)
        expires_at = objects.now() + life if life else None
        made = objects.file(
            {"id": id, "purpose": purpose, "filename": filename, "bytes": size, "expires_at": expires_at}
        )

        def work(writer: Writer) -> Object:
            rows.insert(writer, FILE, made, purpose=purpose, expires_at=expires_at)
            return made

        try:
            return await self._core.store.write(work)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def get(self, id: str) -> Object:
        """A file's object. Raises WireError 404, also when it has expired."""
        found = rows.get(self._core.store, FILE, id)
        if found["expires_at"] is not None and found["expires_at"] <= objects.now():
            raise FILE.not_found(id)
        return found

    def page(self, wanted: Listing, purpose: str | None = None) -> Object:
        """A page of files."""
        return rows.listing(self._core.store, FILE, wanted, **({"purpose": purpose} if purpose else {}))

    def content(self, id: str) -> tuple[Object, Path]:
        """A file's object and where its bytes are. Raises WireError 404."""
        found = self.get(id)
        path = self._core.files / found["id"]
        if not path.is_file():
            raise WireError(404, f"The content of file {id} is gone from the disk.", param="id")
        return found, path

    async def delete(self, id: str) -> Object:
        """Delete a file and its content. It leaves its vector stores."""

        def work(writer: Writer) -> Object:
            rows.delete(writer, FILE, id)
            attaching.detach_everywhere(writer, id)
            return objects.deleted(id, "file")

        answer = await self._core.store.write(work)
        self._core.ingesting.wake()
        (self._core.files / id).unlink(missing_ok=True)
        return answer


async def remove_expired(core: Core) -> None:
    """Remove the files that have expired, and what uploads that were cut off have left."""

    def work(writer: Writer) -> list[str]:
        gone = writer.execute("DELETE FROM files WHERE expires_at <= ? RETURNING id", (objects.now(),))
        ids = [str(id) for (id,) in gone.fetchall()]
        for id in ids:
            attaching.detach_everywhere(writer, id)
        return ids

    for id in await core.store.write(work):
        (core.files / id).unlink(missing_ok=True)
    for part in core.files.glob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            if part.stat().st_mtime < objects.now() - _ABANDONED_SECONDS:
                part.unlink()


def _copy_durably(source: BinaryIO, path: Path) -> int:
    """Copy to a file that is either whole and on the disk, or not there. Returns its size in bytes."""
    part = path.with_suffix(".part")
    size = 0
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            while chunk := source.read(_CHUNK):
                size += target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        part.rename(path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return size


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

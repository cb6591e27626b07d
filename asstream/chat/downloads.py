"""The files of a session's replies, fetched through the client and saved.

What handlers are given as `files` (`handlers.files.Files`); what `/save` and `--save-files` do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import openai

from asstream.chat import saving
from asstream.errors import AsstreamError, UnreachableError
from asstream.handlers.files import Picture
from asstream.render.images.kinds import MOST_BYTES, Kind, NotAPictureError, kind_of

if TYPE_CHECKING:
    from openai.types import FileObject

MOST = 512 * 1024 * 1024
"""Bytes of a file: what the API allows."""
SECONDS = 60.0


class Downloads:
    """The files of one session.

    Args:
        client: the endpoint.
        pictures: the folder where pictures are saved that are shown; made when there is one.
        kept: the folder for every file of every reply (`--save-files`); None keeps none.
        remedy: how a person saves a file, in a few words.
        tell: tells a person that a file was saved.
    """

    def __init__(
        self,
        client: openai.OpenAI,
        pictures: Path,
        *,
        kept: Path | None = None,
        remedy: str = "",
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.kept = kept
        self.remedy = remedy
        self._client = client.with_options(timeout=SECONDS)
        self._pictures = pictures
        self.tell = tell
        self._fetched: dict[str, Picture] = {}
        self._paths: dict[str, Path] = {}

    def picture(self, file_id: str) -> Picture:
        """Fetch and save a picture; the same one twice is fetched once. Raises nothing."""
        if file_id not in self._fetched:
            self._fetched[file_id] = self._picture(file_id)
        return self._fetched[file_id]

    def name(self, file_id: str) -> str:
        """The name that the endpoint has for a file, else its id. Raises nothing."""
        return self._name(file_id, "")

    def keep(self, file_id: str, name: str) -> Path | None:
        """Save a file of a reply where all files are saved; None where they are not, or it failed."""
        if self.kept is None:
            return None
        try:
            return self._keep(file_id, name)
        except (AsstreamError, openai.OpenAIError):
            return None  # `keep_all` tries again at the end of the reply, and says why not

    def keep_all(self, produced: Mapping[str, str]) -> None:
        """Save the files of a reply that were not saved yet (`--save-files`), and tell of each.

        Raises AsstreamError, openai.OpenAIError.
        """
        if self.kept is not None:
            for file_id, name in produced.items():
                self._keep(file_id, name)

    def save(self, produced: Mapping[str, str], folder: Path) -> list[Path]:
        """Save files into a folder (`/save`). Raises AsstreamError, openai.OpenAIError."""
        folder = saving.prepare(folder)
        return [self._save(file_id, name, folder) for file_id, name in produced.items()]

    def _keep(self, file_id: str, name: str) -> Path:
        assert self.kept is not None
        if file_id not in self._paths:
            self._paths[file_id] = self._save(file_id, name, self.kept)
            self.tell(f"saved {self._paths[file_id]}")
        return self._paths[file_id]

    def _save(self, file_id: str, name: str, folder: Path) -> Path:
        return saving.save(folder, self._name(file_id, name), self._pieces(file_id, MOST))

    def _picture(self, file_id: str) -> Picture:
        try:
            data = b"".join(self._pieces(file_id, MOST_BYTES))
            kind = kind_of(data)
            return self._saved(file_id, data, kind)
        except NotAPictureError as error:
            return Picture(problem=str(error))
        except AsstreamError as error:
            return Picture(problem=error.message)
        except openai.OpenAIError as error:
            return Picture(problem=f"it can't be fetched: {error}")

    def _saved(self, file_id: str, data: bytes, kind: Kind) -> Picture:
        name = saving.with_suffix(saving.safe_name(self._name(file_id, ""), file_id), kind.suffix)
        try:
            folder = self.kept or self._own_folder()
            path = self._paths[file_id] = saving.save(folder, name, [data])
        except AsstreamError as error:
            return Picture(data, None, error.message)
        if self.kept is not None:
            self.tell(f"saved {path}")
        return Picture(data, path)

    def _own_folder(self) -> Path:
        folder = saving.prepare(self._pictures)
        folder.chmod(0o700)
        return folder

    def _name(self, file_id: str, name: str) -> str:
        """The name that the endpoint has for a file, else the reply's, else its id."""
        try:
            held: FileObject = self._client.files.retrieve(file_id)
        except openai.OpenAIError:
            return name or file_id
        return held.filename or name or file_id

    def _pieces(self, file_id: str, most: int) -> Iterator[bytes]:
        total = 0
        try:
            with self._client.files.with_streaming_response.content(file_id) as response:
                for piece in response.iter_bytes(65536):
                    total += len(piece)
                    if total > most:
                        raise AsstreamError(
                            f"the file {file_id} has more than {most // 1024 // 1024} MB",
                            "fetch it with a program of your own",
                        )
                    yield piece
        except (AsstreamError, openai.OpenAIError):
            raise
        except Exception as error:  # the HTTP library's own, whose name is not ours to know
            raise UnreachableError(f"the file {file_id} broke off: {error}", "try again") from error

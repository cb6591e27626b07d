"""How large a request may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import Message

from asstream.errors import WireError

MB: Final = 1 << 20

_OTHER_BYTES: Final = MB
"""What the other fields of an upload and their frames may take."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in MB (of 2 to the 20th bytes).

    Attributes:
        body_mb: the largest JSON body; a message's text alone may have a million characters.
        file_mb: the largest file.
    """

    body_mb: int = 64
    file_mb: int = 512

    def body(self, request: Request) -> Request:
        """A request that ends with WireError 413 where its JSON body is too large."""
        size = self.body_mb * MB
        error = WireError(413, f"The request is larger than the limit of {size} bytes ({self.body_mb} MB).")
        return _bounded(request, size, error)

    def upload(self, request: Request) -> Request:
        """The same for a file with what comes around it."""
        return _bounded(request, self.file_mb * MB + _OTHER_BYTES, self._file_error())

    def check_file(self, size: int) -> None:
        """Raise WireError 413 for a file that is too large, in bytes."""
        if size > self.file_mb * MB:
            raise self._file_error()

    def _file_error(self) -> WireError:
        text = f"The file is larger than the limit of {self.file_mb * MB} bytes ({self.file_mb} MB)."
        return WireError(413, text, param="file")


def limits(request: Request) -> Limits:
    """The limits of this server."""
    found: Limits = request.app.state.limits
    return found


def _bounded(request: Request, most: int, error: WireError) -> Request:
    """A request that raises `error`: at once where it says that it is larger, else where it proves to be."""
    length = request.headers.get("content-length") or "0"
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise error
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most:
            raise error
        return message

    return Request(request.scope, receive)

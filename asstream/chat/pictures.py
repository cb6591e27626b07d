"""Pictures for the next message: a file that is one by its bytes is uploaded, an address passes through.

Knows the `openai` client and the file system.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asstream.chat.paths import path_of
from asstream.errors import UsageError
from asstream.render.clean import clean_line
from asstream.render.images.kinds import MOST_BYTES, Kind, NotAPictureError, header_of

if TYPE_CHECKING:
    import openai

UPLOAD_SECONDS = 600.0
_LONGEST_URL = 8192
_SUFFIXES = {"jpeg": (".jpg", ".jpeg", ".jpe", ".jfif")}
"""The ends of names that say a kind; others have their own name alone."""
_KINDS = "a png, jpg, gif or webp file of at most 20 MB, or an http(s) URL"


@dataclass(frozen=True)
class Picture:
    """A picture that may be sent: a file that was read and found to be one, or an address.

    Attributes:
        shown: what it is called, fit for a terminal.
        url: the address; empty for a file.
        name: the name of the file, with an end that says its kind.
        data: the bytes of the file.
    """

    shown: str
    url: str = ""
    name: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class Waiting:
    """A picture that goes with the next message: what it is called, and its part of the message."""

    shown: str
    part: dict[str, Any]


def look(source: str) -> Picture:
    """The picture at a path or an http(s) URL; the path is read, the URL is not asked. Raises UsageError."""
    scheme, colon, _ = source.partition("://")
    if colon and scheme.isalnum():
        return _address(source, scheme.lower())
    path = path_of(source)
    shown = clean_line(str(path))
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise UsageError(f"{shown} is no plain file", f"name {_KINDS}")
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown} can't be read: {error.strerror}", f"name {_KINDS}") from error
    try:
        kind = header_of(data)
    except NotAPictureError as error:
        raise UsageError(f"{shown} is no image to send: {error}", f"name {_KINDS}") from error
    return Picture(clean_line(path.name), name=_named(path, kind), data=data)


def send(client: openai.OpenAI, picture: Picture) -> Waiting:
    """The picture as a part of a message; a file is uploaded for that. Raises openai.OpenAIError."""
    if picture.url:
        return Waiting(picture.shown, {"type": "image_url", "image_url": {"url": picture.url}})
    once = client.with_options(max_retries=0, timeout=UPLOAD_SECONDS)
    made = once.files.create(file=(picture.name, picture.data), purpose="vision")
    return Waiting(picture.shown, {"type": "image_file", "image_file": {"file_id": made.id}})


def _address(source: str, scheme: str) -> Picture:
    shown = clean_line(source, 80)
    if scheme not in ("http", "https"):
        raise UsageError(f"{shown} is no address that a model can be given", f"name {_KINDS}")
    if clean_line(source) != source or " " in source or len(source) > _LONGEST_URL:
        raise UsageError(f"{shown} is no URL as it stands", "write it without spaces, in one line")
    return Picture(shown, url=source)


def _named(path: Path, kind: Kind) -> str:
    """The file's name; endpoints go by its end, which people leave away or get wrong."""
    from asstream.chat.saving import safe_name

    right = path.suffix.lower() in _SUFFIXES.get(kind.format, (kind.suffix,))
    return safe_name(path.name if right else f"{path.name}{kind.suffix}")

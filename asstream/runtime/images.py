"""The images of messages: which may be sent, and how the model is shown one that was uploaded."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from asstream.errors import WireError
from asstream.runtime import rows
from asstream.runtime.objects import Object
from asstream.runtime.rows import FILE
from asstream.runtime.store import Writer

MOST_BYTES: Final = 20 << 20
"""The largest image, as the service had it; models take no larger ones."""

_STARTS: Final = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"))
_KINDS: Final = "a png, jpeg, gif or webp image"
_LIMIT: Final = f"the limit of {MOST_BYTES} bytes (20 MB) an image"


def kind_of(data: bytes) -> str | None:
    """`png`, `jpeg`, `gif` or `webp`, by how an image begins; None for anything else."""
    kind = next((kind for start, kind in _STARTS if data.startswith(start)), None)
    return None if kind == "webp" and data[8:12] != b"WEBP" else kind


def data_url(path: Path) -> str:
    """An uploaded image as the model is shown it. Raises FileNotFoundError."""
    data = path.read_bytes()
    return f"data:image/{kind_of(data) or 'png'};base64,{base64.b64encode(data).decode('ascii')}"


def refuse_wrong(writer: Writer, folder: Path, content: list[Object]) -> None:
    """Look at the images of a new message, whose files are known to be there.

    Raises WireError 400 for what no model could be shown. `folder` has the files' contents.
    """
    for place, part in enumerate(content):
        if part["type"] == "image_file":
            _refuse_file(
                writer, folder, part["image_file"]["file_id"], f"content[{place}].image_file.file_id"
            )
        elif part["type"] == "image_url":
            _refuse_url(part["image_url"]["url"], f"content[{place}].image_url.url")


def _refuse_file(writer: Writer, folder: Path, id: str, param: str) -> None:
    size = rows.get(writer, FILE, id)["bytes"]
    if size > MOST_BYTES:
        raise _wrong(param, f"the file {id} has {size} bytes, more than {_LIMIT}")
    try:
        with (folder / id).open("rb") as file:
            start = file.read(12)
    except OSError:
        return  # its content is gone from the disk: the model is told so
    if kind_of(start) is None:
        raise _wrong(param, f"the file {id} is not {_KINDS}")


def _refuse_url(url: str, param: str) -> None:
    scheme, _, rest = url.partition(":")
    if scheme.lower() in ("http", "https") and rest.startswith("//"):
        return
    # What else an endpoint might open for the asking, such as a file of its own, is not a client's to name.
    if scheme.lower() != "data" or not rest.lower().startswith("image/"):
        raise _wrong(param, "expected an http or https URL, or a data URL of an image")
    if len(rest.partition(",")[2]) * 3 // 4 > MOST_BYTES:
        raise _wrong(param, f"the data URL holds more than {_LIMIT}")


def _wrong(param: str, what: str) -> WireError:
    return WireError(400, f"Invalid '{param}': {what}.", param=param, code="invalid_value")

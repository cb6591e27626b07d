"""`/files`."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from asstream.errors import WireError
from asstream.runtime.files import PURPOSES
from asstream.server.answers import answer
from asstream.server.asked import listing, runtime
from asstream.server.limits import limits

_SHORTEST_LIFE: Final = 3600
_LONGEST_LIFE: Final = 2_592_000


async def create(request: Request) -> Response:
    """`POST /files`: multipart, with `file` and `purpose`."""
    bounds = limits(request)
    async with bounds.upload(request).form(max_files=1, max_fields=8) as form:
        upload, purpose = form.get("file"), form.get("purpose")
        if not isinstance(upload, UploadFile):
            raise WireError(400, "'file' is a required property", param="file")
        if not isinstance(purpose, str):
            raise WireError(400, "'purpose' is a required property", param="purpose")
        if purpose not in PURPOSES:
            raise WireError(400, f"{purpose!r} is not one of {list(PURPOSES)} - 'purpose'", param="purpose")
        bounds.check_file(upload.size or 0)
        name = upload.filename or "upload"
        files = runtime(request).files
        return answer(await files.create(purpose, name, upload.file, _life(form)))


def _life(form: FormData) -> int | None:
    """`expires_after`, in seconds."""
    given = form.get("expires_after[seconds]")
    if given is None:
        return None
    if not str(given).isdigit() or not _SHORTEST_LIFE <= int(str(given)) <= _LONGEST_LIFE:
        message = (
            f"Invalid 'expires_after.seconds': expected {_SHORTEST_LIFE} to {_LONGEST_LIFE}, got {given!r}."
        )
        raise WireError(400, message, param="expires_after")
    return int(str(given))


async def page(request: Request) -> Response:
    """`GET /files`."""
    purpose = request.query_params.get("purpose") or None
    return answer(runtime(request).files.page(listing(request, most=10_000, default=10_000), purpose))


async def get(request: Request) -> Response:
    """`GET /files/{file_id}`."""
    return answer(runtime(request).files.get(request.path_params["file_id"]))


async def content(request: Request) -> Response:
    """`GET /files/{file_id}/content`."""
    found, path = runtime(request).files.content(request.path_params["file_id"])
    # The name is the uploader's: it goes into the header percent-encoded, and nothing sniffs the type.
    headers = {
        "content-disposition": f"attachment; filename*=utf-8''{quote(found['filename'], safe='')}",
        "x-content-type-options": "nosniff",
    }
    return FileResponse(path, headers=headers, media_type="application/octet-stream")


async def delete(request: Request) -> Response:
    """`DELETE /files/{file_id}`."""
    return answer(await runtime(request).files.delete(request.path_params["file_id"]))

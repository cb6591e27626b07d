"""A file over HTTP(S), by the standard library: redirects, a known length, a hash on the way."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from asstream.errors import NotFoundError, UnreachableError
from asstream.runtime.models.endpoint import ModelEndpoint, printable

_CHUNK = 256 * 1024
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Fetched:
    """A file that was got, and its SHA-256 in hex."""

    path: Path
    sha256: str


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, never from https to http; keeps the hub's word for what the file is to be."""

    expected_sha256 = ""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """As the base class, with the two additions."""
        if req.full_url.lower().startswith("https:") and not newurl.lower().startswith("https:"):
            raise urllib.error.URLError("it redirects from https to http")
        linked = str(headers.get("X-Linked-Etag") or "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", linked):
            self.expected_sha256 = linked
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, target: Path, grown: Callable[[int, int | None], None]) -> Fetched:
    """Fetch a file; `grown` gets bytes done and total. Raises UnreachableError, NotFoundError, OSError."""
    redirects = _Redirects()
    handlers: list[urllib.request.BaseHandler] = [redirects]
    if ModelEndpoint(url).is_loopback:
        handlers.append(urllib.request.ProxyHandler({}))
    shown = printable(urlsplit(url)._replace(query="", fragment="").geturl(), 200)
    digest, done = hashlib.sha256(), 0
    try:
        response = urllib.request.build_opener(*handlers).open(url, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403, 404, 410):
            raise NotFoundError(
                f"{shown} is not there, or not public (answer {error.code})", "check it"
            ) from error
        raise UnreachableError(
            f"{shown} can't be had: the server answered {error.code}", "try again later"
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _cut(shown, error) from error
    length = response.headers.get("Content-Length") or ""
    total = int(length) if length.isdecimal() else None
    with response, target.open("wb") as file:
        while piece := _read(response, shown):
            file.write(piece)
            digest.update(piece)
            done += len(piece)
            grown(done, total)
    if total is not None and done != total:
        raise _cut(shown, f"it ended after {done:,} of {total:,} bytes")
    sha256 = digest.hexdigest()
    if redirects.expected_sha256 and sha256 != redirects.expected_sha256:
        raise _cut(shown, "what came is not the file that the server announced")
    return Fetched(target, sha256)


def _read(response: Any, shown: str) -> bytes:
    try:
        return bytes(response.read1(_CHUNK))
    except (OSError, http.client.HTTPException) as error:
        raise _cut(shown, error) from error


def _cut(shown: str, error: Exception | str) -> UnreachableError:
    reason = printable(str(getattr(error, "reason", None) or error), 160)
    return UnreachableError(
        f"{shown} can't be downloaded: {reason}", "check the network and its proxy, and try again"
    )

"""The door: API keys, a check against rebinding, and the header that tells an asstream server.

Plain ASGI around the application, so that streams pass through untouched.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asstream import __version__
from asstream.errors import WireError
from asstream.server.answers import error_answer

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
PREFIXES: Final = ("/openai/v1", "/openai", "/v1", "")
"""What a path may begin with, the longer first: `/openai` is Azure's, Foundry has none."""

OPEN_PATHS: Final = frozenset(f"{prefix}/health" for prefix in PREFIXES)

_NO_KEY: Final = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
    "auth (i.e. Authorization: Bearer YOUR_KEY), or in the header api-key."
)


class Keys:
    """The keys that open the door; none at all leaves it open."""

    def __init__(self, keys: Iterable[str]) -> None:
        # Digests have one length: comparing them takes the same time whatever was sent.
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def fits(self, key: str) -> bool:
        """Whether a key is one of these, in constant time."""
        digest = _digest(key)
        # Every key is compared: the first that fits must not show by answering sooner.
        return sum(hmac.compare_digest(digest, each) for each in self._digests) > 0


class Guard:
    """Lets in who has a key. With `loopback_only`, only requests that name this machine."""

    def __init__(
        self,
        app: ASGIApp,
        keys: Keys,
        *,
        loopback_only: bool,
        access: Callable[[str], None] | None = None,
    ) -> None:
        self._app = app
        self._access = access
        self._keys = keys
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        status, began, id = 0, time.perf_counter(), f"req_{secrets.token_hex(16)}"

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-asstream"] = __version__
                # Programs log these two; what is passed on has those of its endpoint.
                headers.setdefault("x-request-id", id)
                headers.setdefault("openai-processing-ms", str(round((time.perf_counter() - began) * 1000)))
            await send(message)

        refusal = self._refusal(scope["path"], Headers(scope=scope))
        app = self._app if refusal is None else error_answer(refusal)
        try:
            await app(scope, receive, send_marked)
        finally:
            if self._access is not None:
                self._access(_access_line(scope, status, time.perf_counter() - began, id))

    def _refusal(self, path: str, headers: Headers) -> WireError | None:
        if self._loopback_only:
            for name in ("host", "origin"):
                host = _hostname(headers.get(name))
                if host is not None and host not in LOOPBACK:
                    return WireError(403, f"This server answers on this machine only, not as {host!r}.")
        if not self._keys or path in OPEN_PATHS:
            return None
        key = _key(headers)
        if not key:
            return WireError(401, _NO_KEY)
        if not self._keys.fits(key):
            return WireError(401, "Incorrect API key provided.", code="invalid_api_key")
        return None


def _access_line(scope: Scope, status: int, seconds: float, id: str) -> str:
    """When, who, what, how it was answered (0: not at all), how long that took, and the request's id.

    The path stands as it was sent, percent-encoded, so that it can't forge a line; queries and headers, where
    keys may be, are left out.
    """
    client = scope["client"][0] if scope.get("client") else "-"
    path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("ascii", "backslashreplace")
    moment = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return f"{moment} {client} {scope['method']} {path} {status} {seconds * 1000:.0f} ms {id}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _key(headers: Headers) -> str:
    kind, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else headers.get("api-key", "")


def _hostname(value: str | None) -> str | None:
    """The host of a `Host` or an `Origin`; None where there is none to judge."""
    if not value:
        return None
    try:
        return urlsplit(value if "//" in value else f"//{value}").hostname or value
    except ValueError:
        return value

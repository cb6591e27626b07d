"""What models an endpoint has: its `/models`, whatever the endpoint is. Sync, by the standard library alone:

so the command line can look without the SDK's half second of import. Knows HTTP; keeps nothing.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from typing import Any

from asstream.runtime.models.endpoint import ModelEndpoint, printable
from asstream.runtime.models.protocol import ModelError, ModelInfo

_MOST_BYTES = 32 * 1024 * 1024
_WINDOW_KEYS = (
    "loaded_context_length",
    "max_model_len",
    "context_window",
    "context_length",
    "max_context_length",
    "inputTokenLimit",
)
_NO_CHAT = re.compile(
    r"embed|whisper|tts|dall-e|moderation|transcribe|rerank"
    r"|(^|[/-])(bge|gte|e5|clip|sora|imagen|veo|flux)([-/]|$)"
    r"|gpt-image|stable-diffusion|realtime|speech|audio|davinci-002|babbage-002|computer-use",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Listing:
    """An endpoint's models.

    Attributes:
        models: in the endpoint's order.
        windows: context windows in tokens by model, where the endpoint says them.
        is_asstream: whether the endpoint is an asstream server.
        flaw: why the endpoint has no list, so that any name may be right; None where it has one.
        is_broken: whether it failed, so that a chat is not likely to be answered either.
    """

    models: tuple[ModelInfo, ...] = ()
    windows: tuple[tuple[str, int], ...] = ()
    is_asstream: bool = False
    flaw: ModelError | None = None
    is_broken: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the endpoint's order."""
        return tuple(model.id for model in self.models)

    @property
    def chat_names(self) -> tuple[str, ...]:
        """The names of models that can chat, as far as names tell."""
        return tuple(name for name in self.names if not _NO_CHAT.search(name))

    def window(self, name: str) -> int | None:
        """A model's context window in tokens, if known."""
        return dict(self.windows).get(name)


def fetch(endpoint: ModelEndpoint, timeout: float = 10.0) -> Listing:
    """Ask an endpoint for its models.

    Raises ModelError where it can't be reached, refuses the key, or is a page for people.
    """
    try:
        answer, headers = _get(endpoint, "/models", timeout)
    except urllib.error.HTTPError as error:
        with error:
            return _refused(error, endpoint)
    except _NoJsonError as error:
        if "html" in error.content_type:
            raise no_api(endpoint, error.content_type) from error
        return Listing(flaw=_no_list(endpoint, "lists no models (its answer is no JSON)"))
    except ValueError as error:
        raise unreachable(endpoint, str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(endpoint, str(getattr(error, "reason", None) or error)) from error
    models = tuple(_infos(answer))
    windows = {model.id: size for model in models if (size := _window(model.extra))}
    flaw = None if models else _no_list(endpoint, "lists no models")
    listing = Listing(models, tuple(windows.items()), "x-asstream" in headers, flaw)
    return _with_probed_windows(listing, endpoint, timeout)


def _refused(error: urllib.error.HTTPError, endpoint: ModelEndpoint) -> Listing:
    if "x-asstream" in error.headers:
        return Listing(is_asstream=True)
    if error.code == 401:
        raise refused_key(endpoint)
    if error.code >= 500:
        return Listing(flaw=_stumbles(endpoint, error.code), is_broken=True)
    return Listing(flaw=_no_list(endpoint, f"lists no models (answer {error.code})"))


def refused_key(endpoint: ModelEndpoint) -> ModelError:
    """The error for a key that is wrong or missing. What the endpoint says of it may hold it: left out."""
    what = "refuses the API key" if endpoint.api_key else "asks for an API key, and none is set"
    return ModelError(f"{endpoint.host} {what}.", remedy=f"Set the right one{endpoint.set_key}.")


def unreachable(endpoint: ModelEndpoint, reason: str) -> ModelError:
    """The error for an endpoint that does not answer at all."""
    text = printable(reason.replace(endpoint.api_key, "***") if endpoint.api_key else reason, 160)
    return ModelError(
        f"No model answers at {endpoint.shown_url} ({text}).",
        remedy=f"Start it, or correct the address{endpoint.set_address}.",
        kind="connection",
    )


def no_api(endpoint: ModelEndpoint, content_type: str) -> ModelError:
    """The error for an address where something else answers, such as a page for people."""
    got = printable(content_type.partition(";")[0], 60)
    return ModelError(
        f"{endpoint.shown_url} is no Chat Completions endpoint: its answer is {got}.",
        remedy=f"Correct the address{endpoint.set_address}: it usually ends in /v1.",
    )


def _no_list(endpoint: ModelEndpoint, what: str) -> ModelError:
    return ModelError(f"{endpoint.host} {what}.", remedy="Name one with --model or ASSTREAM_MODEL.")


def _stumbles(endpoint: ModelEndpoint, status: int) -> ModelError:
    return ModelError(
        f"{endpoint.shown_url} fails: it answers {status} when asked for its models.",
        remedy=f"Look at its own log, or correct the address{endpoint.set_address}.",
        kind="connection",
    )


def _get(endpoint: ModelEndpoint, path: str, timeout: float, base: str | None = None) -> tuple[Any, Any]:
    url = (base or endpoint.base_url).rstrip("/") + path
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError("the address must begin with http:// or https://")
    headers = {"Accept": "application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    handlers = [urllib.request.ProxyHandler({})] if endpoint.is_loopback else []
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # the scheme was looked at above
    with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as response:
        body = response.read(_MOST_BYTES)
        try:
            return json.loads(body), {name.lower() for name in response.headers}
        except ValueError as error:
            raise _NoJsonError(response.headers.get("content-type") or "") from error


class _NoJsonError(ValueError):
    """What came is no JSON; the message is what it calls itself."""

    def __init__(self, content_type: str) -> None:
        super().__init__(content_type)
        self.content_type = content_type


def _infos(answer: Any) -> list[ModelInfo]:
    entries = answer.get("data") or answer.get("models") if isinstance(answer, dict) else answer
    infos: dict[str, ModelInfo] = {}
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("id") or entry.get("name") if isinstance(entry, dict) else entry
        if not isinstance(name, str) or not name or name != printable(name, 300):
            continue
        extra = dict(entry) if isinstance(entry, dict) else {}
        created = extra.get("created")
        owner = extra.get("owned_by")
        infos[name] = ModelInfo(
            name,
            int(created) if isinstance(created, int | float) else 0,
            printable(owner, 80) if isinstance(owner, str) else "",
            extra,
        )
    return list(infos.values())


def _window(entry: dict[str, Any]) -> int | None:
    meta = entry.get("meta")
    if isinstance(meta, dict) and (size := _positive(meta.get("n_ctx") or meta.get("n_ctx_train"))):
        return size
    return next((size for key in _WINDOW_KEYS if (size := _positive(entry.get(key)))), None)


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _with_probed_windows(listing: Listing, endpoint: ModelEndpoint, timeout: float) -> Listing:
    """Windows that servers of this machine tell elsewhere. Ollama cuts what is too long with no word."""
    owners = {model.owned_by for model in listing.models}
    path = "/api/ps" if "library" in owners else "/api/v0/models" if "organization_owner" in owners else ""
    if not path or not endpoint.is_loopback or listing.windows:
        return listing
    root = re.sub(r"/v1/?$", "", endpoint.base_url)
    try:
        answer, _ = _get(endpoint, path, min(timeout, 2.0), root)
    except (OSError, ValueError):
        return listing
    found = {info.id: size for info in _infos(answer) if (size := _window(info.extra))}
    return replace(listing, windows=tuple(found.items()))

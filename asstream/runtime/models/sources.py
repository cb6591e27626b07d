"""Finding the model: what was configured, a server that answers on this machine, a model file of our own.

`open_source` gives a ModelSource; nothing is asked of any network before it is needed. `needs_pull` tells
the command line whether only a download would bring a model. Knows the other modules of this package.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from asstream.runtime.models import catalog
from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.endpoint_source import EndpointSource
from asstream.runtime.models.listing import Listing, fetch
from asstream.runtime.models.local_source import LocalSource
from asstream.runtime.models.protocol import Model, ModelError, ModelInfo, ModelSource
from asstream.runtime.models.scripted import SPEC, ScriptedModel, ScriptedSource

if TYPE_CHECKING:
    from asstream.runtime.models.endpoint_embedding import EndpointEmbedding

logger = logging.getLogger("asstream.models")

OLLAMA = "http://127.0.0.1:11434/v1"
LM_STUDIO = "http://127.0.0.1:1234/v1"
LOOPBACK = (OLLAMA, LM_STUDIO)
"""Servers that may run on this machine without anybody having configured them."""

_PROBE_SECONDS = 0.5


class Source(ModelSource, Protocol):
    """A source that says what it is, and can be told that a question will come."""

    def describe(self) -> dict[str, str]:
        """`model`, `endpoint` and `kind` (endpoint, loopback, local, scripted). Raises ModelError.

        Where an endpoint has no list, `model` is what was configured (empty: nothing), and `flaw` and
        `remedy` say why the list is missing and what helps.
        """
        ...

    def warm(self) -> None:
        """Start in the background what takes time to start. Any thread may call it. Raises ModelError."""
        ...


class FoundSource:
    """The source that is found when one is first needed, and looked for again while there is none.

    Args:
        endpoint: what OPENAI_* names, which may turn out to be asstream itself; None where it names nothing.
        model: the name to prefer, if one was given.
        loopback: addresses on this machine that may have a server, in order of preference.
    """

    def __init__(
        self, home: Path, endpoint: ModelEndpoint | None, model: str | None, loopback: Sequence[str]
    ) -> None:
        self._home = home
        self._endpoint = endpoint
        self._model = model
        self._loopback = loopback
        self._lock = threading.Lock()
        self._found: EndpointSource | LocalSource | None = None

    async def get(self, name: str | None) -> Model:
        """As the source that is found."""
        return await (await asyncio.to_thread(self._source)).get(name or self._model)

    async def list(self) -> Sequence[ModelInfo]:
        """As the source that is found."""
        return await (await asyncio.to_thread(self._source)).list()

    async def close(self) -> None:
        """Let go of what was found."""
        found, self._found = self._found, None
        if found is not None:
            await found.close()

    def warm(self) -> None:
        """Find the source, and start the child process where it is this machine's. Raises ModelError."""
        source = self._source()
        if isinstance(source, LocalSource):
            source.warm()

    def describe(self) -> dict[str, str]:
        """As the source that is found."""
        return self._source().describe()

    def embedding(self) -> EndpointEmbedding | None:
        """As the source that is found; this machine's model has none. Raises ModelError."""
        source = self._source()
        return source.embedding() if isinstance(source, EndpointSource) else None

    def _source(self) -> EndpointSource | LocalSource:
        with self._lock:
            if self._found is None:
                self._found = self._configured() or self._local_by_name() or self._answering()
            # With no file there the answer is the list of ways to a model; it is looked for again next time.
            found = self._found or LocalSource(self._home)
            if self._found is None and catalog.installed(self._home):
                self._found = found
            return found

    def _configured(self) -> EndpointSource | None:
        if self._endpoint is None:
            return None
        listing = fetch(self._endpoint)
        if listing.is_asstream:
            logger.warning(
                "%s (%s) is asstream itself: passed over", self._endpoint.host, self._endpoint.origin
            )
            return None
        return EndpointSource(self._endpoint, listing=listing)

    def _local_by_name(self) -> LocalSource | None:
        named = (self._model or "").lower()
        if any(entry.name.lower() == named for entry in catalog.installed(self._home)):
            return LocalSource(self._home)
        return None

    def _answering(self) -> EndpointSource | None:
        answering = probe(self._loopback)
        having = [found for found in answering if self._model in found[1].names]
        for base_url, listing in having or answering:
            model = self._model if having else None
            return EndpointSource(
                ModelEndpoint(base_url, None, model, "found on this machine"), "loopback", listing
            )
        return None


def open_source(
    home: Path,
    endpoint: ModelEndpoint | None,
    model: str | None,
    loopback: Sequence[str] = LOOPBACK,
) -> Source:
    """The source of models, in this order: a named script, the endpoint, a loopback server, a file of HOME.

    Args:
        home: ASSTREAM_HOME.
        endpoint: the configured endpoint. One that is asstream itself is refused when it is asked, unless its
        origin
            begins with `OPENAI_`: then the search goes on.
        model: the model's name that was configured, or `scripted:FILE.json`.
        loopback: base URLs to look at when no endpoint is configured.

    Raises:
        ConfigError: the script can't be read.
    """
    for name in (model, endpoint.model if endpoint is not None else None):
        if name is not None and name.startswith(SPEC):
            path = Path(name.removeprefix(SPEC)).expanduser()
            return ScriptedSource(ScriptedModel.from_file(path), str(path))
    if endpoint is not None and not _may_be_passed_over(endpoint):
        return EndpointSource(_with_model(endpoint, model))
    return FoundSource(home, _with_model(endpoint, model) if endpoint is not None else None, model, loopback)


def needs_pull(
    home: Path,
    endpoint: ModelEndpoint | None,
    model: str | None = None,
    loopback: Sequence[str] = LOOPBACK,
) -> bool:
    """Whether a model must be pulled before anything can answer: no script, no endpoint, no server, no file.

    Quick (no SDK import; at most half a second a loopback address) and silent.
    """
    if model is not None and model.startswith(SPEC):
        return False
    if catalog.installed(home):
        return False
    if endpoint is not None and not (_may_be_passed_over(endpoint) and _is_asstream(endpoint)):
        return False
    return not probe(loopback)


def probe(loopback: Sequence[str]) -> list[tuple[str, Listing]]:
    """The servers that list a chat model at these base URLs. asstream's own are left out."""
    found: dict[str, Listing] = {}

    def look(base_url: str) -> None:
        try:
            listing = fetch(ModelEndpoint(base_url), _PROBE_SECONDS)
        except ModelError:
            return
        if listing.chat_names and not listing.is_asstream:
            found[base_url] = listing

    threads = [threading.Thread(target=look, args=(base_url,), daemon=True) for base_url in loopback]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 3 * _PROBE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [(base_url, found[base_url]) for base_url in loopback if base_url in found]


def _may_be_passed_over(endpoint: ModelEndpoint) -> bool:
    return endpoint.origin.startswith("OPENAI_") and not endpoint.is_openai_family


def _is_asstream(endpoint: ModelEndpoint) -> bool:
    try:
        return fetch(endpoint, _PROBE_SECONDS).is_asstream
    except ModelError:
        return False


def _with_model(endpoint: ModelEndpoint, model: str | None) -> ModelEndpoint:
    if endpoint.model is not None or model is None:
        return endpoint
    return ModelEndpoint(endpoint.base_url, endpoint.api_key, model, endpoint.origin)

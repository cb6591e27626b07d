"""The models of one Chat Completions endpoint, as a source. Imports the SDK late."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asstream.runtime.models.endpoint import ModelEndpoint, printable
from asstream.runtime.models.listing import Listing, fetch
from asstream.runtime.models.protocol import Model, ModelInfo
from asstream.runtime.models.stand_ins import StandIns
from asstream.runtime.models.told import as_ours

if TYPE_CHECKING:
    import openai

    from asstream.runtime.models.completions import CompletionsModel
    from asstream.runtime.models.endpoint_embedding import EndpointEmbedding

_LIST_SECONDS = 60.0


@dataclass
class _Cached:
    listing: Listing
    at: float


class EndpointSource:
    """The models of one Chat Completions endpoint. Its list is kept for a minute."""

    def __init__(
        self, endpoint: ModelEndpoint, kind: str = "endpoint", listing: Listing | None = None
    ) -> None:
        self._endpoint = endpoint
        self._kind = kind
        self._cached = _Cached(listing, time.monotonic()) if listing is not None else None
        self._lock = threading.Lock()
        self._client: openai.AsyncOpenAI | None = None
        self._models: dict[str, CompletionsModel] = {}
        self._stand_ins = StandIns()

    async def get(self, name: str | None) -> Model:
        """The model for a name; see `ModelSource` and `_choose`."""
        from asstream.runtime.models.completions import CompletionsModel, make_client

        listing = await asyncio.to_thread(self._listing)
        chosen = self._choose(name, listing)
        if self._client is None:
            self._client = make_client(self._endpoint)
        if chosen not in self._models:
            self._models[chosen] = CompletionsModel(self._endpoint, chosen, client=self._client)
        model = self._models[chosen]
        model.context_window = listing.window(chosen)
        return model

    async def list(self) -> Sequence[ModelInfo]:
        """The endpoint's models; where it has no list, the configured one."""
        listing = await asyncio.to_thread(self._listing)
        named = self._endpoint.model
        return listing.models or ([ModelInfo(named)] if named else [])

    async def close(self) -> None:
        """Let go of the connections."""
        self._models.clear()
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def warm(self) -> None:
        """Make the client, which takes 20 ms that the first run is spared; the endpoint runs by itself."""
        from asstream.runtime.models.completions import make_client

        if self._client is None:
            self._client = make_client(self._endpoint)

    def embedding(self) -> EndpointEmbedding | None:
        """The endpoint's embedding, where it lists a model for that. Raises ModelError."""
        from asstream.runtime.models.endpoint_embedding import EndpointEmbedding, choose

        name = choose(self._listing().names)
        return EndpointEmbedding(self._endpoint, name) if name is not None else None

    def describe(self) -> dict[str, str]:
        """See `Source`. May ask the endpoint for its list. Raises ModelError."""
        listing, flaw = self._listing(), {}
        if listing.flaw is not None:
            if listing.is_broken and not self._endpoint.model:
                raise listing.flaw.with_traceback(None)
            ours = as_ours(listing.flaw)
            flaw = {"flaw": ours.message, "remedy": ours.remedy}
        model = self._endpoint.model or next(iter(listing.chat_names or listing.names), "")
        where = self._endpoint.shown_url
        return {"model": printable(model, 120), "endpoint": where, "kind": self._kind, **flaw}

    def _listing(self) -> Listing:
        with self._lock:
            cached = self._cached
            if cached is None or time.monotonic() - cached.at > _LIST_SECONDS:
                cached = self._cached = _Cached(fetch(self._endpoint), time.monotonic())
        if cached.listing.is_asstream:
            from asstream.runtime.models.failures import itself

            raise itself(self._endpoint)
        return cached.listing

    def _choose(self, name: str | None, listing: Listing) -> str:
        """The asked name if listed; else the configured one; else the first listed chat model, said once.

        The configured name is asked for as it is: lists need not be whole, and the endpoint refuses what is
        wrong.
        """
        configured = self._endpoint.model
        if listing.flaw is not None:
            if chosen := configured or name:
                return chosen
            raise listing.flaw.with_traceback(None)  # it is kept, and was perhaps raised before
        # Ollama lists "llama3.2:latest" for what people call "llama3.2".
        for wanted in (name, f"{name}:latest"):
            if wanted in listing.names:
                return str(wanted)
        chosen = configured or next(iter(listing.chat_names or listing.names))
        if chosen != name and (name or not configured):
            self._stand_ins.tell(name, chosen, self._endpoint.host)
        return chosen

"""Opening an Assistants endpoint: a remote one, Azure's, or the runtime embedded in this process.

Whatever it is, what comes out is an `openai.OpenAI` client: there is one door. Loopback clients ignore proxy
variables. May know the server, the runtime's models and the configuration; never the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

from asstream.config import EMBEDDED, Settings, ensure_home, is_loopback, load
from asstream.errors import ConfigError

if TYPE_CHECKING:
    import openai

    from asstream.runtime.models.protocol import ModelSource

KEYLESS = "none"
"""What a client sends as its key where none is needed: the SDK refuses to work without one."""


@dataclass
class Endpoint:
    """An Assistants endpoint, open.

    Attributes:
        client: the client that reaches it.
        kind: `embedded`, `remote` or `azure`.
        base_url: where it answers.
        label: what it is, for people: `this machine (embedded)` or the URL.
        model: what the embedded runtime's source says of its model (`model`, `endpoint`, `kind`); empty
            elsewhere.
    """

    client: openai.OpenAI
    kind: str
    base_url: str
    label: str
    model: dict[str, str] = field(default_factory=dict)
    _on_close: Callable[[], None] | None = field(default=None, repr=False)
    _close_client: Callable[[], None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._close_client = self.client.close

    def close(self) -> None:
        """Let go of connections; end the embedded server, which cancels its runs. Twice is once."""
        on_close, self._on_close = self._on_close, None
        self._close_client()
        if on_close is not None:
            on_close()

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_endpoint(settings: Settings) -> Endpoint:
    """Open the endpoint that the settings name.

    Raises:
        ConfigError: the home folder or its database can't be used.
        UnreachableError: the embedded runtime does not start.
    """
    return _open_embedded(settings) if settings.kind == EMBEDDED else _open_remote(settings)


def connect(**flags: str | None) -> openai.OpenAI:
    """An `openai.OpenAI` client for the configured endpoint, made in one line.

    Without arguments it follows the environment and the configuration file, as `asstream chat` does; with
    nothing configured it is the runtime embedded in this process. Closing the client (or leaving its `with`
    block) ends that too.

    Args:
        flags: `profile`, `base_url`, `api_key`, `model`, … as on the command line.

    Raises:
        AsstreamError: as `load` and `open_endpoint` do.
    """
    import atexit

    endpoint = open_endpoint(load(flags))
    endpoint.client.close = endpoint.close  # type: ignore[method-assign]
    atexit.register(endpoint.close)
    return endpoint.client


def model_source(settings: Settings) -> ModelSource:
    """The source of models that the settings name, for the embedded runtime and for `serve`.

    Raises AsstreamError.
    """
    from asstream.runtime.models.endpoint import ModelEndpoint
    from asstream.runtime.models.sources import open_source

    chosen = settings.model
    endpoint = None
    if chosen.base_url is not None and not is_spec(chosen.model):
        endpoint = ModelEndpoint(chosen.base_url, chosen.api_key, chosen.model, chosen.origin)
    return open_source(settings.home, endpoint, chosen.model)


def is_spec(model: str | None) -> bool:
    """Whether a model's name says where it is by itself, so that no endpoint is asked for it."""
    return model is not None and model.startswith("scripted:")


def _open_embedded(settings: Settings) -> Endpoint:
    from asstream.server.embedded import EmbeddedServer

    home = ensure_home(settings)
    sources: list[ModelSource] = []

    def make_source() -> ModelSource:
        sources.append(model_source(settings))
        return sources[-1]

    server = EmbeddedServer(home, make_source)
    server.start()
    client = make_client(server.base_url, server.api_key)
    return Endpoint(
        client, EMBEDDED, server.base_url, "this machine (embedded)", _description(sources), server.close
    )


def _description(sources: list[ModelSource]) -> dict[str, str]:
    describe = getattr(sources[-1], "describe", None) if sources else None
    return {name: str(value) for name, value in describe().items()} if describe is not None else {}


def _open_remote(settings: Settings) -> Endpoint:
    if settings.base_url is None:
        raise ConfigError("no base URL was given", "give --base-url")
    client = make_client(settings.base_url, settings.api_key, settings.api_version)
    return Endpoint(client, settings.kind, settings.base_url, settings.base_url)


def make_client(base_url: str, api_key: str | None, api_version: str | None = None) -> openai.OpenAI:
    """A client for an Assistants endpoint.

    With an `api_version` it speaks Azure's way (header `api-key`, no bearer).
    """
    import openai

    transport = openai.DefaultHttpxClient(trust_env=False) if is_loopback(base_url) else None
    if api_version is None:
        return openai.OpenAI(base_url=base_url, api_key=api_key or KEYLESS, http_client=transport)
    return openai.OpenAI(
        base_url=base_url,
        api_key=api_key or KEYLESS,
        default_query={"api-version": api_version},
        default_headers={"api-key": api_key or KEYLESS, "Authorization": openai.Omit()},  # type: ignore[dict-item]
        http_client=transport,
    )


class _CallableModule(ModuleType):
    """Importing this module binds it over the package's public function of the same name.

    So it can be called too.
    """

    def __call__(self, **flags: str | None) -> openai.OpenAI:
        return connect(**flags)


sys.modules[__name__].__class__ = _CallableModule

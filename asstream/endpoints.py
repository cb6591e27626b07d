"""Opening an Assistants endpoint: a remote one, Azure's, or the runtime embedded in this process.

Whatever it is, what comes out is an `openai.OpenAI` client: there is one door. Loopback clients ignore proxy
variables. May know the server, the runtime's models and the configuration; never the terminal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from asstream.config import EMBEDDED, Settings, ensure_home, is_loopback, is_spec, load
from asstream.errors import AsstreamError, ConfigError, UnreachableError

if TYPE_CHECKING:
    import openai

    from asstream.runtime import CodeOptions, SearchOptions
    from asstream.runtime.models.endpoint import ModelEndpoint
    from asstream.runtime.models.protocol import ModelSource

logger = logging.getLogger("asstream.endpoints")

WIRE = "asstream.wire"
"""The logger of what goes over the wire."""
UNHELD = "no sandbox (sandbox none): code that models write can do all that you can"
"""What is said at each start without a sandbox."""
KEYLESS = "none"
"""What a client sends as its key where none is needed: the SDK refuses to work without one."""


@dataclass
class Endpoint:
    """An Assistants endpoint, open.

    Attributes:
        client: the client that reaches it.
        kind: `embedded`, `remote` or `azure`.
        base_url: where it answers.
        label: what it is, for people: `this machine` or the URL.
        source: the embedded runtime's models; None elsewhere.
    """

    client: openai.OpenAI
    kind: str
    base_url: str
    label: str
    source: ModelSource | None = field(default=None, repr=False)
    _on_close: Callable[[], None] | None = field(default=None, repr=False)
    _close_client: Callable[[], None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._close_client = self.client.close

    def describe_model(self) -> dict[str, str]:
        """What answers behind the embedded runtime: `model`, `endpoint`, `kind`; empty elsewhere.

        Where the endpoint has no list of models also `flaw` and `remedy`: why, and what helps. May ask the
        endpoint for that list.

        Raises:
            UnreachableError: there is no model, or its endpoint does not answer.
            ConfigError: the endpoint refuses the key, or can't be used.
        """
        from asstream.runtime.models.protocol import ModelError
        from asstream.runtime.models.told import as_ours

        describe = getattr(self.source, "describe", None)
        try:
            found: dict[str, str] = describe() if describe is not None else {}
        except ModelError as error:
            raise as_ours(error) from error
        return found

    def warm_model(self) -> None:
        """Start the model's process on this machine in the background, where it is one. Never raises."""
        from asstream.runtime.models.protocol import ModelError

        warm = getattr(self.source, "warm", None)
        if warm is not None:
            with suppress(ModelError, AsstreamError):  # the run itself will tell
                warm()

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
    nothing configured it is the runtime embedded in this process, which ends when the client is closed (or
    its `with` block left).

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


def model_endpoint(settings: Settings) -> ModelEndpoint | None:
    """The Chat Completions endpoint that was configured; None where none was, or where a script stands in."""
    from asstream.runtime.models.endpoint import ModelEndpoint

    chosen = settings.model
    if chosen.base_url is None or is_spec(chosen.model):
        return None
    return ModelEndpoint(chosen.base_url, chosen.api_key, chosen.model, chosen.origin)


def model_source(settings: Settings) -> ModelSource:
    """The settings' source of models, for the embedded runtime and for `serve`. Raises AsstreamError."""
    from asstream.runtime.models.sources import open_source

    return open_source(settings.home, model_endpoint(settings), settings.model.model)


def code_options(settings: Settings) -> CodeOptions:
    """How the settings let code be run, for the embedded runtime and for `serve`.

    The default assistant may run some where the interpreter is installed.
    """
    from asstream.interpreter.installed import absent
    from asstream.interpreter.protocol import Interpreter, Limits
    from asstream.runtime import CodeOptions

    def make() -> Interpreter:
        from asstream.interpreter.kernels import KernelInterpreter

        limits: dict[str, Any] = {**settings.limits}
        choice: Literal["auto", "none"] = "none" if settings.sandbox == "none" else "auto"
        return KernelInterpreter(settings.home / "interpreter", choice, Limits(**limits))

    if settings.sandbox == "none":
        logger.warning("%s", UNHELD)
    return CodeOptions(make, by_default=not absent())


def search_options(settings: Settings, source: ModelSource) -> SearchOptions:
    """How files are searched, for the embedded runtime and for `serve`.

    By words alone where the extra is not installed: then the default assistant is not offered it. For a
    script nothing is fetched: what is there already is used.
    """
    from asstream.runtime import SearchOptions
    from asstream.runtime.models.embedding_source import FoundEmbedding, absent
    from asstream.search import ReadingLimits

    limits: dict[str, Any] = {**settings.reading}
    if absent():
        return SearchOptions(limits=ReadingLimits(**limits))
    of_endpoint = getattr(source, "embedding", None)
    found = FoundEmbedding(settings.home, of_endpoint, fetches=not is_spec(settings.model.model))
    return SearchOptions(found, ReadingLimits(**limits))


def _open_embedded(settings: Settings) -> Endpoint:
    from asstream.server.embedded import EmbeddedServer

    home = ensure_home(settings)
    source = model_source(settings)
    server = EmbeddedServer(home, lambda: source, code_options(settings), search_options(settings, source))
    server.start()
    client = make_client(server.base_url, server.api_key)
    return Endpoint(client, EMBEDDED, server.base_url, "this machine", source, server.close)


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

    transport = openai.DefaultHttpxClient(trust_env=not is_loopback(base_url))
    transport.event_hooks["response"].append(_refuse_pages)
    _log_to(transport)
    if api_version is not None:
        # The SDK refuses to send a request without this header, so it is taken off on the way out.
        transport.event_hooks["request"].append(lambda sent: sent.headers.pop("authorization", None))
    if api_version is None:
        return openai.OpenAI(base_url=base_url, api_key=api_key or KEYLESS, http_client=transport)
    return openai.OpenAI(
        base_url=base_url,
        api_key=api_key or KEYLESS,
        default_query={"api-version": api_version},
        default_headers={"api-key": api_key or KEYLESS},
        http_client=transport,
    )


def _refuse_pages(got: Any) -> None:
    """Refuse a web page in place of an answer: the SDK would hand it out as if it were an object.

    Raises UnreachableError, which the SDK wraps in an APIConnectionError.
    """
    kind = got.headers.get("content-type", "")
    if got.is_success and kind.startswith("text/html") and not got.request.url.path.endswith("/content"):
        url = got.request.url
        raise UnreachableError(
            f"{url.scheme}://{url.netloc.decode()} answers with a web page: it is no Assistants endpoint",
            "see that the base URL is right; most end in /v1",
        )


def _log_to(transport: Any) -> None:
    """Log each request and answer of a client, where somebody listens (`--debug`).

    Headers hold keys: they stay out.
    """
    log = logging.getLogger(WIRE)
    if not log.isEnabledFor(logging.DEBUG):
        return

    def request(sent: Any) -> None:
        log.debug("→ %s %s %s", sent.method, sent.url, sent.content.decode("utf-8", "replace"))

    def response(got: Any) -> None:
        log.debug("← %s %s %s", got.status_code, got.request.method, got.request.url)

    transport.event_hooks["request"].append(request)
    transport.event_hooks["response"].append(response)

"""What the commands over nouns share: the settings of a command line and its endpoint, open for one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from asstream.config import EMBEDDED, Settings, ensure_home, load

if TYPE_CHECKING:
    import openai

    from asstream.chat.threads import ThreadIndex
    from asstream.endpoints import Endpoint


@dataclass(frozen=True)
class Target:
    """An open endpoint, with the settings that named it."""

    settings: Settings
    endpoint: Endpoint

    @property
    def client(self) -> openai.OpenAI:
        """The client that reaches it."""
        return self.endpoint.client

    @property
    def once(self) -> openai.OpenAI:
        """The client for requests that create: a dropped one is not sent again."""
        return self.client.with_options(max_retries=0)

    @property
    def index(self) -> ThreadIndex:
        """The thread index, as seen from this endpoint."""
        return thread_index(self.settings)


def thread_index(settings: Settings) -> ThreadIndex:
    """The thread index of the home folder, as seen from the endpoint that the settings name."""
    from asstream.chat.threads import ThreadIndex

    return ThreadIndex(settings.home, settings.base_url or EMBEDDED)


@contextmanager
def opened(profile: str | None, base_url: str | None, api_key: str | None, **flags: Any) -> Iterator[Target]:
    """The endpoint of a command line, closed afterwards. Raises AsstreamError."""
    with opened_with(load({"profile": profile, "base_url": base_url, "api_key": api_key, **flags})) as target:
        yield target


@contextmanager
def opened_with(settings: Settings) -> Iterator[Target]:
    """The endpoint that the settings name, closed afterwards. Raises AsstreamError."""
    from asstream.cli.notices import show_notices
    from asstream.endpoints import open_endpoint

    show_notices()
    ensure_home(settings)
    with open_endpoint(settings) as endpoint:
        yield Target(settings, endpoint)


def noun(summary: str) -> typer.Typer:
    """A Typer app for a noun's verbs, or for a command alone."""
    return typer.Typer(
        help=summary,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
